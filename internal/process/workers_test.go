package process

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestWorkers has three workers and two snapshots, of which one gets stuck.
func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		sink := newRecorder("sink", func(_ context.Context, epoch int64) error {
			time.Sleep(time.Second)
			if epoch == 1500000001 {
				<-release
			}
			return nil
		})
		start := time.Now()
		s := newSource(2)
		s.lane = ownLane // so that both are with the sink
		p := New(Options{
			Source: s, Sinks: []Sink{sink}, NewAggregator: newAggregator(nil), Workers: 3,
			LivenessInterval: 7 * time.Second, StallAfter: 20 * time.Second,
		})
		want := func(w Workers) {
			t.Helper()
			synctest.Wait()
			if got := p.Workers(); got != w {
				t.Errorf("after %v: %+v, want %+v", time.Since(start), got, w)
			}
		}
		want(Workers{Configured: 3})
		time.Sleep(time.Minute) // before it runs, which is no stand-still
		begun := time.Now()
		done := make(chan error, 1)
		go func() { done <- p.Run(t.Context()) }()
		want(Workers{Configured: 3, Alive: 3, Busy: 2, Progress: begun})
		time.Sleep(1500 * time.Millisecond)
		want(Workers{Configured: 3, Alive: 3, Busy: 1, Progress: begun.Add(time.Second)})
		time.Sleep(18*time.Second + 400*time.Millisecond)
		want(Workers{Configured: 3, Alive: 3, Busy: 1, Progress: begun.Add(time.Second)})
		time.Sleep(200 * time.Millisecond)
		want(Workers{Configured: 3, Alive: 2, Busy: 1, Progress: begun.Add(time.Second)})
		if err := <-done; !errors.Is(err, ErrStalled) {
			t.Errorf("ended by %v", err)
		}
		close(release)
		synctest.Wait()
		if got := p.Workers(); got.Alive != 0 || got.Busy != 0 {
			t.Errorf("after the end %+v", got)
		}
	})
}
