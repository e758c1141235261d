package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
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
	"haproxystats/internal/sink"
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
		Work: func(ctx context.Context, l *config.Loaded, service *Supervisor, log Log) error {
			return runCentral(ctx, &l.Config, release{version, l.SHA256}, service, client, b, endpoint, log)
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
func runCentral(ctx context.Context, c *config.Config, r release, service *Supervisor, client httpcall.New, b Brokers, endpoint OpenEndpoint, out Log) error {
	log := out.Logger
	var processor *process.Processor
	options, err := AggregateOptions(c, log, func() { processor.Progressed() })
	if err != nil {
		return err
	}
	options.Learned = learned.Open(learned.Options{File: filepath.Join(c.Central.WorkDir, "learned"), Log: log})
	here, err := newHost(c, log)
	if err != nil {
		return err
	}
	page := openStatus(ctx, c.Central.StatusSocket, config.ForCentral, r, out)
	defer page.close()
	from, err := openNodes(c, log)
	if err != nil {
		return err
	}
	defer from.close()
	sinks, err := openConfigured(setup{config: c, hostname: here.current(), version: r.version, brokers: b, client: client, endpoint: endpoint, status: page.write, log: log})
	if err != nil {
		return err
	}
	defer sinks.close()

	var toClusters []cluster.Sink
	var toNodes []process.Sink
	var raw []process.SnapshotSink
	for _, s := range sinks.sinks {
		if taker, ok := s.(process.SnapshotSink); ok {
			raw = append(raw, taker)
			continue
		}
		toClusters = append(toClusters, s)
		if c.Central.NodeMetrics {
			toNodes = append(toNodes, s)
		}
	}
	clusters, err := openClusters(c, b, here.current(), windowOptions(c, options), toClusters, log)
	if err != nil {
		return err
	}
	defer clusters.close()
	if clusters.topics != nil {
		from.topic = clusters.topics.Snapshots()
	}
	sources := selfstat.Sources{
		Spool: from, Retries: func() int64 { return processor.Stats().Retries }, Sinks: sinks.stats, LogDropped: out.dropped,
	}
	ofNodes := options
	ofNodes.Processes = true
	told := &faults{files: c.Process.NameFiles()}
	ledger := newLedger(options)
	processor = process.New(process.Options{
		Source: from,
		Sinks:  append([]process.Sink{clusters.sink()}, toNodes...), Snapshots: raw,
		NewAggregator: func() process.Aggregator {
			// The spools and sinks are not those of one node: centralSelf tells of them.
			p := NewPipeline(ofNodes, selfstat.Sources{}, log)
			p.faults, p.reader.Ledger = told, ledger
			p.addressed = func(cluster string) bool { return c.Cluster(cluster).ServerIdentity == config.IdentityAddress }
			return p
		},
		Workers:          c.Process.Workers,
		LivenessInterval: service.interval(c.Process.LivenessCheckInterval),
		Grace:            grace,
		Alive:            func() { service.alive(centralStatus(clusters.status())) },
		Log:              log,
	})

	self := centralSelf{
		sources: selfstat.CentralSources{
			Sources:         sources,
			Done:            func() int64 { return processor.Stats().Done },
			AddressesHidden: told.addressesHidden,
			OpenWindows:     func() int { return clusters.status().Open },
			JournalBytes:    clusters.journalBytes,
			JournalMaxBytes: c.Central.JournalMaxBytes,
		},
		node: here.current, interval: c.Cluster("").Interval, log: log,
	}
	if clusters.topics != nil {
		self.sources.Topics = clusters.topics.Counts
	}
	// A source that must not go on ends the program.
	ctx, end := context.WithCancel(ctx)
	defer end()
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	sending, stopSending := context.WithCancel(ctx)
	defer stopSending()
	var g errgroup.Group
	from.start(ctx, background, &g)
	ending := func(err error) error {
		if err != nil {
			end()
		}
		return err
	}
	g.Go(func() error { return ending(clusters.run(sending)) })
	if from.topic != nil {
		g.Go(func() error { return ending(from.topic.Run(background)) })
	}
	for _, s := range sinks.sinks {
		if _, ok := s.(process.SnapshotSink); !ok {
			g.Go(func() error { return self.run(sending, s) })
		}
		if r, ok := s.(sink.Runner); ok {
			g.Go(func() error { return r.Run(sending) })
		}
	}
	page.running(func(d *status.Document) {
		tellProcess(d, processor, sources, from.outage(), sinks)
		told.fill(d.Process)
		d.Central = clustersStatus(clusters.status(), clusters.journalBytes())
		if clusters.topics != nil {
			d.Central.Topics, d.Central.AssemblyBytes, d.Central.AssemblyFileBytes = clusters.topics.Status()
		}
	})
	service.ready()
	err = processor.Run(ctx)
	stop()
	stopSending()
	if err != nil {
		return err
	}
	return g.Wait()
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
}

func openClusters(
	c *config.Config, b Brokers, host string, windows func(string) window.Options, sinks []cluster.Sink, log *slog.Logger,
) (clusters, error) {
	if c.Central.Kafka {
		if b == nil {
			return clusters{}, errors.New("this program can't speak to Kafka: set kafka = false in [central]")
		}
		topics, err := b.OpenTopics(TopicsSetup{Config: c, Host: host, Windows: windows, Sinks: sinks, Log: log})
		return clusters{topics: topics}, err
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
	return clusters{local: local, kept: kept}, nil
}

func (c clusters) close() error {
	if c.topics != nil {
		return c.topics.Close()
	}
	return c.kept.Close()
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
