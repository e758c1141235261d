package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Group is what brokers tell of a consumer group and of the topic that it reads.
type Group struct {
	Name, Topic string
	// State is the broker's word for the state: Stable, Empty, PreparingRebalance, Dead, ...
	State   string
	Members []Member
	// Partitions has what the group has committed.
	Partitions []Committed
	// Newest is the time of the newest record in the topic; zero if there is none.
	Newest time.Time
	// Err is why the members are not known; nil if they are.
	Err error
}

// Member is a program that reads.
type Member struct {
	// Instance is its static name; empty for a member without one.
	Instance string
	// Client and Host are the name that its client gives itself, and its address.
	Client, Host string
	Partitions   int
}

// Committed is how far a group has come in a partition.
type Committed struct {
	Partition int32
	// Start and End are the offsets of the oldest record and of the next one. Offset is
	// what was committed, -1 for nothing.
	Start, End, Offset int64
}

// Lag returns the number of records that are not committed.
func (c Committed) Lag() int64 { return c.End - max(c.Offset, c.Start) }

// MayJoin returns the error that a member of the group would get from the brokers; nil if
// this user may join. It asks with the heartbeat of a member that is not there, which
// changes nothing.
func MayJoin(ctx context.Context, c *kgo.Client, group string) error {
	r := kmsg.NewPtrHeartbeatRequest()
	r.Group, r.Generation = group, -1
	answer, err := r.RequestWith(ctx, c)
	if err != nil {
		return fmt.Errorf("ask the coordinator of group %s: %w", group, err)
	}
	if err := kerr.ErrorForCode(answer.ErrorCode); errors.Is(err, kerr.GroupAuthorizationFailed) {
		return err
	}
	return nil
}

// MayBeIdempotent returns the error that an idempotent producer would get from the brokers;
// nil if this user may be one. From Kafka 2.8 on everybody may who may write any topic.
func MayBeIdempotent(ctx context.Context, c *kgo.Client) error {
	r := kmsg.NewPtrInitProducerIDRequest()
	r.TransactionTimeoutMillis = -1
	answer, err := r.RequestWith(ctx, c)
	if err != nil {
		return fmt.Errorf("ask for the number of a producer: %w", err)
	}
	if err := kerr.ErrorForCode(answer.ErrorCode); errors.Is(err, kerr.ClusterAuthorizationFailed) {
		return err
	}
	return nil
}

// DescribeGroup returns what the brokers tell of a group that reads a topic.
func DescribeGroup(ctx context.Context, c *kgo.Client, group, topic string) (Group, error) {
	g := Group{Name: group, Topic: topic}
	admin := kadm.NewClient(c)
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return g, fmt.Errorf("list the offsets of topic %s: %w", topic, err)
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return g, fmt.Errorf("list the offsets of topic %s: %w", topic, err)
	}
	var refused *kadm.AuthError
	offsets, err := admin.FetchOffsets(ctx, group)
	switch {
	case errors.As(err, &refused), errors.Is(err, kerr.GroupAuthorizationFailed):
		g.Err = kerr.GroupAuthorizationFailed
	case err != nil && !errors.Is(err, kerr.GroupIDNotFound):
		return g, fmt.Errorf("fetch the offsets of group %s: %w", group, err)
	}
	for _, end := range ends.Offsets().Sorted() {
		at := Committed{Partition: end.Partition, End: end.At, Offset: -1}
		if s, ok := starts.Lookup(topic, end.Partition); ok {
			at.Start = s.Offset
		}
		if o, ok := offsets.Lookup(topic, end.Partition); ok && o.Err == nil {
			at.Offset = o.At
		}
		g.Partitions = append(g.Partitions, at)
	}
	if newest, err := admin.ListMaxTimestampOffsets(ctx, topic); err == nil {
		newest.Each(func(o kadm.ListedOffset) {
			if at := time.UnixMilli(o.Timestamp); o.Err == nil && o.Timestamp >= 0 && at.After(g.Newest) {
				g.Newest = at
			}
		})
	}
	if g.Err == nil {
		g.describe(ctx, admin)
	}
	return g, nil
}

// describe fills in the state and the members.
func (g *Group) describe(ctx context.Context, admin *kadm.Client) {
	all, err := admin.DescribeGroups(ctx, g.Name)
	known, ok := all[g.Name]
	switch {
	case err != nil:
		g.Err = err
		return
	case !ok:
		g.Err = kerr.GroupIDNotFound
		return
	case known.Err != nil:
		g.Err = known.Err
		return
	}
	g.State = known.State
	for _, m := range known.Members {
		member := Member{Client: m.ClientID, Host: m.ClientHost}
		if m.InstanceID != nil {
			member.Instance = *m.InstanceID
		}
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range assigned.Topics {
				if t.Topic == g.Topic {
					member.Partitions += len(t.Partitions)
				}
			}
		}
		g.Members = append(g.Members, member)
	}
}
