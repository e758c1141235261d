package graphite

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/sinktest"
)

var quiet = slog.New(slog.DiscardHandler)

// options are those of the tests: patient with the peer, quick to try again.
func options(t testing.TB, address string) Options {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Servers: []Server{{host, n}}, Paths: testPaths, Log: quiet,
		ConnectTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		Retries: 3, Interval: time.Millisecond, Backoff: 1, Delay: time.Millisecond,
	}
}

func openQueue(t testing.TB, dir string, metrics int64) *sink.Queue {
	t.Helper()
	q, err := sink.OpenQueue(sink.QueueOptions{Dir: dir, MaxMetrics: metrics, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

// start runs the sink until the test ends, or until the function it returns is
// called.
func start(t testing.TB, s *Sink) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func await(t testing.TB, r *receiver, content string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := r.await(ctx, content); err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	sinktest.Test(t, func(t *testing.T) sinktest.Target {
		r := newReceiver(t)
		dir := filepath.Join(t.TempDir(), "queue")
		return sinktest.Target{
			Open: func(t *testing.T) (sink.Sink, func()) {
				o := options(t, r.address)
				q := openQueue(t, dir, 0)
				o.Queue = q
				return New(o), func() { q.Close() }
			},
			Break:  func(*testing.T) { r.stop() },
			Repair: func(*testing.T) { r.start() },
			Await: func(ctx context.Context, b *metric.Batch) error {
				return r.await(ctx, content(t, b))
			},
		}
	})
}

// TestEveryCutPoint: wherever the peer resets or closes a connection, nothing
// is lost, and no part of a line is taken for one.
func TestEveryCutPoint(t *testing.T) {
	r := newReceiver(t)
	o := options(t, r.address)
	o.Queue = openQueue(t, t.TempDir(), 0)
	s := New(o)
	start(t, s)
	size := len(content(t, sinktest.Batch(1795335122)))
	var all []string
	epoch := int64(1795335122)
	for _, how := range []string{"reset", "close"} {
		for after := 0; after <= size; after += 19 {
			epoch++
			b := sinktest.Batch(epoch)
			all = append(all, content(t, b))
			r.mu.Lock()
			r.faults = append(r.faults, fault{after: after, how: how})
			r.mu.Unlock()
			if err := s.Deliver(t.Context(), b); err != nil {
				t.Fatalf("%s after %d bytes: %v", how, after, err)
			}
			await(t, r, all[len(all)-1])
		}
	}
	if lines := r.strange(all...); len(lines) > 0 {
		t.Errorf("%d lines that nobody sent, the first %q", len(lines), lines[0])
	}
	if stats := s.Stats(); stats.Failures == 0 || stats.ResentBatches == 0 {
		t.Errorf("stats %+v", stats)
	}
}

// TestCutsOfALargeBatch does the same where the batch is more than the buffers
// between the two ends hold.
func TestCutsOfALargeBatch(t *testing.T) {
	r := newReceiver(t)
	o := options(t, r.address)
	o.Queue = openQueue(t, t.TempDir(), 0)
	s := New(o)
	start(t, s)
	b := load(10, 20, 1000, 1)
	for _, how := range []string{"reset", "close"} {
		for _, after := range []int{0, 4096, 256<<10 + 1, 1 << 20, 2 << 20} {
			b.Epoch++
			want := content(t, b)
			if after > len(want) {
				t.Fatalf("the batch has only %d bytes", len(want))
			}
			r.mu.Lock()
			r.lines, r.seen = nil, map[string]int{}
			r.faults = append(r.faults, fault{after: after, how: how})
			r.mu.Unlock()
			if err := s.Deliver(t.Context(), b); err != nil {
				t.Fatalf("%s after %d bytes: %v", how, after, err)
			}
			await(t, r, want)
			if lines := r.strange(want); len(lines) > 0 {
				t.Errorf("%s after %d bytes: %d lines that nobody sent, the first %q", how, after, len(lines), lines[0])
			}
		}
	}
}

func TestOutageKeepsTheOrder(t *testing.T) {
	r := newReceiver(t)
	dir := t.TempDir()
	o := options(t, r.address)
	q := openQueue(t, dir, 0)
	o.Queue = q
	s := New(o)
	stop := start(t, s)
	r.stop()
	var want []string
	for epoch := range int64(20) {
		b := sinktest.Batch(1000 + epoch)
		want = append(want, content(t, b))
		if err := s.Deliver(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if epoch == 10 { // a restart in between
			stop()
			q.Close()
			o.Queue = openQueue(t, dir, 0)
			s = New(o)
			start(t, s)
		}
	}
	r.start()
	await(t, r, strings.Join(want, ""))
	r.mu.Lock()
	defer r.mu.Unlock()
	if got := strings.Join(r.lines, ""); got != strings.Join(want, "") {
		t.Errorf("%d lines in another order, or twice", len(r.lines))
	}
}

func TestOldestIsDroppedInALongOutage(t *testing.T) {
	r := newReceiver(t)
	o := options(t, r.address)
	points := int64(sinktest.Batch(1000).Points())
	q := openQueue(t, t.TempDir(), 3*points)
	o.Queue = q
	s := New(o)
	r.stop()
	for epoch := range int64(10) {
		if err := s.Deliver(t.Context(), sinktest.Batch(1000+epoch)); err != nil {
			t.Fatal(err)
		}
	}
	if stats := q.Stats(); stats.Metrics != 3*points || stats.DroppedMetrics != 7*points {
		t.Errorf("stats %+v", stats)
	}
	r.start()
	start(t, s)
	await(t, r, content(t, sinktest.Batch(1007))+content(t, sinktest.Batch(1008))+content(t, sinktest.Batch(1009)))
	if lines := r.strange(content(t, sinktest.Batch(1007)), content(t, sinktest.Batch(1008)), content(t, sinktest.Batch(1009))); len(lines) > 0 {
		t.Errorf("a dropped line arrived: %q", lines[0])
	}
}

func TestUnreadDataIsSeen(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if err := unread(conn); err != nil {
		t.Errorf("before anything was sent: %v", err)
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := unread(conn); err == nil || !strings.Contains(err.Error(), "early") {
		t.Errorf("with a byte on its way: %v", err)
	}
	if _, err := peer.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := unread(conn); err != nil {
		t.Errorf("when it has been read: %v", err)
	}
}
