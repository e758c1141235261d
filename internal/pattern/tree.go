package pattern

import "math"

// node is a part of a parsed pattern.
type node interface {
	// width returns the fewest and the most characters that the part can match.
	width() (lo, hi int64)
	// write writes the part as one unit of a sequence.
	write(w *writer)
}

// widthLimit stands for all widths from there on; every name is shorter.
const widthLimit = 1 << 30

// oneOf matches one character of a set.
type oneOf struct{ runes runeSet }

func (oneOf) width() (lo, hi int64) { return 1, 1 }

// anchor is a position: 'A' the start, 'Z' the end, 'b' where a word starts
// or ends, 'B' any other.
type anchor struct {
	kind rune
	word runeSet
}

func (anchor) width() (lo, hi int64) { return 0, 0 }

// sequence matches parts one after another.
type sequence []node

func (n sequence) width() (lo, hi int64) {
	for _, part := range n {
		l, h := part.width()
		lo, hi = min(lo+l, widthLimit), min(hi+h, widthLimit)
	}
	return lo, hi
}

// choice is a|b: it matches one of its branches.
type choice []node

func (n choice) width() (lo, hi int64) {
	lo = widthLimit
	for _, part := range n {
		l, h := part.width()
		lo, hi = min(lo, l), max(hi, h)
	}
	return lo, hi
}

// unlimited is the upper bound of a* and a+. Python has no larger one.
const unlimited = math.MaxUint32

// repeatMode is whether a repetition tries the most or the fewest times first, and
// whether it backtracks.
type repeatMode int

const (
	greedy repeatMode = iota
	lazy
	possessive
)

// repetition matches a part min to max times.
type repetition struct {
	body     node
	min, max int64
	mode     repeatMode
}

func (n repetition) width() (lo, hi int64) {
	lo, hi = n.body.width()
	return min(lo*n.min, widthLimit), min(hi*n.max, widthLimit)
}

// group is a numbered group.
type group struct {
	number   int
	body     node  // nil while the group is open
	lo, hi   int64 // the width; without it, nested references would be added up for ever
	referred bool  // a reference or a condition needs what it captures
}

func (n *group) close(body node) {
	n.body = body
	n.lo, n.hi = body.width()
}

func (n *group) width() (lo, hi int64) { return n.lo, n.hi }

// atomic is a part into which the engine does not backtrack.
type atomic struct{ body node }

func (n atomic) width() (lo, hi int64) { return n.body.width() }

// backReference matches the text that a group has captured.
type backReference struct {
	to         *group
	ignoreCase bool
}

func (n backReference) width() (lo, hi int64) { return n.to.width() }

// conditional is yes if the group of that number has captured, else no.
type conditional struct {
	number  int
	yes, no node
}

func (n conditional) width() (lo, hi int64) {
	return choice{n.yes, n.no}.width()
}

// lookaround is a look-ahead or a look-behind. The body of a look-behind has a fixed
// width.
type lookaround struct {
	body     node
	behind   bool
	negative bool
}

func (lookaround) width() (lo, hi int64) { return 0, 0 }
