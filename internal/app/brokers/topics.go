package brokers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"haproxystats/internal/app"
	"haproxystats/internal/cluster"
	"haproxystats/internal/config"
	"haproxystats/internal/process"
	"haproxystats/internal/selfstat"
	source "haproxystats/internal/source/kafka"
	"haproxystats/internal/status"
)

// Suffixes of the consumer groups of [central] group.
const (
	SnapshotsSuffix = ".snapshots"
	TablesSuffix    = ".tables"
)

// topics implements [app.Topics].
type topics struct {
	store     *source.Store
	letters   *source.DeadLetters
	producer  *source.Producer
	tables    *source.Tables
	snapshots *source.Snapshots // nil if the topic is off
}

// OpenTopics implements [app.Brokers]. It connects to nothing.
func (b Brokers) OpenTopics(s app.TopicsSetup) (app.Topics, error) {
	c := s.Config.Central
	kafka, _ := s.Config.Kafkas.Get("")
	log := cmp.Or(s.Log, slog.New(slog.DiscardHandler))
	connection := Connection(kafka.KafkaConnection, config.KafkaSection(""), b.program, log)
	store, err := source.OpenStore(source.StoreOptions{MaxBytes: c.AssemblyMaxBytes, Dir: c.AssemblyDir, Log: log})
	if err != nil {
		return nil, fmt.Errorf("open assembly-dir: %w", err)
	}
	letters, err := source.OpenDeadLetters(source.DeadLetterOptions{Dir: filepath.Join(c.WorkDir, "corrupt"), Topic: c.DeadLetterTopic, Log: log})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the directory for records that can't be used: %w", err), store.Close())
	}
	options := source.Options{
		Connection:     connection,
		Instance:       strings.ReplaceAll(c.Instance, "{host}", instanceOf(s.Host)),
		SessionTimeout: c.SessionTimeout,
		FromEnd:        c.Start == config.StartLatest,
		FetchMaxBytes:  c.FetchMaxBytes,
		CommitInterval: c.CommitInterval,
		Store:          store,
		DeadLetters:    letters,
		Log:            log,
	}
	t := &topics{store: store, letters: letters}
	options.Topic, options.Group = c.TablesTopic, c.Group+TablesSuffix
	t.tables = source.NewTables(source.TablesOptions{Options: options, Windows: s.Windows, Sinks: s.Sinks})
	if c.SnapshotsTopic != "" {
		options.Topic, options.Group = c.SnapshotsTopic, c.Group+SnapshotsSuffix
		t.snapshots = source.NewSnapshots(options)
	}
	var instance func(cluster, node string, epoch int64) string
	if t.snapshots != nil {
		instance = t.snapshots.Instance
	}
	t.producer = source.NewProducer(source.ProducerOptions{
		Connection: connection, Topic: c.TablesTopic, Host: s.Host, Instance: instance, Timeout: kafka.DeliveryTimeout,
		Shards: func(cluster string) int { return s.Config.Cluster(cluster).Shards },
	})
	return t, nil
}

// instanceOf returns a host's name as Kafka takes it for a member of a group.
func instanceOf(host string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._-", r):
			return r
		}
		return '-'
	}, host)
}

// Tables implements [app.Topics].
func (t *topics) Tables() process.Sink { return t.producer }

// Snapshots implements [app.Topics].
func (t *topics) Snapshots() app.SnapshotTopic {
	if t.snapshots == nil {
		return nil
	}
	return t.snapshots
}

// Run implements [app.Topics].
func (t *topics) Run(ctx context.Context) error { return t.tables.Run(ctx) }

// Clusters implements [app.Topics].
func (t *topics) Clusters() cluster.Status { return t.tables.Clusters() }

// Close implements [app.Topics].
func (t *topics) Close() error {
	t.producer.Close()
	return errors.Join(t.letters.Close(), t.store.Close())
}

// states returns the states of all consumers.
func (t *topics) states() []source.Status {
	all := []source.Status{t.tables.Status()}
	if t.snapshots != nil {
		all = append(all, t.snapshots.Status())
	}
	return all
}

// Status implements [app.Topics].
func (t *topics) Status() (all []status.Topic, memory, files int64) {
	for _, s := range t.states() {
		to := status.Topic{
			Topic: s.Topic, Group: s.Group, Instance: s.Instance, GroupState: s.State, Members: s.Members,
			Rebalances: s.Rebalances, CommitErrors: s.CommitErrors,
			Incomplete: s.Incomplete, Duplicates: s.Duplicates, Damaged: s.Damaged, Newer: s.Newer, Foreign: s.Foreign,
			Partitions: []status.Partition{},
		}
		if s.Cause != nil {
			to.Cause = s.Cause.Error()
		}
		for _, p := range s.Partitions {
			to.Partitions = append(to.Partitions, status.Partition{
				Number: p.Number, Committed: p.Committed, Position: p.Position, End: p.End, InHand: p.InHand,
				Lag: p.Lag, LagSeconds: status.For(p.Behind),
			})
		}
		all = append(all, to)
	}
	memory, files = t.store.Bytes()
	return all, memory, files
}

// Counts implements [app.Topics].
func (t *topics) Counts() selfstat.Topics {
	var all selfstat.Topics
	for _, s := range t.states() {
		all.Rebalances += s.Rebalances
		all.CommitErrors += s.CommitErrors
		all.Incomplete += s.Incomplete
		all.Newer += s.Newer
		var behind time.Duration
		for _, p := range s.Partitions {
			all.LagRecords += p.Lag
			behind = max(behind, p.Behind)
		}
		all.LagAge = max(all.LagAge, behind)
	}
	return all
}
