package process

import (
	"slices"
	"sync"
)

// maxAccepted bounds the memory of an acceptedBy. Forgetting a snapshot costs only a
// repeated delivery.
const maxAccepted = 1024

// acceptedBy remembers which sinks have accepted a snapshot that was given back. It
// does not confuse snapshots of the same name. The zero value is empty.
type acceptedBy struct {
	mu        sync.Mutex
	snapshots map[string]acceptance // by name
}

type acceptance struct {
	identity string
	sinks    []bool
}

// take forgets the snapshot and reports, for each sink, whether it has accepted the
// snapshot.
func (a *acceptedBy) take(c Claim, sinks int) []bool {
	a.mu.Lock()
	known, ok := a.snapshots[c.Name()]
	delete(a.snapshots, c.Name())
	a.mu.Unlock()
	if ok && known.identity == c.Identity() {
		return known.sinks
	}
	return make([]bool, sinks)
}

// keep remembers the sinks that have accepted the snapshot. Call it before the claim
// ends.
func (a *acceptedBy) keep(c Claim, sinks []bool) {
	if !slices.Contains(sinks, true) {
		return
	}
	identity := c.Identity()
	if identity == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.snapshots == nil {
		a.snapshots = make(map[string]acceptance)
	}
	if _, ok := a.snapshots[c.Name()]; !ok && len(a.snapshots) >= maxAccepted {
		for some := range a.snapshots {
			delete(a.snapshots, some)
			break
		}
	}
	a.snapshots[c.Name()] = acceptance{identity, sinks}
}
