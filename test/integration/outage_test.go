package integration

import (
	"io"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/real"
)

// TestQueueIsFirstInFirstOut hands snapshots over while Graphite is away and
// while it comes back, and wants each whole and in order.
func TestQueueIsFirstInFirstOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	f := simFleet(s, recordings(s, "golden/2.6.12-multi3/snapshot/1795335122"))
	snapshot := s.pullOnce("pull", f)
	want := s.naive(s.read(snapshot, f))

	down, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	addr := down.Addr().(*net.TCPAddr)
	s.must(down.Close())
	// One worker takes them in order; several may not.
	conf := s.configure("at", processSection("classic")+"workers = 1\n"+
		graphiteSection(addr.Port)+"[local-store]\ndir = "+s.path("stored")+"\n")
	incoming := s.watch(s.path("at", "incoming"))
	process := s.start(processProgram, conf)
	var epochs []string
	hand := func(from, to int64) {
		for epoch := from; epoch < to; epoch++ {
			s.hand(incoming.dir, snapshot, epoch)
			name := strconv.FormatInt(epoch, 10)
			epochs = append(epochs, name)
			incoming.waitLeft(name)
		}
	}
	hand(1_700_000_000, 1_700_000_005)
	s.compare("local-store meanwhile", s.stored(epochs)[epochs[4]], want)

	sequence := newSequence(s, addr.String())
	hand(1_700_000_005, 1_700_000_010)
	batches := sequence.wait(len(epochs))
	process.end(syscall.SIGTERM)
	var order []string
	for _, b := range batches {
		for epoch, m := range s.byTime(b, 1) {
			order = append(order, strconv.FormatInt(epoch, 10))
			s.compare(order[len(order)-1], m, want)
		}
	}
	if !slices.Equal(order, epochs) {
		s.t.Errorf("Graphite got %q, want %q", order, epochs)
	}
}

// batches returns what waits in the directory of a queue.
func (l *dirWatch) batches() []string {
	l.s.t.Helper()
	return slices.DeleteFunc(l.s.list(l.dir), func(name string) bool { return filepath.Ext(name) != ".batch" })
}

// waitDrained waits until nothing waits in the directory of a queue: all was
// confirmed then.
func (l *dirWatch) waitDrained() {
	l.s.t.Helper()
	l.wait("the queue to be drained", func([]string, map[string]time.Time) bool { return len(l.batches()) == 0 })
}

// sequence is a Graphite that tells connections apart.
type sequence struct {
	s       *site
	mu      sync.Mutex
	batches [][]real.Point // one a connection
	changed chan struct{}
}

func newSequence(s *site, addr string) *sequence {
	s.t.Helper()
	l, err := net.Listen("tcp", addr)
	s.must(err)
	q := &sequence{s: s, changed: make(chan struct{})}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(deadline)) // fails only when closed
			text, err := io.ReadAll(c)
			_ = c.Close()
			if err == nil && len(text) > 0 {
				q.add(string(text))
			}
		}
	})
	s.t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return q
}

func (q *sequence) add(text string) {
	var points []real.Point
	for line := range strings.Lines(text) {
		p, err := real.ParsePoint(line)
		if err != nil {
			q.s.t.Errorf("%q: %v", line, err)
			continue
		}
		points = append(points, p)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batches = append(q.batches, points)
	close(q.changed)
	q.changed = make(chan struct{})
}

// wait returns the points of each connection once there were n.
func (q *sequence) wait(n int) [][]real.Point {
	q.s.t.Helper()
	for {
		q.mu.Lock()
		batches, changed := slices.Clone(q.batches), q.changed
		q.mu.Unlock()
		if len(batches) >= n {
			return batches
		}
		select {
		case <-changed:
		case <-q.s.ctx.Done():
			q.s.t.Fatalf("%d of %d batches arrived: %v", len(batches), n, q.s.cause())
		}
	}
}
