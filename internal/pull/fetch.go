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
	listener Listener
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
	if p.Collector != nil {
		p.Collector.Begin(socketsOf(targets))
	}
	files := &files{stage: stage, ctx: fetching, workers: make(chan struct{}, workers)}
	outcomes := make([]outcome, len(targets))
	var wg sync.WaitGroup
	for i, name := range names(socketsOf(targets)) {
		outcomes[i] = outcome{target: targets[i], socket: targets[i].Socket, name: name}
		if p.Accounts != nil {
			outcomes[i].listener = p.Accounts.Listen(targets[i].Socket, name)
		}
		wg.Go(func() { p.fetch(fetching, files, &outcomes[i]) })
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

// fetch stores the replies of one socket.
func (p *Puller) fetch(ctx context.Context, files *files, o *outcome) {
	o.size, o.err = p.store(ctx, files, o)
	if o.listener != nil {
		o.listener.End(o.err)
	}
}

// store stores the replies of one socket and returns their size.
func (p *Puller) store(ctx context.Context, files *files, o *outcome) (size int64, err error) {
	info, err := files.create(o.name + snapshot.InfoSuffix)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, info.Close()) }()
	stat, err := files.create(o.name + snapshot.StatSuffix)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stat.Close()) }()
	if o.listener != nil {
		info.heard, stat.heard = o.listener.Info, o.listener.Stat
	}
	if p.Collector == nil {
		err = p.Fetcher.Fetch(ctx, o.socket.Network, o.socket.Address, info, stat)
		return info.size + stat.size, err
	}
	more, err := p.Collector.Collect(ctx, o.socket, info, stat)
	if err == nil {
		p.storeMore(files, o, more)
	}
	return info.size + stat.size, err
}

// storeMore stores what a socket has said beside its replies. A file that can't be stored
// costs nothing else.
func (p *Puller) storeMore(files *files, o *outcome, more []File) {
	for _, m := range more {
		name := o.name + m.Suffix
		f, err := files.create(name)
		if err == nil {
			_, err = f.Write(m.Data)
			if err = errors.Join(err, f.Close()); err != nil {
				err = errors.Join(err, files.stage.Remove(name))
			}
		}
		if err != nil {
			p.log().Debug("file of a socket can't be stored, it is left out", "socket", o.socket.Address, "file", name, "error", err)
		}
	}
}

// down returns the names of the stats sockets that have failed.
func down(outcomes []outcome) (names []string) {
	for _, o := range outcomes {
		if !o.stranger && o.err != nil {
			names = append(names, o.name)
		}
	}
	return names
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
