package pull

import (
	"context"
	"time"

	"haproxystats/internal/snapshot"
)

// Outcome is how a round has ended.
type Outcome string

// The outcomes.
const (
	Stored  Outcome = "stored"
	Partial Outcome = "partial" // stored without the sockets that have failed
	Dropped Outcome = "dropped"
	Skipped Outcome = "skipped" // no socket was asked
)

// Result says what came of a round.
type Result struct {
	Outcome Outcome
	// Cause says why it was dropped or skipped; nil if it was not.
	Cause error
	// Epoch names the snapshot, where one was stored.
	Epoch int64
	// Waiting is how many snapshots were in the queue when the round began.
	Waiting int
	// Sockets is how many were asked.
	Sockets int
	snapshot.Round
	// HandOver is how long it took to hand the snapshot over, which includes
	// making it durable.
	HandOver time.Duration
}

// Observer is told what the puller does. Its methods must return at once.
type Observer interface {
	// RoundBegun is told when each round begins.
	RoundBegun(now time.Time)
	// RoundEnded is told what came of it, unless the end of the program has cut
	// it short.
	RoundEnded(now time.Time, r Result)
	// RoundsMissed gets the number of rounds that were not made, because their time had
	// passed.
	RoundsMissed(now time.Time, n int)
}

func (p *Puller) begun() {
	if p.Observer != nil {
		p.Observer.RoundBegun(time.Now())
	}
}

// ended tells the observer before the log does.
func (p *Puller) ended(ctx context.Context, r Result) {
	if p.Observer != nil && (ctx.Err() == nil || r.Epoch != 0) {
		p.Observer.RoundEnded(time.Now(), r)
	}
}
