package real

import (
	"context"
	"fmt"
	"net"
	"time"
)

// dialTimeout bounds each try to reach a server on loopback.
const dialTimeout = time.Second

// freePort returns a port of 127.0.0.1 that was free a moment ago. Another
// program may take it first: whoever starts a server on it tries again then.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("look for a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// onFreePort starts a server that has to be told its port, on the given one or,
// where that is 0, on a free one, with new tries should it be taken meanwhile.
func onFreePort[S any](port int, start func(port int) (S, error)) (S, error) {
	if port != 0 {
		return start(port)
	}
	var server S
	var err error
	for range 3 {
		if port, err = freePort(); err != nil {
			return server, err
		}
		if server, err = start(port); err == nil {
			return server, nil
		}
	}
	return server, err
}

// reachable reports whether something accepts connections at addr.
func reachable(ctx context.Context, addr string) error {
	d := net.Dialer{Timeout: dialTimeout}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return c.Close()
}
