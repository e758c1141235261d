package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"haproxystats/internal/metric"
	"haproxystats/internal/snapshot"
)

// trouble is a condition whose beginning and end are logged.
type trouble struct{ on atomic.Bool }

// begin reports whether the trouble is new.
func (t *trouble) begin() bool { return t.on.CompareAndSwap(false, true) }

// end reports whether there was trouble.
func (t *trouble) end() bool { return t.on.CompareAndSwap(true, false) }

// sink is a sink, and whether it accepts snapshots.
type sink struct {
	Sink // nil for one that takes snapshots
	raw  SnapshotSink
	trouble
}

// Name returns the sink's name.
func (s *sink) Name() string {
	if s.raw != nil {
		return s.raw.Name()
	}
	return s.Sink.Name()
}

// give delivers a batch, or the snapshot of the claim, to the sink. It calls next if the
// next one may come before it returns.
func (s *sink) give(ctx context.Context, c Claim, b *metric.Batch, next func()) error {
	if s.raw != nil {
		snap, err := c.Snapshot()
		if err != nil {
			return &unreadable{err}
		}
		err = s.raw.DeliverSnapshot(ctx, snap)
		if errors.Is(err, snapshot.ErrDamaged) {
			return &unreadable{err}
		}
		return err
	}
	if p, ok := s.Sink.(Pipeline); ok {
		return p.DeliverThen(ctx, b, next)
	}
	return s.Deliver(ctx, b)
}

// unreadable is an error of a snapshot, and not of a sink.
type unreadable struct{ error }

func (u *unreadable) Unwrap() error { return u.error }

// deliver delivers the batch to all sinks that have not accepted the snapshot yet,
// to each after every earlier snapshot of the lane. It records in accepted which
// sinks have the snapshot. The error of a sink is not the snapshot's fault; blame is
// an error that is.
func (w *worker) deliver(ctx context.Context, s inHand, b *metric.Batch) (all bool, blame error) {
	errs := make([]error, len(w.p.sinks))
	panics := make([]error, len(w.p.sinks))
	w.waitFor(len(w.p.sinks))
	var pending []int
	for i := range w.p.sinks {
		if s.accepted[i] {
			w.passed()
			s.ticket.pass(i)
			continue
		}
		pending = append(pending, i)
	}
	var wg sync.WaitGroup
	for k, i := range pending {
		if k == len(pending)-1 {
			// Nearly always there is one sink, and waking another thread costs more than a
			// small batch.
			errs[i], panics[i] = w.deliverTo(ctx, i, s, b)
			break
		}
		wg.Go(func() { errs[i], panics[i] = w.deliverTo(ctx, i, s, b) })
	}
	wg.Wait()
	for i, to := range w.p.sinks {
		if errs[i] != nil && panics[i] == nil && ctx.Err() == nil && to.begin() {
			w.p.log.Warn("sink accepts no snapshots, will try again", "sink", to.Name(), "snapshot", s.Name(), "error", errs[i])
		}
	}
	return errors.Join(errs...) == nil, errors.Join(panics...)
}

// deliverTo delivers the batch to one sink, when it is its turn.
func (w *worker) deliverTo(ctx context.Context, number int, s inHand, b *metric.Batch) (err, panicked error) {
	to := w.p.sinks[number]
	defer s.ticket.pass(number)
	err = s.ticket.wait(ctx, number)
	w.passed()
	if err != nil {
		return err, nil
	}
	w.sending(to.Name())
	defer func() {
		if v := recover(); v != nil {
			w.panicked(s, v)
			panicked = fmt.Errorf("panic in sink %s: %v", to.Name(), v)
		}
		w.sent(to.Name())
	}()
	if err := to.give(ctx, s, b, func() { s.ticket.pass(number) }); err != nil {
		if bad := new(unreadable); errors.As(err, &bad) && !exhausted(err) {
			return err, bad.error
		}
		return err, nil
	}
	s.accepted[number] = true
	if to.end() {
		w.p.log.Info("sink accepts snapshots again", "sink", to.Name())
	}
	return nil, nil
}
