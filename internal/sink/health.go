package sink

import "time"

// Health is how a sink's destination fares.
type Health struct {
	// Confirmed is when it has confirmed a batch last; zero for never.
	Confirmed time.Time
	// Down is when it failed first since then, and Cause why the last try has
	// failed. They are zero while it is up.
	Down  time.Time
	Cause error
}
