package app

import (
	"context"
	"log/slog"
	"time"

	"haproxystats/internal/cluster"
	"haproxystats/internal/config"
	"haproxystats/internal/process"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/status"
	"haproxystats/internal/window"
)

// TopicsSetup is what topics need to open.
type TopicsSetup struct {
	Config *config.Config
	// Host is the name of this host.
	Host string
	// Windows returns the options of a cluster, and Sinks get the batches of clusters.
	Windows func(cluster string) window.Options
	Sinks   []cluster.Sink
	Log     *slog.Logger
}

// Topics are the topics of Kafka that haproxystats-central reads and writes.
type Topics interface {
	// Tables is the sink that writes the tables of nodes.
	Tables() process.Sink
	// Snapshots brings the raw snapshots of nodes; nil if their topic is off.
	Snapshots() SnapshotTopic
	// Run makes windows of the tables of nodes until ctx ends. It returns an error if
	// this program must not go on.
	Run(ctx context.Context) error
	// Clusters returns the state of the clusters.
	Clusters() cluster.Status
	// Status returns the state of the topics, and the bytes of snapshots that are kept in
	// memory and in files.
	Status() (topics []status.Topic, memory, files int64)
	// Counts returns the numbers of all topics together.
	Counts() selfstat.Topics
	// Close ends the connections.
	Close() error
}

// SnapshotTopic is a topic with raw snapshots.
type SnapshotTopic interface {
	process.Source
	// Run assembles snapshots until ctx ends. It returns an error if this program must
	// not go on.
	Run(ctx context.Context) error
	// Oldest and Corrupt are those of a spool.
	Oldest() time.Duration
	Corrupt() int64
}
