package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"haproxystats/internal/metric"
)

const (
	// firstRest is how long a worker does nothing after it failed for a reason
	// that the next snapshot would meet, too; it doubles each time, to maxRest.
	firstRest = 250 * time.Millisecond
	maxRest   = 5 * time.Second
)

// worker processes one snapshot after the other.
type worker struct {
	p          *Processor
	number     int
	aggregator Aggregator // nil: to be made
	rests      int        // in a row
	running    atomic.Bool
	progress
	seen watched
}

// loop works until claiming ends.
func (w *worker) loop(claiming, working context.Context) {
	w.running.Store(true)
	defer w.running.Store(false)
	for claiming.Err() == nil {
		c, err := w.p.o.Source.Claim(claiming)
		switch {
		case err == nil:
			c = countedClaim{c, &w.p.counts}
			w.begin(c)
			ok := w.process(working, c)
			w.end()
			if ok {
				w.rests = 0
				continue
			}
		case claiming.Err() != nil:
			return
		case w.rests == 0:
			w.p.log.Error("no snapshot can be claimed, will try again", "worker", w.number, "error", err)
		}
		w.rest(claiming)
	}
}

// rest waits, longer each time, so that an outage doesn't make a busy loop.
func (w *worker) rest(ctx context.Context) {
	t := time.NewTimer(min(maxRest, firstRest<<min(w.rests, 10)))
	defer t.Stop()
	w.rests++
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// process takes a snapshot through all its steps and ends the claim. It returns
// false if the next snapshot would meet the same trouble.
func (w *worker) process(ctx context.Context, c Claim) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			w.aggregator = nil // whatever state it is in
			w.panicked(c, v)
			c.Release(fmt.Errorf("panic: %v", v))
			ok = true
		}
	}()
	start := time.Now()
	if w.p.accepted.all(c.Name(), len(w.p.sinks)) {
		return w.commit(c, start, 0)
	}
	b, err := w.aggregate(c)
	switch {
	case exhausted(err):
		w.p.log.Warn("snapshot can't be read now, will try again", "snapshot", c.Name(), "error", err)
		c.Postpone()
		return false
	case err != nil:
		c.Release(err)
		return true
	}
	// Counting also settles the order of the rows, which sinks may then read at
	// the same time.
	points := b.Points()
	accepted, blame := w.deliver(ctx, c, b)
	switch {
	case blame != nil:
		c.Release(blame)
		return true
	case !accepted:
		c.Postpone()
		return false
	}
	return w.commit(c, start, points)
}

// aggregate reads the snapshot.
func (w *worker) aggregate(c Claim) (*metric.Batch, error) {
	if w.aggregator == nil {
		w.aggregator = w.p.o.NewAggregator()
	}
	w.at("aggregating")
	s, err := c.Snapshot()
	if err != nil {
		return nil, err
	}
	s.Files = watchedFS{s.Files, &w.progress}
	b, err := w.aggregator.Aggregate(s)
	if err == nil {
		w.at("aggregated")
	}
	return b, err
}

// exhausted reports whether err is for want of a resource of the process or the
// machine, so that no snapshot is to blame.
func exhausted(err error) bool {
	return slices.ContainsFunc([]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM},
		func(e error) bool { return errors.Is(err, e) })
}

// commit takes a snapshot that all sinks have accepted out of the source.
func (w *worker) commit(c Claim, start time.Time, points int) bool {
	w.at(stepCommit)
	err := c.Commit()
	switch {
	case err == nil:
		w.p.commits.end()
		w.p.accepted.forget(c.Name())
		w.p.log.Info("snapshot processed", "snapshot", c.Name(), "points", points,
			"duration", time.Since(start).Round(time.Microsecond), "waiting", w.p.o.Source.Waiting())
		return true
	case errors.Is(err, fs.ErrClosed):
		return true // given back meanwhile, because the program ends
	case errors.Is(err, fs.ErrNotExist):
		// If one of that name appears, it may be another one.
		w.p.accepted.forget(c.Name())
		w.p.log.Warn("snapshot vanished while it was processed", "snapshot", c.Name(), "error", err)
		c.Postpone()
		return true
	}
	if w.p.commits.begin() {
		w.p.log.Error("snapshot was processed and can't be taken out, will try again", "snapshot", c.Name(), "error", err)
	}
	c.Postpone()
	return false
}

// panicked logs a panic, with the stack of where it happened.
func (w *worker) panicked(c Claim, v any) {
	w.p.log.Error("panic while processing a snapshot", "snapshot", c.Name(), "worker", w.number,
		"step", w.words(), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
}
