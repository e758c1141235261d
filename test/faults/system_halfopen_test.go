package faults

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/test/faults/harness"
)

// detected bounds the time to detect a dead peer.
const detected = 15 * time.Second

// network is a network namespace of its own, which has loopback only.
type network struct {
	s    *harness.Site
	name string
}

var networks atomic.Int64

func newNetwork(s *harness.Site) *network {
	s.T.Helper()
	n := &network{s, fmt.Sprintf("ft-%d-%d", os.Getpid(), networks.Add(1))}
	run(s, "ip", "netns", "add", n.name)
	s.T.Cleanup(func() {
		if _, err := tryRun("ip", "netns", "del", n.name); err != nil {
			s.T.Error(err)
		}
	})
	n.run("ip", "link", "set", "lo", "up")
	return n
}

// prefix starts a command in the namespace.
func (n *network) prefix() []string { return []string{"ip", "netns", "exec", n.name} }

func (n *network) run(command ...string) string {
	n.s.T.Helper()
	all := append(n.prefix(), command...)
	return run(n.s, all[0], all[1:]...)
}

// inside calls f, whose sockets are then in the namespace.
func (n *network) inside(f func()) {
	n.s.T.Helper()
	runtime.LockOSThread()
	old, err := os.Open("/proc/thread-self/ns/net")
	n.s.Must(err)
	defer old.Close()
	ns, err := os.Open("/run/netns/" + n.name)
	n.s.Must(err)
	defer ns.Close()
	n.s.Must(unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET))
	f()
	n.s.Must(unix.Setns(int(old.Fd()), unix.CLONE_NEWNET))
	runtime.UnlockOSThread()
}

// cut makes every packet vanish, until join.
func (n *network) cut()  { n.run("iptables", "-w", "-I", "INPUT", "-j", "DROP") }
func (n *network) join() { n.run("iptables", "-w", "-D", "INPUT", "-j", "DROP") }

// TestGraphiteVanishes cuts the network to Graphite without a word, at different
// moments of a connection's life.
func TestGraphiteVanishes(t *testing.T) {
	for _, c := range []struct {
		name, confirm string
		fault         harness.Fault // keeps a connection where it is to be cut
		full          bool          // for the full numbers only: it takes its time
	}{
		{"before it confirms", "half-close", harness.Fault{Kind: harness.Mute}, false},
		{"within a snapshot", "half-close", harness.Fault{Kind: harness.Stall, At: 3000}, true},
		{"between two connections", "half-close", harness.Fault{}, false},
		{"within a snapshot", "drain", harness.Fault{Kind: harness.Stall, At: 3000}, true},
		{"between two snapshots", "drain", harness.Fault{}, false},
	} {
		if c.full && !harness.Full() {
			continue
		}
		t.Run(c.confirm+", "+c.name, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, "Graphite vanishes from the network "+c.name+", confirm = "+c.confirm, "detected within 15 s, 0 lost")
			need(t, "iproute2", "iptables")
			s := harness.NewSite(t)
			src := s.Source(harness.Shape{Servers: 24})
			n := newNetwork(s)
			graphite := s.Graphite(src)
			graphite.Kill()
			graphite.SetWindow(2048)
			n.inside(graphite.Restart)
			conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true, Set: harness.Options{
				"graphite": {"confirm": c.confirm},
			}})
			watch := s.WatchQueue(s.Incoming())
			feeder := s.Feeder(src, s.Incoming())
			process := s.Launch(harness.Launch{Name: harness.Process, Conf: conf, Prefix: n.prefix()})

			queue := s.Path("base", "queue", "graphite")
			s.WaitStored(undelayed, feeder.Next())
			size := s.StoredBytes(feeder.Epochs()[0])
			cuts := harness.Count(1, 10)
			var slowest time.Duration
			for range cuts {
				if c.confirm == "drain" && c.fault.Kind != harness.None {
					// The connection serves one snapshot, and has its fault in the next.
					graphite.Kill()
					graphite.SetPlan(harness.Always(harness.Fault{Kind: c.fault.Kind, At: size + c.fault.At}))
					n.inside(graphite.Restart)
				}
				s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Next()))
				s.Until("the queue to be empty", detected, func() bool { return empty(queue) })
				if c.fault.Kind != harness.None {
					if c.confirm == "half-close" {
						graphite.SetPlan(harness.Always(c.fault))
					}
					before := graphite.Received.Lines()
					feeder.Next()
					s.Must(graphite.Received.WaitLines(s.Ctx, before))
				}
				n.cut()
				start := time.Now()
				graphite.SetPlan(harness.Always(harness.Fault{}))
				if c.fault.Kind == harness.None {
					feeder.Next()
				}
				s.WaitStored(undelayed, feeder.Epochs()...)
				s.Until("process to find out", detected, func() bool { return holds(queue) })
				slowest = max(slowest, time.Since(start))
				row.Inject(1)
				n.join()
				s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Epochs()...))
			}
			if c.confirm == "drain" && process.Says("or set confirm = drain") {
				t.Error("the log advises what is set already")
			}
			row.Result("detected after %.1f s at most", slowest.Seconds())
			row.Result("%v", s.Settle(harness.Settlement{
				Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process},
				Repeats: 3 * cuts, LocalStore: true, // a restart, the cut, and what is left of it
			}))
		})
	}
}

// TestConnectionIsDestroyed has the kernel end connections to Graphite, as it
// does when somebody runs `ss -K`.
func TestConnectionIsDestroyed(t *testing.T) {
	t.Parallel()
	need(t, "iproute2")
	for _, confirm := range []string{"half-close", "drain"} {
		t.Run(confirm, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, "connections destroyed by ss -K, confirm = "+confirm, "0 lost")
			s := harness.NewSite(t)
			src := s.Source(harness.Shape{Servers: 24})
			n := newNetwork(s)
			graphite := s.Graphite(src)
			graphite.Kill()
			n.inside(graphite.Restart)
			conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true, Set: harness.Options{
				"graphite": {"confirm": confirm},
			}})
			watch := s.WatchQueue(s.Incoming())
			feeder := s.Feeder(src, s.Incoming())
			process := s.Launch(harness.Launch{Name: harness.Process, Conf: conf, Prefix: n.prefix()})
			s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Next()))
			graphite.SetPlan(harness.Always(harness.Fault{Kind: harness.Trickle, Piece: 2048, Every: 5 * time.Millisecond}))
			stop := feeder.Keep(20 * time.Millisecond)
			destroyed := 0
			for range harness.Count(10, 500) {
				s.Must(graphite.Received.WaitLines(s.Ctx, graphite.Received.Lines()))
				killed := n.run("ss", "-H", "-t", "-K", "dport", "=", strconv.Itoa(graphite.Port()))
				destroyed += strings.Count(killed, "\n")
			}
			stop()
			if destroyed == 0 {
				t.Error("no connection was destroyed: does the kernel have CONFIG_INET_DIAG_DESTROY?")
			}
			row.Inject(destroyed)
			graphite.SetPlan(harness.Always(harness.Fault{}))
			row.Result("%v", s.Settle(harness.Settlement{
				Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process},
				Repeats: destroyed, LocalStore: true,
			}))
		})
	}
}
