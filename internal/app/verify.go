package app

import (
	"crypto/x509"
	"log/slog"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/status"
	"haproxystats/internal/tlsfile"
	"haproxystats/internal/verify"
)

// verifiedMetric is the self metric that verify-url is asked for.
const verifiedMetric = "MetricsFrontend"

// verifier returns the verifier of the Graphite sink, and adds it to the sinks' status
// and metrics. It returns nil if verify-url is not set.
func (o openSinks) verifier(c *config.Config, hostname func() string, get verify.Get, log *slog.Logger) *verify.Verifier {
	if c.Graphite.VerifyURL == "" || !c.Graphite.Enabled {
		return nil
	}
	for i, s := range o.sinks {
		if s.Name() != "graphite" {
			continue
		}
		options := verify.Options{
			URL:  c.Graphite.VerifyURL,
			Path: func() string { return GraphitePaths(c, hostname()).Self(hostname(), verifiedMetric) },
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
		if file := c.Graphite.CAFile; file != "" {
			options.Roots = func() (*x509.CertPool, error) { return tlsfile.Files{CAFile: file}.Authorities() }
		}
		v := verify.New(options)
		o.verifiers[i] = v
		o.stats[i].Verified = true
		o.stats[i].Age = func() time.Duration { return v.Status().Age }
		return v
	}
	return nil
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
