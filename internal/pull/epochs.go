package pull

// remembered is the number of seconds that are kept: with a snapshot every ten
// seconds, eleven hours.
const remembered = 4096

// epochs remembers the seconds of the latest snapshots, so that two have different
// names even if the clock is set back. Otherwise both would share a point in every
// graph, long after the queue has forgotten the first.
type epochs struct {
	used map[int64]struct{}
	ring []int64 // the members of used, the oldest at next
	next int
}

func (e *epochs) has(epoch int64) bool {
	_, ok := e.used[epoch]
	return ok
}

func (e *epochs) add(epoch int64) {
	if e.has(epoch) {
		return
	}
	if e.used == nil {
		e.used = make(map[int64]struct{})
	}
	e.used[epoch] = struct{}{}
	if len(e.ring) < remembered {
		e.ring = append(e.ring, epoch)
		return
	}
	delete(e.used, e.ring[e.next])
	e.ring[e.next] = epoch
	e.next = (e.next + 1) % remembered
}
