package graphite

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout bounds the time for which data is sent again.
func setUserTimeout(fd int, limit time.Duration) error {
	return os.NewSyscallError("setsockopt TCP_RXT_CONNDROPTIME", unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_RXT_CONNDROPTIME, int(limit.Seconds()+1)))
}

// unacknowledged returns how many bytes the peer's kernel has not acknowledged: those in
// the socket's send buffer. Unlike on Linux, the end of the stream is not among them.
func unacknowledged(fd int) (int, error) {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NWRITE)
	return n, os.NewSyscallError("getsockopt SO_NWRITE", err)
}
