package faults

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// balancer is a TCP proxy before Graphite.
type balancer struct {
	s       *harness.Site
	port    int
	process *real.Process
}

func newBalancer(s *harness.Site) *balancer {
	s.T.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.Must(err)
	defer l.Close()
	b := &balancer{s: s, port: l.Addr().(*net.TCPAddr).Port}
	s.T.Cleanup(b.stop)
	return b
}

func (b *balancer) stop() {
	if b.process != nil {
		b.process.Kill()
		b.process = nil
	}
}

// haproxy starts HAProxy, whose section has more lines, and has its own time-outs
// where these set none.
func (b *balancer) haproxy(lines ...string) {
	b.s.T.Helper()
	conf := fmt.Sprintf("global\n maxconn 500\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"+
		"listen carbon\n bind 127.0.0.1:%d\n %s\n", b.port, strings.Join(lines, "\n "))
	file := b.s.Path("balancer.cfg")
	b.s.Must(os.WriteFile(file, []byte(conf), 0o600))
	b.start(real.Command{Name: "haproxy", Path: real.Need(b.s.T, "haproxy"), Args: []string{"-db", "-f", file}})
}

func (b *balancer) socat(port int) {
	b.s.T.Helper()
	b.start(real.Command{
		Name: "socat", Path: real.Need(b.s.T, "socat"),
		Args: []string{fmt.Sprintf("TCP-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr", b.port), fmt.Sprintf("TCP:127.0.0.1:%d", port)},
	})
}

func (b *balancer) start(c real.Command) {
	b.s.T.Helper()
	b.stop()
	var err error
	c.Dir = b.s.Dir
	b.process, err = real.StartProcess(c)
	b.s.Must(err)
	b.s.Until(c.Name+" to listen", 20*time.Second, func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// TestBalancerWithoutServer has a TCP proxy before Graphite that takes snapshots
// and has nowhere to send them, so that it closes connections as Graphite does.
func TestBalancerWithoutServer(t *testing.T) {
	sizes := []int{1, 40, 3000} // servers in each of two backends: 4 KB to 1 MB
	n := 0
	for _, kind := range []string{
		"HAProxy, its server refuses", "HAProxy, its server is DOWN by a check", "HAProxy, it has no server",
		"HAProxy, it rejects content", "HAProxy, its server is at maxconn", "socat",
	} {
		for _, confirm := range []string{"half-close", "drain"} {
			n++
			some := sizes
			if !harness.Full() {
				some = sizes[n%len(sizes):][:1]
			}
			t.Run(kind+", "+confirm, func(t *testing.T) {
				t.Parallel()
				row := harness.Begin(t, "a proxy confirms for Graphite: "+kind+", confirm = "+confirm, "0 lost; logged")
				for _, servers := range some {
					row.Result("%v", withoutServer(t, row, kind, confirm, servers))
				}
			})
		}
	}
}

func withoutServer(t *testing.T, row *harness.Row, kind, confirm string, servers int) harness.Finding {
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Servers: servers})
	graphite := s.Graphite(src)
	b := newBalancer(s)
	server := fmt.Sprintf("server graphite 127.0.0.1:%d", graphite.Port())
	restore := graphite.Restart
	switch kind {
	case "HAProxy, its server refuses":
		graphite.Kill()
		b.haproxy(server)
	case "HAProxy, its server is DOWN by a check":
		graphite.Kill()
		b.haproxy(server + " check inter 100ms fall 1 rise 1")
	case "HAProxy, it has no server":
		b.haproxy()
		restore = func() { b.haproxy(server) }
	case "HAProxy, it rejects content":
		b.haproxy("tcp-request inspect-delay 500ms", "tcp-request content reject if WAIT_END", server)
		restore = func() { b.haproxy(server) }
	case "HAProxy, its server is at maxconn":
		b.haproxy(server + " maxconn 1")
		slot, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.port))
		s.Must(err)
		defer slot.Close()
		restore = func() { slot.Close() }
	default:
		graphite.Kill()
		b.socat(graphite.Port())
	}
	conf := s.Configure(harness.Config{Port: b.port, Set: harness.Options{
		"graphite": {"confirm": confirm, "confirm-hold": "6", "connect-timeout": "5", "write-timeout": "5"},
	}})
	watch := s.WatchQueue(s.Incoming())
	feeder := s.Feeder(src, s.Incoming())
	process := s.Start(harness.Process, conf)
	snapshots := harness.Count(3, 10)
	for range snapshots {
		feeder.Next()
		row.Inject(1)
	}
	process.WaitSays(30*time.Second, "destination is down, its metrics wait in the queue")
	watch.WaitEmpty()
	restore()
	return s.Settle(harness.Settlement{
		// What waits in the proxy may still arrive, besides the next try.
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process}, Repeats: 3 * snapshots,
	})
}
