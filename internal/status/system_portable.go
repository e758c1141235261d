//go:build !linux || portable

// This file does what system_linux.go does, with the calls that other systems have. The
// build tag portable makes Linux use it, so that the tests run it.

package status

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
)

// maxAddress is the longest address of a UNIX socket that all systems take.
const maxAddress = 103

// checkLength refuses a path that is too long for an address.
func checkLength(path string) error {
	if len(path) > maxAddress {
		return fmt.Errorf("the path has %d bytes, and that of a UNIX socket has at most %d on this system: use a shorter one", len(path), maxAddress)
	}
	return nil
}

// address returns the address for bind and connect.
func (p socketPath) address() string { return p.path }

// adopt gives the socket the mode that the umask has narrowed, and returns the
// socket's identity.
func (p socketPath) adopt() (durable.Identity, error) {
	before, err := p.dir.Stat(p.name)
	if err != nil {
		return durable.Identity{}, err
	}
	if before.Kind != durable.Socket {
		return durable.Identity{}, ErrNotSocket
	}
	if err := unix.Fchmodat(int(p.dir.File().Fd()), p.name, socketMode, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return durable.Identity{}, fmt.Errorf("chmod %s: %w", p.path, err)
	}
	return before.ID, nil
}

// clientOf returns the zero value: the kernel does not tell, or not on all systems.
func clientOf(net.Conn) client { return client{} }
