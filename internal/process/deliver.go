package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"haproxystats/internal/metric"
)

// trouble is a condition that is logged when it begins and when it ends.
type trouble struct{ on atomic.Bool }

// begin reports whether the trouble is new.
func (t *trouble) begin() bool { return t.on.CompareAndSwap(false, true) }

// end reports whether there was trouble.
func (t *trouble) end() bool { return t.on.CompareAndSwap(true, false) }

// sink is a sink and how it fares.
type sink struct {
	Sink
	trouble
}

// deliver gives the batch to all the sinks that have not accepted the snapshot
// yet, at the same time. A sink's error is not the snapshot's fault; blame is
// what was.
func (w *worker) deliver(ctx context.Context, c Claim, b *metric.Batch) (accepted bool, blame error) {
	errs := make([]error, len(w.p.sinks))
	panics := make([]error, len(w.p.sinks))
	var wg sync.WaitGroup
	for i, s := range w.p.sinks {
		if w.p.accepted.has(c.Name(), i) {
			continue
		}
		w.sending(s.Name())
		wg.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					w.panicked(c, v)
					panics[i] = fmt.Errorf("panic in sink %s: %v", s.Name(), v)
				}
				w.sent(s.Name())
			}()
			if errs[i] = s.Deliver(ctx, b); errs[i] != nil {
				return
			}
			w.p.accepted.add(c.Name(), i)
			if s.end() {
				w.p.log.Info("sink accepts snapshots again", "sink", s.Name())
			}
		})
	}
	wg.Wait()
	for i, s := range w.p.sinks {
		if errs[i] != nil && ctx.Err() == nil && s.begin() {
			w.p.log.Warn("sink accepts no snapshots, will try again", "sink", s.Name(), "snapshot", c.Name(), "error", errs[i])
		}
	}
	return errors.Join(errs...) == nil, errors.Join(panics...)
}
