package pull

import (
	"context"
	"time"

	"haproxystats/internal/snapshot"
)

// Outcome is the way a round has ended.
type Outcome string

// The outcomes.
const (
	Stored  Outcome = "stored"
	Partial Outcome = "partial" // stored without the sockets that have failed
	Dropped Outcome = "dropped"
	Skipped Outcome = "skipped" // no socket was asked
)

// Result is the result of a round.
type Result struct {
	Outcome Outcome
	// Cause is the reason why the round was dropped or skipped, else nil.
	Cause error
	// Epoch is the name of the snapshot, if one was stored.
	Epoch int64
	// Waiting is the number of snapshots in the queue when the round began.
	Waiting int
	// Sockets is the number of sockets that were asked.
	Sockets int
	snapshot.Round
	// HandOver is the time for handing this snapshot over, which includes making it
	// durable; Round.HandOver is that of the snapshot before.
	HandOver time.Duration
}

// Observer sees the rounds of a puller. Its methods must return at once.
type Observer interface {
	// RoundBegun is called when a round begins.
	RoundBegun(now time.Time)
	// RoundEnded is called with the result of a round, unless the end of the program has
	// interrupted it.
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

// ended passes a result to the observer. A round that the end of the program has
// interrupted before it was stored has no result.
func (p *Puller) ended(ctx context.Context, r Result) {
	if p.Observer != nil && (ctx.Err() == nil || r.Epoch != 0) {
		p.Observer.RoundEnded(time.Now(), r)
	}
}
