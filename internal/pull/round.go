package pull

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"haproxystats/internal/snapshot"
)

var (
	errFull      = errors.New("the queue is full; is haproxystats-process running?")
	errSocket    = errors.New("sockets have failed")
	errUncounted = errors.New("the queue can't be counted")
	errUnlisted  = errors.New("socket-dir can't be read")
	errUnmade    = errors.New("no snapshot can be made")
	errUnhanded  = errors.New("the snapshot can't be handed over")
)

// round makes one snapshot, or logs why it could not.
func (p *Puller) round(ctx context.Context, epoch int64, skew time.Duration, used *epochs) {
	start := time.Now()
	defer p.notes.next()
	p.begun()
	if p.Accounts != nil {
		defer p.Accounts.Begin()()
	}
	waiting, err := p.Spool.Waiting()
	if err != nil {
		p.ended(ctx, skipped(errUncounted, err, waiting))
		p.log().Error("round skipped: the queue can't be counted", "error", err)
		return
	}
	if p.QueueSize > 0 && waiting >= p.QueueSize {
		p.ended(ctx, skipped(errFull, nil, waiting))
		p.log().Warn("round skipped: the queue is full; is haproxystats-process running?",
			"waiting", waiting, "queue_size", p.QueueSize)
		return
	}
	targets, err := p.sockets(start)
	if none, ok := errors.AsType[*noSocketError](err); ok {
		p.withoutSocket(ctx, none, waiting)
		return
	}
	if err != nil {
		p.ended(ctx, skipped(errUnlisted, err, waiting))
		p.log().Error("round skipped: socket-dir can't be read", "error", err)
		return
	}
	stage, epoch, err := p.stage(epoch, used)
	if err != nil {
		p.ended(ctx, skipped(errUnmade, err, waiting))
		p.log().Error("round skipped: no snapshot can be made", "error", err)
		return
	}

	outcomes := p.fetchAll(ctx, stage, targets)
	took := time.Since(start)
	if ctx.Err() == nil {
		p.judge(outcomes, start)
	}
	failed, sockets := failures(outcomes)
	down := down(outcomes)
	result := Result{
		Outcome: Dropped, Cause: errSocket, Waiting: waiting, Sockets: sockets,
		Round: snapshot.Round{
			SocketsFailed: len(failed), Failures: failed, Down: down, Interval: p.Interval, Duration: took, Skew: skew,
			Missed: p.misses.since, HandOver: p.handedOver, ProxiesOnly: p.ProxiesOnly,
		},
	}
	accounted := p.Accounts != nil && ctx.Err() == nil && sockets > 0
	if accounted {
		result.Round.Accounts = p.account(ctx, stage, outcomes)
		result.Round.Workers = p.workers
	}
	switch {
	case sockets == 0:
		p.withoutSocket(ctx, &noSocketError{errStrange}, waiting)
	case p.keeps(ctx, len(failed), sockets):
		handing := time.Now()
		err = handOver(stage, outcomes, result.Round)
		result.HandOver = time.Since(handing)
		if err == nil {
			used.add(epoch)
			if accounted {
				p.Accounts.Stored()
			}
			p.misses.since, p.handedOver, p.workers = 0, result.HandOver, snapshot.Workers{}
			result.Outcome, result.Cause, result.Epoch = Stored, nil, epoch
			if len(failed) > 0 {
				result.Outcome = Partial
			}
			p.ended(ctx, result)
			p.tell(outcomes, result, time.Since(start))
			return
		}
		result.Cause = fmt.Errorf("%w: %w", errUnhanded, err)
		p.ended(ctx, result)
		p.log().Error("round dropped: the snapshot can't be handed over", "snapshot", epoch, "error", err)
	case ctx.Err() == nil:
		p.ended(ctx, result)
		p.log().Error("round dropped: sockets have failed",
			"snapshot", epoch, "sockets", sockets, "failed", len(failed), "duration", took)
	}
	if err := stage.Discard(); err != nil {
		p.log().Error("dropped snapshot can't be removed", "snapshot", epoch, "error", err)
	}
}

// sockets returns the sockets to ask in this round, and logs sockets with two names.
// The error is a [*noSocketError] if there is no socket to ask.
func (p *Puller) sockets(now time.Time) ([]target, error) {
	found, err := p.targets()
	if err != nil {
		return nil, err
	}
	for _, t := range found {
		for _, s := range t.same {
			if p.notes.due("same "+s.Address, now, 0) {
				p.log().Warn("two names lead to one stats socket, asking it once", "socket", s.Address, "same_as", t.Address,
					"hint", "Remove one of the two, or list the stats sockets in servers and unset socket-dir")
			}
		}
	}
	targets := p.strangers.without(found, now)
	switch {
	case len(found) == 0:
		return nil, &noSocketError{p.noSocket()}
	case len(targets) == 0:
		return nil, &noSocketError{errStrange}
	}
	return targets, nil
}

// withoutSocket logs that there is no socket to ask.
func (p *Puller) withoutSocket(ctx context.Context, none *noSocketError, waiting int) {
	p.ended(ctx, skipped(none, nil, waiting))
	p.log().Error("round skipped: no socket found", "error", none.cause, "socket_dir", p.SocketDir)
}

func skipped(why, err error, waiting int) Result {
	if err != nil {
		why = fmt.Errorf("%w: %w", why, err)
	}
	return Result{Outcome: Skipped, Cause: why, Waiting: waiting}
}

// keeps reports whether to hand over a round in which so many sockets have failed. If
// the end of the program has interrupted the round, its failures are not those of the
// sockets, so it is not handed over.
func (p *Puller) keeps(ctx context.Context, failed, sockets int) bool {
	return failed == 0 || p.KeepPartial && failed < sockets && ctx.Err() == nil
}

// account adds the accounts of the sockets to the stage.
func (p *Puller) account(ctx context.Context, stage Stage, outcomes []outcome) []snapshot.Account {
	var asked []Asked
	for _, o := range outcomes {
		if !o.stranger {
			asked = append(asked, Asked{Socket: o.socket, Name: o.name, Failed: o.err != nil, Listener: o.listener})
		}
	}
	for _, path := range p.strangers.masters() {
		asked = append(asked, Asked{Socket: Socket{Network: "unix", Address: path}, Master: true})
	}
	accounts, workers := p.Accounts.Round(ctx, stage, time.Now(), asked)
	p.workers.Add(workers)
	return accounts
}

// handOver commits the stage without the files of sockets that have failed.
func handOver(stage Stage, outcomes []outcome, r snapshot.Round) error {
	for _, o := range outcomes {
		if o.err == nil {
			continue
		}
		for _, suffix := range []string{snapshot.InfoSuffix, snapshot.StatSuffix} {
			if err := stage.Remove(o.name + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return stage.Commit(r)
}

// tell logs a snapshot that was handed over.
func (p *Puller) tell(outcomes []outcome, r Result, took time.Duration) {
	var size int64
	for _, o := range outcomes {
		if o.err == nil {
			size += o.size
		}
	}
	if r.SocketsFailed > 0 {
		p.log().Warn("snapshot stored without the sockets that have failed", "snapshot", r.Epoch,
			"sockets", r.Sockets, "failed", r.SocketsFailed, "bytes", size, "duration", took)
		return
	}
	p.log().Info("snapshot stored", "snapshot", r.Epoch, "sockets", r.Sockets, "bytes", size, "duration", took)
}

// stage begins a snapshot at the first free second from epoch on, but before the next
// round.
func (p *Puller) stage(epoch int64, used *epochs) (Stage, int64, error) {
	for s := epoch; s < epoch+int64(p.Interval/time.Second); s++ {
		if used.has(s) {
			continue
		}
		if stage, err := p.Spool.Stage(s); !errors.Is(err, fs.ErrExist) {
			return stage, s, err
		}
	}
	// Two snapshots of one second, if the queue has room for both, are better than one
	// far from its time.
	stage, err := p.Spool.Stage(epoch)
	return stage, epoch, err
}
