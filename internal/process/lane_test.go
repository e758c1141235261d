package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"haproxystats/internal/metric"
)

// TestOrder reads snapshots of several nodes at various speeds, and delivers them to sinks
// of various speeds that fail at times. Each sink gets the snapshots of a node one at a
// time and in order of time, except those that come again, which it gets later. There are
// never more snapshots in hand than workers.
func TestOrder(t *testing.T) {
	rapid.Check(t, inBubble(t, anyOrder))
}

func anyOrder(t *rapid.T) {
	snapshots := rapid.IntRange(1, 30).Draw(t, "snapshots")
	nodes := rapid.IntRange(1, 4).Draw(t, "nodes")
	workers := rapid.IntRange(1, 6).Draw(t, "workers")
	sinks := rapid.IntRange(1, 3).Draw(t, "sinks")
	takes := rapid.SliceOfN(rapid.IntRange(0, 9000), snapshots*(sinks+1), snapshots*(sinks+1)).Draw(t, "takes")
	faults := rapid.SliceOfN(rapid.IntRange(0, 9), snapshots*(sinks+1), snapshots*(sinks+1)).Draw(t, "faults")
	const first = 1500000000
	node := func(epoch int64) int64 { return epoch % int64(nodes) }

	var mu sync.Mutex
	again := map[int64]bool{} // snapshots that came again
	failed := map[[2]int64]bool{}
	// fate waits for the duration of a step, and returns the error of a step that fails once.
	fate := func(step int, epoch int64) error {
		i := step*snapshots + int(epoch-first)
		time.Sleep(time.Duration(takes[i]) * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		if key := [2]int64{int64(step), epoch}; faults[i] == 0 && !failed[key] {
			failed[key], again[epoch] = true, true
			return errors.New("disk full")
		}
		return nil
	}
	s := newSource(snapshots)
	s.lane = func(name string) string {
		var epoch int64
		fmt.Sscan(name, &epoch)
		return fmt.Sprint(node(epoch))
	}
	o := Options{
		Source: s, Workers: workers,
		NewAggregator: newAggregator(func(epoch int64, _ fs.FS) error { return fate(sinks, epoch) }),
	}
	got := make([][]int64, sinks)
	for i := range sinks {
		busy := map[int64]bool{}
		o.Sinks = append(o.Sinks, newRecorder(fmt.Sprint("sink", i), func(_ context.Context, epoch int64) error {
			mu.Lock()
			if busy[node(epoch)] {
				t.Errorf("sink %d has two snapshots of node %d at once", i, node(epoch))
			}
			busy[node(epoch)] = true
			mu.Unlock()
			err := fate(i, epoch)
			mu.Lock()
			defer mu.Unlock()
			busy[node(epoch)] = false
			if err == nil {
				got[i] = append(got[i], epoch)
			}
			return err
		}))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	p := New(o)
	go func() { ended <- p.Run(ctx) }()
	pass(time.Hour)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if s.most > workers {
		t.Errorf("%d in hand, want %d at most", s.most, workers)
	}
	if len(p.lanes.line) > 0 {
		t.Errorf("%d lanes are left, want 0", len(p.lanes.line))
	}
	for i := range sinks {
		if n := len(got[i]); n != snapshots {
			t.Errorf("sink %d accepted %d snapshots, want %d", i, n, snapshots)
		}
		for n := range int64(nodes) {
			var order []int64
			for _, epoch := range got[i] {
				if node(epoch) == n && !again[epoch] {
					order = append(order, epoch)
				}
			}
			if !slices.IsSorted(order) {
				t.Errorf("sink %d got node %d in the order %d", i, n, order)
			}
		}
	}
}

// TestReadingAheadOfDelivery has a sink that takes a second for a snapshot, and snapshots
// that take a second to read. Reading and delivering overlap. A quick sink gets each
// snapshot as soon as it has been read, and nodes do not wait for each other.
func TestReadingAheadOfDelivery(t *testing.T) {
	for _, test := range []struct {
		name       string
		lane       func(string) string
		slow, fast []time.Duration
	}{
		{"one node", nil, []time.Duration{2, 3, 4, 5}, []time.Duration{1, 1, 3, 4}},
		{"several nodes", ownLane, []time.Duration{2, 2, 4, 4}, []time.Duration{1, 1, 3, 3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(4)
				s.lane = test.lane
				start := time.Now()
				var mu sync.Mutex
				var slow, fast []time.Duration
				note := func(to *[]time.Duration) {
					mu.Lock()
					defer mu.Unlock()
					*to = append(*to, time.Since(start)/time.Second)
				}
				_, stop := run(t, Options{
					Source: s, Workers: 2,
					NewAggregator: newAggregator(func(int64, fs.FS) error {
						time.Sleep(time.Second)
						return nil
					}),
					Sinks: []Sink{
						newRecorder("slow", func(context.Context, int64) error {
							time.Sleep(time.Second)
							note(&slow)
							return nil
						}),
						newRecorder("fast", func(context.Context, int64) error {
							note(&fast)
							return nil
						}),
					},
				})
				pass(time.Minute)
				if !slices.Equal(slow, test.slow) || !slices.Equal(fast, test.fast) {
					t.Errorf("accepted after %d s by the slow sink, %d s by the fast one, want %d and %d", slow, fast, test.slow, test.fast)
				}
				stopped(t, stop)
			})
		})
	}
}

// TestWaitingForATurnIsNotStuck has ten snapshots wait for a sink, which takes a little
// less than StallAfter for each.
func TestWaitingForATurnIsNotStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(10)
		sink := newRecorder("sink", func(context.Context, int64) error {
			time.Sleep(29 * time.Second)
			return nil
		})
		p := New(Options{
			Source: s, Sinks: []Sink{sink}, NewAggregator: newAggregator(nil), Workers: 10,
			LivenessInterval: time.Second, StallAfter: 30 * time.Second,
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		pass(2 * time.Minute)
		if got := p.Workers(); got.Alive != 10 {
			t.Errorf("got %d workers alive, want 10", got.Alive)
		}
		pass(4 * time.Minute)
		sink.once(t, 10)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ended by %v", err)
		}
	})
}

// TestStuckBehindAnother checks that the error names the worker that is stuck, and not
// those that wait behind it.
func TestStuckBehindAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(3)
		release := make(chan struct{})
		sink := newRecorder("sink", func(context.Context, int64) error {
			<-release
			return nil
		})
		err := New(Options{
			Source: s, Sinks: []Sink{sink}, NewAggregator: newAggregator(nil), Workers: 3,
			LivenessInterval: time.Second, StallAfter: 30 * time.Second,
		}).Run(t.Context())
		if want := "snapshot 1500000000: no progress for 30s while delivering to sink"; !errors.Is(err, ErrStalled) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if now := s.now(); now.waiting != 3 || len(now.released) != 0 {
			t.Errorf("%d wait, %v released, want all 3 given back without blame", now.waiting, now.released)
		}
		close(release)
		synctest.Wait()
	})
}

// pipeline is a sink that sends for a second and waits ten for the confirmation.
type pipeline struct {
	*recorder
	start time.Time
	mu    sync.Mutex
	sent  []string
}

func (p *pipeline) DeliverThen(ctx context.Context, b *metric.Batch, next func()) error {
	time.Sleep(time.Second)
	p.mu.Lock()
	p.sent = append(p.sent, fmt.Sprintf("%d after %v", b.Epoch-1500000000, time.Since(p.start)))
	p.mu.Unlock()
	next()
	time.Sleep(10 * time.Second)
	return p.Deliver(ctx, b)
}

// TestPipeline checks that the next snapshot is sent while one is being confirmed, in order,
// and that there are never more in hand than workers.
func TestPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(4)
		p := &pipeline{recorder: newRecorder("pipeline", nil), start: time.Now()}
		_, stop := run(t, Options{Source: s, Sinks: []Sink{p}, Workers: 3})
		pass(time.Minute)
		if want := []string{"0 after 1s", "1 after 2s", "2 after 3s", "3 after 12s"}; !slices.Equal(p.sent, want) {
			t.Errorf("sent %q, want %q", p.sent, want)
		}
		p.once(t, 4)
		stopped(t, stop)
	})
}
