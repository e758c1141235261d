package app

import (
	"crypto/x509"
	"log/slog"
	"strings"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/status"
	"haproxystats/internal/tlsfile"
	"haproxystats/internal/verify"
)

// verifiedMetric is the self metric that verify-url is asked for.
const verifiedMetric = "MetricsFrontend"

// verify returns a verifier for each Graphite sink with verify-url, and adds them to the
// sinks' status and metrics.
func (o openSinks) verify(c *config.Config, hostname func() string, get verify.Get, log *slog.Logger) (all []*verify.Verifier) {
	for i, s := range o.sinks {
		kind, name, _ := strings.Cut(s.Name(), ":")
		if kind != "graphite" {
			continue
		}
		g, _ := c.GraphiteSections().Get(name)
		if g.VerifyURL == "" {
			continue
		}
		options := verify.Options{
			URL:  g.VerifyURL,
			Path: func() string { return GraphitePaths(g, hostname()).Self(hostname(), verifiedMetric) },
			Get:  get,
			Confirmed: func() time.Time {
				status := s.Status()
				if status.Queue != nil && status.Queue.Batches > 0 {
					return time.Time{}
				}
				return status.Health.Confirmed
			},
			Log: log.With("sink", s.Name()),
		}
		if file := g.CAFile; file != "" {
			options.Roots = func() (*x509.CertPool, error) { return tlsfile.Files{CAFile: file}.Authorities() }
		}
		v := verify.New(options)
		o.verifiers[i] = v
		o.stats[i].Verified = true
		o.stats[i].Age = func() time.Duration { return v.Status().Age }
		all = append(all, v)
	}
	return all
}

// verifiedStatus returns a verifier's part of the status document.
func verifiedStatus(from verify.Status) *status.Verified {
	to := &status.Verified{
		Newest: status.At(from.Newest), Age: status.For(from.Age), Behind: status.For(from.Behind),
		Asked: status.At(from.Asked), Failing: status.At(from.Failing),
	}
	if from.Cause != nil {
		to.Cause = from.Cause.Error()
	}
	return to
}
