package workload

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func generator(t testing.TB, size Size, seed uint64) *Generator {
	t.Helper()
	g, err := New(size, seed)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// hash is the fingerprint of a round.
func hash(files []File) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s %d\n", f.Name, len(f.Data))
		h.Write(f.Data)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// The bytes are pinned, so that figures of different days and machines compare.
// Whoever changes the generator starts a new series of figures.
func TestSameSeedSameBytes(t *testing.T) {
	want := map[string]string{
		"S 1 0": "9c30d4fb3fe03646",
		"S 1 7": "f45be800e944cf78",
		"S 2 0": "c1700a0e7841fe78",
		"M 1 0": "128757661ec222e6",
	}
	got := map[string]string{
		"S 1 0": hash(generator(t, S, 1).Files(0)),
		"S 1 7": hash(generator(t, S, 1).Files(7)),
		"S 2 0": hash(generator(t, S, 2).Files(0)),
		"M 1 0": hash(generator(t, M, 1).Files(0)),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fingerprints (-want +got):\n%s", diff)
	}
}

// table is a reply to "show stat", read with the standard library's reader.
type table struct {
	column map[string]int
	rows   [][]string
}

func parse(t *testing.T, stat []byte) table {
	t.Helper()
	if !bytes.HasSuffix(stat, []byte(",\n\n")) {
		t.Errorf("the reply ends in %q, want the empty line that HAProxy ends replies with", stat[max(0, len(stat)-10):])
	}
	records, err := csv.NewReader(bytes.NewReader(stat)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range records[0] {
		column[name] = i
	}
	return table{column, records[1:]}
}

func (tab table) get(row int, column string) string { return tab.rows[row][tab.column[column]] }

func TestRowsOfEachSize(t *testing.T) {
	for _, size := range Sizes() {
		if testing.Short() && size == L {
			continue
		}
		g := generator(t, size, 1)
		tab := parse(t, g.AppendStat(nil, size.Processes-1, 3))
		types := map[string]int{}
		seen := map[string]bool{}
		idle, quoted := 0, 0
		for i := range tab.rows {
			types[tab.get(i, "type")]++
			name := tab.get(i, "# pxname") + "/" + tab.get(i, "svname")
			if seen[name] {
				t.Fatalf("%s: two rows are called %s", size.Name, name)
			}
			seen[name] = true
			if tab.get(i, "lbtot") == "0" {
				idle++
			}
			if strings.Contains(tab.get(i, "last_chk"), `"`) {
				quoted++
			}
		}
		want := map[string]int{"0": size.Frontends, "1": size.Backends, "2": size.Servers}
		if diff := cmp.Diff(want, types); diff != "" {
			t.Errorf("%s: rows of each type (-want +got):\n%s", size.Name, diff)
		}
		if idle == 0 || quoted == 0 || idle > len(tab.rows)/4 || quoted > len(tab.rows)/20 {
			t.Errorf("%s: %d idle rows and %d with quotes of %d: want some of both, and few",
				size.Name, idle, quoted, len(tab.rows))
		}
	}
}

// What each process's file costs to read must resemble a busy load balancer.
func TestRowLength(t *testing.T) {
	g := generator(t, M, 1)
	stat := g.AppendStat(nil, 0, 0)
	if mean := len(stat) / (M.Rows() / M.Processes); mean < 340 || mean > 400 {
		t.Errorf("a row has %d bytes on average, want 340 to 400", mean)
	}
}

func TestRoundsKeepNamesAndGrowCounters(t *testing.T) {
	g := generator(t, S, 1)
	before := parse(t, g.AppendStat(nil, 0, 0))
	after := parse(t, g.AppendStat(nil, 0, 1))
	grown := 0
	for i := range before.rows {
		for _, name := range []string{"# pxname", "svname", "iid", "sid", "type", "status", "last_chk", "addr"} {
			if before.get(i, name) != after.get(i, name) {
				t.Fatalf("row %d: %s changed from %q to %q", i, name, before.get(i, name), after.get(i, name))
			}
		}
		a, b := before.get(i, "stot"), after.get(i, "stot")
		if len(b) < len(a) || len(a) == len(b) && b < a {
			t.Errorf("row %d: stot fell from %s to %s", i, a, b)
		}
		if a != b {
			grown++
		}
	}
	if grown < len(before.rows)/2 {
		t.Errorf("stot grew in %d of %d rows only", grown, len(before.rows))
	}
}

func TestProcessesDifferInNumbersOnly(t *testing.T) {
	g := generator(t, S, 1)
	first, second := parse(t, g.AppendStat(nil, 0, 0)), parse(t, g.AppendStat(nil, 1, 0))
	same := 0
	for i := range first.rows {
		if first.get(i, "# pxname") != second.get(i, "# pxname") || first.get(i, "svname") != second.get(i, "svname") {
			t.Fatalf("row %d names different things", i)
		}
		if first.get(i, "bin") == second.get(i, "bin") {
			same++
		}
	}
	if same > len(first.rows)/4 {
		t.Errorf("%d of %d rows have the same bin in both processes", same, len(first.rows))
	}
}

func TestInfoKeepsKeysAndMoves(t *testing.T) {
	g := generator(t, S, 1)
	one, two := string(g.AppendInfo(nil, 0, 0)), string(g.AppendInfo(nil, 0, 1))
	if one == two {
		t.Error("two rounds have the same info")
	}
	keys := func(reply string) (keys []string) {
		for line := range strings.Lines(reply) {
			key, _, _ := strings.Cut(line, ":")
			keys = append(keys, key)
		}
		return keys
	}
	if diff := cmp.Diff(keys(one), keys(two)); diff != "" {
		t.Errorf("keys (-round 0 +round 1):\n%s", diff)
	}
	if !strings.HasSuffix(one, "\n\n") || !strings.Contains(one, "\nZlibMemUsage: 0\n") {
		t.Errorf("info lost its closing empty line or a key: %q", one)
	}
}

func TestWriteAndSnapshotHoldTheSame(t *testing.T) {
	g := generator(t, S, 3)
	path, err := g.Write(t.TempDir(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := filepath.Base(path); got != "1800000020" {
		t.Errorf("directory is called %s, want 1800000020", got)
	}
	read := func(fsys fs.FS) map[string]string {
		names, err := fs.Glob(fsys, "*")
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, name := range names {
			data, err := fs.ReadFile(fsys, name)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(data)
		}
		return files
	}
	memory := read(g.Snapshot(2))
	if len(memory) != 8 {
		t.Errorf("the snapshot has %d files, want 8", len(memory))
	}
	if diff := cmp.Diff(memory, read(os.DirFS(path))); diff != "" {
		t.Errorf("files (-memory +disk):\n%s", diff)
	}
}

func TestSizeByName(t *testing.T) {
	if s, err := SizeByName("M"); err != nil || s != M {
		t.Errorf("SizeByName(M) = %v, %v", s, err)
	}
	if _, err := SizeByName("XL"); err == nil || err.Error() != `size "XL": want S, M or L` {
		t.Errorf("SizeByName(XL) = %v", err)
	}
}

func BenchmarkStat(b *testing.B) {
	g := generator(b, M, 1)
	var buf []byte
	for b.Loop() {
		buf = g.AppendStat(buf[:0], 0, 1)
	}
	b.SetBytes(int64(len(buf)))
}
