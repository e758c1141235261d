// Package traffic keeps real HAProxy instances busy, for people who look at what
// comes of it: requests of all kinds, now more and now fewer.
package traffic

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"haproxystats/test/real"
)

// mix is how often each kind of request comes, of the sum of all.
var mix = []struct {
	kind   real.Request
	weight int
}{
	{real.Page, 55},
	{real.APICall, 25},
	{real.TCPStream, 12},
	{real.Slow, 8},
	{real.NotFound, 5},
	{real.Failure, 3},
	{real.Refused, 3},
	{real.Denied, 2},
	{real.Aborted, 1},
}

const (
	// workersEach is how many requests an instance gets at the same time.
	workersEach = 3
	// calm is the mean pause of a worker between two requests; the pause swells
	// and shrinks with the tide, so that there is something to see.
	calm = 60 * time.Millisecond
	tide = 20 * time.Second
)

// Traffic sends requests to instances until it is stopped.
type Traffic struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup

	sent, unexpected atomic.Int64
	broken           atomic.Pointer[error]
}

// Start begins to send.
func Start(balancers []*real.HAProxy) *Traffic {
	ctx, cancel := context.WithCancel(context.Background())
	t := &Traffic{cancel: cancel}
	for i, h := range balancers {
		for w := range workersEach {
			t.wg.Go(func() {
				defer t.recover()
				t.work(ctx, h, rand.New(rand.NewPCG(uint64(i), uint64(w))), float64(i+1))
			})
		}
	}
	return t
}

// Stop waits for the last requests.
func (t *Traffic) Stop() error {
	t.cancel()
	t.wg.Wait()
	return nil
}

// Sent returns how many requests have been sent.
func (t *Traffic) Sent() int64 { return t.sent.Load() }

// Unexpected returns how many of them did not end as requests of their kind do.
func (t *Traffic) Unexpected() int64 { return t.unexpected.Load() }

// Err returns what ended a worker.
func (t *Traffic) Err() error {
	if err := t.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// recover turns a panic into an error, so that the stage is cleared.
func (t *Traffic) recover() {
	if r := recover(); r != nil {
		err := fmt.Errorf("send traffic: panic: %v", r)
		t.broken.Store(&err)
	}
}

// work sends one request after the other; the larger slow is, the fewer.
func (t *Traffic) work(ctx context.Context, h *real.HAProxy, random *rand.Rand, slow float64) {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := h.Send(ctx, pick(random), 1)
		if ctx.Err() != nil {
			return
		}
		t.sent.Add(1)
		if err != nil {
			t.unexpected.Add(1)
		}
		timer.Reset(pause(time.Since(start), slow, random.ExpFloat64()))
	}
}

// pause follows the tide: between half and three halves of calm, times slow and
// the chance.
func pause(since time.Duration, slow, chance float64) time.Duration {
	phase := 2*math.Pi*since.Seconds()/tide.Seconds() + slow
	return time.Duration(float64(calm) * slow * min(chance, 3) * (1 + math.Sin(phase)/2))
}

func pick(random *rand.Rand) real.Request {
	total := 0
	for _, m := range mix {
		total += m.weight
	}
	n := random.IntN(total)
	for _, m := range mix {
		if n -= m.weight; n < 0 {
			return m.kind
		}
	}
	panic("unreachable: the weights add up to more than n")
}
