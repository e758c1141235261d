package graphite

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/sink/sinktest"
)

// duplex is a connection in memory without any buffer, of which the end for
// writing closes on its own.
type duplex struct {
	net.Conn // what the peer sends
	out      net.Conn
}

// pipe returns both ends.
func pipe() (sinkEnd, peerEnd *duplex) {
	a, b := net.Pipe()
	c, d := net.Pipe()
	return &duplex{Conn: a, out: d}, &duplex{Conn: c, out: b}
}

func (d *duplex) Write(p []byte) (int, error) { return d.out.Write(p) }

func (d *duplex) SetWriteDeadline(t time.Time) error { return d.out.SetWriteDeadline(t) }

func (d *duplex) SetDeadline(t time.Time) error {
	return errors.Join(d.Conn.SetDeadline(t), d.out.SetDeadline(t))
}

func (d *duplex) CloseWrite() error { return d.out.Close() }

func (d *duplex) Close() error { return errors.Join(d.Conn.Close(), d.out.Close()) }

// peers dials connections in memory, each served by the next of the functions;
// without one more, connections are refused.
type peers struct {
	wg     sync.WaitGroup
	mu     sync.Mutex
	serve  []func(*duplex)
	dialed []time.Time
}

func (p *peers) dial(context.Context, string, string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialed = append(p.dialed, time.Now())
	if len(p.serve) == 0 {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	serve := p.serve[0]
	p.serve = p.serve[1:]
	here, there := pipe()
	p.wg.Go(func() {
		defer there.Close()
		serve(there)
	})
	return here, nil
}

// since returns the times of the dials after start.
func (p *peers) since(start time.Time) (waits []time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.dialed {
		waits = append(waits, t.Sub(start))
	}
	return waits
}

func inMemory(t *testing.T, p *peers) (Options, *bytes.Buffer) {
	var log bytes.Buffer
	return Options{
		Servers: []Server{{"graphite.example.com", 2003}}, Paths: testPaths,
		Log:            slog.New(slog.NewTextHandler(&log, nil)),
		ConnectTimeout: time.Second, WriteTimeout: time.Second,
		Pace:  outbox.Pace{Retries: 3, Interval: 2 * time.Second, Backoff: 2, Delay: 10 * time.Second},
		Queue: openQueue(t, t.TempDir(), 0), Dial: p.dial,
	}, &log
}

// TestDeliverIsBounded checks that Deliver returns in time with the batch in the queue,
// whatever the peer does.
func TestDeliverIsBounded(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(*duplex)
		took  time.Duration
		says  string
	}{
		{"reads nothing", blockUntilClosed, time.Second, "the peer reads nothing for 1s"},
		{"trickles", func(d *duplex) {
			for b := make([]byte, 1); ; time.Sleep(900 * time.Millisecond) {
				if _, err := d.Read(b); err != nil {
					return
				}
			}
		}, outbox.LiveLimit, "the peer reads too slowly: not done within 10s"},
		{"reads all and holds on", func(d *duplex) {
			io.Copy(io.Discard, d)
			blockUntilClosed(d)
		}, confirmMin, "has not confirmed the metrics within 5s"},
		{"answers", func(d *duplex) {
			go io.Copy(io.Discard, d)
			d.Write([]byte("HTTP/1.1 400 Bad Request\r\n"))
		}, 0, "it answers, which a Graphite server does not (Check that server and port in [graphite] are those of the plaintext protocol"},
		{"closes at once", func(*duplex) {}, 0, "closed pipe"},
		{"closes within a line", func(d *duplex) { io.ReadFull(d, make([]byte, 100)) }, 0, "closed pipe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &peers{serve: []func(*duplex){c.serve}}
				o, log := inMemory(t, p)
				s := New(o)
				begun := time.Now()
				if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begun); took != c.took {
					t.Errorf("Deliver took %v, want %v", took, c.took)
				}
				if !strings.Contains(log.String(), c.says) || !strings.Contains(log.String(), "graphite.example.com:2003") {
					t.Errorf("log %q", log)
				}
				if batches, _ := o.Queue.Len(); batches != 1 {
					t.Errorf("%d batches in the queue", batches)
				}
				// The next one does not even try.
				begun = time.Now()
				if err := s.Deliver(t.Context(), sinktest.Batch(1001)); err != nil || time.Since(begun) != 0 {
					t.Errorf("the next took %v, %v", time.Since(begun), err)
				}
				if n := len(p.since(begun)); n != 1 {
					t.Errorf("%d connections", n)
				}
				p.wg.Wait()
			})
		})
	}
}

// blockUntilClosed returns when the sink has given the connection up.
func blockUntilClosed(d *duplex) {
	d.out.Read(make([]byte, 1)) // on which the sink sends nothing
}

func TestDialIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, log := inMemory(t, &peers{})
		o.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		begun := time.Now()
		if err := New(o).Deliver(t.Context(), sinktest.Batch(1000)); err != nil || time.Since(begun) != time.Second {
			t.Errorf("Deliver took %v, %v", time.Since(begun), err)
		}
		if !strings.Contains(log.String(), "Check the address and the firewalls") {
			t.Errorf("log %q", log)
		}
	})
}

// TestPaceOfTries checks the pauses between attempts (interval with backoff, then delay,
// and again) until the server is up, and that the log has one line for each change.
func TestPaceOfTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peers{}
		o, log := inMemory(t, p)
		s := New(o)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		begun := time.Now()
		for epoch := range int64(3) {
			if err := s.Deliver(t.Context(), sinktest.Batch(1000+epoch)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(45 * time.Second)
		synctest.Wait()
		want := []time.Duration{0, 2, 6, 14, 24, 26, 30, 38}
		got := p.since(begun)
		if len(got) != len(want) {
			t.Fatalf("tried at %v", got)
		}
		for i := range want {
			if got[i] != want[i]*time.Second {
				t.Errorf("try %d at %v, want %v", i, got[i], want[i]*time.Second)
			}
		}

		var received bytes.Buffer
		p.mu.Lock()
		for range 4 {
			p.serve = append(p.serve, func(d *duplex) { io.Copy(&received, d) })
		}
		p.mu.Unlock()
		time.Sleep(4 * time.Second) // the next try is at 48
		synctest.Wait()
		all := content(t, sinktest.Batch(1000)) + content(t, sinktest.Batch(1001)) + content(t, sinktest.Batch(1002))
		if received.String() != all {
			t.Errorf("received %d bytes, want %d", received.Len(), len(all))
		}
		received.Reset()
		if err := s.Deliver(t.Context(), sinktest.Batch(1003)); err != nil {
			t.Fatal(err)
		}
		if batches, _ := o.Queue.Len(); batches != 0 || received.String() != content(t, sinktest.Batch(1003)) {
			t.Errorf("the fresh batch did not go straight: %d in the queue", batches)
		}
		if down, up := strings.Count(log.String(), "is down"), strings.Count(log.String(), "is up again"); down != 1 || up != 1 {
			t.Errorf("log tells %d times down and %d times up: %s", down, up, log)
		}
		if !strings.Contains(log.String(), "batches_waited=3") || !strings.Contains(log.String(), "connection refused") {
			t.Errorf("log %s", log)
		}
		bytes := int64(len(all) + received.Len())
		status := s.Status()
		wantStatus := sink.Status{Batches: 4, Metrics: 4 * int64(sinktest.Batch(1000).Points()), Bytes: bytes, Resent: 3, Failures: 8, Health: status.Health, Queue: status.Queue}
		if status != wantStatus {
			t.Errorf("got status %+v, want %+v", status, wantStatus)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		p.wg.Wait()
	})
}

// TestTerminationKeepsTheBatch interrupts a delivery and a batch from the queue, as
// SIGTERM does. Both end at once, and both batches are there after the restart.
func TestTerminationKeepsTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peers{serve: []func(*duplex){func(d *duplex) { io.Copy(io.Discard, d); blockUntilClosed(d) }}}
		o, log := inMemory(t, p)
		s := New(o)
		ctx, cancel := context.WithCancel(t.Context())
		delivered := make(chan error, 1)
		go func() { delivered <- s.Deliver(ctx, sinktest.Batch(1000)) }()
		synctest.Wait()
		begun := time.Now()
		cancel()
		if err := <-delivered; err != nil || time.Since(begun) != 0 {
			t.Errorf("Deliver took %v, %v", time.Since(begun), err)
		}
		if err := s.Deliver(ctx, sinktest.Batch(1001)); err != nil {
			t.Error(err)
		}
		if log.Len() > 0 {
			t.Errorf("the end of the program was logged as a fault: %s", log)
		}

		// The drainer, interrupted likewise.
		p.serve = []func(*duplex){func(d *duplex) { io.Copy(io.Discard, d); blockUntilClosed(d) }}
		ctx, cancel = context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if batches, _ := o.Queue.Len(); batches != 2 {
			t.Errorf("%d batches in the queue", batches)
		}
		p.wg.Wait()

		var received bytes.Buffer
		take := func(d *duplex) { io.Copy(&received, d) }
		p.serve = []func(*duplex){take, take}
		ctx, cancel = context.WithCancel(t.Context())
		go func() { done <- New(o).Run(ctx) }()
		synctest.Wait()
		cancel()
		<-done
		if received.String() != content(t, sinktest.Batch(1000))+content(t, sinktest.Batch(1001)) {
			t.Errorf("received %q", &received)
		}
	})
}

// TestNoRoomInTheQueue has the server down and the disk full. Deliver returns an error,
// and later deliveries try the server again.
func TestNoRoomInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var received bytes.Buffer
		p := &peers{}
		o, _ := inMemory(t, p)
		o.Queue = fullQueue{o.Queue}
		s := New(o)
		begun := time.Now()
		for range 3 {
			if err := s.Deliver(t.Context(), sinktest.Batch(1000)); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("error %v", err)
			}
		}
		if n := len(p.since(begun)); n != 1 {
			t.Errorf("%d tries at once", n)
		}
		time.Sleep(o.Interval)
		p.serve = []func(*duplex){func(d *duplex) { io.Copy(&received, d) }}
		if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
			t.Error(err)
		}
		p.wg.Wait()
		if received.String() != content(t, sinktest.Batch(1000)) {
			t.Errorf("received %q", &received)
		}
	})
}

type fullQueue struct{ outbox.Queue }

func (fullQueue) Append(int64, func(io.Writer) (int, error)) error { return syscall.ENOSPC }
