package graphite

import (
	"sync"
	"time"
)

// A TCP proxy whose server is down takes a connection and what is sent over it,
// and closes it some time later as a Graphite server does that has read
// everything. Such a proxy closes before our end of the connection, if the
// sink holds that back for long enough. Not every connection is held: while batches
// follow one another closely, one is held each sampleInterval.
const (
	// quietTime without a batch is a pause, after which the next one is held.
	quietTime = 500 * time.Millisecond
	// sampleInterval is the time between two held connections while there is no
	// pause.
	sampleInterval = time.Minute
	// maxHolds bounds what all servers together may be held for one batch, so that
	// nobody takes the delivery for stuck.
	maxHolds = 36 * time.Second
)

// trust decides which connections to a peer are held open after the last write.
type trust struct {
	hold time.Duration // how long; 0 for never

	mu sync.Mutex
	// proven tells that a held connection has stood, and none has failed since.
	proven bool
	sample time.Time // when the next connection is held at the latest
	last   time.Time // the last confirmation
	// unproven counts the confirmations since a held connection stood.
	unproven int64
}

// due reports whether the next connection has to be held.
func (t *trust) due() bool {
	if t.hold <= 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	switch {
	case !t.proven, now.Sub(t.last) > quietTime:
	case now.Before(t.sample):
		return false
	}
	t.sample = now.Add(sampleInterval)
	return true
}

// confirmed notes a confirmation, over a connection that was held or not.
func (t *trust) confirmed(held bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = time.Now()
	if held {
		t.proven, t.unproven = true, 0
	} else {
		t.unproven++
	}
}

// failed notes a failure, and returns how many confirmations no held connection
// has borne out.
func (t *trust) failed() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.proven = false
	n := t.unproven
	t.unproven = 0
	if t.hold <= 0 {
		return 0
	}
	return n
}
