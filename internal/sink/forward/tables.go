package forward

import (
	"fmt"
	"io"

	"haproxystats/internal/encode/tables"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/outbox"
)

// encoder makes the stream of a batch's tables.
type encoder struct {
	opt    *Options
	tables *tables.Encoder
	frame  []byte
}

var _ outbox.Encoder = (*encoder)(nil)

func newEncoder(o *Options) *encoder {
	e := &encoder{opt: o, tables: tables.NewEncoder()}
	if o.Keep != nil {
		e.tables.Keep = o.Keep
	}
	return e
}

// Encode implements [outbox.Encoder]. It counts the values of the tables that travel.
func (e *encoder) Encode(w io.Writer, b *metric.Batch) (metrics, skipped int64, err error) {
	out := newWriter(w)
	for shard := range e.opt.Shards {
		head := tables.Head{
			Node: e.opt.Node(), Cluster: e.opt.Cluster, Epoch: b.Epoch, Interval: b.Interval,
			Instance: e.opt.Instance, Shard: shard, Shards: e.opt.Shards,
		}
		if e.frame, err = e.tables.Encode(e.frame[:0], head, b); err != nil {
			return 0, 0, err
		}
		envelope := wire.Envelope{
			Kind: wire.Tables, Cluster: head.Cluster, Node: head.Node, Epoch: b.Epoch,
			Instance: head.Instance, Shard: shard, Shards: head.Shards,
		}
		if err := envelope.Check(); err != nil {
			return 0, 0, fmt.Errorf("forward the tables of snapshot %d: %w", b.Epoch, err)
		}
		if err := out.head(envelope); err != nil {
			return 0, 0, err
		}
		if err := wire.EncodeTables(envelope, e.frame, out.record); err != nil {
			return 0, 0, err
		}
	}
	// A batch without values is sent, too: the centre learns that the node reports.
	return max(1, int64(b.Points())), 0, out.end()
}
