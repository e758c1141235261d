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

	"haproxystats/internal/aggregate"
	"haproxystats/internal/cluster"
	"haproxystats/internal/config"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/journal"
	"haproxystats/internal/learned"
	"haproxystats/internal/metric"
	"haproxystats/internal/process"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/status"
	"haproxystats/internal/window"
)

// Central returns haproxystats-central. It sends events with a client, and opens the
// endpoint of [prometheus] with endpoint.
func Central(version string, client httpcall.New, b Brokers, endpoint OpenEndpoint) Program {
	return Program{
		Name:      config.ForCentral,
		Check:     SinkCheck(b),
		Startable: checkNodes,
		Work: func(ctx context.Context, l *config.Loaded, service *Supervisor, reloads *Reloads, log Log) error {
			return runCentral(ctx, l, release{version, l.SHA256, reloads}, service, client, b, endpoint, log)
		},
		Log: func(c *config.Config) (slog.Level, config.LogFormat) { return c.Central.LogLevel, c.Central.LogFormat },
	}
}

// checkNodes refuses a configuration without a node.
func checkNodes(c *config.Config) []config.Problem {
	if len(c.Nodes) > 0 || c.Central.Kafka {
		return nil
	}
	return []config.Problem{{
		Reason: "no node is configured",
		Hint:   "Add a section [node NAME] for each node, or set kafka = true in [central]",
	}}
}

// runCentral runs what brings the snapshots of nodes, the workers that make tables of
// them, the windows of clusters, and what sends the sinks' queues. When ctx ends the
// windows and queues stop at once, since they begin again where they ended; the workers
// finish what they have taken.
func runCentral(ctx context.Context, l *config.Loaded, r release, service *Supervisor, client httpcall.New, b Brokers, endpoint OpenEndpoint, out Log) error {
	c, log := &l.Config, out.Logger
	p := &centre{brokers: b, engine: engine[*centralWork]{release: r, service: service, to: out}}
	p.known = learned.Open(learned.Options{File: filepath.Join(c.Central.WorkDir, "learned"), Log: log})
	first, err := p.prepare(l)
	if err != nil {
		return err
	}
	if p.here, err = newHost(c, log); err != nil {
		return err
	}
	page := openStatus(ctx, c.Central.StatusSocket, config.ForCentral, r, out)
	defer page.close()
	if p.from, err = openNodes(c, log); err != nil {
		return err
	}
	defer p.from.close()
	p.base = setup{version: r.version, brokers: b, client: client, endpoint: endpoint, status: page.write, log: log}
	if first.sinks, err = openConfigured(p.setup(l)); err != nil {
		return err
	}
	p.begin(first)
	defer func() { _ = p.work().sinks.close() }()
	if err = p.build(first, nil); err != nil {
		return err
	}
	defer func() { _ = p.work().clusters.close() }()

	// A source that must not go on ends the program.
	ctx, end := context.WithCancel(ctx)
	defer end()
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	p.from.start(ctx, background)
	first.sinks.start(ctx)
	page.running(p.tell)
	service.ready()
	var g errgroup.Group
	exchanges := make(chan exchange[*centralWork])
	g.Go(func() error { serveExchanges(ctx, r.reloads, exchanges, p.prepare); return nil })
	err = follow(ctx, exchanges, p.work, func(next *centralWork) error { return p.exchange(ctx, background, next) })
	end()
	stop()
	for _, one := range p.from.list() {
		err = errors.Join(err, one.end())
	}
	return errors.Join(err, p.work().sinks.end(), g.Wait())
}

// centre is haproxystats-central, of which a reload replaces a part.
type centre struct {
	engine[*centralWork]
	brokers Brokers
	from    *nodes
}

// centralWork is what works by one configuration.
type centralWork struct {
	loaded    *config.Loaded
	options   aggregate.Options
	processor *process.Processor
	sinks     openSinks
	clusters  clusters
	sources   selfstat.Sources
	told      *faults
	self      centralSelf
	from      *nodes
}

// prepare begins the work by a configuration. It opens nothing.
func (p *centre) prepare(l *config.Loaded) (*centralWork, error) {
	w := &centralWork{loaded: l, from: p.from}
	var err error
	w.options, err = AggregateOptions(&l.Config, p.to.Logger, func() { w.processor.Progressed() })
	w.options.Learned = p.known
	return w, err
}

// build opens the clusters of work whose sinks are open, and makes the processor. The work
// takes the place of before, which is nil at the start.
func (p *centre) build(w, before *centralWork) error {
	c, log := &w.loaded.Config, p.to.Logger
	var toClusters []cluster.Sink
	var toNodes []process.Sink
	var raw []process.SnapshotSink
	for _, s := range w.sinks.sinks {
		if taker, ok := s.(process.SnapshotSink); ok {
			raw = append(raw, taker)
			continue
		}
		toClusters = append(toClusters, s)
		if c.Central.NodeMetrics {
			toNodes = append(toNodes, s)
		}
	}
	var err error
	if w.clusters, err = openClusters(c, p.brokers, p.here.current(), windowOptions(c, w.options), toClusters, log); err != nil {
		return err
	}
	w.from = p.from
	p.from.setTopic(nil)
	if w.clusters.topics != nil {
		p.from.setTopic(w.clusters.topics.Snapshots())
	}
	w.sources = selfstat.Sources{
		Spool: p.from, Retries: func() int64 { return w.processor.Stats().Retries }, Sinks: w.sinks.stats,
		LogDropped: p.to.dropped, Config: p.release.reloads.state,
	}
	ofNodes := w.options
	ofNodes.Processes = true
	w.told = &faults{files: c.Process.NameFiles()}
	p.ledger = ledgerAfter(p.ledger, w.options)
	ledger := p.ledger
	o := process.Options{
		Source: p.from,
		Sinks:  append([]process.Sink{w.clusters.sink()}, toNodes...), Snapshots: raw,
		NewAggregator: func() process.Aggregator {
			// The spools and sinks are not those of one node: centralSelf tells of them.
			pipeline := NewPipeline(ofNodes, selfstat.Sources{}, log)
			pipeline.faults, pipeline.reader.Ledger = w.told, ledger
			pipeline.addressed = func(cluster string) bool { return c.Cluster(cluster).ServerIdentity == config.IdentityAddress }
			return pipeline
		},
		Workers:          c.Process.Workers,
		LivenessInterval: p.service.interval(c.Process.LivenessCheckInterval),
		Grace:            grace,
		Alive:            func() { p.service.alive(centralStatus(w.clusters.status())) },
		Log:              log,
	}
	if before != nil {
		o.After = before.processor
	}
	w.processor = process.New(o)
	w.self = centralSelf{
		sources: selfstat.CentralSources{
			Sources:         w.sources,
			Done:            func() int64 { return w.processor.Stats().Done },
			AddressesHidden: w.told.addressesHidden,
			OpenWindows:     func() int { return w.clusters.status().Open },
			JournalBytes:    w.clusters.journalBytes,
			JournalMaxBytes: c.Central.JournalMaxBytes,
		},
		node: p.here.current, interval: c.Cluster("").Interval, log: log,
	}
	if w.clusters.topics != nil {
		w.self.sources.Topics = w.clusters.topics.Counts
	}
	p.begin(w)
	return nil
}

// run processes snapshots and makes windows, until ctx ends, until drain, or until a source
// must not go on.
func (w *centralWork) run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	sending, stopSending := context.WithCancel(ctx)
	defer stopSending()
	var g errgroup.Group
	ending := func(err error) error {
		if err != nil {
			end()
		}
		return err
	}
	g.Go(func() error { return ending(w.clusters.run(sending)) })
	if w.clusters.topics != nil {
		if topic := w.clusters.topics.Snapshots(); topic != nil {
			g.Go(func() error { return ending(topic.Run(background)) })
			g.Go(func() error { w.from.offerTopic(sending, topic); return nil })
		}
	}
	for _, s := range w.sinks.sinks {
		if _, ok := s.(process.SnapshotSink); !ok {
			g.Go(func() error { return w.self.run(sending, s) })
		}
	}
	err := w.processor.Run(ctx)
	stop()
	stopSending()
	if err != nil {
		return err
	}
	return g.Wait()
}

func (w *centralWork) drain() { w.processor.Drain() }

// tell fills in the status document.
func (p *centre) tell(d *status.Document) {
	w := p.work()
	tellProcess(d, w.processor, w.sources, p.from.outage(), w.sinks)
	w.told.fill(d.Process)
	d.Central = clustersStatus(w.clusters.status(), w.clusters.journalBytes())
	if w.clusters.topics != nil {
		d.Central.Topics, d.Central.AssemblyBytes, d.Central.AssemblyFileBytes = w.clusters.topics.Status()
	}
}

// exchange puts other work in the place of the present one, which has ended. After an error
// that is not a [*lost], work by the present configuration goes on.
func (p *centre) exchange(ctx, background context.Context, next *centralWork) error {
	before := p.work()
	log := p.to.Logger
	if err := before.clusters.close(); err != nil {
		log.Warn("windows of clusters can't be closed cleanly", "error", err)
	}
	was := p.setup(before.loaded)
	p.here.follow(&next.loaded.Config)
	is := p.setup(next.loaded)
	var refused error
	next.sinks, refused = before.sinks.reopen(is, was)
	if refused == nil {
		if refused = p.from.reopen(ctx, background, &next.loaded.Config, &before.loaded.Config, log); refused == nil {
			refused = p.build(next, before)
			if refused != nil {
				refused = errors.Join(refused, asLost(p.from.reopen(ctx, background, &before.loaded.Config, &next.loaded.Config, log)))
			}
		}
		if refused != nil && !errors.As(refused, new(*lost)) {
			back, err := next.sinks.reopen(was, is)
			next.sinks, refused = back, errors.Join(refused, asLost(err))
		}
	}
	if errors.As(refused, new(*lost)) {
		return refused
	}
	if refused != nil {
		p.here.follow(&before.loaded.Config)
		again, err := p.prepare(before.loaded)
		if err == nil {
			again.sinks = next.sinks
			err = p.build(again, before)
		}
		if err != nil {
			return &lost{errors.Join(refused, err)}
		}
		next = again
	}
	next.sinks.start(ctx)
	return refused
}

// asLost returns an error after which there is nothing to go on with.
func asLost(err error) error {
	if err == nil {
		return nil
	}
	return &lost{err}
}

// clusterOptions returns the options of aggregation for clusters.
func clusterOptions(o aggregate.Options) aggregate.Options {
	o.PerProcess, o.Processes = false, false // processes of different nodes have equal names
	return o
}

// windowOptions returns the options of each cluster's windows.
func windowOptions(c *config.Config, options aggregate.Options) func(string) window.Options {
	options = clusterOptions(options)
	return func(name string) window.Options {
		o := c.Cluster(name)
		return window.Options{
			Interval: o.Interval, Grace: o.Grace, Late: o.Late, NodeExpiry: o.NodeExpiry,
			Expected:      o.Nodes.Names,
			OnIncomplete:  window.Incomplete(o.OnIncomplete),
			NewAggregator: func() window.Aggregator { return scoped{aggregate.New(options), scopesOf(o.Scopes)} },
		}
	}
}

// scopesOf returns which scopes are sent.
func scopesOf(names []string) (sent [metric.NumScopes]bool) {
	for _, name := range names {
		switch name {
		case "daemon":
			sent[metric.Daemon], sent[metric.Resolver], sent[metric.Certificate], sent[metric.Learned] = true, true, true, true
		case "frontend":
			sent[metric.Frontend], sent[metric.Listener] = true, true
		case "backend":
			sent[metric.Backend], sent[metric.StickTable] = true, true
		case "server":
			sent[metric.Server], sent[metric.ServerName], sent[metric.ServerProcesses] = true, true, true
		}
	}
	return sent
}

// scoped is an aggregator whose batches have some scopes only. It takes all of them,
// because the numbers of servers are those of their rows.
type scoped struct {
	*aggregate.Aggregator
	sent [metric.NumScopes]bool
}

// Batch implements [window.Aggregator].
func (s scoped) Batch(epoch int64) *metric.Batch {
	b := s.Aggregator.Batch(epoch)
	b.Tables = slices.DeleteFunc(b.Tables, func(t *metric.Table) bool { return !s.sent[t.Scope()] })
	if !s.sent[metric.Daemon] {
		b.Texts = nil
	}
	return b
}

// clusters is what makes the batches of clusters: of a journal, or of a topic of Kafka.
type clusters struct {
	local  *cluster.Local
	kept   *journal.Journal
	topics Topics // nil without Kafka
	close  func() error
}

func openClusters(
	c *config.Config, b Brokers, host string, windows func(string) window.Options, sinks []cluster.Sink, log *slog.Logger,
) (clusters, error) {
	if c.Central.Kafka {
		if b == nil {
			return clusters{}, errors.New("this program can't speak to Kafka: set kafka = false in [central]")
		}
		topics, err := b.OpenTopics(TopicsSetup{Config: c, Host: host, Windows: windows, Sinks: sinks, Log: log})
		if err != nil {
			return clusters{}, err
		}
		return clusters{topics: topics, close: sync.OnceValue(topics.Close)}, nil
	}
	kept, records, err := journal.Open(journal.Options{
		Dir: filepath.Join(c.Central.WorkDir, "journal"), MaxBytes: c.Central.JournalMaxBytes, Log: log,
	})
	if err != nil {
		return clusters{}, fmt.Errorf("open the journal of the clusters: %w", err)
	}
	local := cluster.NewLocal(cluster.LocalOptions{
		Journal: kept, Records: records, Options: cluster.Options{Windows: windows, Sinks: sinks, Log: log},
	})
	return clusters{local: local, kept: kept, close: sync.OnceValue(kept.Close)}, nil
}

// sink returns what takes the tables of nodes that this program aggregates.
func (c clusters) sink() process.Sink {
	if c.topics != nil {
		return c.topics.Tables()
	}
	return c.local
}

func (c clusters) run(ctx context.Context) error {
	if c.topics != nil {
		return c.topics.Run(ctx)
	}
	return c.local.Run(ctx)
}

func (c clusters) status() cluster.Status {
	if c.topics != nil {
		return c.topics.Clusters()
	}
	return c.local.Status()
}

func (c clusters) journalBytes() int64 {
	if c.topics != nil {
		return 0
	}
	return c.kept.Bytes()
}

// centralStatus returns haproxystats-central's line in `systemctl status`.
func centralStatus(s cluster.Status) string {
	var reporting, expected int
	var newest int64
	for _, c := range s.Clusters {
		reporting, expected = reporting+c.Reporting, expected+c.Expected
		newest = max(newest, c.Epoch)
	}
	if newest == 0 {
		return "no window sent yet"
	}
	return fmt.Sprintf("last window %d, %d of %d nodes in %d clusters", newest, reporting, expected, len(s.Clusters))
}

// conflictsStatus returns the conflicts of a cluster for the status document.
func conflictsStatus(of []window.Conflict) (all []status.Conflict) {
	for _, c := range of {
		all = append(all, status.Conflict{Node: c.Node, Instance: c.One, Other: c.Other})
	}
	return all
}

// clustersStatus returns the clusters' part of the status document.
func clustersStatus(s cluster.Status, journal int64) *status.Central {
	d := &status.Central{OpenWindows: s.Open, JournalBytes: journal, Clusters: make(map[string]status.Cluster)}
	for name, c := range s.Clusters {
		d.Clusters[name] = status.Cluster{
			Window: status.At(time.Unix(c.Epoch, 0)), Reporting: c.Reporting, Expected: c.Expected, Missing: c.Missing,
			Windows: c.Counts.Windows, Corrected: c.Counts.Corrected, Skipped: c.Counts.Skipped,
			Duplicates: c.Counts.Duplicates, ExtraRounds: c.Counts.ExtraRounds,
			LateDropped: c.Counts.LateDropped, FutureDropped: c.Counts.FutureDropped,
			IntervalDropped: c.Counts.OtherInterval, Conflicting: conflictsStatus(c.Conflicting),
		}
	}
	return d
}
