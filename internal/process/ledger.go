package process

import "sync"

// maxLedger bounds the memory of a ledger. To forget a snapshot costs no more
// than a repeat.
const maxLedger = 1024

// ledger remembers which sinks have accepted which snapshots, while those are
// not committed. The zero value is empty.
type ledger struct {
	mu        sync.Mutex
	snapshots map[string]map[int]bool // name, number of the sink
}

func (l *ledger) add(name string, sink int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sinks, ok := l.snapshots[name]
	if !ok {
		if l.snapshots == nil {
			l.snapshots = make(map[string]map[int]bool)
		}
		if len(l.snapshots) >= maxLedger {
			for some := range l.snapshots {
				delete(l.snapshots, some)
				break
			}
		}
		sinks = make(map[int]bool)
		l.snapshots[name] = sinks
	}
	sinks[sink] = true
}

func (l *ledger) has(name string, sink int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.snapshots[name][sink]
}

// all reports whether the snapshot was delivered before, to all of so many sinks.
func (l *ledger) all(name string, sinks int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return sinks > 0 && len(l.snapshots[name]) == sinks
}

func (l *ledger) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.snapshots, name)
}
