package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"haproxystats/internal/account"
)

const (
	dirMode  = 0o750
	fileMode = 0o640
)

// openDirectory makes dir if it is missing, resolves symbolic links in its path
// (the operator's, outside of the queue) and checks that it can be used.
func openDirectory(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("open spool: no directory given")
	}
	if err := makeDirectory(dir); err != nil {
		return "", err
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", fmt.Errorf("open spool: %w", err)
	}
	return dir, checkAccess(dir)
}

// makeDirectory makes dir and its parents, durably; one that exists is fine.
func makeDirectory(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	err := os.MkdirAll(dir, dirMode)
	switch {
	case errors.Is(err, fs.ErrExist): // and Stat has found no directory
		return fmt.Errorf("make spool %s: %w: a link in this path leads nowhere: mount or make what it leads to", dir, err)
	case err != nil:
		return fmt.Errorf("make spool %s: %w: %s must be able to make it", dir, err, whoami())
	}
	return syncDirectory(filepath.Dir(dir), (*os.File).Sync)
}

// makeBeside makes a directory of the queue's own. What has its name must be a
// directory: a link would lead entries out of the queue.
func makeBeside(dir string) error {
	if err := checkNoLink(dir); err != nil {
		return fmt.Errorf("make spool %s: %w", dir, err)
	}
	return makeDirectory(dir)
}

// checkNoLink refuses what is there and no directory.
func checkNoLink(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is %v, no directory: move it away", dir, info.Mode())
	}
	return nil
}

// checkAccess tells, with all that is needed to put it right, whether entries
// of dir can be listed, made and removed.
func checkAccess(dir string) error {
	err := unix.Faccessat(unix.AT_FDCWD, dir, unix.R_OK|unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if err == nil {
		return nil
	}
	info, statErr := os.Lstat(dir)
	if statErr != nil {
		return fmt.Errorf("open spool: %w", statErr)
	}
	owner, group := "?", "?"
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		owner, group = account.User(int(st.Uid)), account.Group(int(st.Gid))
	}
	return fmt.Errorf("open spool %s: %s can't read and write it: %w: it belongs to %s:%s and has mode %04o",
		dir, whoami(), err, owner, group, info.Mode().Perm())
}

// whoami names the user of the process, for messages about permissions.
func whoami() string {
	return fmt.Sprintf("user %s (uid %d)", account.User(os.Geteuid()), os.Geteuid())
}

// checkSameMount refuses two directories between which rename can't work: on
// two file systems, or on one that is mounted twice.
func checkSameMount(a, b string) error {
	var sa, sb unix.Statx_t
	const mask = unix.STATX_INO | unix.STATX_MNT_ID
	if err := unix.Statx(unix.AT_FDCWD, a, 0, mask, &sa); err != nil {
		return fmt.Errorf("statx %s: %w", a, err)
	}
	if err := unix.Statx(unix.AT_FDCWD, b, 0, mask, &sb); err != nil {
		return fmt.Errorf("statx %s: %w", b, err)
	}
	mounts := sa.Mask&sb.Mask&unix.STATX_MNT_ID != 0 // Linux 5.8 and later say it
	if sa.Dev_major != sb.Dev_major || sa.Dev_minor != sb.Dev_minor || mounts && sa.Mnt_id != sb.Mnt_id {
		return fmt.Errorf("%s and %s are on different file systems, so that a rename can't hand a directory over: put both on one", a, b)
	}
	return nil
}

// identity tells one directory from another that took its name.
type identity struct{ dev, ino uint64 }

func identify(info fs.FileInfo) identity {
	st := info.Sys().(*syscall.Stat_t)
	return identity{uint64(st.Dev), st.Ino}
}

// openNoFollow opens the directory itself, not what a link of that name leads to.
func openNoFollow(dir string) (*os.File, error) {
	return os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

// syncDirectory makes the names in dir durable.
func syncDirectory(dir string, sync func(*os.File) error) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return sync(f)
}

// rename gives a directory a new place and never replaces what is there: then
// the error satisfies errors.Is(err, fs.ErrExist).
func rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		// The file system doesn't know the flag. The lock keeps others of ours
		// away, so that looking first is enough.
		if _, err = os.Lstat(to); err == nil {
			err = fs.ErrExist
		} else {
			err = unix.Rename(from, to)
		}
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
