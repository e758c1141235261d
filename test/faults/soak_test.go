package faults

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"haproxystats/internal/haproxysim"
	"haproxystats/test/faults/harness"
)

// soak is a site at work, with what can be done to it.
type soak struct {
	s             *harness.Site
	random        *rand.Rand
	conf          string
	src           *harness.Source
	graphite      *harness.Graphite
	proxy         *harness.Proxy
	pull, process *harness.Program

	repeats int // deliveries that may come twice
}

// faults are what is chosen from. Each is over when it returns.
var soakFaults = []struct {
	name   string
	inject func(*soak)
}{
	{"process killed", func(k *soak) {
		k.process.Kill()
		k.pause(200 * time.Millisecond)
		k.process = k.s.Start(harness.Process, k.conf)
	}},
	{"pull killed", func(k *soak) {
		k.pull.Kill()
		k.pause(200 * time.Millisecond)
		k.pull = k.s.Start(harness.Pull, k.conf)
	}},
	{"process restarted", func(k *soak) {
		k.process.End(stopSignal)
		k.process = k.s.Start(harness.Process, k.conf)
	}},
	{"pull restarted", func(k *soak) {
		k.pull.End(stopSignal)
		k.pull = k.s.Start(harness.Pull, k.conf)
	}},
	{"process stopped", func(k *soak) {
		k.process.Freeze()
		k.pause(2 * time.Second)
		k.process.Thaw()
	}},
	{"pull stopped", func(k *soak) {
		k.pull.Freeze()
		k.pause(2 * time.Second)
		k.pull.Thaw()
	}},
	{"Graphite killed", func(k *soak) {
		k.graphite.Kill()
		k.pause(2 * time.Second)
		k.graphite.Restart()
	}},
	{"the way to Graphite cut", func(k *soak) {
		k.proxy.Kill()
		k.pause(2 * time.Second)
		k.proxy.Restart()
	}},
	{"connections cut", func(k *soak) {
		k.plan(harness.Fault{Kind: harness.Reset, At: k.random.Int64N(4000)}, 2*time.Second)
	}},
	{"connections closed", func(k *soak) {
		k.plan(harness.Fault{Kind: harness.Close, At: k.random.Int64N(4000)}, 2*time.Second)
	}},
	{"connections slow", func(k *soak) {
		k.plan(harness.Fault{Kind: harness.Trickle, Piece: 256, Every: 10 * time.Millisecond}, 2*time.Second)
	}},
	{"connections silent", func(k *soak) { k.plan(harness.Fault{Kind: harness.Mute}, 2*time.Second) }},
	{"a socket cut", func(k *soak) { k.socket(haproxysim.Fault{Kind: haproxysim.Cut, At: k.random.IntN(600)}) }},
	{"a socket silent", func(k *soak) { k.socket(haproxysim.Fault{Kind: haproxysim.Stall, At: k.random.IntN(600)}) }},
	{"nothing", func(k *soak) { k.pause(time.Second) }},
}

// pause waits for up to most.
func (k *soak) pause(most time.Duration) {
	k.s.T.Helper()
	k.s.Pause(time.Duration(k.random.Int64N(int64(most))))
}

// plan has connections to Graphite suffer for a while, and counts them.
func (k *soak) plan(f harness.Fault, most time.Duration) {
	k.s.T.Helper()
	var suffered atomic.Int64
	k.proxy.SetPlan(func(int64) harness.Fault {
		suffered.Add(1)
		return f
	})
	k.pause(most)
	k.proxy.SetPlan(harness.Always(harness.Fault{}))
	k.repeats += int(suffered.Load())
}

// socket has a socket suffer for a round or two.
func (k *soak) socket(f haproxysim.Fault) {
	k.s.T.Helper()
	socket := k.src.Socket(k.random.IntN(k.src.Shape.Sockets))
	socket.SetFault(f)
	k.pause(2 * time.Second)
	socket.SetFault(haproxysim.Fault{})
}

// TestSoak has both programs at work while anything happens to them, to HAProxy
// and to Graphite.
func TestSoak(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "soak: anything at any time", "0 violations")
	long := 12 * time.Second
	if harness.Full() {
		long = time.Hour
	}
	s := harness.NewSite(t)
	k := &soak{s: s, random: harness.Random(t), src: s.Source(harness.Shape{Sockets: 3, Servers: 10})}
	k.graphite = s.Graphite(k.src)
	k.proxy = s.Proxy(k.graphite.Addr())
	k.conf = s.Configure(harness.Config{Source: k.src, Port: k.proxy.Port(), LocalStore: true})
	watch := s.WatchQueue(s.Incoming())
	k.process, k.pull = s.Start(harness.Process, k.conf), s.Start(harness.Pull, k.conf)
	for start := time.Now(); time.Since(start) < long; {
		fault := soakFaults[k.random.IntN(len(soakFaults))]
		t.Logf("%s: %s", time.Since(start).Round(time.Millisecond), fault.name)
		fault.inject(k)
		row.Inject(1)
		// What each worker and the queue had in hand.
		k.repeats += workers + 1
	}
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: k.graphite, Queue: watch, Programs: []*harness.Program{k.pull, k.process},
		Repeats: k.repeats, LocalStore: true,
	}))
}
