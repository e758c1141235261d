package app

import (
	"cmp"
	"context"
	"errors"
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
		Work: func(ctx context.Context, l *config.Loaded, service *Supervisor, reloads *Reloads, log Log) error {
			here, err := newHost(&l.Config, log.Logger)
			if err != nil {
				return err
			}
			return runProcess(ctx, l, here, release{version, l.SHA256, reloads}, service, get, client, b, endpoint, log)
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
func runProcess(ctx context.Context, l *config.Loaded, here *host, r release, service *Supervisor, get verify.Get, client httpcall.New, b Brokers, endpoint OpenEndpoint, to Log) error {
	c, log := &l.Config, to.Logger
	known := learned.Open(learned.Options{File: filepath.Join(c.Paths.BaseDir, "learned"), Log: log})
	run := &processing{get: get, engine: engine[*processWork]{here: here, release: r, service: service, known: known, to: to}}
	first, err := run.prepare(l)
	if err != nil {
		return err
	}
	warnRoot(os.Geteuid(), c.Process.SrcDir, log)
	if run.incoming, err = spool.OpenReader(spool.ReaderOptions{Dir: c.Process.SrcDir, Log: log}); err != nil {
		return err
	}
	defer run.incoming.Close()
	page := openStatus(ctx, c.Process.StatusSocket, config.ForProcess, r, to)
	defer page.close()
	run.base = setup{version: r.version, node: here.current, brokers: b, client: client, endpoint: endpoint, status: page.write, log: log}
	if first.sinks, err = openConfigured(run.setup(l)); err != nil {
		return err
	}
	defer func() { _ = run.work().sinks.close() }()
	run.build(first, nil)
	takeEvents(ctx, c.Process.SrcDir, first.sinks.eventSinks(), log)
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var g errgroup.Group
	g.Go(func() error { return run.incoming.Run(background) })
	queues, stopQueues := context.WithCancel(ctx)
	defer stopQueues()
	first.start(queues)
	page.running(run.tell)
	service.ready()
	if usesHostname(c) {
		here.await(ctx, nameWait())
	}
	exchanges := make(chan exchange[*processWork])
	g.Go(func() error { serveExchanges(ctx, r.reloads, exchanges, run.prepare); return nil })
	err = follow(ctx, exchanges, run.work, func(next *processWork) error { return run.exchange(queues, next) })
	stop()
	stopQueues()
	err = errors.Join(err, run.work().end())
	if err != nil {
		return err
	}
	return g.Wait()
}

// processing is haproxystats-process, of which a reload replaces a part.
type processing struct {
	engine[*processWork]
	get      verify.Get
	incoming *spool.Reader
}

// processWork is what works by one configuration.
type processWork struct {
	loaded    *config.Loaded
	options   aggregate.Options
	processor *process.Processor
	sinks     openSinks
	sources   selfstat.Sources
	told      *faults
	verifiers []*verify.Verifier

	stopVerifiers context.CancelFunc // nil before they run
	verifying     errgroup.Group
}

// prepare begins the work by a configuration. It opens nothing.
func (p *processing) prepare(l *config.Loaded) (*processWork, error) {
	w := &processWork{loaded: l}
	var err error
	w.options, err = AggregateOptions(&l.Config, p.to.Logger, func() { w.processor.Progressed() })
	if err != nil {
		return nil, err
	}
	w.options.Learned = p.known
	// The centre computes percentiles over the processes of all nodes.
	w.options.Processes = l.Config.Forward.Mode == config.ForwardTables
	return w, nil
}

// build makes the processor of work whose sinks are open. The work takes the place of
// before, which is nil at the start.
func (p *processing) build(w, before *processWork) {
	c, log := &w.loaded.Config, p.to.Logger
	w.verifiers = w.sinks.verify(c, p.here.current, p.get, log)
	var deliverers []process.Sink
	var raw []process.SnapshotSink
	for _, s := range w.sinks.sinks {
		if taker, ok := s.(process.SnapshotSink); ok {
			raw = append(raw, taker)
			continue
		}
		deliverers = append(deliverers, s)
	}
	w.sources = selfstat.Sources{
		Spool:   p.incoming,
		Retries: func() int64 { return w.processor.Stats().Retries },
		Sinks:   w.sinks.stats,

		LogDropped: p.to.dropped, Config: p.release.reloads.state,
	}
	w.told = &faults{
		files:  c.Process.NameFiles(),
		groups: true,
	}
	p.ledger = ledgerAfter(p.ledger, w.options)
	ledger := p.ledger
	most := newLimit(c.Process.MaxMetrics, log)
	o := process.Options{
		Source: claims{p.incoming},
		Sinks:  deliverers, Snapshots: raw,
		NewAggregator: func() process.Aggregator {
			pipeline := NewPipeline(w.options, w.sources, log)
			pipeline.faults, pipeline.node, pipeline.reader.Ledger = w.told, p.here.current, ledger
			pipeline.trim = most.newTrim()
			return pipeline
		},
		Workers:          c.Process.Workers,
		LivenessInterval: p.service.interval(c.Process.LivenessCheckInterval),
		Grace:            grace,
		Alive: func() {
			p.service.alive(processStatus(w.processor.Stats(), p.incoming.Waiting()))
		},
		Log: log,
	}
	if before != nil {
		o.After = before.processor
	}
	w.processor = process.New(o)
	p.begin(w)
}

// tell fills in the status document.
func (p *processing) tell(d *status.Document) {
	w := p.work()
	tellProcess(d, w.processor, w.sources, p.incoming.Outage(), w.sinks)
	w.told.fill(d.Process)
}

// start begins what works in the background, until ctx ends.
func (w *processWork) start(ctx context.Context) {
	w.sinks.start(ctx)
	ctx, w.stopVerifiers = context.WithCancel(ctx)
	for _, v := range w.verifiers {
		w.verifying.Go(func() error { return v.Run(ctx) })
	}
}

// run processes snapshots until ctx ends, or until drain.
func (w *processWork) run(ctx context.Context) error { return w.processor.Run(ctx) }

func (w *processWork) drain() { w.processor.Drain() }

// end ends what works in the background.
func (w *processWork) end() error { return errors.Join(w.endVerifiers(), w.sinks.end()) }

func (w *processWork) endVerifiers() error {
	if w.stopVerifiers != nil {
		w.stopVerifiers()
	}
	return w.verifying.Wait()
}

// exchange puts other work in the place of the present one, whose processor has ended. After
// an error that is not a [*lost], work by the present configuration goes on.
func (p *processing) exchange(ctx context.Context, next *processWork) error {
	before := p.work()
	_ = before.endVerifiers() // others take their place
	was := p.setup(before.loaded)
	p.here.follow(&next.loaded.Config)
	var refused error
	next.sinks, refused = before.sinks.reopen(p.setup(next.loaded), was)
	if errors.As(refused, new(*lost)) {
		return refused
	}
	if refused != nil {
		p.here.follow(&before.loaded.Config)
		again, err := p.prepare(before.loaded)
		if err != nil {
			return &lost{errors.Join(refused, err)}
		}
		again.sinks, next = next.sinks, again
	}
	p.build(next, before)
	next.start(ctx)
	return refused
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
