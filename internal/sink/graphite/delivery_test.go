package graphite

import (
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/sink/sinktest"
)

var quiet = slog.New(slog.DiscardHandler)

// options returns options with long time-outs and short pauses between attempts.
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
		Pace: outbox.Pace{Retries: 3, Interval: time.Millisecond, Backoff: 1, Delay: time.Millisecond},
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

// start runs the sink until the test ends or stop is called.
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

// TestEarlierBatchesGoFirst checks that a fresh batch waits behind a queued one.
func TestEarlierBatchesGoFirst(t *testing.T) {
	r := newReceiver(t)
	o := options(t, r.address)
	o.Queue = openQueue(t, t.TempDir(), 0)
	s := New(o)
	earlier, fresh := content(t, sinktest.Batch(1000)), content(t, sinktest.Batch(1001))
	if err := o.Queue.Append(1000, func(w io.Writer) (int, error) {
		_, err := io.WriteString(w, earlier)
		return sinktest.Batch(1000).Points(), err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(t.Context(), sinktest.Batch(1001)); err != nil {
		t.Fatal(err)
	}
	start(t, s)
	await(t, r, earlier+fresh)
	r.mu.Lock()
	defer r.mu.Unlock()
	if got := strings.Join(r.lines, ""); got != earlier+fresh {
		t.Errorf("received %q", got)
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
