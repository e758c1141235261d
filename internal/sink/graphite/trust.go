package graphite

import (
	"sync"
	"time"
)

// A TCP proxy whose server is down accepts a connection and the data sent over it,
// and closes the connection some time later. A Graphite server that has read
// everything closes it too. But the proxy closes first, if the sink holds its own
// end open for long enough. Not every connection is held: while batches follow one
// another closely, one is held each sampleInterval.
const (
	// quietTime is the pause between two batches after which the second is held.
	quietTime = 500 * time.Millisecond
	// sampleInterval is the time between two held connections while there is no
	// pause.
	sampleInterval = time.Minute
	// maxHolds bounds the time for which the connections to all servers together are
	// held for one batch, so that the delivery does not count as stuck.
	maxHolds = 36 * time.Second
)

// trust decides which connections to a peer are held open after the last write.
type trust struct {
	hold time.Duration // time for which they are held; 0 for never

	mu sync.Mutex
	// proven is true once the peer has kept a held connection open, until the next
	// failure.
	proven bool
	sample time.Time // when the next connection is held at the latest
	last   time.Time // time of the last confirmation
	// unproven counts the confirmations since the peer last kept a held connection open.
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

// confirmed records a confirmation, and whether its connection was held.
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

// failed records a failure, and returns the number of confirmations that may be
// false, because no connection was held since.
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
