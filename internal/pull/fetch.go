package pull

import (
	"context"
	"errors"
	"sync"
)

// The replies of a socket are in two files, named by the socket and a suffix.
const (
	infoSuffix = "_info"
	statSuffix = "_stat"
)

// outcome is what became of one socket in a round.
type outcome struct {
	socket Socket
	name   string // its files' without the suffix
	size   int64  // of both replies
	err    error
}

// fetchAll asks all sockets at once and logs those that have failed.
func (p *Puller) fetchAll(ctx context.Context, stage Stage, sockets []Socket) []outcome {
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
	outcomes := make([]outcome, len(sockets))
	var wg sync.WaitGroup
	for i, name := range names(sockets) {
		outcomes[i] = outcome{socket: sockets[i], name: name}
		wg.Go(func() { outcomes[i].size, outcomes[i].err = p.fetch(fetching, files, sockets[i], name) })
	}
	wg.Wait()
	for _, o := range outcomes {
		if o.err != nil && ctx.Err() == nil {
			p.Log.Error("socket failed", "socket", o.socket.Address, "error", o.err)
		}
	}
	return outcomes
}

// fetch stores the replies of one socket and returns their size.
func (p *Puller) fetch(ctx context.Context, files *files, s Socket, name string) (size int64, err error) {
	info, err := files.create(name + infoSuffix)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, info.Close()) }()
	stat, err := files.create(name + statSuffix)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stat.Close()) }()
	err = p.Fetcher.Fetch(ctx, s.Network, s.Address, info, stat)
	return info.size + stat.size, err
}

// failures returns the sockets that have failed.
func failures(outcomes []outcome) []Failure {
	var failed []Failure
	for _, o := range outcomes {
		if o.err != nil {
			failed = append(failed, Failure{o.socket, o.err})
		}
	}
	return failed
}
