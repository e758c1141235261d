package graphite

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/sink/sinktest"
)

// lastWord is the time that Run gives a batch in flight when it should end.
const lastWord = 2 * time.Second

// TestRunFinishesWhatItSends ends Run when the peer has received all of a queued batch,
// but has not confirmed it yet.
func TestRunFinishesWhatItSends(t *testing.T) {
	for _, c := range []struct {
		name      string
		confirms  time.Duration // after the end
		took      time.Duration
		remaining int
	}{
		{"confirmed in time", lastWord / 2, lastWord / 2, 0},
		{"not confirmed", time.Hour, lastWord, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan struct{})
				p := new(peers) // refuses at first, so that the batch is queued
				o, _ := inMemory(t, p)
				s := New(o)
				if err := s.Deliver(t.Context(), sinktest.Batch(10)); err != nil {
					t.Fatal(err)
				}
				reading := make(chan struct{})
				p.mu.Lock()
				p.serve = []func(*duplex){func(d *duplex) {
					io.Copy(io.Discard, d)
					close(reading)
					<-ended
					gone := make(chan struct{})
					go func() { blockUntilClosed(d); close(gone) }()
					select {
					case <-time.After(c.confirms):
					case <-gone:
					}
				}}
				p.mu.Unlock()
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- s.Run(ctx) }()
				<-reading
				begun := time.Now()
				cancel()
				close(ended)
				if err := <-done; err != nil {
					t.Error(err)
				}
				if took := time.Since(begun); took != c.took {
					t.Errorf("Run went on for %v, want %v", took, c.took)
				}
				if batches, _ := o.Queue.Len(); batches != c.remaining {
					t.Errorf("%d batches remain, want %d", batches, c.remaining)
				}
				s.Close()
				p.wg.Wait()
			})
		})
	}
}
