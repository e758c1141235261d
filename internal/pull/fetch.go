package pull

import (
	"context"
	"errors"
	"sync"
	"time"

	"haproxystats/internal/snapshot"
)

// outcome is the result of one socket in a round.
type outcome struct {
	target   target
	socket   Socket
	name     string // name of its files, without the suffix
	size     int64  // of both replies
	err      error
	stranger bool // it is not a stats socket
}

// fetchAll asks all targets at once.
func (p *Puller) fetchAll(ctx context.Context, stage Stage, targets []target) []outcome {
	fetching := ctx
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		fetching, cancel = context.WithTimeout(ctx, p.Timeout)
		defer cancel()
	}
	workers := p.Workers
	if workers <= 0 {
		workers = len(targets)
	}
	files := &files{stage: stage, ctx: fetching, workers: make(chan struct{}, workers)}
	outcomes := make([]outcome, len(targets))
	var wg sync.WaitGroup
	for i, name := range names(socketsOf(targets)) {
		outcomes[i] = outcome{target: targets[i], socket: targets[i].Socket, name: name}
		wg.Go(func() { outcomes[i].size, outcomes[i].err = p.fetch(fetching, files, outcomes[i].socket, name) })
	}
	wg.Wait()
	return outcomes
}

func socketsOf(targets []target) []Socket {
	sockets := make([]Socket, len(targets))
	for i, t := range targets {
		sockets[i] = t.Socket
	}
	return sockets
}

// judge marks strangers among the sockets that were asked, and logs what is new
// about them.
func (p *Puller) judge(outcomes []outcome, now time.Time) {
	var own []outcome
	for i := range outcomes {
		o := &outcomes[i]
		var news bool
		switch o.stranger, news = p.strangers.meet(o.target, o.err, now); {
		case news && isMaster(o.err) && p.Accounts != nil:
			p.log().Info("socket of HAProxy's master found", "socket", o.socket.Address)
		case news:
			p.log().Warn("socket is not a stats socket, passing it over", "socket", o.socket.Address, "error", o.err)
		}
		if !o.stranger {
			own = append(own, *o)
		}
	}
	p.troubles.tell(p.log(), own, now)
}

// fetch stores the replies of one socket and returns their size.
func (p *Puller) fetch(ctx context.Context, files *files, s Socket, name string) (size int64, err error) {
	info, err := files.create(name + snapshot.InfoSuffix)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, info.Close()) }()
	stat, err := files.create(name + snapshot.StatSuffix)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stat.Close()) }()
	err = p.Fetcher.Fetch(ctx, s.Network, s.Address, info, stat)
	return info.size + stat.size, err
}

// failures returns the stats sockets that have failed, and the number of all stats
// sockets.
func failures(outcomes []outcome) (failed []snapshot.Failure, sockets int) {
	for _, o := range outcomes {
		if o.stranger {
			continue
		}
		sockets++
		if o.err != nil {
			failed = append(failed, snapshot.Failure{Socket: o.socket.Address, Cause: o.err.Error()})
		}
	}
	return failed, sockets
}
