package pull

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"
)

// round makes one snapshot, or logs why there is none.
func (p *Puller) round(ctx context.Context, epoch int64, used *epochs) {
	start := time.Now()
	waiting, err := p.Spool.Waiting()
	if err != nil {
		p.Log.Error("round skipped: the queue can't be counted", "err", err)
		return
	}
	if p.QueueSize > 0 && waiting >= p.QueueSize {
		p.Log.Warn("round skipped: the queue is full; is haproxystats-process running?",
			"waiting", waiting, "queue-size", p.QueueSize)
		return
	}
	sockets, err := p.sockets()
	if err != nil {
		p.Log.Error("round skipped: socket-dir can't be read", "err", err)
		return
	}
	if len(sockets) == 0 {
		p.Log.Error("round skipped: no socket found; is HAProxy running?", "socket-dir", p.SocketDir)
		return
	}
	stage, epoch, err := p.stage(epoch, used)
	if err != nil {
		p.Log.Error("round skipped: no snapshot can be made", "err", err)
		return
	}

	size, failed := p.fetchAll(ctx, stage, sockets)
	if failed == 0 {
		if err = stage.Commit(); err == nil {
			used.add(epoch)
			p.Log.Info("snapshot stored", "epoch", epoch, "sockets", len(sockets), "bytes", size, "duration", time.Since(start))
			return
		}
		p.Log.Error("round dropped: the snapshot can't be handed over", "epoch", epoch, "err", err)
	} else if ctx.Err() == nil {
		p.Log.Error("round dropped: sockets have failed",
			"epoch", epoch, "sockets", len(sockets), "failed", failed, "duration", time.Since(start))
	}
	if err := stage.Discard(); err != nil {
		p.Log.Error("dropped snapshot can't be removed", "epoch", epoch, "err", err)
	}
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

// fetchAll asks all sockets at once and returns the number of bytes stored and
// of sockets that have failed.
func (p *Puller) fetchAll(ctx context.Context, stage Stage, sockets []Socket) (size int64, failed int) {
	fetching := ctx
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		fetching, cancel = context.WithTimeout(ctx, p.Timeout)
		defer cancel()
	}
	workers := p.Workers
	if workers <= 0 {
		workers = len(sockets)
	}
	files := &files{stage: stage, ctx: fetching, workers: make(chan struct{}, workers)}
	errs := make([]error, len(sockets))
	var wg sync.WaitGroup
	for i, name := range names(sockets) {
		wg.Go(func() { errs[i] = p.fetch(fetching, files, sockets[i], name) })
	}
	wg.Wait()
	for i, err := range errs {
		if err == nil {
			continue
		}
		failed++
		if ctx.Err() == nil {
			p.Log.Error("socket failed", "socket", sockets[i].Address, "err", err)
		}
	}
	return files.size.Load(), failed
}

// fetch stores the replies of one socket.
func (p *Puller) fetch(ctx context.Context, files *files, s Socket, name string) (err error) {
	info, err := files.create(name + "_info")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, info.Close()) }()
	stat, err := files.create(name + "_stat")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stat.Close()) }()
	return p.Fetcher.Fetch(ctx, s.Network, s.Address, info, stat)
}
