package doctor

import (
	"context"
	"sync"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/sink/graphite"
)

// maxGraphiteLimit bounds the probe of Graphite, whatever the configured time-outs.
const maxGraphiteLimit = 30 * time.Second

// graphiteLimit returns the time for two connections, of which one is held open, and
// for the confirmation, which may take five seconds even if write-timeout is
// shorter.
func graphiteLimit(c *config.Config) time.Duration {
	return min(2*c.Graphite.ConnectTimeout+max(c.Graphite.WriteTimeout, 5*time.Second)+2*time.Second, maxGraphiteLimit) + c.Graphite.ConfirmHold
}

// graphite probes every server without sending a metric.
func (r *run) graphite(ctx context.Context, c *config.Config) []Finding {
	now := time.Now()
	var found []Finding
	if c.Graphite.TLS && c.Graphite.CertFile != "" {
		expires, err := r.wiring.Graphite(c).TLS.OwnExpiry()
		if err != nil {
			found = append(found, Finding{Check: "certificate", Subject: c.Graphite.CertFile, Verdict: Error, Text: err.Error()})
		} else {
			found = append(found, OwnCertificate(c.Graphite.CertFile, expires, now))
		}
	}
	options := r.wiring.Graphite(c)
	relays := make([]Relay, len(options.Servers))
	var asked sync.WaitGroup
	for i, server := range options.Servers {
		relays[i].Server = server
		if r.offline {
			found = append(found, Finding{Check: "graphite", Subject: server.String(), Verdict: Skipped, Text: "not probed: --offline leaves out the network"})
			continue
		}
		asked.Go(func() { relays[i].Probe = graphite.ProbeServer(ctx, options, server) })
	}
	asked.Wait()
	if r.offline {
		return found
	}
	return append(found, Relays(relays, options.Confirm, now)...)
}
