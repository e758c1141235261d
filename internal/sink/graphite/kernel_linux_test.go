package graphite

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestVanishedPeersAreNoticed checks the time after which the kernel gives up a silent
// peer. It is not shorter than WriteTimeout.
func TestVanishedPeersAreNoticed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for writeTimeout, want := range map[time.Duration]int{time.Second: 10_000, time.Minute: 60_000} {
		conn, err := newDialer(writeTimeout).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []struct {
			name                string
			level, option, want int
		}{
			{"user timeout", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, want},
			{"keepalive", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{"idle time", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 5},
			{"interval", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 2},
		} {
			var got int
			var fault error
			if err := control(conn, func(fd int) { got, fault = unix.GetsockoptInt(fd, o.level, o.option) }); err != nil || fault != nil {
				t.Fatal(err, fault)
			}
			if got != o.want {
				t.Errorf("%s is %d, want %d", o.name, got, o.want)
			}
		}
		conn.Close()
	}
}
