package spool

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// openAt opens the file of that name in dir, whatever became of dir's path, and
// follows no link. It does not wait for the other end of a FIFO.
func openAt(dir *os.File, name, path string, flags int) (*os.File, error) {
	var fd int
	err := control(dir, func(dirFD int) (err error) {
		fd, err = unix.Openat(dirFD, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, fileMode)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// statAt returns what is known of the file of that name in dir, and follows no
// link.
func statAt(dir *os.File, name, path string) (st unix.Stat_t, err error) {
	err = control(dir, func(dirFD int) error {
		return unix.Fstatat(dirFD, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil {
		err = &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return st, err
}

// removeAt removes the file of that name in dir.
func removeAt(dir *os.File, name, path string) error {
	err := control(dir, func(dirFD int) error { return unix.Unlinkat(dirFD, name, 0) })
	if err != nil {
		return &fs.PathError{Op: "remove", Path: path, Err: err}
	}
	return nil
}

// control calls f with dir's descriptor, which another goroutine can't close
// meanwhile.
func control(dir *os.File, f func(fd int) error) error {
	conn, err := dir.SyscallConn()
	if err != nil {
		return err
	}
	called := conn.Control(func(fd uintptr) {
		for {
			if err = f(int(fd)); !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	if called != nil {
		return fs.ErrClosed
	}
	return err
}
