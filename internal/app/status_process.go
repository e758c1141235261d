package app

import (
	"fmt"
	"time"

	"haproxystats/internal/process"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/status"
)

// processStatus returns haproxystats-process's line in `systemctl status`.
func processStatus(s process.Stats, waiting int) string {
	if s.Last == "" {
		return fmt.Sprintf("no snapshot done yet, %d waiting", waiting)
	}
	return fmt.Sprintf("last snapshot done %s, %d done, %d waiting", s.Last, s.Done, waiting)
}

// tellProcess fills in haproxystats-process's part of the document. The outage is
// why the spool can't be read.
func tellProcess(d *status.Document, p *process.Processor, sources selfstat.Sources, outage error, sinks openSinks) {
	workers, stats, now := p.Workers(), p.Stats(), time.Now()
	d.Process = &status.Process{
		Workers:  status.Workers{Configured: workers.Configured, Alive: workers.Alive, Busy: workers.Busy},
		Progress: status.At(workers.Progress),
		Done:     stats.Done, Last: stats.Last, Retries: stats.Retries,
		Waiting: sources.Spool.Waiting(),
		Oldest:  status.For(sources.Spool.Oldest()),
		Corrupt: sources.Spool.Corrupt(),
	}
	if outage != nil {
		d.Process.SpoolCause = outage.Error()
	}
	for i, s := range sinks.sinks {
		to := sinkStatus(s, now)
		if v := sinks.verifiers[i]; v != nil {
			to.Verified = verifiedStatus(v.Status())
		}
		d.Process.Sinks = append(d.Process.Sinks, to)
	}
}
