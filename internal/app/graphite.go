package app

import (
	"log/slog"

	"haproxystats/internal/config"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/sink/graphite"
	"haproxystats/internal/sink/outbox"
)

// GraphiteOptions returns the options of the Graphite sink, without its queue.
func GraphiteOptions(c *config.Config, hostname string, log *slog.Logger) graphite.Options {
	var servers []graphite.Server
	for _, r := range c.Graphite.Server {
		servers = append(servers, graphite.Server(r))
	}
	return graphite.Options{
		Servers:        servers,
		Paths:          GraphitePaths(c, hostname),
		Confirm:        graphite.Confirm(c.Graphite.Confirm),
		TLS:            graphiteTLS(c),
		ConnectTimeout: c.Graphite.ConnectTimeout,
		WriteTimeout:   c.Graphite.WriteTimeout,
		Hold:           c.Graphite.ConfirmHold,
		Pace: outbox.Pace{
			Retries:  c.Graphite.Retries,
			Interval: c.Graphite.Interval,
			Backoff:  c.Graphite.Backoff,
			Delay:    c.Graphite.Delay,
		},
		Log: log,
	}
}

// GraphitePaths returns the paths of a host's metrics in Graphite's tree.
func GraphitePaths(c *config.Config, hostname string) plaintext.Paths {
	paths := plaintext.Paths{
		Namespace:        c.Graphite.Namespace,
		ClusterNamespace: c.Graphite.ClusterNamespace,
		GroupNamespace:   c.Graphite.GroupNamespace,
		DoubleWrites:     c.Graphite.GroupNamespaceDoubleWrites,
	}
	if c.Graphite.PrefixHostname {
		paths.Hostname, paths.FQDN = plaintext.Hostname(hostname, c.Graphite.FQDN), c.Graphite.FQDN
	}
	return paths
}
