package kafka

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/encode/tables"
	"haproxystats/internal/kafka"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
)

// tablesBatch bounds a batch of records: to one of the largest records and its headers,
// so that a topic that takes these takes each batch.
const tablesBatch = wire.TablesRecord + wire.Overhead

// ProducerOptions are those of a [Producer].
type ProducerOptions struct {
	// Connection is how to reach the brokers.
	Connection kafka.Options
	// Topic is the topic for tables.
	Topic string
	// Shards returns the number of shards of a cluster.
	Shards func(cluster string) int
	// Instance returns the instance that has sent a snapshot of a node to this program,
	// which the tables have, so that two machines of one name are known; empty for none,
	// as all are if it is nil.
	Instance func(cluster, node string, epoch int64) string
	// Host is the name of this host, for the headers.
	Host string
	// Timeout bounds a delivery.
	Timeout time.Duration
}

// Producer is a process.Sink that writes the tables of nodes to the topic of which
// [Tables] makes windows. It has no queue: the snapshots of which the tables are made
// wait where they are.
type Producer struct {
	o        ProducerOptions
	instance string
	attempts *wire.Attempts
	sessions kafka.Sessions
	topic    kafka.KnownTopic

	mu       sync.Mutex
	encoders []*tables.Encoder
	closed   bool
}

// NewProducer returns a producer, which connects when it is used.
func NewProducer(o ProducerOptions) *Producer {
	o.Connection.Advise = advise
	p := &Producer{o: o, instance: wire.NewInstance(o.Host), attempts: wire.NewAttempts()}
	p.sessions = kafka.Sessions{Connection: o.Connection, Options: producer, AcksAll: true, Retired: p.topic.Forget}
	return p
}

// producer returns the options of a client.
func producer() []kgo.Opt {
	return []kgo.Opt{
		kgo.AllowIdempotentProduceCancellation(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(tablesBatch),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // tables are compressed
		kgo.ProducerLinger(0),
	}
}

// Close ends the connections once nobody delivers.
func (p *Producer) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.sessions.Close()
}

// Name is the sink's name in the log.
func (p *Producer) Name() string { return "tables" }

// errClosed means that the program ends.
var errClosed = errors.New("the program ends")

// ask asks for the topic. Nothing but the number of its partitions is needed.
func (p *Producer) ask(ctx context.Context, c *kgo.Client) (kafka.Topic, error) {
	topics, err := kadm.NewClient(c).ListTopics(ctx, p.o.Topic)
	if err != nil {
		return kafka.Topic{}, err
	}
	t := topics[p.o.Topic]
	return kafka.Topic{Name: p.o.Topic, Partitions: len(t.Partitions), Err: t.Err}, nil
}

func (p *Producer) encoder() *tables.Encoder {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.encoders); n > 0 {
		e := p.encoders[n-1]
		p.encoders = p.encoders[:n-1]
		return e
	}
	return tables.NewEncoder()
}

func (p *Producer) giveBack(e *tables.Encoder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.encoders = append(p.encoders, e)
}

// Deliver writes the tables of a node's batch, which must have its processes. It returns
// nil when all replicas in sync have them. A batch that belongs to no cluster is left out.
func (p *Producer) Deliver(ctx context.Context, b *metric.Batch) error {
	if b.Cluster == "" {
		return nil
	}
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return errClosed
	}
	_, err := p.sessions.Deliver(ctx, p.o.Timeout, func(to *kafka.Delivery) error { return p.deliver(to, b) })
	return err
}

func (p *Producer) deliver(to *kafka.Delivery, b *metric.Batch) error {
	topic, err := p.topic.Get(func() (kafka.Topic, error) { return p.ask(to.Context(), to.Client()) })
	if err == nil && topic.Partitions == 0 {
		err = kerr.UnknownTopicOrPartition
	}
	if err != nil {
		return &kafka.ProduceError{Topic: p.o.Topic, Err: err}
	}
	if err := to.Identify(p.o.Topic); err != nil {
		return err
	}
	encoder := p.encoder()
	defer p.giveBack(encoder)
	shards := max(1, p.o.Shards(b.Cluster))
	sender := p.instance
	if p.o.Instance != nil {
		sender = cmp.Or(p.o.Instance(b.Cluster, b.Node, b.Epoch), sender)
	}
	var records []*kgo.Record
	for shard := range shards {
		e := wire.Envelope{
			Kind: wire.Tables, Cluster: b.Cluster, Node: b.Node, Epoch: b.Epoch,
			Attempt: p.attempts.Next(), Instance: p.instance, Shard: shard, Shards: shards,
		}
		if err := e.Check(); err != nil {
			return fmt.Errorf("tables of node %s: %w", b.Node, err)
		}
		frame, err := encoder.Encode(nil, tables.Head{
			Node: b.Node, Cluster: b.Cluster, Epoch: b.Epoch, Interval: b.Interval, Instance: sender, Shard: shard, Shards: shards,
		}, b)
		if err != nil {
			return fmt.Errorf("tables of node %s: %w", b.Node, err)
		}
		headers, key := kafka.Headers(e.Headers()), e.Key()
		partition := int32(wire.Partition(key, topic.Partitions))
		if err := wire.EncodeTables(e, frame, func(value []byte) error {
			records = append(records, &kgo.Record{Topic: p.o.Topic, Partition: partition, Key: key, Headers: headers, Value: bytes.Clone(value), Context: to.Context()})
			return nil
		}); err != nil {
			return fmt.Errorf("tables of node %s: %w", b.Node, err)
		}
	}
	for _, r := range records {
		to.Produce(r, nil)
	}
	if err := to.Wait(); err != nil {
		return &kafka.ProduceError{Topic: p.o.Topic, Err: err}
	}
	return nil
}
