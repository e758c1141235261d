package cli

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/doctor"
	"haproxystats/internal/sink/graphite"
)

// maxGraphiteLimit bounds the look at Graphite, however patient the programs
// are.
const maxGraphiteLimit = 30 * time.Second

// graphiteLimit has room for a connection and its confirmation, which may take
// five seconds even where write-timeout is shorter.
func graphiteLimit(c *config.Config) time.Duration {
	return min(c.Graphite.ConnectTimeout+max(c.Graphite.WriteTimeout, 5*time.Second)+time.Second, maxGraphiteLimit)
}

// graphite looks at every server, and sends none of them anything.
func (e examination) graphite(ctx context.Context, c *config.Config) []doctor.Finding {
	now := time.Now()
	var found []doctor.Finding
	if c.Graphite.TLS && c.Graphite.CertFile != "" {
		expires, err := graphiteTLS(c).OwnExpiry()
		if err != nil {
			found = append(found, doctor.Finding{Check: "certificate", Subject: c.Graphite.CertFile, Verdict: doctor.Error, Text: err.Error()})
		} else {
			found = append(found, doctor.OwnCertificate(c.Graphite.CertFile, expires, now))
		}
	}
	options := graphiteOptions(c, "", slog.New(slog.DiscardHandler))
	relays := make([]doctor.Relay, len(options.Servers))
	var asked sync.WaitGroup
	for i, server := range options.Servers {
		relays[i].Server = server
		if e.offline {
			found = append(found, doctor.Finding{Check: "graphite", Subject: server.String(), Verdict: doctor.Skipped, Text: "it is reached over the network"})
			continue
		}
		asked.Go(func() { relays[i].Probe = graphite.ProbeServer(ctx, options, server) })
	}
	asked.Wait()
	if e.offline {
		return found
	}
	return append(found, doctor.Relays(relays, options.Confirm, now)...)
}
