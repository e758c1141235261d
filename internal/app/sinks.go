package app

import (
	"errors"
	"io"
	"log/slog"
	"slices"
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

// opener opens the sink of a name. The returned close releases what the sink holds.
type opener func(s setup, name string) (opened sink.Sink, close func() error, err error)

// setup has what sinks need to open.
type setup struct {
	config   *config.Config
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
	closes    []func() error
	verifiers []*verify.Verifier // nil for a sink that is not verified
}

// openConfigured opens all configured sinks, or none.
func openConfigured(s setup) (openSinks, error) {
	var all openSinks
	s.own = ownColumns(s.config)
	for _, k := range sinkKinds {
		if k.ofNode && s.node == nil {
			continue
		}
		for _, name := range k.configured(s.config) {
			opened, closeIt, err := openerOf(k.name)(s, name)
			if err != nil {
				return openSinks{}, errors.Join(err, all.close())
			}
			all.sinks = append(all.sinks, opened)
			stats := k.stats(opened.Name())
			stats.Status, stats.Verified = opened.Status, false // a verifier may come
			all.stats = append(all.stats, stats)
			all.closes = append(all.closes, closeIt)
			all.verifiers = append(all.verifiers, nil)
		}
	}
	return all, nil
}

func (o openSinks) close() error {
	var all error
	for _, c := range o.closes {
		all = errors.Join(all, c())
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
