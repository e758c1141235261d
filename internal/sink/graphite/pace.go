package graphite

import (
	"math"
	"time"
)

const (
	// minWait keeps a configuration without waits from spinning.
	minWait = 10 * time.Millisecond
	// maxWait keeps a long series of retries from growing out of all bounds.
	maxWait = time.Hour
)

// pace says how long to wait after a failed try: interval, interval*backoff,
// and so on for the retries, then delay, after which it starts anew.
type pace struct {
	retries  int // after the first try; below 0 for no end
	interval time.Duration
	backoff  float64
	delay    time.Duration
}

func newPace(o Options) pace {
	return pace{retries: o.Retries, interval: o.Interval, backoff: o.Backoff, delay: o.Delay}
}

// wait returns how long to wait after the n-th failure in a row, from 1 on.
func (p pace) wait(n int) time.Duration {
	k := n - 1
	limit := maxWait
	if p.retries >= 0 {
		k %= p.retries + 1
		if k == p.retries {
			return min(max(p.delay, minWait), maxWait)
		}
	} else {
		// Retries without end never come to the delay; it bounds their wait.
		limit = min(limit, max(p.interval, p.delay))
	}
	wait := float64(p.interval) * math.Pow(p.backoff, float64(k))
	if !(wait < float64(limit)) {
		return max(limit, minWait)
	}
	return max(time.Duration(wait), minWait)
}
