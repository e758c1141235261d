package status

import (
	"errors"
	"fmt"
	"io/fs"

	"haproxystats/internal/durable"
)

// socketPath is the path of a socket, whose directory is held open.
type socketPath struct {
	dir        *durable.Dir
	name, path string
}

// openPath opens the directory that the last part of path is in.
func openPath(path string) (socketPath, error) {
	if err := checkLength(path); err != nil {
		return socketPath{}, err
	}
	dir, name, err := durable.OpenParent(path)
	return socketPath{dir, name, path}, err
}

// remove removes the socket with that identity. What took its name stays.
func (p socketPath) remove(id durable.Identity) error {
	found, err := p.dir.Stat(p.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case found.ID != id || found.Kind != durable.Socket:
		return nil
	}
	return p.dir.Remove(p.name)
}

// lock locks the path, so that one program at a time binds or removes its socket.
func (p socketPath) lock() (*durable.Lock, error) {
	lock, err := p.dir.Lock(p.name+".lock", durable.PrivateMode)
	switch {
	case errors.Is(err, durable.ErrLocked):
		return nil, fmt.Errorf("%w: another program has it: stop that one, or set another status-socket", errors.Join(ErrInUse, err))
	case errors.Is(err, durable.ErrNotRegular):
		return nil, fmt.Errorf("%s.lock is %w: move it away", p.path, durable.ErrNotRegular)
	}
	return lock, err
}
