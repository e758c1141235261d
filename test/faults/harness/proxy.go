package harness

import (
	"errors"
	"io"
	"net"
	"sync"

	"golang.org/x/sys/unix"
)

// Proxy passes connections on to a receiver, half-closes included, and lets
// faults strike on the sender's side: what was taken until then is passed on.
type Proxy struct{ *receiver }

// Proxy starts a proxy to an address, on a free port of loopback.
func (s *Site) Proxy(to string) *Proxy {
	s.T.Helper()
	return &Proxy{s.receiver(func(in *intake) { pass(in, to) })}
}

func pass(in *intake, to string) {
	c, err := new(net.Dialer).DialContext(in.ctx, "tcp", to)
	if err != nil {
		_ = in.conn.SetLinger(0) // a reset tells the sender
		return
	}
	out := c.(*net.TCPConn)
	defer out.Close()
	var mu sync.Mutex
	passed := false // everything, with its end
	var answering sync.WaitGroup
	defer answering.Wait()
	answering.Go(func() {
		_, err := io.Copy(in.conn, out)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
		case !passed, refused(out):
			// A receiver that is killed with nothing unread ends its connection
			// politely; passed on, that would confirm what it never read.
			err = errFault
		default:
			err = in.conn.CloseWrite()
		}
		if err != nil {
			_ = in.conn.SetLinger(0)
			_ = in.conn.Close()
		}
	})
	for {
		p, err := in.next()
		if _, failed := out.Write(p); failed != nil {
			_ = in.conn.SetLinger(0)
			_ = in.conn.Close()
			return
		}
		switch {
		case errors.Is(err, io.EOF):
			mu.Lock()
			passed = out.CloseWrite() == nil
			mu.Unlock()
			answering.Wait()
			return
		case err != nil:
			_ = out.Close()
			return
		}
	}
}

// refused reports whether the other end has refused something that was sent.
func refused(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	pending := 0
	err = raw.Control(func(fd uintptr) {
		pending, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	})
	return err != nil || pending != 0
}
