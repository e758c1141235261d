package app

import (
	"log/slog"
	"strings"

	"haproxystats/internal/config"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/graphite"
	"haproxystats/internal/sink/outbox"
)

// GraphiteOptions returns the options of the sink of [graphite] or [graphite:NAME], without
// its queue.
func GraphiteOptions(g config.Instance[config.Graphite], hostname string, log *slog.Logger) graphite.Options {
	var servers []graphite.Server
	for _, r := range g.Options.Server {
		servers = append(servers, graphite.Server(r))
	}
	return graphite.Options{
		Name:           config.GraphiteSection(g.Name),
		Servers:        servers,
		Paths:          GraphitePaths(g.Options, hostname),
		Confirm:        graphite.Confirm(g.Options.Confirm),
		TLS:            graphiteTLS(g.Options),
		ConnectTimeout: g.Options.ConnectTimeout,
		WriteTimeout:   g.Options.WriteTimeout,
		Hold:           g.Options.ConfirmHold,
		Pace: outbox.Pace{
			Retries:  g.Options.Retries,
			Interval: g.Options.Interval,
			Backoff:  g.Options.Backoff,
			Delay:    g.Options.Delay,
		},
		Log: log,
	}
}

// GraphitePaths returns the paths of a host's metrics in Graphite's tree.
func GraphitePaths(g config.Graphite, hostname string) plaintext.Paths {
	paths := plaintext.Paths{
		Namespace:        g.Namespace,
		ClusterNamespace: g.ClusterNamespace,
		GroupNamespace:   g.GroupNamespace,
		DoubleWrites:     g.GroupNamespaceDoubleWrites,
		Tagged:           g.PathStyle == config.PathTagged,
	}
	for _, t := range g.Tags {
		paths.Tags = append(paths.Tags, plaintext.Tag(t))
	}
	if g.PrefixHostname {
		paths.SetHostname(hostname, g.FQDN)
	}
	return paths
}

// openGraphite opens the sink of a section of Graphite.
func openGraphite(s setup, name string) (sink.Sink, func() error, error) {
	g, _ := s.config.GraphiteSections().Get(name)
	options := GraphiteOptions(config.Instance[config.Graphite]{Name: name, Options: g}, s.hostname, s.log)
	queue, err := sink.OpenQueue(sink.QueueOptions{
		Dir:        g.QueueDir,
		MaxMetrics: int64(g.QueueSize),
		MaxBytes:   g.QueueMaxBytes,
		Log:        s.log.With("sink", options.Name),
	})
	if err != nil {
		return nil, nil, err
	}
	options.Queue = queue
	carbon := graphite.New(options)
	return carbon, func() error { carbon.Close(); return queue.Close() }, nil
}

// withGraphite returns the names of the sections of Graphite that send metrics.
func withGraphite(c *config.Config) (names []string) {
	for _, g := range c.GraphiteSections() {
		names = append(names, g.Name)
	}
	return names
}

// checkGraphiteNames refuses sections [graphite:NAME] of whose self metrics one would have
// the name of another sink's.
func checkGraphiteNames(c *config.Config) (problems []config.Problem) {
	if len(c.FurtherGraphites) == 0 {
		return nil
	}
	taken := make(map[string]string)
	for _, k := range sinkKinds {
		for _, name := range k.configured(c) {
			section := config.SectionName(k.name, name)
			for _, column := range k.stats(section).Columns() {
				if other, twice := taken[column.Name]; twice && (k.name == "graphite" || strings.HasPrefix(other, "graphite:")) {
					if k.name != "graphite" {
						section, other = other, section
					}
					problems = append(problems, config.Problem{
						Section: section, Option: "server",
						Reason: "a metric of haproxystats itself would have the name " + column.Name + ", as one of [" + other + "] has",
						Hint:   "Give the section another name",
					})
					break
				}
				taken[column.Name] = section
			}
		}
	}
	return problems
}
