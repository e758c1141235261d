package kafka

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/kafka"
	"haproxystats/internal/sink/outbox"
)

const (
	// maxTopics bounds the topics whose limits are remembered.
	maxTopics = 1024
	// recordOverhead is the room for what is around a value in a batch.
	recordOverhead = 1 << 10
	// minBatch is the least bound that the library takes.
	minBatch = 1 << 10
)

// transport produces the records of batches.
type transport struct {
	opt     Options
	log     *slog.Logger
	dropped atomic.Int64  // metrics in records that no topic takes
	alone   chan struct{} // has a token while nobody sends records one at a time

	sessions kafka.Sessions

	// bounds guards what follows.
	bounds  sync.Mutex
	limits  map[string]int // the bounds of topics, as far as they are known
	lowered map[string]int // by what topics have refused

	notices notices
}

func newTransport(o Options, log *slog.Logger) *transport {
	t := &transport{opt: o, log: log, alone: make(chan struct{}, 1), limits: make(map[string]int), lowered: make(map[string]int)}
	t.alone <- struct{}{}
	t.notices.log = log
	t.sessions = kafka.Sessions{
		Connection: o.Connection,
		Options:    func() []kgo.Opt { return o.producer(t.batchBytes) },
		AcksAll:    o.Acks == AcksAll,
		Retired:    t.forget, // what is known of topics is asked again
	}
	return t
}

// Send implements [outbox.Transport].
func (t *transport) Send(ctx context.Context, size int64, write func(io.Writer) error) (peer string, err error) {
	return t.sessions.Deliver(ctx, outbox.Within(t.opt.DeliveryTimeout, size), func(to *kafka.Delivery) error {
		return (&delivery{transport: t, to: to}).run(write)
	})
}

// forget has the limits of topics asked for again.
func (t *transport) forget() {
	t.bounds.Lock()
	defer t.bounds.Unlock()
	clear(t.limits)
}

// batchBytes returns the bound of a topic's batches. The library asks once for each
// partition of a client.
func (t *transport) batchBytes(topic string) int32 {
	t.bounds.Lock()
	defer t.bounds.Unlock()
	most := t.opt.MaxBatchBytes
	for _, known := range []map[string]int{t.limits, t.lowered} {
		if limit, ok := known[topic]; ok {
			most = min(most, limit)
		}
	}
	// A record alone is never too large for the library: the broker decides.
	return int32(min(max(most, t.opt.MaxRecordBytes+recordOverhead, minBatch), math.MaxInt32/2))
}

// lower halves the bound of a topic's batches after the topic has refused one.
func (t *transport) lower(topic string) {
	most := int(t.batchBytes(topic))
	t.bounds.Lock()
	defer t.bounds.Unlock()
	if len(t.lowered) >= maxTopics {
		clear(t.lowered)
	}
	t.lowered[topic] = max(most/2, minBatch)
}

// learn finds out about a topic before the first record goes there. It returns an error
// if the topic is missing and is not to be made.
func (t *transport) learn(ctx context.Context, c *kgo.Client, topic string) error {
	t.bounds.Lock()
	_, known := t.limits[topic]
	t.bounds.Unlock()
	if known {
		return nil
	}
	found, err := kafka.Describe(ctx, c, topic)
	if err != nil {
		return &kafka.ProduceError{Topic: topic, Err: err}
	}
	limit := kafka.DefaultMaxMessageBytes
	switch info := found[0]; {
	case errors.Is(info.Err, kerr.UnknownTopicOrPartition) && t.opt.Create:
		if err := kafka.Create(ctx, c, topic, t.opt.Partitions, t.opt.Replicas, nil); err != nil {
			return &kafka.ProduceError{Topic: topic, Err: err}
		}
		t.log.Info("topic was missing and has been created", "topic", topic, "partitions", t.opt.Partitions)
	case errors.Is(info.Err, kerr.TopicAuthorizationFailed):
		// Who may write need not be able to see the topic.
	case info.Err != nil:
		return &kafka.ProduceError{Topic: topic, Err: info.Err}
	case info.Settings != nil:
		limit = info.Settings.MaxMessageBytes
	}
	t.bounds.Lock()
	defer t.bounds.Unlock()
	if len(t.limits) >= maxTopics {
		clear(t.limits)
	}
	t.limits[topic] = limit
	return nil
}
