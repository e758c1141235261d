//go:build !linux || portable

// This file and those of darwin and freebsd do what system_linux.go does, with the calls
// that other systems have. The build tag portable makes Linux use them, so that the tests
// run them: `go test -tags portable`.

package durable

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// openSearch opens a directory. Where the caller may not list it, its names can still be
// used.
func openSearch(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) {
		return unix.Open(path, searchOnly|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	return fd, err
}

// opened returns what an open of a descriptor has returned, as Linux would. Linux lets no
// poller have a regular file or a directory: kqueue takes them, and os.NewFile would hand
// them over if they did not block.
func opened(fd int, err error) (int, error) {
	if errors.Is(err, unix.EMLINK) { // freebsd's error for a link that is not followed
		return fd, unix.ELOOP
	}
	if err != nil {
		return fd, err
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		return fd, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// renameLinked renames without a flag for it: a file gets its new name as a link, which
// never replaces anything, and then loses the old one. A program that is killed between
// the two leaves both names.
func renameLinked(fromDir int, from string, toDir int, to string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(fromDir, from, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if infoOf(&st).Kind == Directory { // which has no second name
		return renameChecked(fromDir, from, toDir, to)
	}
	err := unix.Linkat(fromDir, from, toDir, to, 0)
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		return renameChecked(fromDir, from, toDir, to) // the file system has no links
	case err != nil:
		return err
	}
	return unix.Unlinkat(fromDir, from, 0)
}

// sameMount reports whether two directories are on one file system.
func sameMount(a, b string) (bool, error) {
	var sa, sb unix.Stat_t
	if err := unix.Stat(a, &sa); err != nil {
		return false, &fs.PathError{Op: "stat", Path: a, Err: err}
	}
	if err := unix.Stat(b, &sb); err != nil {
		return false, &fs.PathError{Op: "stat", Path: b, Err: err}
	}
	return sa.Dev == sb.Dev, nil
}

// whereabouts returns an error: these systems do not tell, or not all of them.
func whereabouts(*os.File) (string, error) { return "", errors.ErrUnsupported }
