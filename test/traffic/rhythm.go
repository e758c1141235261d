package traffic

import (
	"math"
	"time"
)

// Rhythm sets the pauses between a client's requests. The mean pause rises and falls, so
// that graphs have a shape.
type Rhythm struct {
	Calm  time.Duration // the mean pause between two requests
	Swell float64       // the part of Calm by which the mean changes, 0 to 1
	Tide  time.Duration // in which it changes there and back
	Phase float64       // of the tide at the start, in radians
}

// pause returns a pause; chance is of an exponential distribution with mean 1.
func (r Rhythm) pause(since time.Duration, chance float64) time.Duration {
	phase := 2*math.Pi*since.Seconds()/r.Tide.Seconds() + r.Phase
	return time.Duration(float64(r.Calm) * min(chance, 3) * (1 + r.Swell*math.Sin(phase)))
}
