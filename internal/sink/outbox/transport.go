package outbox

import (
	"context"
	"errors"
	"io"
	"time"

	"haproxystats/internal/metric"
)

// Encoder writes batches in the destination's format. One delivery at a time uses
// it, so it may keep buffers.
type Encoder interface {
	// Encode writes all of the batch to w. It returns the number of metrics written, and
	// of those left out because the destination can't take them. The same batch gives
	// the same bytes.
	Encode(w io.Writer, b *metric.Batch) (metrics, skipped int64, err error)
}

// Transport sends batches to the destination. It is safe for concurrent use.
type Transport interface {
	// Send sends the bytes of one batch and returns nil once the destination has
	// confirmed all of them. It returns as peer the server that did, for the log.
	//
	// Each call of write writes all bytes to w, so Send may call it once for each server
	// it tries, or with a buffer. An error of write that is not an error of w ends Send:
	// the bytes can't be produced.
	//
	// Size is the number of bytes, or 0 if not known yet. Send returns within [Limit] of
	// size, and soon after ctx has ended.
	//
	// After an error the destination is down: everything waits, and the outbox tries
	// again later. If the destination refuses this batch only, the error wraps an
	// [ItemError]; a batch that is given up has an [ExpiredError].
	Send(ctx context.Context, size int64, write func(w io.Writer) error) (peer string, err error)
}

// Prober is a Transport that can ask the destination whether it works, without
// sending a batch. With it the outbox distinguishes a batch that is refused silently
// from a destination that is down.
type Prober interface {
	// Probe returns nil if the destination seems to work. It is bounded as Send is.
	Probe(ctx context.Context) error
}

// ItemError is an error of one batch: the destination works and refuses it.
type ItemError struct{ Err error }

func (e *ItemError) Error() string { return e.Err.Error() }

func (e *ItemError) Unwrap() error { return e.Err }

// LaterError is an error of a destination that asks for a pause before the next attempt.
type LaterError struct {
	Err error
	// After is the pause; 0 leaves it to the outbox.
	After time.Duration
}

func (e *LaterError) Error() string { return e.Err.Error() }

func (e *LaterError) Unwrap() error { return e.Err }

// ExpiredError is an error of a batch that is given up: it leaves the queue, which says
// nothing about the destination. The transport counts it.
type ExpiredError struct{ Err error }

func (e *ExpiredError) Error() string { return e.Err.Error() }

func (e *ExpiredError) Unwrap() error { return e.Err }

const (
	// LiveLimit bounds the delivery of a fresh batch from dialing to confirmation, and
	// so the time for which a peer can block a worker. A batch that is not confirmed by
	// then goes to the queue.
	LiveLimit = 10 * time.Second
	// slowest is the rate, in bytes a second, that a peer must exceed after LiveLimit
	// for a batch from the queue.
	slowest = 256 << 10
	// maxLimit bounds the time that a size adds, whatever a file claims.
	maxLimit = 30 * time.Minute
)

// Limit returns the time for the delivery of size bytes.
func Limit(size int64) time.Duration { return Within(LiveLimit, size) }

// Within returns the time for the delivery of size bytes where that of a fresh batch, whose
// size is not known, is live.
func Within(live time.Duration, size int64) time.Duration {
	seconds := min(float64(size)/slowest, maxLimit.Seconds())
	return live + time.Duration(seconds*float64(time.Second))
}

// source writes a batch's bytes, and separates its own errors from those of the
// writer.
type source struct {
	write func(io.Writer) error
	err   error // the source's own error, of the last call
}

func (s *source) writeTo(w io.Writer) error {
	out := &sentinel{to: w}
	err := s.write(out)
	s.err = nil
	if out.err == nil {
		s.err = err
	}
	return err
}

// failed reports whether err is the source's own.
func (s *source) failed(err error) bool { return s.err != nil && errors.Is(err, s.err) }

// sentinel keeps the writer's first error, and counts the bytes.
type sentinel struct {
	to  io.Writer
	n   int64
	err error
}

func (s *sentinel) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.to.Write(p)
	s.n += int64(n)
	s.err = err
	return n, err
}
