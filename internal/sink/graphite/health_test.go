package graphite

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/sinktest"
)

// TestHealth has a server that works, is down and comes back.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var received bytes.Buffer
		p := new(peers)
		up := func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.serve = append(p.serve, func(d *duplex) { io.Copy(&received, d) })
		}
		o, _ := inMemory(t, p)
		s := New(o)
		if got := s.Status().Health; got != (sink.Health{}) {
			t.Errorf("at first %+v", got)
		}
		deliver := func(epoch int64) {
			t.Helper()
			time.Sleep(time.Hour)
			if err := s.Deliver(t.Context(), sinktest.Batch(epoch)); err != nil {
				t.Fatal(err)
			}
		}
		up()
		deliver(1000)
		confirmed := time.Now()
		if got := s.Status().Health; got != (sink.Health{Confirmed: confirmed}) {
			t.Errorf("while it is up %+v", got)
		}
		deliver(1001)
		down := time.Now()
		for range 2 {
			got := s.Status().Health
			if !got.Confirmed.Equal(confirmed) || !got.Down.Equal(down) || !errors.Is(got.Cause, syscall.ECONNREFUSED) {
				t.Errorf("while it is down %+v", got)
			}
			deliver(1002)
		}
		for range 3 { // as many as wait
			up()
		}
		stop := start(t, s)
		synctest.Wait()
		if got := s.Status().Health; got != (sink.Health{Confirmed: time.Now()}) {
			t.Errorf("up again %+v", got)
		}
		stop()
		p.wg.Wait()
	})
}

// TestFailuresAtOnce checks that concurrent failures of several workers count as one, and
// do not lengthen the next pause.
func TestFailuresAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(peers)
		o, _ := inMemory(t, p)
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			time.Sleep(time.Millisecond)
			return p.dial(ctx, network, address)
		}
		s := New(o)
		var wg sync.WaitGroup
		for epoch := range int64(3) {
			wg.Go(func() {
				if err := s.Deliver(t.Context(), sinktest.Batch(epoch)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := s.Status().Failures; n != 3 {
			t.Errorf("%d tries", n)
		}
		// The next try is one interval away.
		begun := time.Now()
		defer start(t, s)()
		time.Sleep(o.Interval + time.Second)
		synctest.Wait()
		if tries := p.since(begun); len(tries) != 4 || tries[3] != o.Interval+time.Millisecond {
			t.Errorf("tries at %v, want the fourth after %v", tries, o.Interval)
		}
	})
}

// TestLeftOutIsCountedOnce checks that encoding a batch again does not count the metrics
// that are left out again.
func TestLeftOutIsCountedOnce(t *testing.T) {
	for name, stalled := range map[string][]string{
		"sent": nil, "sent to the second server": {"a"}, "queued": {"a", "b", "c"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, s, _ := newFleet(t)
				for _, host := range stalled {
					f.set(host, "stalled")
				}
				b := sinktest.One(metric.Frontend, metric.Entity{Name: strings.Repeat("x", plaintext.MaxPath)}, "scur", 1)
				if err := s.Deliver(t.Context(), b); err != nil {
					t.Error(err)
				}
				if n := s.Status().Skipped; n != 1 {
					t.Errorf("%d are counted", n)
				}
				f.wg.Wait()
			})
		})
	}
}
