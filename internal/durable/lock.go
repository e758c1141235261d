package durable

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ErrLocked means that another process, or this one, has the lock.
var ErrLocked = errors.New("another process has the lock")

// Lock is an exclusive lock. It ends with the process at the latest.
type Lock struct {
	file *os.File
}

// Lock locks a file of the directory. It makes a missing file with the mode. The file
// stays after the lock: if it were removed, two processes could lock two files of one
// name. The error satisfies errors.Is(err, [ErrLocked]) if the lock is taken, and
// errors.Is(err, [ErrNotRegular]) if the name is not that of a regular file.
func (d *Dir) Lock(name string, mode fs.FileMode) (*Lock, error) {
	// A file that is open for writing would prevent a read-only remount.
	f, err := d.open(name, unix.O_RDONLY|unix.O_CREAT, mode)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, d.pathError("lock", name, errors.Join(ErrNotRegular, err))
	}
	return lockFile(f)
}

// LockSelf locks the directory. The error satisfies errors.Is(err, [ErrLocked])
// if the lock is taken.
func (d *Dir) LockSelf() (*Lock, error) {
	f, err := d.Open(".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return lockFile(f)
}

func lockFile(f *os.File) (*Lock, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		f.Close()
		return nil, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return &Lock{f}, nil
}

// Unlock ends the lock. Closing the file is not enough: a child process that is just
// being started has copies of all descriptors until it runs its program.
func (l *Lock) Unlock() error {
	return errors.Join(unix.Flock(int(l.file.Fd()), unix.LOCK_UN), l.file.Close())
}
