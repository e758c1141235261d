package real

import (
	"net"
	"sync"
)

// connections serves what a listener accepts, until it is closed.
type connections struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]struct{} // nil when closed
}

// accept serves every connection in a goroutine of its own; a connection is
// closed after its service, or when all are.
func accept(l net.Listener, serve func(net.Conn)) *connections {
	c := &connections{listener: l, open: make(map[net.Conn]struct{})}
	c.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.start(conn, serve)
		}
	})
	return c
}

func (c *connections) start(conn net.Conn, serve func(net.Conn)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		_ = conn.Close()
		return
	}
	c.open[conn] = struct{}{}
	c.wg.Go(func() {
		serve(conn)
		_ = conn.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.open, conn)
	})
}

// close closes the listener and every connection, and waits.
func (c *connections) close() error {
	err := c.listener.Close()
	c.mu.Lock()
	for conn := range c.open {
		_ = conn.Close()
	}
	c.open = nil
	c.mu.Unlock()
	c.wg.Wait()
	return err
}
