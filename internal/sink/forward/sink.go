package forward

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/kafka"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/outbox"
)

// Name is the name of the sinks of this package.
const Name = "forward"

// Options describe what is sent, and where.
type Options struct {
	// Connection is how to reach the brokers.
	Connection kafka.Options
	// Topic is the topic.
	Topic string
	// Cluster is the cluster of the node. Node returns the node's name, which may change
	// while the program runs.
	Cluster string
	Node    func() string
	// Instance is the same for all that this program sends: see [wire.NewInstance].
	Instance string

	// Shards is the number of parts of a node's tables.
	Shards int
	// Keep reports whether a column of the tables is sent; nil keeps all.
	Keep func(metric.Scope, metric.Column) bool
	// ChunkBytes bounds the records of raw snapshots before compression.
	ChunkBytes int

	// Create makes the topic if it is missing, with that many partitions.
	Create     bool
	Partitions int
	// DeliveryTimeout bounds the delivery of a fresh batch.
	DeliveryTimeout time.Duration

	// Pace sets the pauses between attempts while the brokers are down.
	outbox.Pace
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// Tables is a sink for the tables of batches.
type Tables struct {
	*outbox.Outbox
	transport *transport
}

// NewTables returns a sink for tables, which waits in the queue. It connects at the first
// Deliver, or in Run. The batches must have the values of processes.
func NewTables(o Options, queue outbox.Queue) *Tables {
	o.Connection.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler)).With("sink", Name)
	t := newTransport(o)
	return &Tables{transport: t, Outbox: outbox.New(outbox.Options{
		Name: Name, Transport: t, NewEncoder: func() outbox.Encoder { return newEncoder(&t.opt) },
		Pace: o.Pace, Queue: queue, Log: o.Log,
	})}
}

// Close closes the connections. Deliver works without them.
func (s *Tables) Close() { s.transport.sessions.Close() }

// producer returns the options of a client.
func (t *transport) producer() []kgo.Opt {
	return []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytesFn(func(string) int32 { return int32(t.batchBytes()) }),
		// The values are compressed.
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedBytes(maxBuffered),
		kgo.UnknownTopicRetries(1),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// Without this a delivery would not end while a broker is away.
		kgo.AllowIdempotentProduceCancellation(),
	}
}

const (
	// maxBuffered bounds the memory of the records that wait for brokers.
	maxBuffered = 8 << 20
	// maxBatch bounds a batch of records, unless the topic takes less.
	maxBatch = 1_000_000
)

// Batch returns the size of the largest batch with one record, which the topic must take.
func (o *Options) Batch() int { return o.largest() + wire.Overhead }

// largest returns the largest value of a record.
func (o *Options) largest() int {
	if o.ChunkBytes > 0 {
		return o.ChunkBytes + o.ChunkBytes/128 + 64 // what can't be compressed grows
	}
	return wire.TablesRecord
}
