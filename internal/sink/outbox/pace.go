package outbox

import (
	"context"
	"math"
	"time"
)

const (
	// minWait keeps a configuration without waits from spinning.
	minWait = 10 * time.Millisecond
	// maxWait keeps a long series of retries from growing out of all bounds.
	maxWait = time.Hour
)

// Pace shapes the tries while a destination is down: after the first one Retries
// more, Interval, Interval*Backoff, ... apart. Then nothing is tried for Delay,
// and the series begins again. Below 0 retries have no end.
type Pace struct {
	Retries  int
	Interval time.Duration
	Backoff  float64
	Delay    time.Duration
}

// Wait returns how long to wait after the n-th failure in a row, from 1 on.
func (p Pace) Wait(n int) time.Duration {
	k := n - 1
	limit := maxWait
	if p.Retries >= 0 {
		k %= p.Retries + 1
		if k == p.Retries {
			return min(max(p.Delay, minWait), maxWait)
		}
	} else {
		// Retries without end never come to the delay; it bounds their wait.
		limit = min(limit, max(p.Interval, p.Delay))
	}
	wait := float64(p.Interval) * math.Pow(p.Backoff, float64(k))
	if !(wait < float64(limit)) {
		return max(limit, minWait)
	}
	return max(time.Duration(wait), minWait)
}

// sleep returns ctx's error if it ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
