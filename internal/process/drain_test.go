package process

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestDrain has a sink that takes far longer than Grace. What is in hand is finished, and
// the rest stays in the source.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(5)
		s.lane = ownLane
		p := New(Options{
			Source: s, NewAggregator: newAggregator(nil), Workers: 2, Grace: time.Second,
			Sinks: []Sink{newRecorder("slow", func(context.Context, int64) error {
				time.Sleep(30 * time.Second)
				return nil
			})},
		})
		start := time.Now()
		done := make(chan error, 1)
		go func() { done <- p.Run(t.Context()) }()
		pass(10 * time.Second)
		p.Drain()
		p.Drain() // has no effect
		if err := <-done; err != nil || time.Since(start) != 30*time.Second {
			t.Errorf("got %v after %v, want no error after 30s", err, time.Since(start))
		}
		got := s.now()
		slices.Sort(got.committed)
		if want := []string{"1500000000", "1500000001"}; !slices.Equal(got.committed, want) || got.waiting != 3 || got.held != 0 || len(got.postponed) != 0 {
			t.Errorf("got %+v, want %q committed, 3 waiting, none postponed", got, want)
		}
	})
}

// TestDrainWaits has a source without snapshots, and a Drain before Run.
func TestDrainWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, early := range []bool{true, false} {
			s := newSource(0)
			if early {
				s = newSource(3)
			}
			p := New(Options{Source: s, NewAggregator: newAggregator(nil)})
			if early {
				p.Drain()
			}
			done := make(chan error, 1)
			go func() { done <- p.Run(t.Context()) }()
			pass(time.Minute)
			p.Drain()
			if err := <-done; err != nil {
				t.Errorf("drained before Run %v: got %v, want no error", early, err)
			}
			if n := len(s.now().committed); n > 0 {
				t.Errorf("drained before Run %v: got %d snapshots, want none", early, n)
			}
		}
	})
}

// TestDrainStuck has a worker that gets stuck while the processor drains.
func TestDrainStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := New(Options{
			Source: newSource(1), NewAggregator: newAggregator(nil), StallAfter: time.Minute,
			Sinks: []Sink{newRecorder("stuck", func(context.Context, int64) error {
				<-release
				return nil
			})},
		})
		done := make(chan error, 1)
		go func() { done <- p.Run(t.Context()) }()
		pass(time.Second)
		p.Drain()
		if err := <-done; !errors.Is(err, ErrStalled) {
			t.Errorf("got %v, want ErrStalled", err)
		}
		close(release)
		synctest.Wait()
	})
}

// TestAfter has a processor that takes the place of one whose snapshot only some sinks
// have accepted: it is delivered to the others, to one of the same name and to a new one.
func TestAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(2)
		got := map[string][]int64{}
		sinkOf := func(name string, fails func(epoch int64) bool) Sink {
			return newRecorder(name, func(_ context.Context, epoch int64) error {
				if fails(epoch) {
					return errors.New("disk full")
				}
				got[name] = append(got[name], epoch)
				return nil
			})
		}
		never := func(int64) bool { return false }
		second := func(epoch int64) bool { return epoch == 1500000001 }
		drained := func(p *Processor, until func() bool) {
			t.Helper()
			done := make(chan error, 1)
			go func() { done <- p.Run(t.Context()) }()
			for range 1000 {
				if until() {
					break
				}
				pass(10 * time.Millisecond)
			}
			p.Drain()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		first := New(Options{
			Source: s, NewAggregator: newAggregator(nil),
			Sinks: []Sink{sinkOf("a", never), sinkOf("b", second), sinkOf("gone", never)},
		})
		drained(first, func() bool { return first.Stats().Retries == 1 })
		next := New(Options{
			Source: s, NewAggregator: newAggregator(nil), After: first,
			Sinks: []Sink{sinkOf("new", never), sinkOf("b", never), sinkOf("a", never)},
		})
		if counts := next.Stats(); counts != (Stats{Done: 1, Retries: 1, Last: "1500000000"}) {
			t.Errorf("got %+v at the start, want the counts of the processor before", counts)
		}
		drained(next, func() bool { return next.Stats().Done == 2 })
		for name, want := range map[string][]int64{
			"a": {1500000000, 1500000001}, "b": {1500000000, 1500000001},
			"gone": {1500000000, 1500000001}, "new": {1500000001},
		} {
			if !slices.Equal(got[name], want) {
				t.Errorf("sink %s got %d, want %d", name, got[name], want)
			}
		}
	})
}
