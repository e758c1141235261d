package container

import (
	"bufio"
	"net"
	"sync"
	"testing"
	"time"

	"haproxystats/test/real"
)

// graphite is a receiver of metrics at the address that the examples name.
type graphite struct {
	mu   sync.Mutex
	last map[string]float64
	bad  []string
}

// startGraphite starts a receiver where the tests' loopback has Graphite's port.
func startGraphite(t *testing.T) *graphite {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:2003")
	must(t, err)
	g := &graphite{last: make(map[string]float64)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the listener is closed
			}
			all.Go(func() { g.receive(c) })
		}
	})
	t.Cleanup(func() {
		must(t, l.Close())
		all.Wait()
		if len(g.bad) > 0 {
			t.Errorf("lines that are no metrics: %q", g.bad)
		}
	})
	return g
}

// receive reads all of a connection and then confirms it by closing.
func (g *graphite) receive(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience)) // fails only when closed
	for lines := bufio.NewReader(c); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		p, err := real.ParsePoint(line)
		g.mu.Lock()
		if err != nil {
			g.bad = append(g.bad, line)
		} else {
			g.last[p.Path] = p.Value
		}
		g.mu.Unlock()
	}
}

// wait waits until a metric that only grows has come to a value.
func (g *graphite) wait(t *testing.T, process *container, path string, value float64) {
	t.Helper()
	until(t, path, process, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.last[path] >= value
	})
}
