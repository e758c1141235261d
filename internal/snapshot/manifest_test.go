package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// signed ends a manifest as its writer does.
func signed(lines ...string) []byte {
	b := []byte(strings.Join(lines, "\n") + "\n")
	return fmt.Appendf(b, "end %08x\n", crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func TestManifest(t *testing.T) {
	m := NewManifest(Round{
		Failures: []Failure{{"/run/b.sock", "dial unix /run/b.sock: \"refused\"\n\xff"}},
		Down:     []string{"b.sock", "a \"b\"\n"},
		Duration: 1234567 * time.Microsecond,
		Skew:     -time.Second,
	}, []File{{"new\nline_stat", 1 << 40, 7}, {"a \"b\"\xff_info", 0, 0xfffffff0}})
	got, err := m.Append([]byte("kept"))
	if err != nil {
		t.Fatal(err)
	}
	want := signed(
		"haproxystats manifest 1",
		"round-duration-ms 1234",
		"round-skew-ms 0",
		"sockets-failed 1",
		`failed "/run/b.sock" "dial unix /run/b.sock: \"refused\"\n\xff"`,
		`down "b.sock"`,
		`down "a \"b\"\n"`,
		`file "a \"b\"\xff_info" 0 fffffff0`,
		`file "new\nline_stat" 1099511627776 00000007`,
	)
	if string(got) != "kept"+string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	back, err := ParseManifest(want)
	if err != nil || !reflect.DeepEqual(back, m) {
		t.Errorf("got back %+v, %v, want %+v", back, err, m)
	}
}

// TestManifestOfMissedRounds writes what is known of the time since the snapshot
// before, and nothing of what is not.
func TestManifestOfMissedRounds(t *testing.T) {
	for _, test := range []struct {
		round Round
		want  []string
		back  Round
	}{
		{
			Round{Interval: 10999 * time.Millisecond, Missed: 3, HandOver: 41900 * time.Microsecond},
			[]string{"interval-s 10", "rounds-missed 3", "hand-over-ms 41"},
			Round{Interval: 10 * time.Second, Missed: 3, HandOver: 41 * time.Millisecond},
		},
		{Round{ProxiesOnly: true}, []string{"rows proxies"}, Round{ProxiesOnly: true}},
		{Round{Interval: -time.Second, Missed: -1, HandOver: 999 * time.Microsecond}, nil, Round{}},
	} {
		got, err := NewManifest(test.round, nil).Append(nil)
		want := signed(append([]string{"haproxystats manifest 1", "round-duration-ms 0", "round-skew-ms 0", "sockets-failed 0"}, test.want...)...)
		if err != nil || string(got) != string(want) {
			t.Errorf("got\n%s, %v, want\n%s", got, err, want)
		}
		if m, err := ParseManifest(want); err != nil || !reflect.DeepEqual(m.Round, test.back) {
			t.Errorf("got back %+v, %v, want %+v", m.Round, err, test.back)
		}
	}
}

// TestManifestOfRows takes other rows than those of proxies as all rows, and no item twice.
func TestManifestOfRows(t *testing.T) {
	m, err := ParseManifest(signed("haproxystats manifest 1", "rows others"))
	if err != nil || m.Round.ProxiesOnly {
		t.Errorf("got %+v, %v, want all rows", m.Round, err)
	}
	if _, err := ParseManifest(signed("haproxystats manifest 1", "rows proxies", "rows proxies")); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v for two items, want ErrDamaged", err)
	}
}

// TestManifestIsBounded keeps the number of failures, but not every text.
func TestManifestIsBounded(t *testing.T) {
	long := Failure{strings.Repeat("é", 4096), strings.Repeat("\xff", 1<<20)}
	r := Round{Failures: slices.Repeat([]Failure{long}, 5000)}
	b, err := NewManifest(r, nil).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseManifest(b)
	if err != nil {
		t.Fatal(err)
	}
	if m.Round.SocketsFailed != 5000 || len(m.Round.Failures) != maxFailures || len(b) > maxManifest {
		t.Errorf("%d failed, %d named, %d bytes", m.Round.SocketsFailed, len(m.Round.Failures), len(b))
	}
	if s := m.Round.Failures[0].Socket; s != strings.Repeat("é", 126)+"..." {
		t.Errorf("socket %q", s)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	good := signed("haproxystats manifest 1", `file "a_info" 3 00000001`, "round-skew-ms 5")
	const title = "haproxystats manifest 1"
	tests := map[string]struct {
		in   []byte
		want string
	}{
		"empty":             {nil, "line 1: not what was handed over: no end"},
		"cut":               {good[:len(good)-1], "line 4: not what was handed over: no end"},
		"cut at a line":     {good[:len(title)+1], "line 2: not what was handed over: no end"},
		"a changed digit":   {bytes.Replace(good, []byte("ms 5"), []byte("ms 6"), 1), "line 4: not what was handed over: ends in"},
		"more behind":       {append(bytes.Clone(good), '\n'), "nothing after it"},
		"no title":          {signed("haproxystats"), "no title"},
		"another title":     {signed("something else 1"), "no title"},
		"version 0":         {signed("haproxystats manifest 0"), "no title"},
		"file twice":        {signed(title, `file "a" 1 1`, `file "a" 1 1`), `line 3: not what was handed over: "file a" for the second time`},
		"skew twice":        {signed(title, "round-skew-ms 5", "round-skew-ms 5"), "second time"},
		"hidden file":       {signed(title, `file ".a" 1 1`), "name"},
		"file elsewhere":    {signed(title, `file "../a" 1 1`), "name"},
		"no quotes":         {signed(title, `file a 1 1`), "not quoted"},
		"negative size":     {signed(title, `file "a" -1 1`), "not a size"},
		"no size":           {signed(title, `file "a"`), "not a size"},
		"no crc":            {signed(title, `file "a" 1`), "is not a number"},
		"long crc":          {signed(title, `file "a" 1 100000000`), "out of range"},
		"half a failure":    {signed(title, `failed "a"`), "not quoted"},
		"more than failure": {signed(title, `failed "a" "b" "c"`), "after the cause"},
		"negative duration": {signed(title, "round-duration-ms -1"), "out of range"},
		"endless duration":  {signed(title, "round-duration-ms 9300000000000"), "out of range"},
		"negative missed":   {signed(title, "rounds-missed -1"), "negative"},
		"no count missed":   {signed(title, "rounds-missed x"), "not a number"},
		"missed twice":      {signed(title, "rounds-missed 1", "rounds-missed 1"), "second time"},
		"endless hand-over": {signed(title, "hand-over-ms 9300000000000"), "out of range"},
		"negative failed":   {signed(title, "sockets-failed -1"), "negative"},
		"too long":          {signed(title, strings.Repeat("x", maxManifest)), "more than 4194304 bytes"},
	}
	for name, tt := range tests {
		_, err := ParseManifest(tt.in)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.Is(err, ErrDamaged) || errors.Is(err, ErrNewer) {
			t.Errorf("%s: %v, want one with %q", name, err, tt.want)
		}
	}
}

func TestManifestOfLater(t *testing.T) {
	_, err := ParseManifest([]byte("haproxystats manifest 2\n{}"))
	if !errors.Is(err, ErrNewer) || errors.Is(err, ErrDamaged) {
		t.Errorf("version 2: %v", err)
	}
	m, err := ParseManifest(signed("haproxystats manifest 1", "colour blue", `file "a" 1 1`))
	if err != nil || len(m.Files) != 1 {
		t.Errorf("with a line of later: %+v, %v", m, err)
	}
}

func FuzzManifest(f *testing.F) {
	b, err := NewManifest(Round{Failures: []Failure{{"a", "b\n"}}, Duration: time.Second}, []File{{"a_info", 3, 4}}).Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(signed("haproxystats manifest 1", "rounds-missed 3", "hand-over-ms 41"))
	f.Add(signed("haproxystats manifest 1", "rows proxies"))
	f.Add(signed("haproxystats manifest 1", "colour blue", `file "\xff" 1 1`))
	f.Add([]byte("haproxystats manifest 2\n"))
	if recorded, err := os.ReadFile("../../testdata/recordings/1.6.0-nbproc4/1795335509/admin1.sock_info"); err == nil {
		f.Add(recorded)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// Input is hardly ever signed, so it is tried signed, too.
		for _, in := range [][]byte{b, signed(string(b))} {
			m, err := ParseManifest(in)
			if err != nil {
				if !reflect.DeepEqual(m, Manifest{}) {
					t.Fatalf("with an error, %+v", m)
				}
				continue
			}
			text, err := m.Append(nil)
			if err != nil {
				continue // longer than it came, since it has more quotes
			}
			again, err := ParseManifest(text)
			if err != nil || !reflect.DeepEqual(again, m) {
				t.Fatalf("%+v becomes %+v, %v", m, again, err)
			}
		}
	})
}

// TestManifestOfAccounts writes and reads which workers a snapshot has replies of.
func TestManifestOfAccounts(t *testing.T) {
	accounts := []Account{
		{Socket: "a \"b\".sock", Generation: 7, Instances: []Instance{{3101, 1795891243, Current}, {2965, 1795891241, Old}, {7, 9, Stale}}},
		{Socket: "c.sock", Instances: []Instance{{1, 2, Current}}},
		{Socket: "d.sock", Generation: 1},
	}
	m := NewManifest(Round{Accounts: accounts}, nil)
	got, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := signed("haproxystats manifest 1", "round-duration-ms 0", "round-skew-ms 0", "sockets-failed 0",
		`base "a \"b\".sock" 7`, `instance "a \"b\".sock" 3101 1795891243 current`, `instance "a \"b\".sock" 2965 1795891241 old`,
		`instance "a \"b\".sock" 7 9 stale`, `instance "c.sock" 1 2 current`, `base "d.sock" 1`)
	if string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	back, err := ParseManifest(got)
	if err != nil || !reflect.DeepEqual(back.Round.Accounts, accounts) {
		t.Errorf("got back %+v, %v, want %+v", back.Round.Accounts, err, accounts)
	}
	for _, line := range []string{
		`base "a" 0`, `base "a" x`, `base a 1`, "base \"a\" 1\nbase \"a\" 1", `instance "a" 1 2`, `instance "a" 0 2 old`,
		`instance "a" 1 -2 old`, `instance "a" 1 2 old x`, `instance a 1 2 old`,
	} {
		if _, err := ParseManifest(signed("haproxystats manifest 1", line)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %v, want ErrDamaged", line, err)
		}
	}
}

func TestNamesOfAccounts(t *testing.T) {
	i := Instance{2965, 1795891241, Old}
	for name, want := range map[string]bool{
		"a.sock_base": true, i.File("a.sock", StatSuffix): true, i.File("a.sock", InfoSuffix): true,
		".a_base": false, "a_stat": false, "a_stat.x": false, "a_stat.1-2-3": false, "_stat.1-2": false, "a_statx.1-2": false,
	} {
		if got := IsAccount(name); got != want {
			t.Errorf("%s: got %t, want %t", name, got, want)
		}
	}
	if got := (Instance{1, 2, Current}).File("a", StatSuffix); got != "a_stat" || !IsReply(got) {
		t.Errorf("got %q, want a_stat", got)
	}
	if IsReply(i.File("a.sock", StatSuffix)) || IsReply("a.sock_base") || IsReply("a.sock_servers") {
		t.Error("got a reply for a file of an account: earlier versions would read it")
	}
}

// TestManifestOfWorkers writes and reads what has happened to HAProxy's workers.
func TestManifestOfWorkers(t *testing.T) {
	want := Workers{1, 2, 3, 4, 5, 6, 7}
	text, err := NewManifest(Round{Workers: want}, nil).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseManifest(text)
	if err != nil || m.Round.Workers != want {
		t.Errorf("got %+v, %v, want %+v", m.Round.Workers, err, want)
	}
	for _, line := range []string{"reloads x", "reloads -1", "restarts 1\nrestarts 1"} {
		if _, err := ParseManifest(signed("haproxystats manifest 1", line)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %v, want ErrDamaged", line, err)
		}
	}
	sum := want
	sum.Add(want)
	if sum != (Workers{2, 4, 6, 8, 10, 12, 14}) {
		t.Errorf("got %+v for the sum", sum)
	}
}
