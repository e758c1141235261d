package graphite

import "haproxystats/internal/sink"

// Health reports whether the server answers, as far as has been tried.
func (s *Sink) Health() sink.Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sink.Health{Confirmed: s.confirmed, Down: s.state.since, Cause: s.state.cause}
}
