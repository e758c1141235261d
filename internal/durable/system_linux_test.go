package durable

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOpenParentNeedsNoList opens a file in a directory that this user may pass through
// and not list.
func TestOpenParentNeedsNoList(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be another user")
	}
	base, err := os.MkdirTemp("", "durable") // t.TempDir is for its owner only
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	path := filepath.Join(base, "file")
	write(t, path, "text")
	if err := errors.Join(os.Chmod(path, 0o644), os.Chmod(base, 0o711)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its user
		if _, err := unix.SetfsuidRetUid(65534); err != nil {
			done <- err
			return
		}
		if _, err := OpenDir(base); !errors.Is(err, unix.EACCES) {
			done <- errors.New("the directory can be listed")
			return
		}
		done <- func() error {
			d, name, err := OpenParent(path)
			if err != nil {
				return err
			}
			f, err := d.OpenRegular(name)
			if err != nil {
				return err
			}
			return errors.Join(f.Close(), d.Close())
		}()
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
