package outbox

import (
	"context"
	"math"
	"time"
)

const (
	// minWait keeps a configuration without pauses from using all CPU time.
	minWait = 10 * time.Millisecond
	// maxWait bounds the pause in a long series of retries.
	maxWait = time.Hour
)

// Pace sets the pauses between attempts while a destination is down. After the first
// attempt there are Retries more, with pauses of Interval, Interval*Backoff and so
// on. After a pause of Delay the series begins again. A negative Retries has no end.
type Pace struct {
	Retries  int
	Interval time.Duration
	Backoff  float64
	Delay    time.Duration
}

// Wait returns the pause after the n-th failure in a row, from 1 on.
func (p Pace) Wait(n int) time.Duration {
	k := n - 1
	limit := maxWait
	if p.Retries >= 0 {
		k %= p.Retries + 1
		if k == p.Retries {
			return min(max(p.Delay, minWait), maxWait)
		}
	} else {
		// An endless series never reaches Delay, which bounds its pauses instead.
		limit = min(limit, max(p.Interval, p.Delay))
	}
	wait := float64(p.Interval) * math.Pow(p.Backoff, float64(k))
	if !(wait < float64(limit)) {
		return max(limit, minWait)
	}
	return max(time.Duration(wait), minWait)
}

// Sleep waits for d. It returns the error of ctx if that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
