package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/kafka"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/sink/stream"
)

// Partitions is the number of partitions that a topic is made with, unless there are more
// shards.
const Partitions = 12

// Retention is the time for which a topic that is made here keeps records.
const Retention = 2 * time.Hour

// Settings returns the settings of a topic that is made here.
func Settings() map[string]string {
	return map[string]string{
		// The time of windows must not depend on the clocks of nodes.
		"message.timestamp.type": "LogAppendTime",
		"retention.ms":           fmt.Sprint(Retention.Milliseconds()),
	}
}

// transport produces streams.
type transport struct {
	opt      Options
	sessions kafka.Sessions
	attempts *wire.Attempts
	topic    kafka.KnownTopic
}

// madePause is the pause between two questions for a topic that was made just now.
const madePause = 100 * time.Millisecond

func newTransport(o Options) *transport {
	o.Connection.Advise = o.advise
	t := &transport{opt: o, attempts: wire.NewAttempts()}
	t.sessions = kafka.Sessions{Connection: o.Connection, Options: t.producer, AcksAll: true, Retired: t.topic.Forget}
	return t
}

// Send implements [outbox.Transport].
func (t *transport) Send(ctx context.Context, size int64, write func(io.Writer) error) (peer string, err error) {
	return t.sessions.Deliver(ctx, outbox.Within(t.opt.DeliveryTimeout, size), func(to *kafka.Delivery) error {
		return (&delivery{transport: t, to: to}).run(write)
	})
}

// Probe implements [outbox.Prober].
func (t *transport) Probe(ctx context.Context) error {
	return t.sessions.Ping(ctx, t.opt.DeliveryTimeout)
}

// delivery is one stream on its way.
type delivery struct {
	*transport
	to *kafka.Delivery

	record     kgo.Record // without the value, of the attempt
	compressor *wire.Compressor
}

// run produces the records of a stream and waits for the brokers.
func (d *delivery) run(write func(io.Writer) error) error {
	in := newDecoder(d.begin, d.produce)
	err := write(in)
	if err == nil || in.Err() != nil {
		err = in.Close()
	}
	if err != nil {
		d.to.GiveUp(err) // what is on its way can't become whole
	}
	failed := d.to.Wait()
	switch {
	case errors.Is(err, stream.ErrForeign), errors.Is(err, stream.ErrTruncated):
		return &outbox.ItemError{Err: err}
	case err != nil && !errors.As(err, new(*kafka.ProduceError)):
		return err
	case failed != nil:
		return d.fault(failed)
	}
	return err
}

func (d *delivery) fault(err error) error { return &kafka.ProduceError{Topic: d.opt.Topic, Err: err} }

// begin begins an attempt: with a number and a partition of its own.
func (d *delivery) begin(e wire.Envelope) error {
	partitions, err := d.learn(d.to.Context(), d.to.Client())
	if err != nil {
		return d.fault(err)
	}
	if err := d.to.Identify(d.opt.Topic); err != nil {
		return err
	}
	e.Attempt = d.attempts.Next()
	d.compressor = nil
	if e.Kind == wire.Snapshot {
		d.compressor = wire.NewCompressor()
	}
	d.record = kgo.Record{
		Topic: d.opt.Topic, Key: e.Key(), Partition: int32(wire.Partition(e.Key(), partitions)),
		Headers: kafka.Headers(e.Headers()), Context: d.to.Context(),
	}
	return nil
}

// produce produces a record of the attempt.
func (d *delivery) produce(value []byte) error {
	if d.record.Topic == "" {
		return fmt.Errorf("%w: a record without a head", stream.ErrForeign)
	}
	if err := d.to.Err(); err != nil {
		return d.fault(err)
	}
	r := d.record
	if d.compressor != nil {
		r.Value = d.compressor.Append(nil, value)
	} else {
		r.Value = bytes.Clone(value)
	}
	d.to.Produce(&r, nil)
	return nil
}

// learn returns the number of the topic's partitions.
func (t *transport) learn(ctx context.Context, c *kgo.Client) (int, error) {
	topic, err := t.topic.Get(func() (kafka.Topic, error) { return t.ask(ctx, c) })
	if err == nil && topic.Partitions == 0 {
		err = kerr.LeaderNotAvailable
	}
	return topic.Partitions, err
}

// ask describes the topic. It makes a topic that is missing, if that is wanted.
func (t *transport) ask(ctx context.Context, c *kgo.Client) (kafka.Topic, error) {
	found, err := kafka.Describe(ctx, c, t.opt.Topic)
	if err != nil {
		return kafka.Topic{}, err
	}
	if errors.Is(found[0].Err, kerr.UnknownTopicOrPartition) && t.opt.Create {
		if err := t.create(ctx, c); err != nil {
			return kafka.Topic{}, err
		}
		if found, err = t.await(ctx, c); err != nil {
			return kafka.Topic{}, err
		}
	}
	return found[0], nil
}

// create makes the topic.
func (t *transport) create(ctx context.Context, c *kgo.Client) error {
	err := kafka.Create(ctx, c, t.opt.Topic, t.opt.Partitions, -1, Settings())
	if err == nil {
		t.opt.Connection.Log.Info("topic was missing and has been created", "topic", t.opt.Topic, "partitions", t.opt.Partitions)
	}
	return err
}

// await describes a topic that was made just now, by this program or by another one with
// another number of partitions. It takes the brokers a moment to hear of it.
func (t *transport) await(ctx context.Context, c *kgo.Client) ([]kafka.Topic, error) {
	again := time.NewTicker(madePause)
	defer again.Stop()
	for {
		found, err := kafka.Describe(ctx, c, t.opt.Topic)
		if err != nil || found[0].Err == nil && found[0].Partitions > 0 {
			return found, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// batchBytes returns the bound of a batch. A record alone is never too large for the
// library: the broker decides.
func (t *transport) batchBytes() int {
	most := maxBatch
	if topic := t.topic.Last(); topic.Partitions > 0 {
		limit := kafka.DefaultMaxMessageBytes
		if topic.Settings != nil {
			limit = topic.Settings.MaxMessageBytes
		}
		most = min(most, limit)
	}
	return max(most, t.opt.Batch())
}
