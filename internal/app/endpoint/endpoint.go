// Package endpoint opens the endpoint that Prometheus scrapes, as the configuration has it.
// It links a server of HTTP, so only those programs import it that have one.
package endpoint

import (
	"haproxystats/internal/app"
	"haproxystats/internal/config"
	"haproxystats/internal/sink/scrape"
)

// Open is an [app.OpenEndpoint].
func Open(c *config.Config, s app.EndpointSetup) (app.Endpoint, error) {
	p := c.Prometheus
	encoding, selection := app.EndpointEncoding(c, s.Own)
	o := scrape.Options{
		Listen: p.Listen, Path: p.Path, MaxAge: p.MaxAge, Scopes: selection.Scopes, ExtraCounters: selection.ExtraCounters,
		Encoding: encoding,
		Own:      p.OwnMetrics, Clusters: s.Clusters,
		MaxScrapes: p.MaxScrapes, Timeout: p.Timeout,
		TLS: app.EndpointTLS(c), Users: p.UsersFile,
		Status:  s.Status,
		Version: s.Version, Log: s.Log,
	}
	opened, err := scrape.New(o)
	if err != nil {
		return nil, err
	}
	return opened, nil
}
