package graphite

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout does nothing: freebsd's usual TCP has no such bound. Writes and the wait
// for confirmation have bounds of their own.
func setUserTimeout(int, time.Duration) error { return nil }

// fionwrite is FIONWRITE of sys/filio.h, which package unix does not have.
const fionwrite = 0x40046677

// unacknowledged returns how many bytes the peer's kernel has not acknowledged: those in
// the socket's send buffer. Unlike on Linux, the end of the stream is not among them.
func unacknowledged(fd int) (int, error) {
	n, err := unix.IoctlGetInt(fd, fionwrite)
	return n, os.NewSyscallError("ioctl FIONWRITE", err)
}
