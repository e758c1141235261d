package graphite

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout bounds the time for which data may stay unacknowledged.
func setUserTimeout(fd int, limit time.Duration) error {
	return os.NewSyscallError("setsockopt TCP_USER_TIMEOUT", unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds())))
}

// unacknowledged returns how many bytes the peer's kernel has not acknowledged.
func unacknowledged(fd int) (int, error) {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	return n, os.NewSyscallError("ioctl SIOCOUTQ", err)
}
