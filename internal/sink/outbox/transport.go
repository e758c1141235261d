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
	// Encode writes all of the batch to w. It returns how many metrics it wrote and
	// how many it left out because the destination can't take them. The same batch
	// gives the same bytes.
	Encode(w io.Writer, b *metric.Batch) (metrics, skipped int64, err error)
}

// Transport sends batches to the destination. It is safe for concurrent use.
type Transport interface {
	// Send sends the bytes of one batch and returns nil once the destination has
	// confirmed all of them. peer names the server that did, for the log.
	//
	// write writes the bytes to w; each call writes all of them, so Send may call it
	// once for each server it tries, or into a buffer. An error that write returns
	// without one of w's own ends Send: the bytes can't be had.
	//
	// size is the number of bytes, or 0 where it is not known yet. Send returns
	// within [Limit] of it, and soon after ctx has ended.
	//
	// An error is the destination's: everything waits, and the outbox tries again
	// later. Where the destination has refused this batch and would take others, the
	// error wraps an [ItemError].
	Send(ctx context.Context, size int64, write func(w io.Writer) error) (peer string, err error)
}

// Prober is a Transport that can ask the destination whether it works without
// sending a batch. It lets the outbox tell one batch that is refused without a word
// from a destination that is down.
type Prober interface {
	// Probe returns nil if the destination works as far as can be told. It is bounded
	// as Send is.
	Probe(ctx context.Context) error
}

// ItemError is an error of one batch: the destination works and refuses it.
type ItemError struct{ Err error }

func (e *ItemError) Error() string { return e.Err.Error() }

func (e *ItemError) Unwrap() error { return e.Err }

const (
	// LiveLimit bounds the delivery of a fresh batch, from dialing to the
	// confirmation, and so the time for which a peer can hold a worker. A batch that
	// is not confirmed by then goes to the queue.
	LiveLimit = 10 * time.Second
	// slowest is the rate in bytes a second that a peer has to keep up beyond
	// LiveLimit when it is sent a batch from the queue.
	slowest = 256 << 10
	// maxLimit bounds the time that a size adds, whatever a file says.
	maxLimit = 30 * time.Minute
)

// Limit returns how long the delivery of so many bytes may take.
func Limit(size int64) time.Duration {
	seconds := min(float64(size)/slowest, maxLimit.Seconds())
	return LiveLimit + time.Duration(seconds*float64(time.Second))
}

// source is what a batch's bytes come from. It separates errors of the source from
// those of the writer.
type source struct {
	write func(io.Writer) error
	err   error // the source's own, the last time
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

// sentinel remembers the writer's first error, and counts what went through.
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
