package harness

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLeaks(t *testing.T) {
	base := t.TempDir()
	for _, name := range []string{
		"incoming.tmp/17", "incoming", "incoming.trash/17.1", "incoming.corrupt/17", "queue/graphite/00000000000000000001.batch",
		"local-store/17/.stats.tmp", "local-store/18/stats", "strange",
	} {
		if err := os.MkdirAll(filepath.Join(base, name), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"incoming.reader.lock", "incoming.writer.lock", "incoming.tmp.writer.lock"} {
		if err := os.WriteFile(filepath.Join(base, name), nil, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"incoming.corrupt/17", "incoming.tmp/17", "incoming.trash/17.1", "local-store/17/.stats.tmp",
		"queue/graphite/00000000000000000001.batch", "strange",
	}
	got := Leaks(base)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestRepeatsAreBounded(t *testing.T) {
	for repeats, beyond := range []bool{false, false, false, true} {
		if f := (Finding{Snapshots: 9, Repeats: repeats}); f.beyond(2) != beyond {
			t.Errorf("%d repeats of 2: %v", repeats, !beyond)
		}
	}
	for _, f := range []Finding{{Lost: 1}, {Incomplete: 1}, {Invented: 1}} {
		if !f.beyond(9) {
			t.Errorf("%v is within bounds", f)
		}
	}
}

// TestReadStored reads what is there, and refuses a truncated file.
func TestReadStored(t *testing.T) {
	src := NewSource(Shape{})
	whole := strings.Join(arrival(src, 100, 1), "")
	for name, test := range map[string]struct {
		text  string
		whole bool
	}{
		"whole": {whole, true}, "a byte too few": {whole[:len(whole)-1], false}, "a byte too many": {whole + "f", false},
	} {
		dir := t.TempDir()
		for _, epoch := range []string{"100", "101"} {
			if err := os.Mkdir(filepath.Join(dir, epoch), 0o750); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "100", "stats"), []byte(test.text), 0o640); err != nil {
			t.Fatal(err)
		}
		b := NewReceived(src)
		if err := b.ReadStored(dir); (err == nil) != test.whole {
			t.Errorf("%s: %v", name, err)
		}
		if !b.Whole(100) || b.Whole(101) {
			t.Errorf("%s: the snapshot is whole: %v", name, b.Whole(100))
		}
	}
}

// TestLedger has snapshots come and leave, by renames and otherwise.
func TestLedger(t *testing.T) {
	s := NewSite(t)
	l := s.WatchQueue(s.Incoming())
	move := func(from, to string) {
		t.Helper()
		s.Must(os.Rename(from, to))
	}
	for _, name := range []string{"5", "3", "none", ".7"} {
		move(s.Mkdir("staged"), filepath.Join(s.Incoming(), name))
	}
	if got := l.Accepted(); !slices.Equal(got, []int64{5, 3}) || !l.holds([]int64{3}) {
		t.Errorf("came %v", got)
	}
	move(filepath.Join(s.Incoming(), "5"), s.Path("away"))
	s.Must(os.Remove(filepath.Join(s.Incoming(), "3")))
	l.WaitEmpty()
	move(s.Path("away"), filepath.Join(s.Incoming(), "5"))
	if got := l.Accepted(); !slices.Equal(got, []int64{5, 3, 5}) || l.holds([]int64{3}) || !l.holds([]int64{5}) {
		t.Errorf("came %v", got)
	}
}
