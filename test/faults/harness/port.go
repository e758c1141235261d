package harness

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// FreeAddress returns an address of loopback on a free port, and reserves the port until
// the test ends: data for a receiver that is down must not go to a receiver of
// another test.
func (s *Site) FreeAddress() (addr string) {
	s.T.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	s.Must(os.NewSyscallError("socket", err))
	s.T.Cleanup(func() { _ = unix.Close(fd) })
	// Who names the port may listen on it all the same.
	s.Must(os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)))
	s.Must(os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})))
	at, err := unix.Getsockname(fd)
	s.Must(os.NewSyscallError("getsockname", err))
	return fmt.Sprintf("127.0.0.1:%d", at.(*unix.SockaddrInet4).Port)
}
