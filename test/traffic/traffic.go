// Package traffic sends requests of all kinds to real HAProxy instances, at a rate that
// rises and falls, for demonstrations and tests.
package traffic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"haproxystats/test/real"
)

// Traffic is a set of clients that send requests until Stop.
type Traffic struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	number uint64 // of clients

	sent, unexpected atomic.Int64
	broken           atomic.Pointer[error]
}

// New returns traffic without clients.
func New() *Traffic {
	t := &Traffic{}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Start sends the usual mix to instances, to each one less than to the one
// before.
func Start(balancers []*real.HAProxy) *Traffic {
	const clients = 3 // of each instance
	t := New()
	for i, h := range balancers {
		nth := i + 1
		r := Rhythm{Calm: time.Duration(nth) * 60 * time.Millisecond, Swell: 0.5, Tide: 20 * time.Second, Phase: float64(nth)}
		for range clients {
			t.Client(r, Usual.To(h))
		}
	}
	return t
}

// To returns the work of a client that sends the mix to h.
func (m Mix) To(h *real.HAProxy) func(context.Context, *rand.Rand) error {
	return func(ctx context.Context, random *rand.Rand) error { return h.Send(ctx, m.pick(random), 1) }
}

// Client adds a client that works in a rhythm. Its work is one request, with an
// error if that did not end as it should. Clients are added by one goroutine.
func (t *Traffic) Client(r Rhythm, work func(context.Context, *rand.Rand) error) {
	random := rand.New(rand.NewPCG(0, t.number))
	t.number++
	t.wg.Go(func() {
		defer t.recover()
		start := time.Now()
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			select {
			case <-t.ctx.Done():
				return
			case <-timer.C:
			}
			err := work(t.ctx, random)
			if t.ctx.Err() != nil {
				return
			}
			t.sent.Add(1)
			if err != nil {
				t.unexpected.Add(1)
			}
			timer.Reset(r.pause(time.Since(start), random.ExpFloat64()))
		}
	})
}

// Stop waits for the last requests.
func (t *Traffic) Stop() error {
	t.cancel()
	t.wg.Wait()
	return nil
}

// Sent returns the number of requests that have been sent.
func (t *Traffic) Sent() int64 { return t.sent.Load() }

// Unexpected returns the number of requests with another end than their kind has.
func (t *Traffic) Unexpected() int64 { return t.unexpected.Load() }

// Err returns the error that ended a client.
func (t *Traffic) Err() error {
	if err := t.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// recover turns a panic into an error, so that everything can be cleared.
func (t *Traffic) recover() {
	if r := recover(); r != nil {
		err := fmt.Errorf("send traffic: panic: %v", r)
		t.broken.Store(&err)
	}
}
