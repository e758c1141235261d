// Package sink defines what a sink is, and has the durable queue that stands in
// front of a sink whose destination may be down.
//
// A [Sink] accepts batches and is responsible for them: after that, the snapshot of
// the batch may be deleted. A sink whose destination can refuse keeps accepted
// batches in a [Queue]: a bounded directory with one file for each batch. So an
// outage uses disk space, and neither memory nor the intake suffers.
//
// The package knows no destination and no format: a queue stores the bytes that a
// sink's encoder wrote.
package sink

import (
	"context"

	"haproxystats/internal/metric"
)

// Sink delivers batches to one destination. Package sinktest holds the tests
// that every sink passes.
type Sink interface {
	// Name is the word for the sink in logs and configuration: "graphite".
	Name() string

	// Deliver returns nil once the sink has accepted the batch: it has been delivered,
	// or is fsynced in the sink's own queue on disk, whether or not ctx has ended. After
	// an error the caller delivers the batch again; so a batch may arrive more than
	// once, each time with the same content.
	//
	// Deliver is bounded in time, whatever the destination does, and is safe for
	// concurrent use. It does not use the batch after it has returned.
	Deliver(ctx context.Context, b *metric.Batch) error

	// Status returns the counts of the sink and the health of its destination. It
	// answers at once, whatever Deliver waits for.
	Status() Status
}

// Runner is a sink with work in the background, such as sending what waits in its
// queue.
type Runner interface {
	// Run does the work and returns nil when ctx ends. Deliver works without it,
	// before and after.
	Run(ctx context.Context) error
}
