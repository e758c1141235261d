package harness

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// ipLocalPortRange is the option that limits a socket's choice of a free port,
// which Linux has since 6.3.
const ipLocalPortRange = 51

// TestPortIsKept wants nobody to be given the port of a receiver that is down,
// and the receiver to have it back.
func TestPortIsKept(t *testing.T) {
	s := NewSite(t)
	o := s.Graphite(s.Source(Shape{}))
	o.Kill()
	if c, err := net.Dial("tcp", o.Addr()); err == nil {
		t.Errorf("something listens at %s", c.RemoteAddr())
		c.Close()
	}
	var unknown bool
	only := o.Port()
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			err := unix.SetsockoptInt(int(fd), unix.SOL_IP, ipLocalPortRange, only<<16|only)
			unknown = errors.Is(err, unix.ENOPROTOOPT)
		})
	}}
	l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	switch {
	case err == nil && unknown:
		l.Close()
		t.Log("this kernel can't be asked for one port of its choice")
	case err == nil:
		l.Close()
		t.Errorf("%s was given away", l.Addr())
	}
	o.Restart()
	c, err := net.Dial("tcp", o.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
