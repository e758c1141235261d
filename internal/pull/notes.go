package pull

import "time"

// again is the time after which what lasts is said again.
const again = 10 * time.Minute

// notes remembers what has been said, so that what lasts over rounds is not said in
// each of them.
type notes struct {
	said    map[string]time.Time // in the rounds before, and it has lasted
	current map[string]time.Time // of what is so in this round
}

// due reports whether a fact, which is so now, is to be said: when it was not so in
// the round before, and then each time that every has passed, unless that is 0.
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

// next begins another round: what was not so in this one is forgotten.
func (n *notes) next() { n.said, n.current = n.current, nil }
