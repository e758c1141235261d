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
func graphiteLimit(g config.Graphite) time.Duration {
	return min(2*g.ConnectTimeout+max(g.WriteTimeout, 5*time.Second)+2*time.Second, maxGraphiteLimit) + g.ConfirmHold
}

// graphite probes every server of a section without sending a metric.
func (r *run) graphite(ctx context.Context, section config.Instance[config.Graphite]) []Finding {
	g := section.Options
	now := time.Now()
	var found []Finding
	if g.TLS && g.CertFile != "" {
		expires, err := r.wiring.Graphite(section).TLS.OwnExpiry()
		if err != nil {
			found = append(found, Finding{Check: "certificate", Subject: g.CertFile, Verdict: Error, Text: err.Error()})
		} else {
			found = append(found, OwnCertificate(g.CertFile, expires, now))
		}
	}
	options := r.wiring.Graphite(section)
	relays := make([]Relay, len(options.Servers))
	var asked sync.WaitGroup
	for i, server := range options.Servers {
		relays[i].Server = server
		if r.offline {
			found = append(found, Finding{Check: options.Name, Subject: server.String(), Verdict: Skipped, Text: "not probed: --offline leaves out the network"})
			continue
		}
		asked.Go(func() { relays[i].Probe = graphite.ProbeServer(ctx, options, server) })
	}
	asked.Wait()
	if r.offline {
		return found
	}
	return append(found, Relays(options.Name, relays, options.Confirm, now)...)
}
