package status

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
)

// socketPath is the path of a socket, whose directory is held open. The address of a
// UNIX socket has at most 107 bytes and a path may have more, so the address names
// the directory by its descriptor.
type socketPath struct {
	dir        *durable.Dir
	name, path string
}

// openPath opens the directory that the last part of path is in.
func openPath(path string) (socketPath, error) {
	dir, name, err := durable.OpenParent(path)
	return socketPath{dir, name, path}, err
}

// address returns the address for bind and connect while the directory is open.
func (p socketPath) address() string {
	return "/proc/self/fd/" + strconv.Itoa(int(p.dir.File().Fd())) + "/" + p.name
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

// adopt gives the socket the mode that the umask has narrowed, and returns the
// socket's identity.
func (p socketPath) adopt() (durable.Identity, error) {
	f, err := p.dir.Open(p.name, unix.O_PATH)
	if err != nil {
		return durable.Identity{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return durable.Identity{}, err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return durable.Identity{}, ErrNotSocket
	}
	return durable.Identify(info), os.Chmod(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), socketMode)
}
