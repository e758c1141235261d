package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/owner"
)

// openDirectory makes dir if it is missing, resolves the operator's symbolic links
// in its path, and checks that it can be used.
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

// readOnly is the remedy for EROFS. The packaged units let their programs write only
// in /var/lib/haproxystats.
const readOnly = "If systemd has started this program, name the directory in ReadWritePaths of a drop-in of the unit: " +
	"see spool.conf in contrib/systemd, and haproxystats doctor. Otherwise remount the file system writable"

// makeDirectory makes dir and its parents durably; it accepts an existing directory.
func makeDirectory(dir string) error {
	err := durable.MakeDir(dir)
	switch {
	case errors.Is(err, durable.ErrNotDir):
		return fmt.Errorf("make spool %s: %w. Mount or make the target of the link, or move the file away", dir, err)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("make spool %s: %w. %s", dir, err, readOnly)
	case err != nil:
		return fmt.Errorf("make spool %s: %w: %s must be able to make it", dir, err, whoami())
	}
	return nil
}

// makeBeside makes a directory of the queue's own. An existing one must be a
// directory: a link would lead entries out of the queue.
func makeBeside(dir string) error {
	if err := durable.CheckDir(dir); err != nil {
		return fmt.Errorf("make spool %s: %w", dir, err)
	}
	return makeDirectory(dir)
}

// checkAccess checks that entries of dir can be listed, made and removed. Its error
// has all that is needed to repair the permissions.
func checkAccess(dir string) error {
	err := unix.Faccessat(unix.AT_FDCWD, dir, unix.R_OK|unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EROFS) {
		return fmt.Errorf("open spool %s: %w. %s", dir, err, readOnly)
	}
	info, statErr := os.Lstat(dir)
	if statErr != nil {
		return fmt.Errorf("open spool: %w", statErr)
	}
	user, group := "?", "?"
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		user, group = owner.User(int(st.Uid)), owner.Group(int(st.Gid))
	}
	return fmt.Errorf("open spool %s: %s can't read and write it: %w: it belongs to %s:%s and has mode %04o",
		dir, whoami(), err, user, group, info.Mode().Perm())
}

// whoami returns the user of the process, for messages about permissions.
func whoami() string {
	return fmt.Sprintf("user %s (uid %d)", owner.User(os.Geteuid()), os.Geteuid())
}
