package process

import (
	"slices"
	"sync"
)

// maxAccepted bounds the memory of an acceptedBy. To forget a snapshot costs no
// more than a repeat.
const maxAccepted = 1024

// acceptedBy remembers which sinks have accepted a snapshot that was given back.
// Another snapshot of the same name is not taken for it. The zero value is empty.
type acceptedBy struct {
	mu        sync.Mutex
	snapshots map[string]acceptance // by name
}

type acceptance struct {
	identity string
	sinks    []bool
}

// take forgets the snapshot and returns which of so many sinks have accepted it.
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

// keep remembers which sinks have accepted the snapshot. It is called before the
// claim ends.
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
