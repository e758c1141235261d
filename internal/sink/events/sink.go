package events

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"haproxystats/internal/durable"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/snapshot"
)

// Options describe where events are sent.
type Options struct {
	// Name is the name of the sink.
	Name string
	// Destination makes the requests.
	Destination Destination
	// Client sends them.
	Client httpcall.Client
	// Timeout bounds a request.
	Timeout time.Duration
	// Dir is the directory of the queue and of what belongs to it, whose names begin with
	// Base.
	Dir, Base string
	// MaxEvents and MaxBytes bound the queue.
	MaxEvents, MaxBytes int64
	// Pace sets the pauses between attempts while the destination is down.
	outbox.Pace
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// Sink sends events to one destination, in order. In its counts each event is a metric.
type Sink struct {
	*outbox.Outbox
	opt       Options
	log       *slog.Logger
	queue     *sink.Queue
	dir       *durable.Dir
	transport *transport

	mu      sync.Mutex // one snapshot is taken at a time
	taken   ids        // since the program started
	skipped atomic.Int64
}

// Open returns a sink with its queue, and with what an earlier program left there. It
// connects in Run.
func Open(o Options) (*Sink, error) {
	s := &Sink{opt: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)).With("sink", o.Name)}
	if err := durable.MakeDir(o.Dir); err != nil {
		return nil, fmt.Errorf("open queue %s: %w", o.Dir, err)
	}
	queue, err := sink.OpenQueue(sink.QueueOptions{
		Dir: filepath.Join(o.Dir, o.Base), MaxMetrics: o.MaxEvents, MaxBytes: o.MaxBytes, Log: s.log,
	})
	if err != nil {
		return nil, err
	}
	dir, err := durable.OpenDir(o.Dir)
	if err != nil {
		return nil, errors.Join(err, queue.Close())
	}
	s.queue, s.dir = queue, dir
	sent, err := openLedger(dir, o.Base+".sent")
	if err == nil {
		err = o.Destination.open(dir, o.Base, s.log)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open queue %s: %w", o.Dir, err), queue.Close(), dir.Close())
	}
	s.transport = &transport{
		opt: o, log: s.log, sent: sent,
		refused: logFile{path: filepath.Join(o.Dir, o.Base+".refused"), maxBytes: maxRefused, keep: 1, sync: (*os.File).Sync},
	}
	s.Outbox = outbox.New(outbox.Options{Name: o.Name, Transport: s.transport, Pace: o.Pace, Queue: queue, Log: o.Log})
	return s, nil
}

// maxRefused bounds a file of events that were put aside. There is an older one beside it.
const maxRefused = 4 << 20

// Close closes the connections and the queue.
func (s *Sink) Close() error {
	s.opt.Client.Close()
	return errors.Join(s.queue.Close(), s.dir.Close())
}

// Deliver refuses batches: the sink takes events only.
func (s *Sink) Deliver(context.Context, *metric.Batch) error { return errBatch }

// DeliverThen refuses batches as Deliver does.
func (s *Sink) DeliverThen(context.Context, *metric.Batch, func()) error { return errBatch }

// DeliverSnapshot returns nil once the events of the snapshot are in the queue on disk.
func (s *Sink) DeliverSnapshot(_ context.Context, snap snapshot.Snapshot) error {
	all, bad, err := read(snap)
	if err != nil {
		return fmt.Errorf("%s: %w", s.opt.Name, err)
	}
	skipped := tellBad(s.log, snap.Epoch, bad)
	s.mu.Lock()
	defer s.mu.Unlock()
	var fresh []*item
	inHand := make(map[string]bool)
	for _, i := range selected(all, s.opt.Destination.wants) {
		if !s.taken.has(i.ID) && !inHand[i.ID] {
			inHand[i.ID] = true
			fresh = append(fresh, i)
		}
	}
	if len(fresh) > 0 {
		if err := s.queue.Append(snap.Epoch, func(w io.Writer) (int, error) { return writeLines(w, fresh) }); err != nil {
			return fmt.Errorf("%s: %w", s.opt.Name, err)
		}
	}
	for _, i := range fresh {
		s.taken.add(i.ID)
	}
	s.skipped.Add(skipped)
	return nil
}

func writeLines(w io.Writer, items []*item) (int, error) {
	var b bytes.Buffer
	for _, i := range items {
		b.Write(i.line())
	}
	_, err := b.WriteTo(w)
	return len(items), err
}

// Status returns the counts since Open, and whether the destination takes events. Events
// that it refuses for good count as left out, and those that were sent before do not count
// again.
func (s *Sink) Status() sink.Status {
	status := s.Outbox.Status()
	status.Metrics -= s.transport.untaken.Load()
	status.Skipped += s.transport.refusedEvents.Load() + s.skipped.Load()
	return status
}
