package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/kafka"
	"haproxystats/internal/kafka/wire"
)

// lookTimeout bounds the questions about group and topic.
const lookTimeout = 5 * time.Second

// tickTimeout bounds the way of a tick.
const tickTimeout = 5 * time.Second

// tick writes a tick to each partition that this member owns.
func (g *group) tick(ctx context.Context, client *kgo.Client) {
	for _, n := range g.numbers() {
		g.mu.Lock()
		p := g.partitions[n]
		g.mu.Unlock()
		if p == nil || !p.ticking.CompareAndSwap(false, true) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, tickTimeout)
		client.Produce(limited, &kgo.Record{Topic: g.o.Topic, Partition: n, Headers: kafka.Headers(wire.Envelope{Kind: wire.Tick}.Headers())},
			func(_ *kgo.Record, err error) {
				cancel()
				p.ticking.Store(false)
				g.ticked(err)
			})
	}
}

// ticked takes the result of a tick.
func (g *group) ticked(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed):
	case err != nil && !g.tickFails:
		g.tickFails = true
		g.log.Warn("ticks can't be written to the topic, will try again", "error", g.explain("produce to topic "+g.o.Topic, err))
	case err == nil && g.tickFails:
		g.tickFails = false
		g.log.Info("ticks can be written to the topic again")
	}
}

// look asks the brokers how the group does, and whether the topic is there.
func (g *group) look(ctx context.Context, client *kgo.Client) {
	limited, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	state, members, ends, err := g.ask(limited, client)
	if ctx.Err() != nil {
		return
	}
	if errors.Is(err, context.DeadlineExceeded) {
		if cause := g.o.Connection.Ping(ctx, client, time.Second); cause != nil {
			err = cause
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.cause
	g.cause = err
	g.state, g.members = state, members
	for n, end := range ends {
		if p := g.partitions[n]; p != nil {
			p.endsAt(end)
		}
	}
	switch {
	case err != nil && before == nil:
		g.log.Error("topic can't be read, will try again", "error", err)
	case err == nil && before != nil:
		g.log.Info("topic can be read again")
	}
}

// explain returns the error of an operation with what to do about it.
func (g *group) explain(operation string, err error) error {
	return g.o.Connection.Explain(operation, err)
}

// advise returns what to do about errors that topics decide over; the options of the
// connection have nothing to do with them.
func advise(err error) string {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return "Create the topic with kafka-topics.sh --create --config message.timestamp.type=LogAppendTime"
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return "Allow the user to read, write and describe the topic, with kafka-acls.sh"
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return fmt.Sprintf("Raise max.message.bytes of the topic to %d or more", tablesBatch)
	}
	return ""
}

// ask returns the state of the group, the number of its members, and the offset after the
// last record of each partition.
func (g *group) ask(ctx context.Context, client *kgo.Client) (state string, members int, ends map[int32]int64, err error) {
	admin := kadm.NewClient(client)
	listed, err := admin.ListEndOffsets(ctx, g.o.Topic)
	if err != nil {
		return "", 0, nil, g.explain("read topic "+g.o.Topic, err)
	}
	ends = make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err != nil {
			err = cmp.Or(err, o.Err)
			return
		}
		ends[o.Partition] = o.Offset
	})
	if err != nil {
		return "", 0, ends, g.explain("read topic "+g.o.Topic, err)
	}
	described, err := admin.DescribeGroups(ctx, g.o.Group)
	if err != nil {
		return "", 0, ends, g.explain("describe group "+g.o.Group, err)
	}
	d := described[g.o.Group]
	if d.Err != nil && !errors.Is(d.Err, kerr.GroupIDNotFound) { // nobody has joined it yet
		return "", 0, ends, g.explain("describe group "+g.o.Group, d.Err)
	}
	return d.State, len(d.Members), ends, nil
}

// Status says how a consumer does.
type Status struct {
	Topic, Group, Instance string
	// State is that of the group, and Members the number of its members; empty and 0 if
	// they are not known.
	State   string
	Members int
	// Cause is why the topic can't be read; nil if it can.
	Cause error
	// Rebalances counts changes of the partitions that this member has, and CommitErrors
	// the commits that failed.
	Rebalances, CommitErrors int64
	Counts
	// Partitions are those that this member has, in order.
	Partitions []PartitionStatus
}

// PartitionStatus says how far a partition is read.
type PartitionStatus struct {
	Number int32
	// Committed is the offset that was committed; -1 for none. Position is the offset
	// after the last record that was taken, and End that after the last record there is.
	Committed, Position, End int64
	// InHand is the number of records that were taken and are still needed.
	InHand int
	// Lag is the number of records between Position and End, and Behind the age of the
	// first of them, about.
	Lag    int64
	Behind time.Duration
}

// status returns the state of the group.
func (g *group) status(now time.Time) Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := Status{
		Topic: g.o.Topic, Group: g.o.Group, Instance: g.o.Instance, State: g.state, Members: g.members, Cause: g.cause,
		Rebalances: g.rebalances.Load(), CommitErrors: g.commitErrors.Load(), Counts: g.counts,
	}
	for _, p := range g.partitions {
		s.Partitions = append(s.Partitions, p.status(now))
	}
	slices.SortFunc(s.Partitions, func(a, b PartitionStatus) int { return cmp.Compare(a.Number, b.Number) })
	return s
}

// endsAt tells the offset after the last record that brokers have.
func (p *partition) endsAt(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = offset
}

func (p *partition) status(now time.Time) PartitionStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := PartitionStatus{Number: p.number, Committed: -1, Position: -1, End: p.end}
	if p.hasDone {
		s.Committed, s.Position = p.done.offset, p.done.offset
	}
	if p.ledger == nil {
		s.Lag = max(0, s.End-max(s.Position, p.logStart))
		return s
	}
	s.Position, s.InHand = p.ledger.position(), p.ledger.inHand()
	s.End = max(s.End, s.Position)
	s.Lag = s.End - s.Position
	switch {
	case len(p.queue) > 0:
		s.Behind = max(0, now.Sub(p.queue[0].Timestamp))
	case s.Lag > 0:
		s.Behind = max(0, now.Sub(p.last))
	}
	return s
}
