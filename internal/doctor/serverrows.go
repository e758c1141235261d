package doctor

import (
	"fmt"
	"slices"

	"haproxystats/internal/config"
	"haproxystats/internal/metric"
)

// manyServerRows is the number of rows of servers from which on doctor says that nobody wants
// them.
const manyServerRows = 100

// ServerRows is what HAProxy is asked for, and what is made of it.
type ServerRows struct {
	// Proxies and Servers are the rows of frontends and backends, and those of servers, in the
	// replies.
	Proxies, Servers int
	// Wanted reports whether an output has metrics of servers or listeners, or events of
	// servers.
	Wanted bool
}

// Unwanted judges whether HAProxy is asked for rows that nobody wants.
func Unwanted(r ServerRows) []Finding {
	if r.Wanted || r.Servers < manyServerRows {
		return nil
	}
	share := 100 * r.Servers / (r.Servers + r.Proxies)
	return []Finding{about{"server-rows", "haproxystats-pull"}.warning(
		fmt.Sprintf("no output has metrics or events of servers, and %d %% of the %d rows that HAProxy is asked for in each round are about servers", share, r.Servers+r.Proxies),
		"Set server-rows = false in [pull]: a round takes HAProxy about as much less. Backends then lack TotalServers and what else follows from their servers, such as active_up")}
}

// wantsServers reports whether an output takes something of servers or listeners from a batch,
// or events of servers.
func wantsServers(p, s *config.Config, b *metric.Batch) bool {
	has := func(scope metric.Scope) bool {
		return slices.ContainsFunc(b.Tables, func(t *metric.Table) bool { return t.Scope() == scope && len(t.Rows()) > 0 })
	}
	if s.Forward.Mode == config.ForwardSnapshots { // the centre decides
		return true
	}
	if p.Pull.StateDir != "" && p.Pull.Events && s.Events.Any() {
		return true
	}
	servers, listeners := outputsOfServers(s)
	return servers && (has(metric.Server) || has(metric.ServerName)) || listeners && has(metric.Listener)
}

// outputsOfServers reports whether outputs take metrics of servers, and of listeners.
func outputsOfServers(s *config.Config) (servers, listeners bool) {
	take := func(scopes []string) {
		servers = servers || slices.Contains(scopes, "server")
		listeners = listeners || slices.Contains(scopes, "listener")
	}
	if len(s.GraphiteSections()) > 0 || s.LocalStore.Enabled {
		servers = true // these have no metrics of listeners
	}
	for _, k := range s.Kafkas {
		if k.Options.Topic != "" {
			servers, listeners = true, true
		}
	}
	if len(s.Influxes) > 0 {
		servers, listeners = true, true
	}
	if s.Forward.Mode == config.ForwardTables {
		take(s.Forward.Scopes)
	}
	if s.Prometheus.Enabled {
		take(s.Prometheus.Scopes)
	}
	for _, o := range s.OTLPs {
		take(o.Options.Scopes)
	}
	for _, r := range s.RemoteWrites {
		take(r.Options.Scopes)
	}
	return servers, listeners
}
