package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"haproxystats/internal/snapshot"
)

// TestDurable: the files are synced, then their directory, and only then is the
// entry visible; its name is synced after that. What can't be synced before is
// not handed over.
func TestDurable(t *testing.T) {
	for _, failing := range []string{"", snapshot.ManifestName, "a_info", "b_info", "7", "incoming visible"} {
		t.Run("failing "+failing, func(t *testing.T) {
			dir := queue(t)
			log := new(journal)
			w := openWriterAt(t, dir, log.logger())
			var mu sync.Mutex
			var synced []string
			w.sync = func(f *os.File) error {
				mu.Lock()
				defer mu.Unlock()
				name := filepath.Base(f.Name())
				if _, err := os.Stat(filepath.Join(dir, "7")); err == nil {
					name += " visible"
				}
				synced = append(synced, name)
				if name == failing {
					return syscall.EIO
				}
				return f.Sync()
			}
			d, err := w.Stage(7)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"a_info", "b_info"} {
				f, err := d.Create(name)
				if err != nil {
					t.Fatal(err)
				}
				f.Close()
			}
			err = d.Commit(snapshot.Round{})

			want := []string{snapshot.ManifestName, "a_info", "b_info", "7", "incoming visible"}
			handed := failing == "" || failing == want[4]
			if !handed {
				want = want[:max(3, slices.Index(want, failing)+1)]
			}
			slices.Sort(synced[:min(3, len(synced))]) // at once
			if fmt.Sprint(synced) != fmt.Sprint(want) {
				t.Errorf("synced %q, want %q", synced, want)
			}
			if handed && err != nil || !handed && !errors.Is(err, syscall.EIO) {
				t.Errorf("commit: %v", err)
			}
			if visible := names(t, dir); (len(visible) == 1) != handed {
				t.Errorf("the queue holds %q", visible)
			}
			if told := log.count("power cut"); (told == 1) != (failing == "incoming visible") {
				t.Errorf("log %s", log)
			}
			if err := d.Discard(); err != nil {
				t.Error(err)
			}
		})
	}
}
