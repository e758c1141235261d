package kafka

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
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

const (
	// partitionsAge is the time for which the number of a topic's partitions is known.
	partitionsAge = 30 * time.Second
	// causeTimeout bounds the question for the cause of a failure.
	causeTimeout = time.Second
)

// ProducerOptions are those of a [Producer].
type ProducerOptions struct {
	// Connection is how to reach the brokers.
	Connection kafka.Options
	// Topic is the topic for tables.
	Topic string
	// Shards returns the number of shards of a cluster.
	Shards func(cluster string) int
	// Host is the name of this host, for the headers.
	Host string
	// Timeout bounds a delivery.
	Timeout time.Duration
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// Producer is a process.Sink that writes the tables of nodes to the topic of which
// [Tables] makes windows. It has no queue: the snapshots of which the tables are made
// wait where they are.
type Producer struct {
	o        ProducerOptions
	log      *slog.Logger
	instance string
	attempts *wire.Attempts

	mu         sync.Mutex
	client     *kgo.Client // nil until it is needed, and after an error that it would repeat
	partitions int
	known      time.Time // when partitions was asked
	encoders   []*tables.Encoder
	closed     bool
}

// NewProducer returns a producer, which connects when it is used.
func NewProducer(o ProducerOptions) *Producer {
	return &Producer{o: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), instance: wire.NewInstance(o.Host), attempts: wire.NewAttempts()}
}

// Close ends the connections.
func (p *Producer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.client != nil {
		p.client.Close()
		p.client = nil
	}
}

// Name is the sink's name in the log.
func (p *Producer) Name() string { return "tables" }

// errClosed means that the program ends.
var errClosed = errors.New("the program ends")

// use returns the client.
func (p *Producer) use() (*kgo.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	if p.client != nil {
		return p.client, nil
	}
	client, err := p.o.Connection.Client(
		kgo.AllowIdempotentProduceCancellation(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // tables are compressed
		kgo.ProducerLinger(0),
	)
	p.client, p.known = client, time.Time{}
	return client, err
}

// drop gives up a client that would fail for ever.
func (p *Producer) drop(c *kgo.Client) {
	p.mu.Lock()
	if p.client == c {
		p.client = nil
	}
	p.mu.Unlock()
	c.Close()
}

// count returns the number of partitions of the topic.
func (p *Producer) count(ctx context.Context, c *kgo.Client) (int, error) {
	p.mu.Lock()
	n, age := p.partitions, time.Since(p.known)
	p.mu.Unlock()
	if n > 0 && age < partitionsAge {
		return n, nil
	}
	topics, err := kadm.NewClient(c).ListTopics(ctx, p.o.Topic)
	if err != nil {
		return 0, err
	}
	t := topics[p.o.Topic]
	if t.Err != nil {
		return 0, t.Err
	}
	if len(t.Partitions) == 0 {
		return 0, kerr.UnknownTopicOrPartition
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partitions, p.known = len(t.Partitions), time.Now()
	return p.partitions, nil
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
	limited, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	client, err := p.use()
	if err != nil {
		return err
	}
	err = p.deliver(limited, client, b)
	if err == nil {
		return nil
	}
	class := kafka.ClassOf(err)
	if class == kafka.TopicID || class == kafka.Broken || class == kafka.Operator {
		p.drop(client)
	} else if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		// The library hides why brokers can't be reached.
		if cause := p.o.Connection.Ping(ctx, client, causeTimeout); cause != nil {
			return cause
		}
	}
	return explain(p.o.Connection, "produce to topic "+p.o.Topic, err)
}

func (p *Producer) deliver(ctx context.Context, client *kgo.Client, b *metric.Batch) error {
	partitions, err := p.count(ctx, client)
	if err != nil {
		return err
	}
	encoder := p.encoder()
	defer p.giveBack(encoder)
	shards := max(1, p.o.Shards(b.Cluster))
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
			Node: b.Node, Cluster: b.Cluster, Epoch: b.Epoch, Interval: b.Interval, Instance: p.instance, Shard: shard, Shards: shards,
		}, b)
		if err != nil {
			return fmt.Errorf("tables of node %s: %w", b.Node, err)
		}
		to := int32(wire.Partition(e.Key(), partitions))
		headers, key := headersOf(e), e.Key()
		if err := wire.EncodeTables(e, frame, func(value []byte) error {
			records = append(records, &kgo.Record{Topic: p.o.Topic, Partition: to, Key: key, Headers: headers, Value: bytes.Clone(value)})
			return nil
		}); err != nil {
			return fmt.Errorf("tables of node %s: %w", b.Node, err)
		}
	}
	return client.ProduceSync(ctx, records...).FirstErr()
}
