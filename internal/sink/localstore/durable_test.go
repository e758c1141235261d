package localstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"haproxystats/internal/sink/sinktest"
)

// TestDurable: a batch is accepted once its file, the file's name and the
// directory's name are on the disk, in this order, and not before.
func TestDurable(t *testing.T) {
	for fails := range 4 {
		t.Run(fmt.Sprint("step ", fails, " fails"), func(t *testing.T) {
			dir := t.TempDir()
			s := New(dir, paths)
			file := filepath.Join(dir, "7", "stats")
			var synced []string
			failing := fails
			s.sync = func(f *os.File) error {
				name, err := filepath.Rel(dir, f.Name())
				if err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(file); err == nil {
					name += " after the rename"
				}
				if synced = append(synced, name); len(synced) == failing {
					return syscall.EIO
				}
				return f.Sync()
			}
			if fails > 0 {
				if err := s.Deliver(t.Context(), sinktest.Batch(7)); !errors.Is(err, syscall.EIO) {
					t.Errorf("error %v", err)
				}
				if left, err := os.ReadDir(dir); fails == 1 && (len(left) > 0 || err != nil) {
					t.Errorf("left behind: %v, %v", left, err)
				}
				// What the first try left need not be durable.
				if err := os.RemoveAll(file); err != nil {
					t.Fatal(err)
				}
				failing, synced = 0, nil
			}
			if err := s.Deliver(t.Context(), sinktest.Batch(7)); err != nil {
				t.Error(err)
			}
			want := []string{"7/.stats.tmp", "7 after the rename", ". after the rename"}
			if fmt.Sprint(synced) != fmt.Sprint(want) {
				t.Errorf("synced %q, want %q", synced, want)
			}
		})
	}
}
