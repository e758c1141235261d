package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
)

// lastWord is the time that Run gives a batch in flight when it should end.
const lastWord = 2 * time.Second

// Options are the parts of an outbox.
type Options struct {
	// Name is the name of the sink.
	Name string
	// Transport sends to the destination.
	Transport Transport
	// NewEncoder returns an encoder for exclusive use.
	NewEncoder func() Encoder
	// Pace sets the pauses between attempts while the destination is down.
	Pace Pace
	// Queue holds what waits.
	Queue Queue
	// Log gets messages for the operator.
	Log *slog.Logger
}

// Queue is a durable first-in first-out queue, safe for concurrent use:
// [sink.Queue], or a substitute in tests.
type Queue interface {
	// Append stores the batch that encode writes; encode returns the number of metrics.
	// When Append returns nil the batch is on disk, fsynced.
	Append(epoch int64, encode func(w io.Writer) (metrics int, err error)) error
	// Wait returns nil once a batch waits, or the error of ctx.
	Wait(ctx context.Context) error
	// First calls send for the oldest batch and removes it when send returns nil. After
	// an error of [sink.Hold] the others go first; after any other error the batch stays
	// first. First returns the error. Only Run calls it.
	First(send func(sink.Item) error) error
	// Release ends the holds of [sink.Hold].
	Release()
	// Len returns the number of waiting batches, and of the metrics in them.
	Len() (batches int, metrics int64)
	// Stats returns the counts.
	Stats() sink.QueueStats
}

// Outbox delivers to one destination. It is a sink in the sense of
// internal/sink.
type Outbox struct {
	opt Options
	log *slog.Logger

	mu       sync.Mutex
	encoders []Encoder // idle ones
	state    state
	counts   sink.Status // without health and queue
}

// New returns an outbox. It sends nothing before Deliver or Run.
func New(o Options) *Outbox {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Outbox{opt: o, log: o.Log.With("sink", o.Name)}
}

// Name returns the sink's name.
func (o *Outbox) Name() string { return o.opt.Name }

// Status returns the counts since New and the health of the destination.
func (o *Outbox) Status() sink.Status {
	queue := o.opt.Queue.Stats()
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.counts
	s.Health = sink.Health{Confirmed: o.state.confirmed, Down: o.state.since, Cause: o.state.cause}
	s.Queue = &queue
	return s
}

// Deliver sends the batch. It puts the batch into the queue if the destination does
// not confirm it or has failed lately, or if earlier batches wait.
func (o *Outbox) Deliver(ctx context.Context, b *metric.Batch) error {
	return o.DeliverThen(ctx, b, func() {})
}

// DeliverThen delivers the batch as Deliver does. It calls next when the bytes are
// with the transport, so that the next batch may follow while this one is being
// confirmed. A batch that is not confirmed goes to the end of the queue.
func (o *Outbox) DeliverThen(ctx context.Context, b *metric.Batch, next func()) error {
	e := o.encoder()
	defer o.putBack(e)
	if o.ready() && ctx.Err() == nil {
		var metrics, skipped, bytes int64
		peer, err := o.send(ctx, 0, func(w io.Writer) (err error) {
			counted := &sentinel{to: w}
			metrics, skipped, err = e.Encode(counted, b)
			bytes = counted.n
			if err == nil {
				next()
			}
			return err
		})
		if err == nil {
			o.skipped(skipped)
			o.sent(peer, metrics, bytes, false)
			return nil
		}
		if ctx.Err() == nil {
			o.failed(err, false)
		}
	}
	var skipped int64
	err := o.opt.Queue.Append(b.Epoch, func(w io.Writer) (int, error) {
		metrics, left, err := e.Encode(w, b)
		skipped = left
		return int(metrics), err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", o.opt.Name, err)
	}
	o.skipped(skipped)
	return nil
}

// fault is an error of [Outbox.send], and whether the outbox or the destination
// caused it.
type fault struct {
	err  error
	ours bool // the bytes could not be produced
}

func (f *fault) Error() string { return f.err.Error() }

func (f *fault) Unwrap() error { return f.err }

// send sends the bytes of a batch. An error is a [*fault].
func (o *Outbox) send(ctx context.Context, size int64, write func(io.Writer) error) (peer string, err error) {
	content := &source{write: write}
	peer, err = o.opt.Transport.Send(ctx, size, content.writeTo)
	if err != nil {
		return peer, &fault{err, content.failed(err)}
	}
	return peer, nil
}

// ready reports whether a fresh batch may go to the destination at once.
func (o *Outbox) ready() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting, _ := o.opt.Queue.Len()
	return waiting == 0 && !time.Now().Before(o.state.next)
}

// Run sends the batches in the queue, the oldest first, until ctx ends. A batch in
// flight then has lastWord to be confirmed, because otherwise it would be sent
// again.
func (o *Outbox) Run(ctx context.Context) error {
	if batches, metrics := o.opt.Queue.Len(); batches > 0 {
		o.log.Info("queue has metrics of an earlier run", "batches", batches, "metrics", metrics)
	}
	sending, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	var ending sync.WaitGroup
	ending.Go(func() {
		select {
		case <-ctx.Done():
		case <-sending.Done():
			return
		}
		_ = Sleep(sending, lastWord)
		breakOff()
	})
	defer ending.Wait()
	defer breakOff()
	for o.opt.Queue.Wait(ctx) == nil && o.pause(ctx) == nil {
		works, err := o.works(sending)
		if err == nil {
			err = o.opt.Queue.First(func(i sink.Item) error { return o.sendQueued(sending, i, works) })
		}
		if err != nil && ctx.Err() == nil {
			o.failed(err, true)
		}
	}
	return nil
}

// sendQueued sends a batch from the queue. It holds a batch that is refused while
// the destination takes others: Send reports that, or the destination works, or it
// has refused this batch before.
func (o *Outbox) sendQueued(ctx context.Context, i sink.Item, works bool) error {
	peer, err := o.send(ctx, i.Size, func(w io.Writer) error {
		_, err := i.Content.WriteTo(w)
		return err
	})
	var f *fault
	var item *ItemError
	switch {
	case err == nil:
		o.sent(peer, i.Metrics, i.Size, true)
	case errors.As(err, new(*ExpiredError)):
		return nil
	case ctx.Err() != nil || errors.As(err, &f) && f.ours:
	case works || i.Refused || errors.As(err, &item):
		o.refused(i, err)
		return sink.Hold(err)
	}
	return err
}

// probeAfter is the number of failures in a row after which the destination is asked
// whether it works: it may refuse one batch only.
const probeAfter = 3

// works reports whether the destination works though it has not confirmed the oldest
// batch several times. An error is that of asking.
func (o *Outbox) works(ctx context.Context) (bool, error) {
	p, ok := o.opt.Transport.(Prober)
	o.mu.Lock()
	ask := ok && o.state.queued >= probeAfter && o.state.suspect == nil
	if ask {
		o.state.queued = 0
	}
	o.mu.Unlock()
	if !ask {
		return false, nil
	}
	if err := p.Probe(ctx); err != nil {
		return false, &fault{err: err}
	}
	return true, nil
}

// pause waits until the next try is due.
func (o *Outbox) pause(ctx context.Context) error {
	o.mu.Lock()
	wait := time.Until(o.state.next)
	o.mu.Unlock()
	if wait <= 0 {
		return ctx.Err()
	}
	return Sleep(ctx, wait)
}

// encoder returns an idle encoder; there are as many as there are concurrent
// deliveries.
func (o *Outbox) encoder() Encoder {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.encoders); n > 0 {
		e := o.encoders[n-1]
		o.encoders = o.encoders[:n-1]
		return e
	}
	return o.opt.NewEncoder()
}

func (o *Outbox) putBack(e Encoder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.encoders = append(o.encoders, e)
}

// skipped counts metrics that were left out, once for each batch, however often it
// is encoded.
func (o *Outbox) skipped(n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.Skipped += n
}
