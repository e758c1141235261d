package graphite

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/sink/outbox"
)

// A peer that vanished from the network is detected after deadAfter: the kernel probes
// an idle connection, and gives up a connection on which data stays unacknowledged.
const (
	deadAfter     = 10 * time.Second
	probeAfter    = 5 * time.Second
	probeInterval = 2 * time.Second
)

// newDialer returns a dialer of connections that detect a vanished peer. A peer that
// answers but accepts nothing gets at least writeTimeout.
func newDialer(writeTimeout time.Duration) *net.Dialer {
	limit := max(deadAfter, writeTimeout)
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: probeAfter, Interval: probeInterval, Count: int(deadAfter / probeInterval),
		},
		ControlContext: func(_ context.Context, _, _ string, raw syscall.RawConn) error {
			var err error
			if fault := raw.Control(func(fd uintptr) { err = setUserTimeout(int(fd), limit) }); fault != nil {
				return fault
			}
			return err
		},
	}
}

// control calls f with the descriptor of the connection. A connection in memory has no
// descriptor, and f is not called.
func control(conn net.Conn, f func(fd int)) error {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}

// onItsWay returns how many bytes the peer's kernel has not acknowledged, and
// an error if the connection is broken.
func onItsWay(conn net.Conn) (n int, err error) {
	var fault int
	var pendingErr, faultErr error
	// In this order, a reset between the two calls is an error too.
	if err := control(conn, func(fd int) {
		n, pendingErr = unacknowledged(fd)
		fault, faultErr = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	}); err != nil {
		return 0, err
	}
	switch {
	case pendingErr != nil:
		return 0, pendingErr
	case faultErr != nil:
		return 0, os.NewSyscallError("getsockopt SO_ERROR", faultErr)
	case fault != 0:
		return 0, fmt.Errorf("%w: %w", errEarly, syscall.Errno(fault))
	}
	return n, nil
}

// unread returns an error if the peer's kernel has not acknowledged everything, or has
// reset the connection. A read returns the end of the connection before a reset that
// follows it. So without this check, a peer that closed while data was in flight would
// look like a peer that read everything. A peer that closes after us has acknowledged
// our end by then.
func unread(conn net.Conn) error {
	n, err := onItsWay(conn)
	if err == nil && n > 0 {
		return errEarly
	}
	return err
}

// errNothing reports that the peer has sent nothing.
var errNothing = errors.New("nothing to read")

// peek returns the first unread byte from the peer without reading it; n is 0 if the
// peer has closed the connection. The error is errNothing if there is no byte yet.
func peek(conn net.Conn) (first byte, n int, err error) {
	var b [1]byte
	err = errNothing
	if fault := control(conn, func(fd int) {
		n, _, err = unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	}); fault != nil {
		return 0, 0, fault
	}
	if errors.Is(err, unix.EAGAIN) {
		err = errNothing
	}
	return b[0], n, err
}

// awaitReadable waits until the peer sends something or closes the connection, or until
// the read deadline, which is d from now. A connection in memory can't be watched: there
// it waits for d.
func awaitReadable(ctx context.Context, conn net.Conn, d time.Duration) error {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return outbox.Sleep(ctx, d)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return !errors.Is(err, unix.EAGAIN)
	})
}
