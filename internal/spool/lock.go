package spool

import (
	"errors"
	"fmt"
	"os"

	"haproxystats/internal/durable"
)

func lockPath(dir, end string) string { return dir + "." + end + ".lock" }

// lock gives the caller one end of dir exclusively, until it unlocks or the process
// ends.
func lock(dir, end string) (*durable.Lock, error) {
	path := lockPath(dir, end)
	parent, name, err := durable.OpenParent(path)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	defer parent.Close()
	l, err := parent.Lock(name, durable.FileMode)
	switch {
	case errors.Is(err, durable.ErrLocked):
		owner, _ := readLockRecord(path)
		return nil, fmt.Errorf("lock %s: another process (pid %d) is its %s: %w. Stop that process, or use another directory", dir, owner.pid, end, err)
	case errors.Is(err, durable.ErrNotRegular):
		return nil, fmt.Errorf("lock %s: %w. Remove it", dir, err)
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w: %s must be able to create and write files in its parent directory", dir, err, whoami())
	}
	// The record only serves the message above, so its errors do not prevent the start.
	before, _ := readLockRecord(path)
	lockRecord{os.Getpid(), before.name}.write(path)
	return l, nil
}
