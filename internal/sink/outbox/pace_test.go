package outbox

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	s := time.Second
	for _, c := range []struct {
		name string
		pace Pace
		want []time.Duration
	}{
		{"none", Pace{0, 2 * s, 2, 10 * s}, []time.Duration{10 * s, 10 * s}},
		{"three", Pace{3, 2 * s, 2, 10 * s}, []time.Duration{2 * s, 4 * s, 8 * s, 10 * s, 2 * s}},
		{"no backoff", Pace{2, 2 * s, 1, 10 * s}, []time.Duration{2 * s, 2 * s, 10 * s, 2 * s}},
		{"without end", Pace{-1, 2 * s, 2, 10 * s}, []time.Duration{2 * s, 4 * s, 8 * s, 10 * s, 10 * s}},
		{"no waits", Pace{1, 0, 2, 0}, []time.Duration{minWait, minWait, minWait}},
		{"huge", Pace{100, time.Hour, 1e300, 1e6 * s}, []time.Duration{maxWait, maxWait, maxWait}},
	} {
		for i, want := range c.want {
			if got := c.pace.Wait(i + 1); got != want {
				t.Errorf("%s: wait %d is %v, want %v", c.name, i+1, got, want)
			}
		}
	}
}
