package main

import (
	"maps"
	"slices"
	"sync"
	"time"

	"haproxystats/test/real"
)

// quiet is how long no point of a snapshot must have come for it to be whole.
const quiet = 500 * time.Millisecond

// snapshot is what one round of pull became: values by path.
type snapshot struct {
	epoch  int64
	values map[string]float64
	last   time.Time // when its newest point came
}

// store gathers points into snapshots. The zero value is ready.
type store struct {
	mu      sync.Mutex
	arrive  map[int64]*snapshot // by epoch
	settled int64               // epoch of the newest snapshot given out
}

// add takes a point in. One that comes after its snapshot has been given out is
// a repetition, and ignored.
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

// take gives out the snapshots that are whole now, the oldest first; none
// before an older one that still arrives.
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
