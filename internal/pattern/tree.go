package pattern

import "math"

// reNode is a part of a parsed pattern.
type reNode interface {
	// width returns the fewest and the most characters that the part takes.
	width() (lo, hi int64)
	// write writes the part such that it is a unit among others in a sequence.
	write(w *reWriter)
}

// widthLimit stands for any width of so many characters or more, which no
// name has.
const widthLimit = 1 << 30

// reSet takes one character of a set.
type reSet struct{ runes runeSet }

func (reSet) width() (lo, hi int64) { return 1, 1 }

// reAnchor is a position: 'A' the start, 'Z' the end, 'b' where a word starts
// or ends, 'B' any other.
type reAnchor struct {
	kind rune
	word runeSet
}

func (reAnchor) width() (lo, hi int64) { return 0, 0 }

// reSequence is parts one after another.
type reSequence []reNode

func (n reSequence) width() (lo, hi int64) {
	for _, part := range n {
		l, h := part.width()
		lo, hi = min(lo+l, widthLimit), min(hi+h, widthLimit)
	}
	return lo, hi
}

// reChoice is a|b.
type reChoice []reNode

func (n reChoice) width() (lo, hi int64) {
	lo = widthLimit
	for _, part := range n {
		l, h := part.width()
		lo, hi = min(lo, l), max(hi, h)
	}
	return lo, hi
}

// unlimited is the upper bound of a* and a+. Python has no larger one.
const unlimited = math.MaxUint32

// repeatMode is how many times a repeat tries first, and whether it gives back.
type repeatMode int

const (
	greedy repeatMode = iota
	lazy
	possessive
)

// reRepeat is a part min to max times.
type reRepeat struct {
	body     reNode
	min, max int64
	mode     repeatMode
}

func (n reRepeat) width() (lo, hi int64) {
	lo, hi = n.body.width()
	return min(lo*n.min, widthLimit), min(hi*n.max, widthLimit)
}

// reGroup is a numbered group.
type reGroup struct {
	number   int
	body     reNode // nil while the group is open
	lo, hi   int64  // kept: references could ask for it without end
	referred bool   // a reference or a condition needs what it captures
}

func (n *reGroup) close(body reNode) {
	n.body = body
	n.lo, n.hi = body.width()
}

func (n *reGroup) width() (lo, hi int64) { return n.lo, n.hi }

// reAtomic is a part that never gives back.
type reAtomic struct{ body reNode }

func (n reAtomic) width() (lo, hi int64) { return n.body.width() }

// reReference takes what a group has captured.
type reReference struct {
	to         *reGroup
	ignoreCase bool
}

func (n reReference) width() (lo, hi int64) { return n.to.width() }

// reConditional is yes where the group of that number has captured, else no.
type reConditional struct {
	number  int
	yes, no reNode
}

func (n reConditional) width() (lo, hi int64) {
	return reChoice{n.yes, n.no}.width()
}

// reLook is a look ahead or behind. What is behind has a fixed width.
type reLook struct {
	body     reNode
	behind   bool
	negative bool
}

func (reLook) width() (lo, hi int64) { return 0, 0 }
