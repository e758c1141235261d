package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"haproxystats/internal/config"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/process"
	"haproxystats/internal/pull"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
	"haproxystats/internal/workers"
)

// nodes is the source of the snapshots of all nodes: a spool for each that
// haproxystats-central reads itself, and a topic of Kafka for the others.
type nodes struct {
	all    []*node
	topic  SnapshotTopic // nil if none is read
	claims chan process.Claim
}

// node is one of them.
type node struct {
	name, cluster string
	reader        *spool.Reader
	puller        *pull.Puller // nil if another program fills the spool
	writer        *spool.Writer
	keeper        *workers.Keeper // nil if no accounts are kept
	closeKeeper   func()
}

// openNodes opens the spools of all nodes, or none.
func openNodes(c *config.Config, log *slog.Logger) (*nodes, error) {
	n := &nodes{claims: make(chan process.Claim)}
	for _, i := range c.Nodes {
		one, err := openNode(c, i.Name, i.Options, log.With("node", i.Name))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("node %s: %w", i.Name, err), n.close())
		}
		n.all = append(n.all, one)
	}
	return n, nil
}

func openNode(c *config.Config, name string, o config.Node, log *slog.Logger) (*node, error) {
	n := &node{name: name, cluster: o.Cluster, closeKeeper: func() {}}
	dir := o.SrcDir
	if len(o.Servers) > 0 {
		own := filepath.Join(c.Central.WorkDir, "nodes", name)
		dir = filepath.Join(own, "incoming")
		var err error
		if n.writer, err = spool.OpenWriter(spool.WriterOptions{Dir: dir, Tmp: dir + ".tmp", Log: log}); err != nil {
			return nil, err
		}
		client := &haproxy.Client{
			Timeout: c.Pull.Timeout, Retries: c.Pull.Retries, Interval: c.Pull.Interval,
			BufferLimit: c.Pull.BufferLimit, Buffers: c.Pull.Workers, Log: log,
		}
		n.puller = &pull.Puller{
			Spool:       stagingSpool{n.writer},
			Fetcher:     client,
			Servers:     Sockets(o.Servers),
			Interval:    c.Cluster(o.Cluster).Interval,
			Timeout:     c.Pull.PullTimeout,
			QueueSize:   c.Pull.QueueSize,
			Workers:     c.Pull.Workers,
			KeepPartial: c.Pull.OnPartial == config.PartialKeep,
			Log:         log,
		}
		if collector := newCollector(&c.Pull, client, log); collector != nil {
			n.puller.Collector = collector
		}
		kept := keeping{node: func() (string, error) { return name, nil }, interval: n.puller.Interval}
		if c.Pull.StateDir != "" {
			kept.dir = filepath.Join(own, "truth")
		}
		if n.keeper, n.closeKeeper = openKeeper(&c.Pull, kept, client, log); n.keeper != nil {
			n.puller.Accounts = n.keeper
		}
	}
	var err error
	if n.reader, err = spool.OpenReader(spool.ReaderOptions{Dir: dir, Log: log}); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func (n *node) close() error {
	var err error
	if n.reader != nil {
		err = n.reader.Close()
	}
	if n.writer != nil {
		err = errors.Join(err, n.writer.Close())
	}
	n.closeKeeper()
	return err
}

func (n *nodes) close() error {
	var all error
	for _, one := range n.all {
		all = errors.Join(all, one.close())
	}
	return all
}

// start pulls, and offers snapshots to the workers, until ctx ends. The spools are
// watched until background does.
func (n *nodes) start(ctx, background context.Context, g *errgroup.Group) {
	for _, one := range n.all {
		g.Go(func() error { return one.reader.Run(background) })
		g.Go(func() error { one.offer(ctx, n.claims); return nil })
		if one.puller != nil {
			g.Go(func() error { return one.puller.Run(ctx) })
		}
		if one.keeper != nil {
			g.Go(func() error { return one.keeper.Run(ctx) })
		}
	}
	if n.topic != nil {
		g.Go(func() error { n.offerTopic(ctx); return nil })
	}
}

// offerTopic offers the snapshots of the topic.
func (n *nodes) offerTopic(ctx context.Context) {
	for {
		c, err := n.topic.Claim(ctx)
		if err != nil {
			return // ctx has ended
		}
		select {
		case n.claims <- c:
		case <-ctx.Done():
			c.Postpone()
			return
		}
	}
}

// offer offers one snapshot of the node after another.
func (n *node) offer(ctx context.Context, claims chan<- process.Claim) {
	for {
		e, err := n.reader.Claim(ctx)
		switch {
		case ctx.Err() != nil:
			if err == nil {
				e.Postpone()
			}
			return
		case err != nil:
			if outbox.Sleep(ctx, claimPause) != nil {
				return
			}
			continue
		}
		select {
		case claims <- nodeClaim{claim{e}, n}:
		case <-ctx.Done():
			e.Postpone()
			return
		}
	}
}

// claimPause is the pause after a snapshot could not be claimed, which the reader has
// logged.
const claimPause = time.Second

// Claim implements [process.Source].
func (n *nodes) Claim(ctx context.Context) (process.Claim, error) {
	select {
	case c := <-n.claims:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Waiting returns the number of snapshots that wait, of all nodes.
func (n *nodes) Waiting() int {
	waiting := 0
	for _, one := range n.all {
		waiting += one.reader.Waiting()
	}
	if n.topic != nil {
		waiting += n.topic.Waiting()
	}
	return waiting
}

// Oldest returns the age of the oldest snapshot of all nodes.
func (n *nodes) Oldest() time.Duration {
	var oldest time.Duration
	for _, one := range n.all {
		oldest = max(oldest, one.reader.Oldest())
	}
	if n.topic != nil {
		oldest = max(oldest, n.topic.Oldest())
	}
	return oldest
}

// Corrupt returns the number of snapshots that were given up, of all nodes.
func (n *nodes) Corrupt() int64 {
	var corrupt int64
	for _, one := range n.all {
		corrupt += one.reader.Corrupt()
	}
	if n.topic != nil {
		corrupt += n.topic.Corrupt()
	}
	return corrupt
}

// outage returns why the spools of nodes can't be read.
func (n *nodes) outage() error {
	var all []error
	for _, one := range n.all {
		if err := one.reader.Outage(); err != nil {
			all = append(all, fmt.Errorf("node %s: %w", one.name, err))
		}
	}
	return errors.Join(all...)
}

// nodeClaim is a snapshot of one of several nodes.
type nodeClaim struct {
	claim
	node *node
}

// Name tells the snapshot from those of other nodes.
func (c nodeClaim) Name() string { return c.node.name + "/" + c.claim.Name() }

// Lane is the node.
func (c nodeClaim) Lane() string { return c.node.name }

// Snapshot returns the snapshot with its node and cluster.
func (c nodeClaim) Snapshot() (snapshot.Snapshot, error) {
	s, err := c.claim.Snapshot()
	s.Node, s.Cluster = c.node.name, c.node.cluster
	return s, err
}
