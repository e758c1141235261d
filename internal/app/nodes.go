package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"haproxystats/internal/config"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/process"
	"haproxystats/internal/pull"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

// nodes is the source of the snapshots of all nodes: a spool for each that
// haproxystats-central reads itself, and a topic of Kafka for the others.
type nodes struct {
	claims chan process.Claim

	mu    sync.Mutex
	all   []*node
	topic SnapshotTopic // nil if none is read
}

// node is one of them.
type node struct {
	name    string
	place   string // where its spool and accounts are: differs for another node of that name
	reader  *spool.Reader
	puller  *pull.Puller // nil if another program fills the spool
	writer  *spool.Writer
	keeper  *keeper // nil if no accounts are kept
	changes chan func(*pull.Puller)
	log     *slog.Logger

	closeKeeper func()

	mu      sync.Mutex
	cluster string

	stop  func() // ends what start has begun; nil before
	ended errgroup.Group
}

// openNodes opens the spools of all nodes, or none.
func openNodes(c *config.Config, log *slog.Logger) (*nodes, error) {
	n := &nodes{claims: make(chan process.Claim)}
	all, err := openEach(c, nil, log)
	n.all = all
	return n, err
}

// openEach opens the nodes of a configuration, or none. It takes over those that are open
// already in the same place.
func openEach(c *config.Config, open []*node, log *slog.Logger) (all []*node, err error) {
	var fresh []*node
	for _, i := range c.Nodes {
		if k := slices.IndexFunc(open, func(n *node) bool { return n.name == i.Name && n.place == placeOf(c, i.Options) }); k >= 0 {
			all = append(all, open[k])
			continue
		}
		one, err := openNode(c, i.Name, i.Options, log.With("node", i.Name))
		if err != nil {
			err = fmt.Errorf("node %s: %w", i.Name, err)
			for _, n := range fresh {
				err = errors.Join(err, n.close())
			}
			return nil, err
		}
		fresh = append(fresh, one)
		all = append(all, one)
	}
	return all, nil
}

// placeOf returns a text that differs for nodes of one name whose spools or accounts are
// not the same.
func placeOf(c *config.Config, o config.Node) string {
	if len(o.Servers) == 0 {
		return o.SrcDir
	}
	if c.Pull.StateDir == "" {
		return "pulled without accounts"
	}
	return "pulled"
}

func openNode(c *config.Config, name string, o config.Node, log *slog.Logger) (*node, error) {
	n := &node{name: name, place: placeOf(c, o), cluster: o.Cluster, closeKeeper: func() {}, log: log}
	dir := o.SrcDir
	if len(o.Servers) > 0 {
		own := filepath.Join(c.Central.WorkDir, "nodes", name)
		dir = filepath.Join(own, "incoming")
		var err error
		if n.writer, err = spool.OpenWriter(spool.WriterOptions{Dir: dir, Tmp: dir + ".tmp", Log: log}); err != nil {
			return nil, err
		}
		client := newClient(&c.Pull, log)
		n.changes = make(chan func(*pull.Puller))
		n.puller = &pull.Puller{Spool: stagingSpool{n.writer}, Log: log, Changes: n.changes}
		setNode(n.puller, c, o, client, log)
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

// setNode sets what the configuration says of a node's rounds.
func setNode(p *pull.Puller, c *config.Config, o config.Node, client *haproxy.Client, log *slog.Logger) {
	p.Servers, p.Interval = Sockets(o.Servers), c.Cluster(o.Cluster).Interval
	setRounds(p, &c.Pull, client, log)
}

// change makes the node follow another configuration, between two of its rounds.
func (n *node) change(ctx context.Context, c *config.Config, o config.Node) {
	n.mu.Lock()
	n.cluster = o.Cluster
	n.mu.Unlock()
	if n.puller == nil {
		return
	}
	_ = between(ctx, n.changes, func(p *pull.Puller) { // fails only when the program ends
		client := newClient(&c.Pull, n.log)
		setNode(p, c, o, client, n.log)
		if n.keeper != nil {
			n.keeper.change(&c.Pull, p.Interval, client)
		}
	})
}

func (n *node) close() error {
	err := n.end()
	if n.reader != nil {
		err = errors.Join(err, n.reader.Close())
	}
	if n.writer != nil {
		err = errors.Join(err, n.writer.Close())
	}
	n.closeKeeper()
	return err
}

// start pulls, and offers snapshots to the workers, until ctx ends. The spool is watched
// until background does.
func (n *node) start(ctx, background context.Context, claims chan<- process.Claim) {
	if n.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	background, stopWatching := context.WithCancel(background)
	n.stop = func() { stop(); stopWatching() }
	n.ended.Go(func() error { return n.reader.Run(background) })
	n.ended.Go(func() error { n.offer(ctx, claims); return nil })
	if n.puller != nil {
		n.ended.Go(func() error { return n.puller.Run(ctx) })
	}
	if n.keeper != nil {
		n.ended.Go(func() error { return n.keeper.Run(ctx) })
	}
}

// end ends what start has begun.
func (n *node) end() error {
	if n.stop == nil {
		return nil
	}
	n.stop()
	return n.ended.Wait()
}

func (n *nodes) close() error {
	var all error
	for _, one := range n.list() {
		all = errors.Join(all, one.close())
	}
	return all
}

// list returns the present nodes.
func (n *nodes) list() []*node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all
}

// setTopic sets the topic with the snapshots of other nodes; nil for none.
func (n *nodes) setTopic(t SnapshotTopic) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.topic = t
}

func (n *nodes) ofTopic() SnapshotTopic {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.topic
}

// start starts all nodes.
func (n *nodes) start(ctx, background context.Context) {
	for _, one := range n.list() {
		one.start(ctx, background, n.claims)
	}
}

// reopen makes these the nodes of another configuration, while no snapshot is in hand. Those
// that stay where they are go on with their rounds, the others end before new ones are
// opened. If one can't be opened, those of the configuration before are. The error is a
// [*lost] if they can't be opened either.
func (n *nodes) reopen(ctx, background context.Context, next, before *config.Config, log *slog.Logger) error {
	now := n.list()
	var kept []*node
	for _, one := range now {
		o, ok := next.Nodes.Get(one.name)
		if ok && placeOf(next, o) == one.place {
			kept = append(kept, one)
			continue
		}
		if err := one.close(); err != nil {
			log.Warn("node can't be closed cleanly", "node", one.name, "error", err)
		}
	}
	all, err := openEach(next, kept, log)
	if err != nil {
		var lostBy error
		if all, lostBy = openEach(before, kept, log); lostBy != nil {
			all, err = kept, &lost{errors.Join(err, lostBy)}
		}
	} else {
		for _, one := range kept {
			o, _ := next.Nodes.Get(one.name)
			one.change(ctx, next, o)
		}
	}
	n.mu.Lock()
	n.all = all
	n.mu.Unlock()
	n.start(ctx, background)
	return err
}

// offerTopic offers the snapshots of a topic.
func (n *nodes) offerTopic(ctx context.Context, topic SnapshotTopic) {
	for {
		c, err := topic.Claim(ctx)
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
	for _, one := range n.list() {
		waiting += one.reader.Waiting()
	}
	if topic := n.ofTopic(); topic != nil {
		waiting += topic.Waiting()
	}
	return waiting
}

// Oldest returns the age of the oldest snapshot of all nodes.
func (n *nodes) Oldest() time.Duration {
	var oldest time.Duration
	for _, one := range n.list() {
		oldest = max(oldest, one.reader.Oldest())
	}
	if topic := n.ofTopic(); topic != nil {
		oldest = max(oldest, topic.Oldest())
	}
	return oldest
}

// Corrupt returns the number of snapshots that were given up, of all nodes.
func (n *nodes) Corrupt() int64 {
	var corrupt int64
	for _, one := range n.list() {
		corrupt += one.reader.Corrupt()
	}
	if topic := n.ofTopic(); topic != nil {
		corrupt += topic.Corrupt()
	}
	return corrupt
}

// outage returns why the spools of nodes can't be read.
func (n *nodes) outage() error {
	var all []error
	for _, one := range n.list() {
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
	c.node.mu.Lock()
	defer c.node.mu.Unlock()
	s.Node, s.Cluster = c.node.name, c.node.cluster
	return s, err
}
