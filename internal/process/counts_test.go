package process

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"
)

// TestStats has five snapshots: one that can't be processed, one that a sink refuses twice,
// one whose commit fails at first, and two without a fault.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(5)
		refusals, jams := 2, 1
		s.commitErr = func(name string) error {
			if name == "1500000002" && jams > 0 {
				jams--
				return fs.ErrPermission
			}
			return nil
		}
		sink := newRecorder("sink", func(_ context.Context, epoch int64) error {
			if epoch == 1500000001 && refusals > 0 {
				refusals--
				return errors.New("refused")
			}
			return nil
		})
		p := New(Options{
			Source: s, Sinks: []Sink{sink},
			NewAggregator: newAggregator(func(epoch int64, _ fs.FS) error {
				if epoch == 1500000000 {
					return errors.New("poison")
				}
				return nil
			}),
		})
		if got := p.Stats(); got != (Stats{}) {
			t.Errorf("at first %+v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		pass(time.Minute)
		got := p.Stats()
		if want := (Stats{Done: 4, Retries: 3 + 2 + 1, Last: got.Last}); got != want || got.Last == "" {
			t.Errorf("%+v, want %+v", got, want)
		}
		if last := s.now().committed; len(last) != 4 || last[3] != got.Last {
			t.Errorf("done last is %q of %q", got.Last, last)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
