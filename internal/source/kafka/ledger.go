package kafka

import (
	"slices"
	"sync"
)

// ledger knows which records of a partition are in hand. It is safe for concurrent use.
type ledger struct {
	mu   sync.Mutex
	next int64   // the offset after the last record
	open []entry // from the smallest offset in hand on, by offset
	left int     // entries of open that are in hand
}

type entry struct {
	offset int64
	done   bool
}

// newLedger returns a ledger for records from an offset on.
func newLedger(next int64) *ledger { return &ledger{next: next} }

// take takes the next record in hand. Offsets grow.
func (l *ledger) take(offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, entry{offset: offset})
	l.left++
	l.next = offset + 1
}

// done tells that records are needed no longer.
func (l *ledger) done(offsets ...int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, offset := range offsets {
		i, found := slices.BinarySearchFunc(l.open, offset, func(e entry, o int64) int { return int(min(max(e.offset-o, -1), 1)) })
		if found && !l.open[i].done {
			l.open[i].done = true
			l.left--
		}
	}
	n := 0
	for n < len(l.open) && l.open[n].done {
		n++
	}
	// The slice moves on, and append leaves the entries in front behind.
	l.open = l.open[n:]
}

// committable returns the offset from which the next owner must read.
func (l *ledger) committable() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) > 0 {
		return l.open[0].offset
	}
	return l.next
}

// position returns the offset after the last record that was taken.
func (l *ledger) position() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// inHand returns the number of records in hand.
func (l *ledger) inHand() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left
}
