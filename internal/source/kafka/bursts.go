package kafka

import (
	"maps"
	"time"
)

const (
	// burst is the time without an event after which one is logged again.
	burst = time.Minute
	// maxBursts bounds the names whose last event is remembered, and maxTold the messages
	// in a minute.
	maxBursts = 1000
	maxTold   = 60
)

// bursts finds the first of many events that follow one another, for each name by itself:
// what one node does all the time must not hide what another one does.
type bursts struct {
	last map[string]time.Time // of each name
	told pace
}

// first reports whether an event begins a burst and is to be logged.
func (b *bursts) first(now time.Time, name string) bool {
	if b.last == nil {
		b.last, b.told = make(map[string]time.Time), pace{records: maxTold}
	}
	before, known := b.last[name]
	if !known && len(b.last) >= maxBursts {
		maps.DeleteFunc(b.last, func(_ string, last time.Time) bool { return now.Sub(last) >= burst })
		if len(b.last) >= maxBursts {
			return false
		}
	}
	b.last[name] = now
	return (!known || now.Sub(before) >= burst) && b.told.room(now, 1, 0)
}
