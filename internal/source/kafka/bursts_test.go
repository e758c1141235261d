package kafka

import (
	"fmt"
	"testing"
	"time"
)

// TestBursts: each name has bursts of its own, and neither names nor messages are unbounded.
func TestBursts(t *testing.T) {
	var b bursts
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		after time.Duration
		name  string
		want  bool
	}{
		{0, "eu/lb1", true},
		{burst - 1, "eu/lb1", false},
		{0, "eu/lb2", true}, // the noisy one hides no other
		{burst - 1, "eu/lb1", false},
		{1, "eu/lb2", true}, // after a minute without any
		{burst, "eu/lb1", true},
	} {
		now = now.Add(c.after)
		if got := b.first(now, c.name); got != c.want {
			t.Errorf("%s after %v: got %t, want %t", c.name, c.after, got, c.want)
		}
	}
	now = now.Add(time.Hour)
	told := 0
	for i := range 10 * maxBursts {
		if b.first(now, fmt.Sprint(i)) {
			told++
		}
	}
	if told != maxTold || len(b.last) > maxBursts {
		t.Errorf("of many names at once, got %d told and %d remembered, want %d and at most %d", told, len(b.last), maxTold, maxBursts)
	}
	if now = now.Add(time.Hour); !b.first(now, "another") {
		t.Error("later, got no message about another name")
	}
}
