// Package sink defines what a sink is, and has the durable queue that stands in
// front of a sink whose destination may be down.
//
// A [Sink] takes batches and answers for them: once it has accepted a batch, the
// snapshot behind it may be deleted. A sink whose destination can refuse keeps
// what it accepted in a [Queue]: a bounded directory with one file for each batch,
// so that an outage costs disk and neither memory nor the intake.
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

	// Deliver returns nil once the sink has accepted the batch: it has been
	// delivered, or is fsynced in the sink's own queue on disk, whether or not
	// ctx has ended. With an error nothing is promised, and the caller delivers
	// the batch again; so a batch may arrive more than once, each time with the
	// same content.
	//
	// Deliver is bounded in time, whatever the destination does, and is safe
	// for concurrent use. The batch is not used after Deliver has returned.
	Deliver(ctx context.Context, b *metric.Batch) error

	// Status returns what the sink has done and how its destination does. It
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
