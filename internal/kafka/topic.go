package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Topic has what brokers tell of a topic.
type Topic struct {
	Name       string
	Partitions int
	// Replicas and InSync are those of the partition that has the fewest.
	Replicas, InSync int
	// Leaderless is the number of partitions without a leader, which take no records.
	Leaderless int
	// NoWrite and NoRead report that this user may not write or read the topic. They are
	// told with [WithRights] only.
	NoWrite, NoRead bool
	// Settings are nil if the brokers do not tell them to this user.
	Settings *Settings
	// Err is why nothing is known; nil if the topic is there.
	Err error
}

// Unable returns the error that producers get from brokers which can be reached, and what
// explains it: from a partition without a leader, and, if a record is to be on all
// replicas, from a topic with fewer of them in sync than it wants. The error is nil if
// there is no such reason. Where the brokers do not tell what the topic wants, that is all
// of its replicas.
func (t Topic) Unable(all bool) (why string, err error) {
	switch {
	case t.Leaderless > 0:
		return fmt.Sprintf("%d of %d partitions have no leader", t.Leaderless, t.Partitions), kerr.LeaderNotAvailable
	case !all:
		return "", nil
	case t.Settings != nil && t.InSync < t.Settings.MinInSync:
		return fmt.Sprintf("%d of %d replicas are in sync, min.insync.replicas is %d", t.InSync, t.Replicas, t.Settings.MinInSync), kerr.NotEnoughReplicas
	case t.Settings == nil && t.InSync < t.Replicas:
		return fmt.Sprintf("%d of %d replicas are in sync", t.InSync, t.Replicas), kerr.NotEnoughReplicas
	}
	return "", nil
}

// Settings are those settings of a topic that decide over its records.
type Settings struct {
	// MaxMessageBytes bounds a batch of records after compression.
	MaxMessageBytes int
	// MinInSync is the number of replicas that acks = all waits for at least.
	MinInSync int
	// Retention and RetentionBytes bound what is kept; negative for no bound.
	Retention      time.Duration
	RetentionBytes int64
	// AppendTime reports that records get the broker's time.
	AppendTime bool
	// Compacted reports that only the newest record of each key is kept, at least for a
	// while: a topic may be compacted and bounded by time.
	Compacted bool
}

// DefaultMaxMessageBytes is the limit of a topic that sets none.
const DefaultMaxMessageBytes = 1_048_588

// WithRights returns a context with which [Describe] asks what the user may do. Brokers
// before Kafka 2.3 do not tell it.
func WithRights(ctx context.Context) context.Context { return kadm.WithAuthorizedOps(ctx) }

// Describe returns what the brokers tell of the topics, in their order. A topic that is
// missing, or that the user may not see, has an error of its own.
func Describe(ctx context.Context, c *kgo.Client, names ...string) ([]Topic, error) {
	var topics []Topic
	for _, name := range names {
		t, err := describe1(ctx, kadm.NewClient(c), name)
		if err != nil {
			return nil, err
		}
		topics = append(topics, t)
	}
	return topics, nil
}

// describe1 describes one topic: kadm refuses a whole question for one topic that the
// user may not see.
func describe1(ctx context.Context, admin *kadm.Client, name string) (Topic, error) {
	t := Topic{Name: name, Err: kerr.UnknownTopicOrPartition}
	var refused *kadm.AuthError
	details, err := admin.ListTopics(ctx, name)
	switch {
	case errors.As(err, &refused):
		t.Err = err
		return t, nil
	case err != nil:
		return t, err
	}
	if d, ok := details[name]; ok {
		t.read(d)
	}
	if t.Err != nil {
		return t, nil
	}
	configs, err := admin.DescribeTopicConfigs(ctx, name)
	if err != nil && !errors.As(err, &refused) {
		return t, err
	}
	if config, err := configs.On(name, nil); err == nil && config.Err == nil {
		t.Settings = settingsOf(config.Configs)
	}
	return t, nil
}

// read takes what the metadata has of the topic.
func (t *Topic) read(d kadm.TopicDetail) {
	t.Err = d.Err
	t.Partitions = len(d.Partitions)
	lacks := func(o kadm.ACLOperation) bool {
		return len(d.AuthorizedOperations) > 0 && !slices.Contains(d.AuthorizedOperations, o)
	}
	t.NoWrite, t.NoRead = lacks(kadm.OpWrite), lacks(kadm.OpRead)
	first := true
	for _, p := range d.Partitions {
		if p.Leader < 0 {
			t.Leaderless++
		}
		if first || len(p.Replicas) < t.Replicas {
			t.Replicas = len(p.Replicas)
		}
		if first || len(p.ISR) < t.InSync {
			t.InSync = len(p.ISR)
		}
		first = false
	}
}

func settingsOf(configs []kadm.Config) *Settings {
	s := &Settings{MaxMessageBytes: DefaultMaxMessageBytes, MinInSync: 1, Retention: -1, RetentionBytes: -1}
	for _, c := range configs {
		text := c.MaybeValue()
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case c.Key == "message.timestamp.type":
			s.AppendTime = text == "LogAppendTime"
		case c.Key == "cleanup.policy":
			s.Compacted = slices.Contains(strings.Split(strings.ReplaceAll(text, " ", ""), ","), "compact")
		case err != nil:
		case c.Key == "max.message.bytes":
			s.MaxMessageBytes = int(n)
		case c.Key == "min.insync.replicas":
			s.MinInSync = int(n)
		case c.Key == "retention.bytes":
			s.RetentionBytes = n
		case c.Key == "retention.ms" && n >= 0 && n < int64(1<<62)/int64(time.Millisecond):
			s.Retention = time.Duration(n) * time.Millisecond
		}
	}
	return s
}

// Create makes a topic. A negative number of replicas is the broker's default. A topic
// that is there already is not an error.
func Create(ctx context.Context, c *kgo.Client, topic string, partitions, replicas int, settings map[string]string) error {
	configs := make(map[string]*string)
	for key, value := range settings {
		configs[key] = &value
	}
	answer, err := kadm.NewClient(c).CreateTopic(ctx, int32(partitions), int16(replicas), configs, topic)
	if err == nil {
		err = answer.Err
	}
	if err == nil || errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return fmt.Errorf("create topic %s: %w", topic, err)
}
