package durable

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Displaced reports whether the directory no longer has its path: it was moved or removed,
// or something was mounted over it.
func (d *Dir) Displaced() bool {
	now, err := os.Lstat(d.Path())
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	own, err := d.Identity()
	return err == nil && Identify(now) != own
}

// Removed reports whether the directory has no path at all.
func (d *Dir) Removed() bool {
	info, err := d.file.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}

// Whereabouts returns the present path of the directory, or the one by which it was opened
// if the kernel does not tell.
func (d *Dir) Whereabouts() string {
	path, err := whereabouts(d.file)
	if err != nil {
		return d.Path()
	}
	return path
}
