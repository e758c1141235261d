//go:build !portable

package durable

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openSearch opens a directory whose names can be used and not listed.
func openSearch(path string) (int, error) {
	return unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// opened returns what an open of a descriptor has returned.
func opened(fd int, err error) (int, error) { return fd, err }

func renameNoReplace(fromDir int, from string, toDir int, to string) error {
	err := unix.Renameat2(fromDir, from, toDir, to, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	return renameChecked(fromDir, from, toDir, to) // the file system does not know the flag
}

// sameMount reports whether two directories are on one mount of one file system.
func sameMount(a, b string) (bool, error) {
	var sa, sb unix.Statx_t
	const mask = unix.STATX_INO | unix.STATX_MNT_ID
	if err := unix.Statx(unix.AT_FDCWD, a, 0, mask, &sa); err != nil {
		return false, fmt.Errorf("statx %s: %w", a, err)
	}
	if err := unix.Statx(unix.AT_FDCWD, b, 0, mask, &sb); err != nil {
		return false, fmt.Errorf("statx %s: %w", b, err)
	}
	mounts := sa.Mask&sb.Mask&unix.STATX_MNT_ID != 0 // from Linux 5.8 on
	return sa.Dev_major == sb.Dev_major && sa.Dev_minor == sb.Dev_minor && (!mounts || sa.Mnt_id == sb.Mnt_id), nil
}

// whereabouts returns the present path of an open directory.
func whereabouts(f *os.File) (string, error) {
	return os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
}
