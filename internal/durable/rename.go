package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// RenameNoReplace renames a file or directory. The error satisfies errors.Is(err,
// [fs.ErrExist]) if the new path is in use.
func RenameNoReplace(from, to string) error {
	if err := renameNoReplace(unix.AT_FDCWD, from, unix.AT_FDCWD, to); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// renameChecked renames where no flag forbids to replace. The caller's lock keeps other
// programs away, so that a check before the rename is enough.
func renameChecked(fromDir int, from string, toDir int, to string) error {
	var st unix.Stat_t
	switch err := unix.Fstatat(toDir, to, &st, unix.AT_SYMLINK_NOFOLLOW); {
	case err == nil:
		return unix.EEXIST
	case !errors.Is(err, unix.ENOENT):
		return err
	}
	return unix.Renameat(fromDir, from, toDir, to)
}
