package spool

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func lockPath(dir, end string) string { return dir + "." + end + ".lock" }

// lock makes the caller the only one at that end of dir, until unlock
// or the end of the process. The lock file stays: removing it would
// let two processes hold locks on two files of one name.
func lock(dir, end string) (*os.File, error) {
	path := lockPath(dir, end)
	// Non-blocking, so that a planted FIFO can't hold up the start.
	// Read-only, so that a file system can be remounted so while we run.
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o640)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w: %s must be able to create and write files in its parent directory", dir, err, whoami())
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("lock %s: %s: %w: remove it", dir, path, errNotRegular)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		holder, _ := readNote(path)
		f.Close()
		return nil, fmt.Errorf("lock %s: another process (pid %d) is its %s: stop that one, or use another directory: %w", dir, holder.pid, end, err)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: flock %s: %w", dir, path, err)
	}
	// The number only serves the message above, so that no error of this is a
	// reason to refuse to start.
	before, _ := readNote(path)
	note{os.Getpid(), before.newest}.write(path)
	return f, nil
}

// unlock ends a lock. Closing the file would not do: a child process that is
// being started holds all descriptors until it runs its program.
func unlock(f *os.File) error {
	return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close())
}
