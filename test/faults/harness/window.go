package harness

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// control sets the buffer of a listener, which its connections inherit.
func (r *receiver) control(_, _ string, c syscall.RawConn) error {
	r.mu.Lock()
	window := r.window
	r.mu.Unlock()
	if window == 0 {
		return nil
	}
	var failed error
	err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, window) })
	return errors.Join(err, failed)
}
