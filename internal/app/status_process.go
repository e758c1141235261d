package app

import (
	"fmt"
	"time"

	"haproxystats/internal/process"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/status"
)

// processStatus is haproxystats-process's line in `systemctl status`.
func processStatus(s process.Stats, waiting int) string {
	if s.Last == "" {
		return fmt.Sprintf("no snapshot done yet, %d waiting", waiting)
	}
	return fmt.Sprintf("last snapshot done %s, %d done, %d waiting", s.Last, s.Done, waiting)
}

// openSink is a sink that is open, and what it tells of itself.
type openSink struct {
	statusSink
	counts selfstat.Sink
}

// tellProcess fills in haproxystats-process's part of the document.
func tellProcess(d *status.Document, p *process.Processor, sources selfstat.Sources, sinks []openSink) {
	workers, stats, now := p.Workers(), p.Stats(), time.Now()
	d.Process = &status.Process{
		Workers:  status.Workers{Configured: workers.Configured, Alive: workers.Alive, Busy: workers.Busy},
		Progress: status.At(workers.Progress),
		Done:     stats.Done, Last: stats.Last, Retries: stats.Retries,
		Waiting: sources.Spool.Waiting(),
		Oldest:  status.For(sources.Spool.Oldest()),
		Corrupt: sources.Spool.Corrupt(),
	}
	for _, s := range sinks {
		d.Process.Sinks = append(d.Process.Sinks, s.status(now))
	}
}

func (s openSink) status(now time.Time) status.Sink {
	counts, health := s.counts.Counts(), s.Status().Health
	told := status.Sink{
		Name: s.Name(), Reachable: health.Down.IsZero(),
		Down: status.At(health.Down), Confirmed: status.At(health.Confirmed),
		Batches: counts.Batches, Metrics: counts.Metrics, Bytes: counts.Bytes,
		Failures: counts.Failures, Skipped: counts.Skipped,
	}
	if health.Cause != nil {
		told.Cause = health.Cause.Error()
	}
	if s.counts.Queued {
		q := counts.Queue
		told.Queue = &status.Queue{
			Batches: q.Batches, Metrics: q.Metrics, Bytes: q.Bytes,
			Age:    status.For(q.Age(now)),
			Resent: q.Resent, Dropped: q.Dropped, Corrupt: q.Corrupt,
		}
	}
	return told
}
