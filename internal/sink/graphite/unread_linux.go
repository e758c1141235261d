package graphite

import (
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unread returns an error if the peer's kernel has not acknowledged everything,
// or has reset the connection. The end of the connection is read before a
// reset that follows it, so a peer that closed while data was on its way would
// otherwise pass for one that has read everything. A peer that ends after our
// end has acknowledged it by then.
func unread(conn net.Conn) error {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var pending, fault int
	var pendingErr, faultErr error
	if err := raw.Control(func(fd uintptr) {
		fault, faultErr = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		pending, pendingErr = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	}); err != nil {
		return err
	}
	switch {
	case faultErr != nil:
		return faultErr
	case pendingErr != nil:
		return pendingErr
	case fault != 0:
		return fmt.Errorf("%w: it closed the connection early: %w", ErrUnconfirmed, syscall.Errno(fault))
	case pending != 0:
		return fmt.Errorf("%w: it closed the connection early", ErrUnconfirmed)
	}
	return nil
}
