package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/localstore"
	"haproxystats/internal/status"
	"haproxystats/internal/verify"
)

// sinkKind is a kind of sink. The wiring, self metrics, status, dashboards and
// documents all follow the list of kinds.
type sinkKind struct {
	// name is the name of the section in the configuration and of the sink in logs. That of
	// the operator comes behind it.
	name string
	// queued reports whether the sink has a queue of its own, with its own metrics.
	queued bool
	// limited reports whether max-series bounds what the sink sends.
	limited bool
	// verified reports whether verify-url can show what the sink has delivered.
	verified bool
	// ofNode reports whether the sink is for what a node has, and not for clusters.
	ofNode bool
	// configured returns the operator's name of each sink that the configuration asks for;
	// empty for one that has none.
	configured func(*config.Config) []string
	// plain reports whether the configured sinks of the kind take nothing but what Graphite
	// gets; nil for a kind that takes what the other outputs need.
	plain func(*config.Config) bool
}

// setup has what sinks need to open.
type setup struct {
	config   *config.Config
	loaded   *config.Loaded // nil where there are no reloads
	hostname string
	version  string
	node     func() string          // the name of the node that the program is about; nil for several
	brokers  Brokers                // nil if the program links no client of Kafka
	client   httpcall.New           // nil if the program links no client of HTTP
	endpoint OpenEndpoint           // nil if the program links no server of HTTP
	status   func(io.Writer) error  // writes the program's status document
	own      map[string]samples.Own // self metrics that are about a sink
	log      *slog.Logger
}

// opener opens the sink of a name. The returned close releases what the sink holds.
type opener func(s setup, name string) (opened sink.Sink, close func() error, err error)

// sinkKinds lists the kinds in the order of their metrics. It must need no call to be made,
// and must not refer to what opens sinks: else programs that only check a configuration would
// link all of them. openerOf does.
var sinkKinds = []sinkKind{
	{
		name: "graphite", queued: true, verified: true,
		configured: withGraphite,
		plain:      always,
	},
	{
		name: "kafka", queued: true,
		configured: withTopic,
		plain:      func(c *config.Config) bool { return !withRecords(c) },
	},
	{
		name: "forward", queued: true, ofNode: true,
		configured: func(c *config.Config) []string { return unnamed(c.Forward.Mode != "") },
		plain:      func(c *config.Config) bool { return c.Forward.Mode == config.ForwardSnapshots },
	},
	{
		name:       "prometheus",
		configured: func(c *config.Config) []string { return unnamed(c.Prometheus.Enabled) },
	},
	{
		name: "influx", queued: true,
		configured: func(c *config.Config) []string { return pushed(c, "influx") },
	},
	{
		name: "remote-write", queued: true, limited: true,
		configured: func(c *config.Config) []string { return pushed(c, "remote-write") },
	},
	{
		name: "otlp", queued: true, limited: true,
		configured: func(c *config.Config) []string { return pushed(c, "otlp") },
	},
	{
		name:       "events-file",
		configured: func(c *config.Config) []string { return unnamed(c.Events.File != "") },
		plain:      always,
	},
	{
		name: "events-graphite", queued: true,
		configured: func(c *config.Config) []string { return unnamed(c.Events.GraphiteURL != "") },
		plain:      always,
	},
	{
		name: "events-grafana", queued: true,
		configured: func(c *config.Config) []string { return unnamed(c.Events.GrafanaURL != "") },
		plain:      always,
	},
	{
		name: "events-webhook", queued: true,
		configured: func(c *config.Config) []string { return unnamed(c.Events.Webhook != "") },
		plain:      always,
	},
	{
		name:       "local-store",
		configured: func(c *config.Config) []string { return unnamed(c.LocalStore.Enabled) },
		plain:      always,
	},
}

// openerOf returns what opens the sinks of a kind.
func openerOf(kind string) opener {
	switch kind {
	case "graphite":
		return openGraphite
	case "kafka":
		return openKafka
	case "forward":
		return openForward
	case "prometheus":
		return openEndpoint
	case "influx":
		return openInflux
	case "remote-write":
		return openRemoteWrite
	case "otlp":
		return openOTLP
	case "events-file":
		return openEventsFile
	case "events-graphite":
		return openEventsGraphite
	case "events-grafana":
		return openEventsGrafana
	case "events-webhook":
		return openEventsWebhook
	case "local-store":
		return openLocalStore
	}
	panic("no opener of " + kind)
}

// always is for kinds that never take more than Graphite gets.
func always(*config.Config) bool { return true }

// hasOthers reports whether a sink is configured that takes what outputs other than
// Graphite need. Without one nobody pays for that.
func hasOthers(c *config.Config) bool {
	return slices.ContainsFunc(sinkKinds, func(k sinkKind) bool {
		return len(k.configured(c)) > 0 && (k.plain == nil || !k.plain(c))
	})
}

// unnamed returns the names of a kind with at most one sink.
func unnamed(enabled bool) []string {
	if enabled {
		return []string{""}
	}
	return nil
}

func openLocalStore(s setup, _ string) (sink.Sink, func() error, error) {
	return localstore.New(s.config.LocalStore.Dir, GraphitePaths(s.config.Graphite, s.hostname)), func() error { return nil }, nil
}

// Sinks returns a sink of each kind, for the names of their self metrics. None is open.
func Sinks() []selfstat.Sink {
	var all []selfstat.Sink
	for _, k := range sinkKinds {
		all = append(all, k.stats(k.name))
	}
	return all
}

// stats returns what a sink of the kind has as self metrics, but for their sources.
func (k sinkKind) stats(name string) selfstat.Sink {
	return selfstat.Sink{Name: name, Queued: k.queued, Limited: k.limited, Verified: k.verified}
}

// openSinks has the configured sinks. Each of its lists has one element for each sink.
type openSinks struct {
	sinks     []sink.Sink
	stats     []selfstat.Sink
	opened    []*openSink
	verifiers []*verify.Verifier // nil for a sink that is not verified
}

// openSink is a sink that is open, and may stay so over reloads.
type openSink struct {
	sink.Sink
	kind  sinkKind
	name  string // the operator's
	key   string // differs if the sink would be another one
	close func() error

	stop  context.CancelFunc // ends Run; nil before it has begun
	ended chan error
}

// start begins the sink's work in the background, unless it has begun.
func (o *openSink) start(ctx context.Context) {
	runner, ok := o.Sink.(sink.Runner)
	if !ok || o.stop != nil {
		return
	}
	ctx, o.stop = context.WithCancel(ctx)
	o.ended = make(chan error, 1)
	go func() { o.ended <- runner.Run(ctx) }()
}

// end ends the work in the background.
func (o *openSink) end() error {
	if o.stop == nil {
		return nil
	}
	o.stop()
	o.stop = nil
	return <-o.ended
}

// key returns a text that differs if a reload makes another sink of this one: what its
// sections say, the host's name, and the names of self metrics, where they are used. A scrape
// must not fail because another sink comes or goes: [prometheus] takes other names as it is.
func (k sinkKind) key(s setup, name string) string {
	if s.loaded == nil {
		return ""
	}
	if k.name == "prometheus" {
		return k.name + "\n" + s.loaded.Text(k.name)
	}
	text := k.name + ":" + name + "\n" + s.hostname + "\n"
	switch base, _, _ := strings.Cut(k.name, "-"); {
	case k.name == "kafka" || k.name == "forward":
		text += s.loaded.Text("kafka", "forward")
	case k.name == "local-store": // it has Graphite's paths
		text += s.loaded.Text("graphite", k.name)
	case base == "events":
		text += s.loaded.Text(base)
	default:
		text += s.loaded.SectionText(k.name, name)
	}
	if k.plain == nil || !k.plain(s.config) {
		text += fmt.Sprint(s.own)
	}
	return text
}

// openConfigured opens all configured sinks, or none.
func openConfigured(s setup) (openSinks, error) { return s.open(nil) }

// open opens the configured sinks, or none. It takes those over from before that are
// configured as they were.
func (s setup) open(before []*openSink) (openSinks, error) {
	var all openSinks
	var fresh []*openSink
	s.own = ownColumns(s.config)
	for _, k := range sinkKinds {
		if k.ofNode && s.node == nil {
			continue
		}
		for _, name := range k.configured(s.config) {
			key := k.key(s, name)
			kept := slices.IndexFunc(before, func(o *openSink) bool { return key != "" && o.key == key })
			if kept >= 0 {
				if r, ok := before[kept].Sink.(renamer); ok {
					r.SetOwn(s.own)
				}
				all.add(before[kept])
				continue
			}
			opened, closeIt, err := openerOf(k.name)(s, name)
			if err != nil {
				for _, o := range fresh {
					err = errors.Join(err, o.close())
				}
				return openSinks{}, err
			}
			o := &openSink{Sink: opened, kind: k, name: name, key: key, close: sync.OnceValue(closeIt)}
			fresh = append(fresh, o)
			all.add(o)
		}
	}
	return all, nil
}

func (o *openSinks) add(s *openSink) {
	o.opened = append(o.opened, s)
	o.sinks = append(o.sinks, s.Sink)
	stats := s.kind.stats(s.Name())
	stats.Status, stats.Verified = s.Status, false // a verifier may come
	o.stats = append(o.stats, stats)
	o.verifiers = append(o.verifiers, nil)
}

// reopen makes sinks of another configuration of these: those that stay as they are go on,
// the others end, and then the new ones are opened, because they may have the same queues
// and addresses. If one can't be opened, those of the configuration before are, and the
// error is returned with them. It is a [*lost] if they can't be opened either.
func (o openSinks) reopen(next, before setup) (openSinks, error) {
	wanted := make(map[string]bool)
	next.own = ownColumns(next.config)
	for _, k := range sinkKinds {
		if k.ofNode && next.node == nil {
			continue
		}
		for _, name := range k.configured(next.config) {
			wanted[k.key(next, name)] = true
		}
	}
	var kept, closed []*openSink
	var err error
	for _, s := range o.opened {
		if wanted[s.key] {
			kept = append(kept, s)
			continue
		}
		closed = append(closed, s)
		err = errors.Join(err, s.end(), s.close())
	}
	if err != nil {
		next.log.Warn("sink can't be closed cleanly", "error", err)
	}
	made, err := next.open(kept)
	if err == nil {
		for _, s := range closed {
			s.tellLeft(made, next.log)
		}
		return made, nil
	}
	back, lostBy := before.open(kept)
	if lostBy != nil {
		return openSinks{opened: kept}, &lost{errors.Join(err, lostBy)}
	}
	return back, err
}

// lost is an error after which there is no configuration to go on with.
type lost struct{ error }

func (l *lost) Unwrap() error { return l.error }

// tellLeft warns if a sink that was closed has left something in a queue that no other
// sink has taken over.
func (o *openSink) tellLeft(now openSinks, log *slog.Logger) {
	q := o.Status().Queue
	if q == nil || q.Batches == 0 {
		return
	}
	for _, s := range now.opened {
		if s.Name() != o.Name() {
			continue
		}
		if taken := s.Status().Queue; taken != nil && taken.Batches > 0 {
			return
		}
	}
	log.Warn("queue of a sink is left behind, and nobody sends it", "sink", o.Name(), "batches", q.Batches, "metrics", q.Metrics,
		"hint", "Set the section and its queue-dir as before until the queue is empty")
}

// start begins the work of all sinks in the background, until ctx ends.
func (o openSinks) start(ctx context.Context) {
	for _, s := range o.opened {
		s.start(ctx)
	}
}

// end ends it.
func (o openSinks) end() error {
	var all error
	for _, s := range o.opened {
		all = errors.Join(all, s.end())
	}
	return all
}

func (o openSinks) close() error {
	var all error
	for _, s := range o.opened {
		all = errors.Join(all, s.end(), s.close())
	}
	return all
}

// sinkStatus returns a sink's part of the status document.
func sinkStatus(s sink.Sink, now time.Time) status.Sink {
	from := s.Status()
	to := status.Sink{
		Name: s.Name(), Reachable: from.Health.Down.IsZero(), Sporadic: takesEvents(s),
		Down: status.At(from.Health.Down), Confirmed: status.At(from.Health.Confirmed),
		Batches: from.Batches, Metrics: from.Metrics, Bytes: from.Bytes,
		Failures: from.Failures, Skipped: from.Skipped, SeriesDropped: from.SeriesDropped,
	}
	if from.Health.Cause != nil {
		to.Cause = from.Health.Cause.Error()
	}
	if q := from.Queue; q != nil {
		to.Queue = &status.Queue{
			Batches: q.Batches, Metrics: q.Metrics, Bytes: q.Bytes,
			Age:    status.For(q.Age(now)),
			Resent: from.Resent, Dropped: q.DroppedMetrics, Corrupt: q.DamagedBatches,
			Refused: q.Refused, Unreadable: q.Unreadable,
		}
	}
	return to
}
