package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// MakeDir makes a directory with its parents, and makes their names durable. It
// accepts an existing directory, also through a link.
func MakeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s is %w, or a link that leads nowhere", dir, ErrNotDir)
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := MakeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, DirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(filepath.Dir(dir))
}

// ErrNotDir means that a name is not that of a directory.
var ErrNotDir = errors.New("not a directory")

// CheckDir refuses a path that is not that of a directory: a link would lead files
// elsewhere. It accepts a path that does not exist.
func CheckDir(path string) error {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	switch kind := infoOf(&st).Kind; {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &fs.PathError{Op: "lstat", Path: path, Err: err}
	case kind != Directory:
		return fmt.Errorf("%s is %v, %w. Move it away", path, kind, ErrNotDir)
	}
	return nil
}

// SyncDir makes the names in a directory durable.
func SyncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// CheckSameMount refuses two directories between which a rename fails: they are on two
// file systems, or on two mounts of one.
func CheckSameMount(a, b string) error {
	same, err := sameMount(a, b)
	switch {
	case err != nil:
		return err
	case !same:
		return fmt.Errorf("%s and %s are on different file systems, so that a rename can't hand a directory over. Put both on one file system", a, b)
	}
	return nil
}
