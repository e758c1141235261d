// Package dialtest has addresses that can't be connected to, for tests.
package dialtest

import (
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// Silent makes an address of this host not answer: its listener accepts nobody, and
// has no room for those who wait. The port may be 0; Silent returns the one that
// is in use.
func Silent(t testing.TB, address netip.AddrPort) netip.AddrPort {
	t.Helper()
	family := unix.AF_INET6
	var where unix.Sockaddr = &unix.SockaddrInet6{Port: int(address.Port()), Addr: address.Addr().As16()}
	if address.Addr().Is4() {
		family, where = unix.AF_INET, &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}
	}
	open := func() int {
		fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Skipf("no socket for %v: %v", address, err)
		}
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	listener := open()
	if err := unix.Bind(listener, where); err != nil {
		t.Skipf("listen on %v: %v", address, err)
	}
	if err := unix.Listen(listener, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	port := 0
	switch b := bound.(type) {
	case *unix.SockaddrInet4:
		port = b.Port
	case *unix.SockaddrInet6:
		port = b.Port
	}
	// The first two fill it: the kernel keeps one more than it was asked for.
	for range 4 {
		if err := unix.Connect(open(), bound); err != nil && err != unix.EINPROGRESS {
			t.Fatal(fmt.Errorf("connect to %v: %w", address, err))
		}
	}
	return netip.AddrPortFrom(address.Addr(), uint16(port))
}
