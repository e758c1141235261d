package pull

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

var (
	errFull      = errors.New("the queue is full; is haproxystats-process running?")
	errNoSocket  = errors.New("no socket found; is HAProxy running?")
	errSocket    = errors.New("sockets have failed")
	errUncounted = errors.New("the queue can't be counted")
	errUnlisted  = errors.New("socket-dir can't be read")
	errUnmade    = errors.New("no snapshot can be made")
	errUnhanded  = errors.New("the snapshot can't be handed over")
)

// round makes one snapshot, or logs why there is none.
func (p *Puller) round(ctx context.Context, epoch int64, skew time.Duration, used *epochs) {
	start := time.Now()
	p.begun()
	waiting, err := p.Spool.Waiting()
	if err != nil {
		p.ended(ctx, skipped(errUncounted, err, waiting))
		p.Log.Error("round skipped: the queue can't be counted", "error", err)
		return
	}
	if p.QueueSize > 0 && waiting >= p.QueueSize {
		p.ended(ctx, skipped(errFull, nil, waiting))
		p.Log.Warn("round skipped: the queue is full; is haproxystats-process running?",
			"waiting", waiting, "queue-size", p.QueueSize)
		return
	}
	sockets, err := p.sockets()
	if err != nil {
		p.ended(ctx, skipped(errUnlisted, err, waiting))
		p.Log.Error("round skipped: socket-dir can't be read", "error", err)
		return
	}
	if len(sockets) == 0 {
		p.ended(ctx, skipped(errNoSocket, nil, waiting))
		p.Log.Error("round skipped: no socket found; is HAProxy running?", "socket-dir", p.SocketDir)
		return
	}
	stage, epoch, err := p.stage(epoch, used)
	if err != nil {
		p.ended(ctx, skipped(errUnmade, err, waiting))
		p.Log.Error("round skipped: no snapshot can be made", "error", err)
		return
	}

	outcomes := p.fetchAll(ctx, stage, sockets)
	result := Result{
		Outcome: Dropped, Cause: errSocket, Waiting: waiting, Sockets: len(sockets),
		Round: Round{Failed: failures(outcomes), Duration: time.Since(start), Skew: skew},
	}
	if p.keeps(ctx, len(result.Failed), len(sockets)) {
		if err = handOver(stage, outcomes, result.Round); err == nil {
			used.add(epoch)
			result.Outcome, result.Cause, result.Epoch = Stored, nil, epoch
			if len(result.Failed) > 0 {
				result.Outcome = Partial
			}
			p.ended(ctx, result)
			p.tell(epoch, outcomes, result.Round, time.Since(start))
			return
		}
		result.Cause = fmt.Errorf("%w: %w", errUnhanded, err)
		p.ended(ctx, result)
		p.Log.Error("round dropped: the snapshot can't be handed over", "epoch", epoch, "error", err)
	} else if ctx.Err() == nil {
		p.ended(ctx, result)
		p.Log.Error("round dropped: sockets have failed",
			"epoch", epoch, "sockets", len(sockets), "failed", len(result.Failed), "duration", result.Duration)
	}
	if err := stage.Discard(); err != nil {
		p.Log.Error("dropped snapshot can't be removed", "epoch", epoch, "error", err)
	}
}

func skipped(why, err error, waiting int) Result {
	if err != nil {
		why = fmt.Errorf("%w: %w", why, err)
	}
	return Result{Outcome: Skipped, Cause: why, Waiting: waiting}
}

// keeps reports whether a round in which so many sockets have failed is handed over.
// One that was cut short by the end of the program is not: most of its sockets
// have not failed.
func (p *Puller) keeps(ctx context.Context, failed, sockets int) bool {
	return failed == 0 || p.KeepPartial && failed < sockets && ctx.Err() == nil
}

// handOver commits the stage without what is left of sockets that have failed.
func handOver(stage Stage, outcomes []outcome, r Round) error {
	for _, o := range outcomes {
		if o.err == nil {
			continue
		}
		for _, suffix := range []string{infoSuffix, statSuffix} {
			if err := stage.Remove(o.name + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return stage.Commit(r)
}

// tell logs a snapshot that was handed over.
func (p *Puller) tell(epoch int64, outcomes []outcome, r Round, took time.Duration) {
	var size int64
	for _, o := range outcomes {
		if o.err == nil {
			size += o.size
		}
	}
	if len(r.Failed) > 0 {
		p.Log.Warn("snapshot stored without the sockets that have failed", "epoch", epoch,
			"sockets", len(outcomes), "failed", len(r.Failed), "bytes", size, "duration", took)
		return
	}
	p.Log.Info("snapshot stored", "epoch", epoch, "sockets", len(outcomes), "bytes", size, "duration", took)
}

// stage begins a snapshot at the first second from epoch on, up to the next
// round's, that no other one has.
func (p *Puller) stage(epoch int64, used *epochs) (Stage, int64, error) {
	for s := epoch; s < epoch+int64(p.Interval/time.Second); s++ {
		if used.has(s) {
			continue
		}
		if stage, err := p.Spool.Stage(s); !errors.Is(err, fs.ErrExist) {
			return stage, s, err
		}
	}
	// Better two snapshots of one second, if the queue has room for both, than
	// one that is far from its time.
	stage, err := p.Spool.Stage(epoch)
	return stage, epoch, err
}
