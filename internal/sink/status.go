package sink

import "time"

// Status has the counts of a sink since it was made, and the health of its
// destination.
type Status struct {
	// Batches, Metrics and Bytes count what the destination has confirmed.
	Batches, Metrics, Bytes int64
	// Resent counts the part of Batches that came from the sink's queue.
	Resent int64
	// Failures counts attempts that were not confirmed.
	Failures int64
	// Skipped counts metrics that were left out as unfit for the destination.
	Skipped int64
	// SeriesDropped counts the series of HAProxy that a bound of the sink left out, over all
	// batches.
	SeriesDropped int64

	Health Health
	// Queue has the counts of the sink's own queue; nil if it has none.
	Queue *QueueStats
}

// Health is the state of a sink's destination.
type Health struct {
	// Confirmed is the time of the last confirmation; zero for never.
	Confirmed time.Time
	// Down is the time of the first failure since then, and Cause the reason of the last
	// one. They are zero while the destination is up.
	Down  time.Time
	Cause error
}
