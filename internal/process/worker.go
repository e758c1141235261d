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
	// firstRest is the first pause after a failure that would hit any snapshot. It
	// doubles each time, to maxRest.
	firstRest = 250 * time.Millisecond
	maxRest   = 5 * time.Second
)

// worker processes one snapshot after another.
type worker struct {
	p          *Processor
	number     int
	aggregator Aggregator // nil: still to be made
	rests      int        // pauses in a row
	running    atomic.Bool
	progress
	seen watched
}

// loop works until claiming ends.
func (w *worker) loop(claiming, working context.Context) {
	w.running.Store(true)
	defer w.running.Store(false)
	for claiming.Err() == nil {
		s, err := w.p.claim(claiming)
		switch {
		case err == nil:
			w.begin(s.Claim)
			ok := w.process(working, s)
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

// inHand is a snapshot in hand.
type inHand struct {
	Claim
	ticket   *ticket
	accepted []bool // by sink
}

// claim waits for a snapshot. Workers claim one after another, so that a lane keeps
// the order of the source.
func (p *Processor) claim(ctx context.Context) (inHand, error) {
	select {
	case p.claiming <- struct{}{}:
	case <-ctx.Done():
		return inHand{}, ctx.Err()
	}
	defer func() { <-p.claiming }()
	c, err := p.o.Source.Claim(ctx)
	if err != nil {
		return inHand{}, err
	}
	return inHand{
		Claim:    countedClaim{c, &p.counts},
		ticket:   p.lanes.enter(c.Lane()),
		accepted: p.accepted.take(c, len(p.sinks)),
	}, nil
}

// release gives the snapshot back because it could not be processed.
func (w *worker) release(s inHand, cause error) {
	w.p.accepted.keep(s, s.accepted)
	s.Release(cause)
}

// postpone gives the snapshot back for a reason that is not in the snapshot.
func (w *worker) postpone(s inHand) {
	w.p.accepted.keep(s, s.accepted)
	s.Postpone()
}

// rest waits, longer each time, so that an outage does not become a busy loop.
func (w *worker) rest(ctx context.Context) {
	t := time.NewTimer(min(maxRest, firstRest<<min(w.rests, 10)))
	defer t.Stop()
	w.rests++
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// process takes a snapshot through all steps and ends the claim. It returns false if
// the next snapshot would fail for the same reason.
func (w *worker) process(ctx context.Context, s inHand) (ok bool) {
	defer s.ticket.leave()
	defer func() {
		if v := recover(); v != nil {
			w.aggregator = nil // its state is not known
			w.panicked(s, v)
			w.release(s, fmt.Errorf("panic: %v", v))
			ok = true
		}
	}()
	start := time.Now()
	if len(s.accepted) > 0 && !slices.Contains(s.accepted, false) {
		return w.commit(s, start, 0)
	}
	var b *metric.Batch
	var err error
	if w.p.isBatchDue(s) {
		b, err = w.aggregate(s)
	}
	switch {
	case exhausted(err):
		w.p.log.Warn("snapshot can't be read now, will try again", "snapshot", s.Name(), "error", err)
		w.postpone(s)
		return false
	case err != nil:
		w.release(s, err)
		return true
	}
	points := 0
	if b != nil {
		points = b.Points()
	}
	before := slices.Clone(s.accepted)
	accepted, blame := w.deliver(ctx, s, b)
	switch {
	case blame != nil:
		w.release(s, blame)
		return true
	case !accepted:
		progress := !slices.Equal(s.accepted, before) // by other sinks, which take the next one too
		w.postpone(s)
		return progress
	}
	return w.commit(s, start, points)
}

// isBatchDue reports whether the snapshot must be read: a sink for batches has not
// accepted it, or nobody else takes it.
func (p *Processor) isBatchDue(s inHand) bool {
	batches := len(p.o.Sinks)
	return len(p.o.Snapshots) == 0 || slices.Contains(s.accepted[:batches], false)
}

// aggregate reads the snapshot.
func (w *worker) aggregate(c inHand) (*metric.Batch, error) {
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

// exhausted reports whether err comes from a lack of a resource of the process or
// the machine, so that no snapshot is to blame.
func exhausted(err error) bool {
	return slices.ContainsFunc([]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM},
		func(e error) bool { return errors.Is(err, e) })
}

// commit removes a snapshot that all sinks have accepted from the source.
func (w *worker) commit(c inHand, start time.Time, points int) bool {
	w.at(stepCommit)
	err := c.Commit()
	switch {
	case err == nil:
		w.p.commits.end()
		w.p.log.Info("snapshot processed", "snapshot", c.Name(), "points", points,
			"duration", time.Since(start).Round(time.Microsecond), "waiting", w.p.o.Source.Waiting())
		return true
	case errors.Is(err, fs.ErrClosed):
		return true // given back meanwhile, because the program ends
	case errors.Is(err, fs.ErrNotExist):
		// Another snapshot may appear under that name, so nothing is remembered.
		w.p.log.Warn("snapshot vanished while it was processed", "snapshot", c.Name(), "error", err)
		c.Postpone()
		return true
	}
	if w.p.commits.begin() {
		w.p.log.Error("processed snapshot can't be removed from the spool, will try again", "snapshot", c.Name(), "error", err)
	}
	w.postpone(c)
	return false
}

// panicked logs a panic with its stack.
func (w *worker) panicked(c inHand, v any) {
	w.p.log.Error("panic while processing a snapshot", "snapshot", c.Name(), "worker", w.number,
		"step", w.words(), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
}
