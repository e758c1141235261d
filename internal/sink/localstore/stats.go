package localstore

import (
	"time"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/sink"
)

// Status returns the counts since New, and whether batches can be written. It does
// not wait for a batch that is being written.
func (s *Sink) Status() sink.Status {
	s.counting.Lock()
	defer s.counting.Unlock()
	return s.status
}

// written counts what was written of a batch.
type written struct {
	plaintext.Result
	bytes int64
}

// count records the result of writing a batch.
func (s *Sink) count(w written, err error) {
	s.counting.Lock()
	defer s.counting.Unlock()
	if err != nil {
		s.status.Failures++
		if s.status.Health.Down.IsZero() {
			s.status.Health.Down = time.Now()
		}
		s.status.Health.Cause = err
		return
	}
	s.status.Health = sink.Health{Confirmed: time.Now()}
	s.status.Batches++
	s.status.Metrics += int64(w.Lines)
	s.status.Bytes += w.bytes
	s.status.Skipped += w.Skipped
}
