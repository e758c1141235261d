package pull

import "time"

// again is the interval at which a lasting condition is logged.
const again = 10 * time.Minute

// notes remembers what was logged, so that a condition that lasts for rounds is not
// logged in each of them.
type notes struct {
	said    map[string]time.Time // lasting conditions, logged in earlier rounds
	current map[string]time.Time // the conditions of this round
}

// due reports whether to log a condition that is present now: it is new since the
// round before, or the time every has passed, unless that is 0.
func (n *notes) due(fact string, now time.Time, every time.Duration) bool {
	if n.current == nil {
		n.current = make(map[string]time.Time)
	}
	last, known := n.current[fact]
	if !known {
		last, known = n.said[fact]
	}
	if known && (every == 0 || now.Sub(last) < every) {
		n.current[fact] = last
		return false
	}
	n.current[fact] = now
	return true
}

// next begins another round: it forgets the conditions that this one did not have.
func (n *notes) next() { n.said, n.current = n.current, nil }
