package durable

import (
	"errors"

	"golang.org/x/sys/unix"
)

// searchOnly opens a directory that can't be listed.
const searchOnly = unix.O_SEARCH

func renameNoReplace(fromDir int, from string, toDir int, to string) error {
	err := unix.RenameatxNp(fromDir, from, toDir, to, unix.RENAME_EXCL)
	if !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return renameLinked(fromDir, from, toDir, to) // the file system does not know the flag
}
