package snapshot

import (
	"math"
	"testing"
	"time"
)

func TestAge(t *testing.T) {
	now := time.Unix(1795335122, 0)
	for _, c := range []struct {
		epoch     int64
		plausible bool
		age       time.Duration
	}{
		{1795335122, true, 0},
		{1795335022, true, 100 * time.Second},
		{1795335132, true, 0}, // a clock that is a little ahead
		{1795335122 + 3600, false, 0},
		{1795335122 - 3000*86400, true, 3000 * 24 * time.Hour},
		{1000000000, false, 0},
		{0, false, 0},
		{math.MaxInt64, false, 0},
		{math.MinInt64, false, 0},
	} {
		if got := IsPlausible(c.epoch, now); got != c.plausible {
			t.Errorf("IsPlausible(%d): got %t, want %t", c.epoch, got, c.plausible)
		}
		if got := Age(c.epoch, now); got != c.age {
			t.Errorf("Age(%d): got %v, want %v", c.epoch, got, c.age)
		}
	}
}
