package selfstat

import (
	"strings"
	"time"

	"haproxystats/internal/metric"
)

// Work is what one snapshot took.
type Work struct {
	// HAProxy is the time for `show info`; Frontends, Backends and Servers are
	// the shares in the time for `show stat`, which is read once for all of
	// them, by their numbers of rows.
	HAProxy, Frontends, Backends, Servers time.Duration
	// AllStats is the time for both.
	AllStats time.Duration
	// Total is the time from taking the snapshot to handing it to the sinks.
	Total time.Duration
	// Bytes is the size of the replies that were read.
	Bytes int64
	// BadRows and BadFiles count what could not be used.
	BadRows, BadFiles int
	// Round says how the snapshot was collected; nil if it doesn't tell.
	Round *Round
}

// Round is how a snapshot was collected.
type Round struct {
	// SocketsFailed counts the sockets that are lacking.
	SocketsFailed int
	// Duration is how long the sockets took.
	Duration time.Duration
	// Skew is how long after its time the round began.
	Skew time.Duration
}

// Sources is where the numbers come from that are not of one snapshot. They are
// asked once a snapshot and must answer at once, to several goroutines.
type Sources struct {
	// Spool is where the snapshots wait.
	Spool Spool
	// Retries returns how many tries at snapshots have not got them done.
	Retries func() int64
	// Sinks are in the order of their metrics.
	Sinks []Sink
}

// Spool is a queue of snapshots.
type Spool interface {
	// Waiting returns how many snapshots nobody has begun.
	Waiting() int
	// Oldest returns the age of the oldest snapshot there, begun or not.
	Oldest() time.Duration
	// Corrupt returns how many snapshots have been given up.
	Corrupt() int64
}

// Sink is a sink that counts what it does.
type Sink struct {
	// Name is the sink's, in lower case with dashes: its metrics begin with
	// LocalStore if it is "local-store".
	Name string
	// Queued says that the sink has a queue of its own.
	Queued bool
	// Counts returns what the sink has counted.
	Counts func() Counts
}

// Counts is what a sink has done since the start, and what its queue holds.
type Counts struct {
	// Batches, Metrics and Bytes count what the destination has confirmed.
	Batches, Metrics, Bytes int64
	// Failures counts the tries that it has not.
	Failures int64
	// Skipped counts the metrics that were left out as unfit for the sink.
	Skipped int64
	// Queue is of the sink's own queue, if it has one.
	Queue Queue
}

// Queue is a sink's own queue.
type Queue struct {
	// Batches, Metrics and Bytes wait now.
	Batches, Metrics, Bytes int64
	// OldestEpoch is the time of the oldest snapshot of them; 0 for none.
	OldestEpoch int64
	// Resent counts the batches that were delivered out of the queue.
	Resent int64
	// Dropped counts the metrics that were lost, Corrupt the batches that were
	// found damaged.
	Dropped, Corrupt int64
}

// Age returns the age of the oldest snapshot in the queue, 0 for none.
func (q Queue) Age(now time.Time) time.Duration {
	if q.OldestEpoch == 0 {
		return 0
	}
	return max(0, now.Sub(time.Unix(q.OldestEpoch, 0)))
}

// prefix begins the names of the sink's metrics.
func (s Sink) prefix() string {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(s.Name, func(r rune) bool { return r == '-' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// metrics are those that the sink has, without their prefix.
func (s Sink) metrics() [][]sinkMetric {
	if s.Queued {
		return [][]sinkMetric{ofSink, ofQueue}
	}
	return [][]sinkMetric{ofSink}
}

// Columns returns what there is of a snapshot and of the spool.
func Columns() []metric.Column {
	var columns []metric.Column
	for _, e := range ofSnapshot {
		columns = append(columns, e.Column)
	}
	return columns
}

// Columns returns what there is of the sink.
func (s Sink) Columns() []metric.Column {
	var columns []metric.Column
	for _, list := range s.metrics() {
		for _, e := range list {
			c := e.Column
			c.Name = s.prefix() + c.Name
			columns = append(columns, c)
		}
	}
	return columns
}
