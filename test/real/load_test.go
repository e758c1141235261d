package real

import (
	"testing"
	"time"
)

func TestRunnable(t *testing.T) {
	for text, want := range map[string]float64{
		"0.20 0.18 0.12 1/80 11206\n":   1,
		"15.03 9.00 8.00 3/812 11206\n": 15.03,
		"1.00 9.00 8.00 22/812 11206\n": 22,
	} {
		if got, err := runnable(text); got != want || err != nil {
			t.Errorf("got %v, %v of %q, want %v", got, err, text, want)
		}
	}
	for _, text := range []string{"", "1 2 3", "a 2 3 1/2 4", "1 2 3 a/2 4"} {
		if got, err := runnable(text); err == nil {
			t.Errorf("got %v of %q, want an error", got, text)
		}
	}
}

func TestLoaded(t *testing.T) {
	if got := Loaded(time.Second); got < time.Second || got > time.Hour {
		t.Errorf("got %v for a second", got)
	}
}
