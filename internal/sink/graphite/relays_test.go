package graphite

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
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

// fleet is a number of servers in memory, each of which works, is down, or
// takes nothing.
type fleet struct {
	wg    sync.WaitGroup
	mu    sync.Mutex
	state map[string]string // by host: "up", "down" or "stalled"
	tried []string
}

func (f *fleet) dial(_ context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried = append(f.tried, host)
	if f.state[host] == "down" {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	serve := func(d *duplex) { io.Copy(io.Discard, d) }
	if f.state[host] == "stalled" {
		serve = func(d *duplex) { io.Copy(io.Discard, d); blockUntilClosed(d) }
	}
	here, there := pipe()
	f.wg.Go(func() {
		defer there.Close()
		serve(there)
	})
	return here, nil
}

func (f *fleet) set(host, state string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state[host] = state
}

// took returns the hosts tried since it was last called.
func (f *fleet) took() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	tried := strings.Join(f.tried, " ")
	f.tried = nil
	return tried
}

func newFleet(t *testing.T, change ...func(*Options)) (*fleet, *Sink, *journal) {
	f := &fleet{state: map[string]string{"a": "up", "b": "up", "c": "up"}}
	o, _ := inMemory(t, &peers{})
	log := new(journal)
	o.Log, o.Dial, o.Servers = log.logger(), f.dial, []Server{{"a", 1}, {"b", 2}, {"c", 3}}
	for _, c := range change {
		c(&o)
	}
	return f, New(o), log
}

// TestFailOver checks that a failure leads to the next server at once, and that an
// earlier server is tried when the current one fails, or after the delay.
func TestFailOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s, log := newFleet(t)
		for i, c := range []struct {
			change string // host and state, before
			wait   time.Duration
			want   string        // hosts that the next batch tries
			took   time.Duration // of the delivery
			waits  int64         // batches in the queue afterwards
		}{
			{"", 0, "a", 0, 0},
			{"a down", 0, "a b", 0, 0},
			{"", 9 * time.Second, "b", 0, 0},
			{"", time.Second, "a b", 0, 0}, // the delay is over
			{"a up", 9 * time.Second, "b", 0, 0},
			{"", time.Second, "a", 0, 0},
			{"", time.Hour, "a", 0, 0},
			{"a down", 0, "a b", 0, 0},
			{"b down", 0, "b a c", 0, 0}, // in their order from there on
			{"a up", 0, "c", 0, 0},
			{"c down", 0, "c a", 0, 0}, // sooner than the delay
			{"a stalled", 0, "a b c", 10 * time.Second / 3, 1},
			{"", 0, "", 0, 2},
		} {
			if host, state, ok := strings.Cut(c.change, " "); ok {
				f.set(host, state)
			}
			time.Sleep(c.wait)
			begun := time.Now()
			if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
				t.Fatal(err)
			}
			if got, took := f.took(), time.Since(begun); got != c.want || took != c.took {
				t.Errorf("batch %d went to %q and took %v, want %q and %v", i, got, took, c.want, c.took)
			}
			if n := s.Status().Queue.Batches; n != c.waits {
				t.Errorf("batch %d: %d batches wait, want %d", i, n, c.waits)
			}
		}
		for _, line := range []struct {
			text string
			n    int
		}{
			{"graphite server failed, a later one is used", 3},
			{"back on an earlier graphite server", 2},
			{"destination is down", 1},
		} {
			if n := strings.Count(log.String(), line.text); n != line.n {
				t.Errorf("%q %d times, want %d", line.text, n, line.n)
			}
		}
		last := log.String()[strings.Index(log.String(), "destination is down"):]
		for _, why := range []string{"confirm with graphite server a:1", "not done within 3.333s", "connect to graphite server b:2", "connect to graphite server c:3"} {
			if !strings.Contains(last, why) {
				t.Errorf("the log does not say %q: %s", why, last)
			}
		}
		if stats := s.Status(); stats.Batches != 11 || stats.Failures != 9 {
			t.Errorf("stats %+v", stats)
		}
		f.wg.Wait()
	})
}

// TestOneTriesTheEarlierServers checks that only one batch waits to find out whether the
// earlier servers are still down.
func TestOneTriesTheEarlierServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, _ := newFleet(t)
		s.relays.confirmed(1)
		for range 2 {
			s.relays.unconfirmed(0, errors.New("down"))
			if got := s.relays.first(); got != 1 {
				t.Errorf("before the delay has passed server %d is tried", got)
			}
			time.Sleep(s.relays.delay)
			if a, b := s.relays.first(), s.relays.first(); a != 0 || b != 1 {
				t.Errorf("after it servers %d and %d are tried", a, b)
			}
		}
	})
}

// TestFaultOfTheContent checks that a batch that can't be read is not sent to another
// server.
func TestFaultOfTheContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s, log := newFleet(t)
		broken := errors.New("broken")
		_, err := s.relays.send(t.Context(), time.Second, func(io.Writer) error { return broken })
		if !errors.Is(err, broken) || f.took() != "a" || s.Status().Failures != 0 || log.String() != "" {
			t.Errorf("%v, log %s", err, log)
		}
		f.wg.Wait()
	})
}

// unreadable is a queue whose batch can't be read.
type unreadable struct{ outbox.Queue }

func (q unreadable) First(send func(sink.Item) error) error {
	return q.Queue.First(func(i sink.Item) error {
		i.Content = q
		return send(i)
	})
}

func (unreadable) WriteTo(io.Writer) (int64, error) { return 0, syscall.EMFILE }

// TestFaultOfTheQueue checks that the log does not blame the server for the queue.
func TestFaultOfTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var queue outbox.Queue
		f, s, log := newFleet(t, func(o *Options) {
			queue = o.Queue
			o.Queue = unreadable{o.Queue}
		})
		if err := queue.Append(1, func(w io.Writer) (int, error) { return 1, nil }); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
		if text := log.String(); strings.Contains(text, "is down") ||
			strings.Count(text, `msg="metrics in the queue can't be sent, will try again" sink=graphite error="too many open files"`) != 1 {
			t.Errorf("log %s", text)
		}
		f.wg.Wait()
	})
}

// TestFailOverLosesNothing has two servers that stop and start. A batch that one of them
// has not confirmed goes to the other.
func TestFailOverLosesNothing(t *testing.T) {
	for _, confirm := range confirmations {
		t.Run(string(confirm), func(t *testing.T) {
			t.Parallel()
			a, b := newReceiver(t), newReceiver(t)
			o := options(t, a.address)
			o.Servers = append(o.Servers, options(t, b.address).Servers...)
			o.Queue, o.Confirm = openQueue(t, t.TempDir(), 0), confirm
			s := New(o)
			defer s.Close()
			start(t, s)
			var wg sync.WaitGroup
			const workers, batches = 3, 40
			turn := make(chan int, workers*batches)
			for w := range int64(workers) {
				wg.Go(func() {
					for i := range int64(batches) {
						if err := s.Deliver(t.Context(), sinktest.Batch(1000*(w+1)+i)); err != nil {
							t.Error(err)
						}
						turn <- 0
					}
				})
			}
			// They stop between batches: what a kept connection had in the kernel when
			// it was reset would be lost by right.
			for n, r := range slices.Repeat([]*receiver{a, b}, workers*batches/2) {
				<-turn
				if confirm == HalfClose && n%10 == 9 {
					r.stop()
					r.start()
				}
			}
			wg.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for w := range int64(workers) {
				for i := range int64(batches) {
					for line := range strings.Lines(content(t, sinktest.Batch(1000*(w+1)+i))) {
						awaitEither(ctx, t, a, b, line)
					}
				}
			}
		})
	}
}

func awaitEither(ctx context.Context, t *testing.T, a, b *receiver, line string) {
	t.Helper()
	for {
		atA, changedA := a.has(line)
		atB, changedB := b.has(line)
		if atA || atB {
			return
		}
		select {
		case <-changedA:
		case <-changedB:
		case <-ctx.Done():
			t.Fatalf("missing %q", line)
		}
	}
}

// has reports whether the line has been read; if not, changed is closed when
// another one is.
func (r *receiver) has(line string) (there bool, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[line] > 0, r.changed
}
