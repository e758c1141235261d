package localstore

import (
	"time"

	"haproxystats/internal/sink"
)

// Stats counts what a sink has done since it was opened.
type Stats struct {
	Batches, Metrics, Bytes int64 // that are in files, fsynced
	Failures                int64 // batches that could not be written
	SkippedMetrics          int64 // of the batches written: left out for their long path
}

// Stats returns the counts. It doesn't wait for a batch that is being written.
func (s *Sink) Stats() Stats {
	s.counting.Lock()
	defer s.counting.Unlock()
	return s.stats
}

// Health reports whether batches can be written. It doesn't wait for one that is
// being written.
func (s *Sink) Health() sink.Health {
	s.counting.Lock()
	defer s.counting.Unlock()
	return s.health
}

// written is what a batch has made.
type written struct {
	metrics        int
	bytes, skipped int64
}

// count notes how the writing of a batch has ended.
func (s *Sink) count(w written, err error) {
	s.counting.Lock()
	defer s.counting.Unlock()
	if err != nil {
		s.stats.Failures++
		if s.health.Down.IsZero() {
			s.health.Down = time.Now()
		}
		s.health.Cause = err
		return
	}
	s.health = sink.Health{Confirmed: time.Now()}
	s.stats.Batches++
	s.stats.Metrics += int64(w.metrics)
	s.stats.Bytes += w.bytes
	s.stats.SkippedMetrics += w.skipped
}
