package app

import (
	"haproxystats/internal/selfstat"
	"haproxystats/internal/sink"
)

// countsOf says what a sink counts, in the words of self metrics.
func countsOf(s statusSink, queued bool) selfstat.Sink {
	return selfstat.Sink{Name: s.Name(), Queued: queued, Counts: func() selfstat.Counts {
		status := s.Status()
		counts := selfstat.Counts{
			Batches: status.Batches, Metrics: status.Metrics, Bytes: status.Bytes,
			Failures: status.Failures,
			Skipped:  status.Skipped,
		}
		if q := status.Queue; q != nil {
			counts.Queue = selfstat.Queue{
				Batches: q.Batches, Metrics: q.Metrics, Bytes: q.Bytes,
				OldestEpoch: q.OldestEpoch,
				Resent:      status.Resent,
				Dropped:     q.DroppedMetrics,
				Corrupt:     q.DamagedBatches,
			}
		}
		return counts
	}}
}

// statusSink is a sink that tells of itself.
type statusSink interface {
	sink.Sink
	Status() sink.Status
}
