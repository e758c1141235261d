package kafka

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/kafka"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
)

// Acks is who must have a record before it counts as delivered.
type Acks string

// The values of Acks. Only with AcksAll is a record safe if a broker dies.
const (
	AcksAll    Acks = "all"
	AcksLeader Acks = "leader"
	AcksNone   Acks = "none"
)

// Compression is the codec of batches of records.
type Compression string

// The codecs.
const (
	CompressNone   Compression = "none"
	CompressGzip   Compression = "gzip"
	CompressSnappy Compression = "snappy"
	CompressLZ4    Compression = "lz4"
	CompressZstd   Compression = "zstd"
)

// Options describe where a sink sends, in which form, and how long it waits.
type Options struct {
	// Name is the name of the sink, also in logs.
	Name string
	// Connection is how to reach the brokers.
	Connection kafka.Options

	// Topic makes the names of topics.
	Topic  Template
	Format Format
	Key    Key
	// Hostname is the host of batches that name no node. Of it and of the node's name
	// only the part before the first dot counts unless FQDN is set.
	Hostname string
	FQDN     bool
	// Paths are where metrics go in Graphite's tree, for that format.
	Paths plaintext.Paths
	// Single makes each line a record.
	Single bool
	// Version is the version of haproxystats, for OpenTelemetry.
	Version string

	Acks        Acks
	Idempotent  bool
	Compression Compression
	// MaxRecordBytes, at most [MaxValue], bounds the value of a record, and MaxBatchBytes a batch of records;
	// both before compression. The limit of a topic lowers MaxBatchBytes.
	MaxRecordBytes, MaxBatchBytes int
	Linger                        time.Duration
	// Timely gives records the time of the snapshot instead of the present one.
	Timely bool
	// Create makes topics that are missing, with that many partitions and replicas; a
	// negative number of replicas is the broker's default.
	Create               bool
	Partitions, Replicas int
	// DeliveryTimeout bounds the delivery of a fresh batch.
	DeliveryTimeout time.Duration

	// Pace sets the pauses between attempts while the brokers are down.
	outbox.Pace
	// Queue holds what waits.
	Queue outbox.Queue
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// Sink delivers to Kafka. It is a sink in the sense of internal/sink.
type Sink struct {
	*outbox.Outbox
	transport *transport
}

// New returns a sink. It connects at the first Deliver, or in Run.
func New(o Options) *Sink {
	log := cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	o.Connection.Log = log.With("sink", o.Name)
	t := newTransport(o, o.Connection.Log)
	notices := plaintext.NewNotices(o.Connection.Log)
	return &Sink{transport: t, Outbox: outbox.New(outbox.Options{
		Name:       o.Name,
		Transport:  t,
		NewEncoder: func() outbox.Encoder { return o.encoder(notices) },
		Pace:       o.Pace,
		Queue:      o.Queue,
		Log:        o.Log,
	})}
}

// Close closes the connections. Deliver works without them.
func (s *Sink) Close() { s.transport.sessions.Close() }

// Status returns the counts since New, and whether the brokers answer. Records that no
// topic takes count as left out, not as delivered.
func (s *Sink) Status() sink.Status {
	status := s.Outbox.Status()
	dropped := s.transport.dropped.Load()
	status.Metrics -= dropped
	status.Skipped += dropped
	return status
}

// producer returns the options of a client that produces, with a bound for the batches
// of each topic.
func (o Options) producer(most func(topic string) int32) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.ProducerBatchMaxBytesFn(most),
		kgo.ProducerBatchCompression(o.codecs()...),
		kgo.ProducerLinger(o.Linger),
		kgo.MaxBufferedBytes(maxBuffered),
		kgo.MaxBufferedRecords(maxRecords),
		kgo.UnknownTopicRetries(unknownTopicTries),
	}
	switch {
	case o.Acks == AcksLeader:
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	case o.Acks == AcksNone:
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	case !o.Idempotent:
		opts = append(opts, kgo.DisableIdempotentWrite())
	default:
		// Without this a delivery would not end while a broker is away.
		opts = append(opts, kgo.AllowIdempotentProduceCancellation())
	}
	return opts
}

// codecs returns the codec and, for brokers that are too old for it, another one.
func (o Options) codecs() []kgo.CompressionCodec {
	switch o.Compression {
	case CompressGzip:
		return []kgo.CompressionCodec{kgo.GzipCompression()}
	case CompressSnappy:
		return []kgo.CompressionCodec{kgo.SnappyCompression()}
	case CompressLZ4:
		return []kgo.CompressionCodec{kgo.Lz4Compression()}
	case CompressNone:
		return []kgo.CompressionCodec{kgo.NoCompression()}
	}
	return []kgo.CompressionCodec{kgo.ZstdCompression(), kgo.SnappyCompression()}
}

const (
	// maxBuffered bounds the memory of the records that wait for brokers.
	maxBuffered = 32 << 20
	// maxRecords bounds their number.
	maxRecords = 20_000
	// unknownTopicTries is how often brokers are asked for a topic that was there a moment
	// ago. The queue and its pauses come after that.
	unknownTopicTries = 1
)
