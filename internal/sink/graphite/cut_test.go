package graphite

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/sink/sinktest"
	"haproxystats/internal/tlsfile"
	"haproxystats/internal/tlsfile/tlstest"
)

// step returns the distance of the points at which tests cut connections: 1
// with FAULTS=full.
func step(short int) int {
	if os.Getenv("FAULTS") == "full" {
		return 1
	}
	return short
}

// secured returns a receiver that speaks TLS, and what a sink needs for it.
func secured(t testing.TB) (*receiver, *tlsfile.Files) {
	t.Helper()
	a := tlstest.NewAuthority(t, "a")
	r := newTLSReceiver(t, &tls.Config{Certificates: []tls.Certificate{a.Sign("127.0.0.1", time.Hour)}})
	return r, &tlsfile.Files{CAFile: tlstest.NewFiles(t).Authority(a)}
}

// TestEveryCutPoint resets or closes a connection at every byte. No line is lost, and no
// part of a line counts as a line.
func TestEveryCutPoint(t *testing.T) {
	for _, how := range []string{"reset", "close"} {
		for _, encrypted := range []bool{false, true} {
			t.Run(map[bool]string{false: "plain", true: "TLS"}[encrypted]+"/"+how, func(t *testing.T) {
				t.Parallel()
				everyCutPoint(t, how, encrypted)
			})
		}
	}
}

func everyCutPoint(t *testing.T, how string, encrypted bool) {
	r, o, handshake := newReceiver(t), Options{}, 0
	if encrypted {
		var settings *tlsfile.Files
		r, settings = secured(t)
		o = options(t, r.address)
		o.TLS = settings
		handshake = 1000 // at most, with what a record takes
	} else {
		o = options(t, r.address)
	}
	o.Queue = openQueue(t, t.TempDir(), 0)
	s := New(o)
	start(t, s)
	size := len(content(t, sinktest.Batch(1795335122))) + handshake
	epoch, points := int64(1795335122), 0
	for after := 0; after <= size; after += step(20) {
		epoch++
		points++
		b := sinktest.Batch(epoch)
		want := content(t, b)
		r.mu.Lock()
		r.lines, r.seen = nil, map[string]int{}
		r.mu.Unlock()
		r.arm(fault{after: after, how: how})
		if err := s.Deliver(t.Context(), b); err != nil {
			t.Fatalf("%s after %d bytes: %v", how, after, err)
		}
		await(t, r, want)
		if lines := r.strange(want); len(lines) > 0 {
			t.Errorf("%s after %d bytes: %d lines that nobody sent, the first %q", how, after, len(lines), lines[0])
		}
	}
	if stats := s.Status(); stats.Failures < int64(points)/2 || stats.Resent < int64(points)/2 {
		t.Errorf("stats %+v of %d cuts", stats, points)
	}
	t.Logf("%d cut points", points)
}

// TestCutsOfALargeBatch cuts connections that carry more than the buffers between the
// two ends can hold, also connections that are kept. Nothing is lost before the peer's
// kernel has everything.
func TestCutsOfALargeBatch(t *testing.T) {
	for _, confirm := range confirmations {
		for _, encrypted := range []bool{false, true} {
			t.Run(string(confirm)+map[bool]string{false: "", true: " TLS"}[encrypted], func(t *testing.T) {
				t.Parallel()
				cutsOfALargeBatch(t, confirm, encrypted)
			})
		}
	}
}

func cutsOfALargeBatch(t *testing.T, confirm Confirm, encrypted bool) {
	const buffer = 64 << 10 // the kernel takes twice that
	r, o := newReceiver(t), Options{}
	if encrypted {
		var settings *tlsfile.Files
		r, settings = secured(t)
		o = options(t, r.address)
		o.TLS = settings
	} else {
		o = options(t, r.address)
	}
	r.buffer = buffer
	q := &watchedQueue{Queue: openQueue(t, t.TempDir(), 0), sent: make(chan struct{}, 1)}
	o.Queue, o.Confirm = q, confirm
	s := New(o)
	defer s.Close()
	start(t, s)
	b := longLines(300)
	size := len(content(t, b))
	if size < 6*buffer {
		t.Fatalf("the batch has only %d bytes", size)
	}
	points := 0
	for _, how := range []string{"reset", "close"} {
		for after := 0; after <= size-3*buffer; after += 293 * step(60) {
			points++
			b.Epoch++
			want := content(t, b)
			r.mu.Lock()
			r.lines, r.seen = nil, map[string]int{}
			r.mu.Unlock()
			s.relays.peers[0].dropKept()
			r.arm(fault{after: after, how: how})
			if err := s.Deliver(t.Context(), b); err != nil {
				t.Fatalf("%s after %d bytes: %v", how, after, err)
			}
			await(t, r, want)
			<-q.sent // or the connection is not yet kept
			if lines := r.strange(want); len(lines) > 0 {
				t.Errorf("%s after %d bytes: %d lines that nobody sent, the first %q", how, after, len(lines), lines[0])
			}
		}
	}
	if stats := s.Status(); stats.Resent != int64(points) {
		t.Errorf("%d of %d cut batches were sent again", stats.Resent, points)
	}
	t.Logf("%d cut points", points)
}

// longLines returns a batch of some 2000 bytes for each of n, in lines of 500.
func longLines(n int) *metric.Batch {
	table := metric.NewBuilder(metric.Server, []metric.Column{{Name: "scur"}})
	for i := range int64(4 * n) {
		row := table.Row(metric.Entity{Parent: strings.Repeat("b", 220), Name: strings.Repeat("x", 220) + fmt.Sprint(i)})
		table.Touch(row)
		table.Add(row, 0, i)
	}
	return &metric.Batch{Epoch: 1795335122, Tables: []*metric.Table{table.Table()}}
}

// watchedQueue tells of each batch that has been sent from it.
type watchedQueue struct {
	outbox.Queue
	sent chan struct{}
}

func (q *watchedQueue) First(send func(sink.Item) error) error {
	err := q.Queue.First(send)
	if err == nil {
		q.sent <- struct{}{}
	}
	return err
}

// dropKept closes the connections that are kept.
func (p *peer) dropKept() {
	for l := p.take(); l != nil; l = p.take() {
		l.close()
	}
}
