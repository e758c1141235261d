package forward

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"

	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/snapshot"
)

// Snapshots is a sink for raw snapshots. In its counts each snapshot is one metric.
type Snapshots struct {
	*outbox.Outbox
	transport *transport
	queue     *LinkQueue
}

// NewSnapshots returns a sink for raw snapshots, which travel through the queue. Run sends
// them.
func NewSnapshots(o Options, queue *LinkQueue) *Snapshots {
	o.Connection.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler)).With("sink", Name)
	t := newTransport(o)
	queue.write = t.write
	return &Snapshots{transport: t, queue: queue, Outbox: outbox.New(outbox.Options{
		Name: Name, Transport: t, Pace: o.Pace, Queue: queue, Log: o.Log,
	})}
}

// DeliverSnapshot returns nil once the snapshot is in the queue on disk, fsynced.
func (s *Snapshots) DeliverSnapshot(_ context.Context, snap snapshot.Snapshot) error {
	return s.queue.Add(snap)
}

// Deliver refuses batches: the sink takes snapshots only.
func (s *Snapshots) Deliver(context.Context, *metric.Batch) error {
	return errors.New("forward: the sink takes snapshots only")
}

// DeliverThen refuses batches as Deliver does.
func (s *Snapshots) DeliverThen(ctx context.Context, b *metric.Batch, _ func()) error {
	return s.Deliver(ctx, b)
}

// Close closes the connections.
func (s *Snapshots) Close() { s.transport.sessions.Close() }

// write writes the stream of a snapshot.
func (t *transport) write(to io.Writer, s snapshot.Snapshot) error {
	s.Node, s.Cluster = t.opt.Node(), t.opt.Cluster
	out := newWriter(to)
	if err := out.head(wire.Envelope{Kind: wire.Snapshot, Cluster: s.Cluster, Node: s.Node, Epoch: s.Epoch, Instance: t.opt.Instance}); err != nil {
		return err
	}
	if err := snapshot.Encode(s, t.opt.ChunkBytes, out.record); err != nil {
		return err
	}
	return out.end()
}
