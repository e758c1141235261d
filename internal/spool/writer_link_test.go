package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"haproxystats/internal/snapshot"
)

// replace moves a directory away and leads its name to another place.
func replace(t *testing.T, dir, target string) {
	t.Helper()
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, dir); err != nil {
		t.Fatal(err)
	}
}

// restore undoes replace.
func restore(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
}

// TestLinkInsteadOfDirectory puts a link in the place of a directory of the queue
// while the writer is at work. Nothing is made, removed or counted where it leads.
func TestLinkInsteadOfDirectory(t *testing.T) {
	for _, c := range []struct {
		suffix  string
		waiting bool // whether it is asked what waits
	}{{"", true}, {".tmp", false}} {
		t.Run("incoming"+c.suffix, func(t *testing.T) {
			dir, target := queue(t), t.TempDir()
			w := openWriterAt(t, dir, nil)
			stage := func(epoch int64) *Draft {
				t.Helper()
				d, err := w.Stage(epoch)
				if err != nil {
					t.Fatal(err)
				}
				f, err := d.Create("a_info")
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprint(f, "x")
				f.Close()
				return d
			}
			first, second := stage(1), stage(2)
			plant(t, target, "2/a_info", "3")
			link := dir + c.suffix
			replace(t, link, target)

			refused(t, first.Commit(snapshot.Round{}), link, "not a directory. Move it away")
			_, err := w.Stage(4)
			refused(t, err, link, "not a directory. Move it away")
			if c.waiting {
				_, err := w.Waiting()
				refused(t, err, link, "not a directory. Move it away")
			} else {
				refused(t, second.Discard(), link, "not a directory. Move it away")
			}
			w.litter.Remove(filepath.Join(w.tmp, "3"))
			w.litter.Sweep()
			if got := fmt.Sprint(names(t, target), names(t, filepath.Join(target, "2"))); got != "[2 3] [a_info]" {
				t.Errorf("where the link leads there is %s", got)
			}

			restore(t, link)
			if err := first.Discard(); err != nil {
				t.Error(err)
			}
			if err := second.Discard(); err != nil {
				t.Error(err)
			}
			if err := stage(4).Commit(snapshot.Round{}); err != nil {
				t.Error(err)
			}
			if got := fmt.Sprint(names(t, dir), names(t, dir+".tmp")); got != "[4] []" {
				t.Errorf("in the queue and staged: %s", got)
			}
		})
	}
}

// TestDanglingLinkInsteadOfDirectory: what a link leads to is not made either.
func TestDanglingLinkInsteadOfDirectory(t *testing.T) {
	for _, suffix := range []string{"", ".tmp"} {
		dir := queue(t)
		w := openWriterAt(t, dir, nil)
		target := filepath.Join(t.TempDir(), "target")
		replace(t, dir+suffix, target)
		_, err := w.Stage(1)
		refused(t, err, dir+suffix, "not a directory. Move it away")
		if _, err := os.Lstat(target); err == nil {
			t.Error("the link was followed")
		}
	}
}
