//go:build !portable

package status

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
)

// checkLength accepts all paths.
func checkLength(string) error { return nil }

// address returns the address for bind and connect while the directory is open. The
// address of a UNIX socket has at most 107 bytes and a path may have more, so the address
// names the directory by its descriptor.
func (p socketPath) address() string {
	return "/proc/self/fd/" + strconv.Itoa(int(p.dir.File().Fd())) + "/" + p.name
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

// clientOf returns the client at the other end of the connection; the zero value if
// the kernel does not tell.
func clientOf(c net.Conn) (a client) {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return a
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return a
	}
	_ = raw.Control(func(fd uintptr) {
		if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			a = client{int(peer.Pid), int(peer.Uid)}
		}
	})
	return a
}
