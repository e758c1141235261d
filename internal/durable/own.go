package durable

import (
	"errors"
	"fmt"
)

// OpenMade opens a directory, and makes it if it is missing. It refuses a link.
func OpenMade(path string) (*Dir, error) {
	if err := CheckDir(path); err != nil {
		return nil, err
	}
	if err := MakeDir(path); err != nil {
		return nil, err
	}
	return OpenDir(path)
}

// OpenOwn opens a directory as [OpenMade] does, and locks it, because two processes must
// not use it. The error names the option of the configuration that has the path.
func OpenOwn(path, option string) (*Dir, *Lock, error) {
	d, err := OpenMade(path)
	if err != nil {
		return nil, nil, err
	}
	lock, err := d.LockSelf()
	if errors.Is(err, ErrLocked) {
		err = fmt.Errorf("lock %s: another process uses it: stop that process, or give each program its own %s, in a configuration file of its own", path, option)
	}
	if err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	return d, lock, nil
}
