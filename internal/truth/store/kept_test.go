package store

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/truth"
)

// TestKeptIsDamaged damages the rows that the base counts while nobody asks for servers, as a
// power cut may. The account goes on, and no total counts twice or falls.
func TestKeptIsDamaged(t *testing.T) {
	write := func(text string) func(string) error {
		return func(file string) error { return os.WriteFile(file, []byte(text), 0o640) }
	}
	for name, damage := range map[string]func(file string) error{
		"empty":           write(""),
		"cut":             write("# pxname,svna"),
		"zeros":           write(strings.Repeat("\x00", 200)),
		"a symbolic link": func(file string) error { return os.Symlink("/dev/zero", file) },
	} {
		for _, again := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5), server: 4})
				w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5), server: 4, proxiesOnly: true})
				kept := lastName(prefix(address), truth.Instance{Pid: 1, Start: 100}, keptSuffix)
				file := filepath.Join(w.s.last.Path(), kept)
				if err := os.Remove(file); err != nil { // it is a link to a snapshot's file
					t.Fatal(err)
				}
				if err := damage(file); err != nil {
					t.Fatal(err)
				}
				if again {
					w.again()
				}
				w.mustRound(nil, worker{pid: 1, start: 100, rows: web(3), server: 5, proxiesOnly: true}).check(t, "cleared", 8, 0)
				w.mustRound(nil, worker{pid: 1, start: 100, rows: web(4), server: 6}).check(t, "all rows", 9, 6)
				w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5), server: 8}).check(t, "and on", 10, 8)
				if n := strings.Count(w.log.String(), "earlier rows of servers of a worker can't be read"); n != 1 {
					t.Errorf("got %d warnings, want one:\n%s", n, &w.log)
				}
				if names := list(t, w.s.last); slices.Contains(names, kept) {
					t.Errorf("got %q, want no kept rows when all are told", names)
				}
			})
		}
	}
}
