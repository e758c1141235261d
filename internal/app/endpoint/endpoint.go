// Package endpoint opens the endpoint that Prometheus scrapes, as the configuration has it.
// It links a server of HTTP, so only those programs import it that have one.
package endpoint

import (
	"haproxystats/internal/app"
	"haproxystats/internal/config"
	"haproxystats/internal/encode/prometheus"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/sink/scrape"
)

var checkStates = map[config.CheckStates]series.CheckStates{
	config.CheckStatesAll: series.AllStates, config.CheckStatesCurrent: series.CurrentState, config.CheckStatesNone: series.NoStates,
}

// Open is an [app.OpenEndpoint].
func Open(c *config.Config, s app.EndpointSetup) (app.Endpoint, error) {
	p := c.Prometheus
	o := scrape.Options{
		Listen: p.Listen, Path: p.Path, MaxAge: p.MaxAge, Scopes: samples.Scopes(p.Scopes), ExtraCounters: p.ExtraCounters,
		Encoding: prometheus.Options{Options: samples.Options{
			CheckStates: checkStates[p.CheckStates], NaN: p.EmptyValues == config.EmptyNaN, MaxSeries: p.MaxSeries, Own: s.Own,
		}},
		Own: p.OwnMetrics, Clusters: s.Clusters,
		MaxScrapes: p.MaxScrapes, Timeout: p.Timeout,
		TLS: app.EndpointTLS(c), Users: p.UsersFile,
		Version: s.Version, Log: s.Log,
	}
	for _, l := range p.Labels {
		o.Encoding.Labels = append(o.Encoding.Labels, samples.Label{Name: l.Name, Value: l.Value})
	}
	opened, err := scrape.New(o)
	if err != nil {
		return nil, err
	}
	return opened, nil
}
