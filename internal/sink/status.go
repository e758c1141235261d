package sink

import "time"

// Status is what a sink reports: what it has done since it was made, and
// how its destination does.
type Status struct {
	// Batches, Metrics and Bytes count what the destination has confirmed.
	Batches, Metrics, Bytes int64
	// Resent counts those of Batches that came out of the sink's queue.
	Resent int64
	// Failures counts tries that were not confirmed.
	Failures int64
	// Skipped counts metrics that were left out as unfit for the destination.
	Skipped int64

	Health Health
	// Queue is of the sink's own queue; nil if it has none.
	Queue *QueueStats
}

// Health is how a sink's destination does.
type Health struct {
	// Confirmed is when it confirmed a batch last; zero for never.
	Confirmed time.Time
	// Down is when it failed first since then, and Cause why the last try
	// failed. They are zero while it is up.
	Down  time.Time
	Cause error
}
