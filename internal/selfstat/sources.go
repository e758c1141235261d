package selfstat

import (
	"strings"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/snapshot"
)

// Work is the work on one snapshot: its time, size and faults.
type Work struct {
	// HAProxy is the time for `show info`. Frontends, Backends and Servers are shares
	// in the time for `show stat`, by their numbers of rows, because one reading serves
	// all of them.
	HAProxy, Frontends, Backends, Servers time.Duration
	// AllStats is the time for both.
	AllStats time.Duration
	// Total is the time from claiming the snapshot to handing it to the sinks.
	Total time.Duration
	// Bytes is the size of the replies that were read.
	Bytes int64
	// BadRows and BadFiles count the rows and files that could not be used.
	BadRows, BadFiles int
	// DuplicateSockets counts the sockets of processes that have also answered through
	// another socket. ProcessesMissing counts the processes of HAProxy that have not
	// answered.
	DuplicateSockets, ProcessesMissing int
	// LeftOut counts the metrics that max-metrics leaves out.
	LeftOut int
	// Round is the round that collected the snapshot; nil if it is not known.
	Round *snapshot.Round
}

// Sources are the sources of the numbers that do not belong to one snapshot. Several
// goroutines ask them, once for each snapshot, and they must answer at once.
type Sources struct {
	// Spool is the queue of the snapshots; nil if it has those of other nodes, too.
	Spool Spool
	// Retries returns the number of failed attempts to process a snapshot; nil if those
	// are of other nodes, too.
	Retries func() int64
	// Sinks are in the order of their metrics.
	Sinks []Sink
	// LogDropped returns the number of log messages that were dropped; nil if it is not
	// known.
	LogDropped func() int64
	// Config returns when the configuration was loaded that the program runs with, and
	// whether it refused a later one; nil if it is not known.
	Config func() (loaded time.Time, refused bool)
}

// Topics are the counts of all topics that a program reads.
type Topics struct {
	// LagRecords is the number of records that are still to be read, LagAge the age of
	// the oldest of them.
	LagRecords int64
	LagAge     time.Duration
	// Rebalances, CommitErrors, Incomplete and Newer count what happened since the
	// program started.
	Rebalances, CommitErrors, Incomplete, Newer int64
}

// Spool is a queue of snapshots.
type Spool interface {
	// Waiting returns the number of unclaimed snapshots.
	Waiting() int
	// Oldest returns the age of the oldest snapshot in the queue, claimed or not.
	Oldest() time.Duration
	// Corrupt returns the number of snapshots that were given up.
	Corrupt() int64
}

// Sink is a sink that has self metrics.
type Sink struct {
	// Name is the sink's name. The metrics of "local-store" begin with LocalStore, and those
	// of "kafka:archive" with KafkaArchive.
	Name string
	// Queued is true if the sink has a queue of its own.
	Queued bool
	// Limited is true if the sink bounds the series of a batch.
	Limited bool
	// Verified is true if the arrival of metrics at the destination is verified. Then
	// Age returns the age of the newest value there.
	Verified bool
	Age      func() time.Duration
	// Status returns the counts of the sink.
	Status func() sink.Status
}

// Prefix returns the beginning of the names of the sink's metrics.
func (s Sink) Prefix() string {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(s.Name, func(r rune) bool { return strings.ContainsRune("-:._", r) }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// metrics returns the sink's metrics, without the prefix of their names.
func (s Sink) metrics() [][]sinkMetric {
	all := [][]sinkMetric{ofSink}
	if s.Queued {
		all = append(all, ofQueue)
	}
	if s.Limited {
		all = append(all, ofLimited)
	}
	if s.Verified {
		all = append(all, []sinkMetric{{metric.Column{
			Name: "VerifiedAge", Unit: seconds,
			Help: "Age of the newest value that `verify-url` has shown; only if `verify-url` is set",
		}, func(sink.Status, time.Time) number { return length(s.Age()) }}})
	}
	return all
}

// Columns returns the metrics of a snapshot and of the spool.
func Columns() []metric.Column {
	var columns []metric.Column
	for _, e := range ofSnapshot {
		columns = append(columns, e.Column)
	}
	return columns
}

// TopicColumns returns the metrics of topics.
func TopicColumns() []metric.Column {
	var columns []metric.Column
	for _, e := range ofTopics {
		columns = append(columns, e.Column)
	}
	return columns
}

// Columns returns the metrics of the sink.
func (s Sink) Columns() []metric.Column {
	var columns []metric.Column
	for _, list := range s.metrics() {
		for _, e := range list {
			c := e.Column
			c.Name = s.Prefix() + c.Name
			columns = append(columns, c)
		}
	}
	return columns
}
