package app

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/config"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/learned"
	"haproxystats/internal/pattern"
	"haproxystats/internal/process"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/sink"
	"haproxystats/internal/spool"
	"haproxystats/internal/status"
	"haproxystats/internal/verify"
)

// Process returns haproxystats-process. It asks verify-url with get, sends events with a
// client, and opens the endpoint of [prometheus] with endpoint.
func Process(version string, get verify.Get, client httpcall.New, b Brokers, endpoint OpenEndpoint) Program {
	return Program{
		Name:  config.ForProcess,
		Check: SinkCheck(b),
		Work: func(ctx context.Context, l *config.Loaded, service *Supervisor, log Log) error {
			here, err := newHost(&l.Config, log.Logger)
			if err != nil {
				return err
			}
			return runProcess(ctx, &l.Config, here, release{version, l.SHA256}, service, get, client, b, endpoint, log)
		},
		Log: func(c *config.Config) (slog.Level, config.LogFormat) { return c.Process.LogLevel, c.Process.LogFormat },
	}
}

// grace bounds the deliveries in flight at shutdown. The rest is queued on disk,
// which needs the remaining time.
const grace = 3 * time.Second

// runProcess runs the reader of the spool, the workers, the senders of the sinks' queues
// and the verifier. When ctx ends, the queues stop at once, and the workers finish the
// snapshots that they have claimed. The reader of the spool runs until they are done.
func runProcess(ctx context.Context, c *config.Config, here *host, r release, service *Supervisor, get verify.Get, client httpcall.New, b Brokers, endpoint OpenEndpoint, to Log) error {
	log := to.Logger
	var processor *process.Processor
	options, err := AggregateOptions(c, log, func() { processor.Progressed() })
	if err != nil {
		return err
	}
	options.Learned = learned.Open(learned.Options{File: filepath.Join(c.Paths.BaseDir, "learned"), Log: log})
	warnRoot(os.Geteuid(), c.Process.SrcDir, log)
	incoming, err := spool.OpenReader(spool.ReaderOptions{Dir: c.Process.SrcDir, Log: log})
	if err != nil {
		return err
	}
	defer incoming.Close()
	page := openStatus(ctx, c.Process.StatusSocket, config.ForProcess, r, to)
	defer page.close()
	sinks, err := openConfigured(setup{config: c, hostname: here.current(), version: r.version, node: here.current, brokers: b, client: client, endpoint: endpoint, status: page.write, log: log})
	if err != nil {
		return err
	}
	defer sinks.close()
	verifiers := sinks.verify(c, here.current, get, log)

	var deliverers []process.Sink
	var raw []process.SnapshotSink
	for _, s := range sinks.sinks {
		if taker, ok := s.(process.SnapshotSink); ok {
			raw = append(raw, taker)
			continue
		}
		deliverers = append(deliverers, s)
	}
	// The centre computes percentiles over the processes of all nodes.
	options.Processes = c.Forward.Mode == config.ForwardTables
	sources := selfstat.Sources{
		Spool:   incoming,
		Retries: func() int64 { return processor.Stats().Retries },
		Sinks:   sinks.stats,

		LogDropped: to.dropped,
	}
	told := &faults{
		files:  c.Process.NameFiles(),
		groups: true,
	}
	takeEvents(ctx, c.Process.SrcDir, sinks.eventSinks(), log)
	ledger := newLedger(options)
	processor = process.New(process.Options{
		Source: claims{incoming},
		Sinks:  deliverers, Snapshots: raw,
		NewAggregator: func() process.Aggregator {
			p := NewPipeline(options, sources, log)
			p.faults, p.node, p.reader.Ledger = told, here.current, ledger
			return p
		},
		Workers:          c.Process.Workers,
		LivenessInterval: service.interval(c.Process.LivenessCheckInterval),
		Grace:            grace,
		Alive:            func() { service.alive(processStatus(processor.Stats(), incoming.Waiting())) },
		Log:              log,
	})
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var g errgroup.Group
	g.Go(func() error { return incoming.Run(background) })
	queues, stopQueues := context.WithCancel(ctx)
	defer stopQueues()
	for _, s := range sinks.sinks {
		if r, ok := s.(sink.Runner); ok {
			g.Go(func() error { return r.Run(queues) })
		}
	}
	for _, v := range verifiers {
		g.Go(func() error { return v.Run(queues) })
	}
	page.running(func(d *status.Document) {
		tellProcess(d, processor, sources, incoming.Outage(), sinks)
		told.fill(d.Process)
	})
	service.ready()
	if usesHostname(c) {
		here.await(ctx, nameWait())
	}
	err = processor.Run(ctx)
	stop()
	stopQueues()
	if err != nil {
		return err
	}
	return g.Wait()
}

// usesHostname reports whether what is sent has the name of this host in it.
func usesHostname(c *config.Config) bool {
	return len(withTopic(c)) > 0 || len(c.Pushed()) > 0 || c.Graphite.PrefixHostname ||
		slices.ContainsFunc(c.GraphiteSections(), func(g config.Instance[config.Graphite]) bool { return g.Options.PrefixHostname })
}

// claims makes a spool.Reader a process.Source.
type claims struct{ *spool.Reader }

func (c claims) Claim(ctx context.Context) (process.Claim, error) {
	e, err := c.Reader.Claim(ctx)
	if err != nil {
		return nil, err
	}
	return claim{e}, nil
}

// claim makes a spool.Entry a process.Claim.
type claim struct{ *spool.Entry }

// Lane is empty for all: a spool holds the snapshots of one node.
func (claim) Lane() string { return "" }

// AggregateOptions returns what the configuration asks of aggregation. The log gets
// patterns of groups and of files of names that are too slow, and slow is called for each
// name that a pattern is too slow for. Both may be nil.
func AggregateOptions(c *config.Config, log *slog.Logger, slow func()) (aggregate.Options, error) {
	log = cmp.Or(log, slog.New(slog.DiscardHandler))
	o := aggregate.Options{
		Spell:       plaintext.Component, // options match names as the original did
		Classic:     c.Process.MetricSet == config.MetricsClassic,
		Raw:         c.Process.IsRaw(),
		Frontend:    c.Process.FrontendMetrics,
		Backend:     c.Process.BackendMetrics,
		Server:      c.Process.ServerMetrics,
		ServerNames: c.Process.AggrServerMetrics,
		PerProcess:  c.Process.PerProcessMetrics,
		Percentages: c.Process.CalculatePercentages,
		Series:      hasOthers(c),
	}
	compile := patternCompiler{log: log, slow: slow, together: new(pattern.Budget)}
	for _, section := range []struct {
		from []config.Group
		to   *[]aggregate.Group
	}{
		{c.FrontendGroups, &o.FrontendGroups},
		{c.BackendGroups, &o.BackendGroups},
		{c.ServerGroups, &o.ServerGroups},
	} {
		for _, g := range section.from {
			match, err := compile.group(g)
			if err != nil {
				return o, err
			}
			*section.to = append(*section.to, aggregate.Group{Name: g.Name, Match: match})
		}
	}
	for _, f := range c.Process.NameFiles() {
		names, err := compile.names(f)
		if err != nil {
			return o, err
		}
		switch f.Option {
		case "include-frontends":
			o.Frontends.Include = names
		case "exclude-frontends":
			o.Frontends.Exclude = names
		case "include-backends":
			o.Backends.Include = names
		case "exclude-backends":
			o.Backends.Exclude = names
		case "include-servers":
			o.Servers.Include = names
		case "exclude-servers":
			o.Servers.Exclude = names
		}
	}
	return o, nil
}
