package main

import (
	"maps"
	"slices"
	"sync"
	"time"

	"haproxystats/test/real"
)

// quiet is the time without a further point after which a snapshot is complete.
const quiet = 500 * time.Millisecond

// snapshot has the metrics of one round of pull: values by path.
type snapshot struct {
	epoch  int64
	values map[string]float64
	last   time.Time // when its last point arrived
}

// store gathers points into snapshots. The zero value is ready.
type store struct {
	mu      sync.Mutex
	arrive  map[int64]*snapshot // by epoch
	settled int64               // epoch of the newest snapshot that take has returned
}

// add adds a point. It ignores a point whose snapshot take has already returned: that
// is a repeat.
func (s *store) add(p real.Point, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Time <= s.settled {
		return
	}
	snap, ok := s.arrive[p.Time]
	if !ok {
		if s.arrive == nil {
			s.arrive = make(map[int64]*snapshot)
		}
		snap = &snapshot{epoch: p.Time, values: make(map[string]float64)}
		s.arrive[p.Time] = snap
	}
	snap.values[p.Path] = p.Value
	snap.last = now
}

// take returns the snapshots that are complete now, the oldest first. A snapshot waits
// for older ones that still arrive.
func (s *store) take(now time.Time) []*snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	var whole []*snapshot
	for _, epoch := range slices.Sorted(maps.Keys(s.arrive)) {
		snap := s.arrive[epoch]
		if now.Sub(snap.last) < quiet {
			break
		}
		delete(s.arrive, epoch)
		s.settled = epoch
		whole = append(whole, snap)
	}
	return whole
}
