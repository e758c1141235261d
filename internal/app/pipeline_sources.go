package app

import (
	"haproxystats/internal/selfstat"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/graphite"
	"haproxystats/internal/sink/localstore"
)

// graphiteCounts says what the sink counts.
func graphiteCounts(s *graphite.Sink, q *sink.Queue) selfstat.Sink {
	return selfstat.Sink{Name: s.Name(), Queued: true, Counts: func() selfstat.Counts {
		sent, queue := s.Stats(), q.Stats()
		return selfstat.Counts{
			Batches: sent.SentBatches, Metrics: sent.SentLines, Bytes: sent.SentBytes,
			Failures: sent.Failures,
			Skipped:  sent.SkippedLines,
			Queue: selfstat.Queue{
				Batches: queue.Batches, Metrics: queue.Metrics, Bytes: queue.Bytes,
				OldestEpoch: queue.OldestEpoch,
				Resent:      sent.ResentBatches,
				Dropped:     queue.DroppedMetrics,
				Corrupt:     queue.DamagedBatches,
			},
		}
	}}
}

// localStoreCounts says what the sink counts.
func localStoreCounts(s *localstore.Sink) selfstat.Sink {
	return selfstat.Sink{Name: s.Name(), Counts: func() selfstat.Counts {
		stored := s.Stats()
		return selfstat.Counts{
			Batches: stored.Batches, Metrics: stored.Metrics, Bytes: stored.Bytes,
			Failures: stored.Failures,
			Skipped:  stored.SkippedMetrics,
		}
	}}
}
