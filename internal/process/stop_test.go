package process

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestStop(t *testing.T) {
	const grace = 4 * time.Second
	tests := []struct {
		name    string
		deliver func(ctx context.Context, release chan struct{}) error
		takes   time.Duration
		commits int
	}{
		{"finishes what is in hand", func(context.Context, chan struct{}) error {
			time.Sleep(3 * time.Second)
			return nil
		}, 2 * time.Second, 2},
		{"gives back what takes too long", func(ctx context.Context, _ chan struct{}) error {
			<-ctx.Done()
			return ctx.Err()
		}, grace, 0},
		{"gives back what is stuck", func(_ context.Context, release chan struct{}) error {
			<-release
			return nil
		}, grace + settle, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(5)
				s.lane = ownLane // so that two are with the sink
				release := make(chan struct{})
				sink := newRecorder("sink", func(ctx context.Context, _ int64) error { return tt.deliver(ctx, release) })
				log, stop := run(t, Options{Source: s, Sinks: []Sink{sink}, Workers: 2, Grace: grace})
				pass(time.Second)
				start := time.Now()
				stopped(t, stop)
				if d := time.Since(start); d != tt.takes {
					t.Errorf("took %v, want %v", d, tt.takes)
				}
				close(release)
				synctest.Wait()
				if len(s.now().committed) != tt.commits {
					t.Errorf("committed %q, want %d", s.now().committed, tt.commits)
				}
				if got := len(s.now().committed) + s.now().waiting; got != 5 || s.now().held != 0 {
					t.Errorf("%d of 5 are committed or in the source, %d held", got, s.now().held)
				}
				if log.count("level=ERROR")+log.count("accepts no snapshots") != 0 {
					t.Errorf("log:\n%s", log)
				}
			})
		})
	}
}

func TestStopWhileIdleOrResting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{0, 1} {
			s := newSource(n)
			failing := newRecorder("sink", func(context.Context, int64) error { return context.DeadlineExceeded })
			_, stop := run(t, Options{Source: s, Sinks: []Sink{failing}, Workers: 3})
			pass(time.Minute + time.Second/10)
			start := time.Now()
			stopped(t, stop)
			if d := time.Since(start); d != 0 {
				t.Errorf("with %d snapshots it took %v", n, d)
			}
			if s.now().waiting != n {
				t.Errorf("%d of %d in the source", s.now().waiting, n)
			}
		}
	})
}
