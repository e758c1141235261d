package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/kafka"
	"haproxystats/internal/sink/outbox"
)

const (
	// causeLimit bounds the question for the cause of a failure.
	causeLimit = 1500 * time.Millisecond
	// impatience is the time without an answer after which the cause is asked for.
	impatience = 500 * time.Millisecond
	// graceful is what a client may take beyond the deadline to give up its records; then
	// it is closed, which ends them at once.
	graceful = 500 * time.Millisecond
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

	mu      sync.Mutex
	current *session

	// bounds guards what follows. The library asks for bounds while a client is made,
	// with mu held.
	bounds  sync.Mutex
	limits  map[string]int // the bounds of topics, as far as they are known
	lowered map[string]int // by what topics have refused

	notices notices
}

// session is a client and the deliveries that use it.
type session struct {
	client *kgo.Client
	once   sync.Once
	users  int
	stale  bool // close it once nobody uses it
	proven bool // it has delivered something, and nothing has failed since
}

// close closes the client, whose records fail at once.
func (s *session) close() { s.once.Do(s.client.Close) }

func newTransport(o Options, log *slog.Logger) *transport {
	t := &transport{opt: o, log: log, alone: make(chan struct{}, 1), limits: make(map[string]int), lowered: make(map[string]int)}
	t.alone <- struct{}{}
	t.notices.log = log
	return t
}

// limit returns the time for a batch of that size; 0 for a fresh one.
func (t *transport) limit(size int64) time.Duration {
	return t.opt.DeliveryTimeout + outbox.Limit(size) - outbox.LiveLimit
}

// Send implements [outbox.Transport].
func (t *transport) Send(ctx context.Context, size int64, write func(io.Writer) error) (peer string, err error) {
	limit := t.limit(size)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// What is left at the end is for finding the cause.
	producing, stop := context.WithTimeout(ctx, limit-min(causeLimit+graceful, limit/2))
	defer stop()
	s, err := t.acquire()
	if err != nil {
		return "", err
	}
	defer t.release(s)
	if !t.isProven(s) {
		if err := t.opt.Connection.Ping(ctx, s.client, min(t.opt.Connection.ConnectTimeout+causeLimit, limit/2)); err != nil {
			return "", err
		}
	}
	watched, giveUp := context.WithCancelCause(producing)
	defer giveUp(nil)
	d := &delivery{transport: t, session: s, ctx: watched}
	defer d.finish()
	var watching sync.WaitGroup
	watching.Go(func() { d.watch(watched, giveUp) })
	err = d.run(write)
	cause := context.Cause(watched)
	giveUp(nil)
	watching.Wait()
	if err != nil {
		return "", t.explain(ctx, d, err, cause)
	}
	t.prove(d.session)
	return strings.Join(t.opt.Connection.Brokers, ","), nil
}

// explain returns the error of a delivery with its cause: that of giving it up, if there
// is one. The batch that can't be read is refused, and all others wait.
func (t *transport) explain(ctx context.Context, d *delivery, err, cause error) error {
	var produced *produceError
	if !errors.As(err, &produced) {
		return err
	}
	t.doubt(d.session)
	if kafka.ClassOf(err) == kafka.Operator {
		// The client may remember it: one that got no producer id never asks again.
		t.retire(d.session)
	}
	var known *kafka.Error
	if errors.As(cause, &known) {
		return cause
	}
	if kafka.ClassOf(err) == kafka.Wait && ctx.Err() == nil {
		// The library hides why brokers can't be reached, and why they take no records.
		if cause := t.ask(ctx, d.session); cause != nil && ctx.Err() == nil {
			return cause
		}
		if cause := t.unable(ctx, d.session, produced.topic, false); cause != nil && ctx.Err() == nil {
			return cause
		}
	}
	return t.opt.Connection.Explain("produce to topic "+produced.topic, produced.err)
}

// lasting returns the cause why the brokers give no answer, if it needs more than some
// tries of the client: nobody can be reached, or too few brokers have the topic.
func (t *transport) lasting(ctx context.Context, s *session, topic string) error {
	err := t.opt.Connection.Ping(ctx, s.client, causeLimit)
	switch {
	case errors.Is(err, kgo.ErrClientClosed), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return nil // a broker that is busy or paused may answer yet
	case err != nil:
		return err
	}
	return t.unable(ctx, s, topic, true)
}

// unable returns the cause why the brokers take no records for a topic though they can be
// reached, as far as they tell it; if sure is set, only one that lasts for certain.
func (t *transport) unable(ctx context.Context, s *session, topic string, sure bool) error {
	limited, cancel := context.WithTimeout(ctx, causeLimit)
	defer cancel()
	found, err := kafka.Describe(limited, s.client, topic)
	if err != nil || found[0].Err != nil {
		return nil // whoever produces gets it
	}
	if sure && (found[0].Leaderless > 0 || found[0].Settings == nil) {
		return nil
	}
	why, err := found[0].Unable(t.opt.Acks == AcksAll)
	if err == nil {
		return nil
	}
	return t.opt.Connection.Explain("produce to topic "+topic+": "+why, err)
}

// ask asks the brokers whether they can be used: by a new client if that of the delivery
// was closed, which says nothing of the brokers.
func (t *transport) ask(ctx context.Context, s *session) error {
	err := t.opt.Connection.Ping(ctx, s.client, causeLimit)
	if !errors.Is(err, kgo.ErrClientClosed) {
		return err
	}
	t.retire(s)
	fresh, err := t.acquire()
	if err != nil {
		return err
	}
	defer t.release(fresh)
	return t.opt.Connection.Ping(ctx, fresh.client, causeLimit)
}

// produceError is an error of a record that brokers do not take now.
type produceError struct {
	topic string
	err   error
}

func (e *produceError) Error() string { return e.err.Error() }
func (e *produceError) Unwrap() error { return e.err }

// acquire returns the session in use, or a new one.
func (t *transport) acquire() (*session, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == nil {
		c, err := t.opt.Connection.Client(t.opt.producer(t.batchBytes)...)
		if err != nil {
			return nil, fmt.Errorf("make a client of Kafka: %w", err)
		}
		t.current = &session{client: c}
	}
	t.current.users++
	return t.current, nil
}

// release ends the use of a session.
func (t *transport) release(s *session) {
	t.mu.Lock()
	s.users--
	ends := s.stale && s.users == 0
	t.mu.Unlock()
	if ends {
		s.close()
	}
}

// retire has the next delivery use a new client, and closes this one once nobody uses
// it. What is known of topics is asked again.
func (t *transport) retire(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.stale = true
	if t.current == s {
		t.current = nil
		t.forget()
	}
}

// forget has the limits of topics asked for again.
func (t *transport) forget() {
	t.bounds.Lock()
	defer t.bounds.Unlock()
	clear(t.limits)
}

func (t *transport) close() {
	t.mu.Lock()
	s := t.current
	t.current = nil
	idle := s != nil && s.users == 0
	if s != nil {
		s.stale = true
	}
	t.mu.Unlock()
	if idle {
		s.close()
	}
}

func (t *transport) isProven(s *session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return s.proven
}

func (t *transport) prove(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.proven = true
}

func (t *transport) doubt(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.proven = false
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
		return &produceError{topic, err}
	}
	limit := kafka.DefaultMaxMessageBytes
	switch info := found[0]; {
	case errors.Is(info.Err, kerr.UnknownTopicOrPartition) && t.opt.Create:
		if err := kafka.Create(ctx, c, topic, t.opt.Partitions, t.opt.Replicas, nil); err != nil {
			return &produceError{topic, err}
		}
		t.log.Info("topic was missing and has been created", "topic", topic, "partitions", t.opt.Partitions)
	case errors.Is(info.Err, kerr.TopicAuthorizationFailed):
		// Who may write need not be able to see the topic.
	case info.Err != nil:
		return &produceError{topic, info.Err}
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
