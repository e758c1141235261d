package selfstat

import (
	"strings"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/snapshot"
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
	// DuplicateSockets counts the sockets of processes that have answered through
	// another one, ProcessesMissing the processes that HAProxy should have and that
	// have not answered.
	DuplicateSockets, ProcessesMissing int
	// Round is how the snapshot was collected; nil if that is not known.
	Round *snapshot.Round
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

// Sink is a sink of which there are self metrics.
type Sink struct {
	// Name is the sink's, in lower case with dashes: the names of its metrics begin
	// with LocalStore if it is "local-store".
	Name string
	// Queued reports that the sink has a queue of its own.
	Queued bool
	// Verified reports that it is asked whether what was delivered has arrived, and
	// Age returns how old the newest value is that has.
	Verified bool
	Age      func() time.Duration
	// Status returns what the sink has counted.
	Status func() sink.Status
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
	all := [][]sinkMetric{ofSink}
	if s.Queued {
		all = append(all, ofQueue)
	}
	if s.Verified {
		all = append(all, []sinkMetric{{metric.Column{
			Name: "VerifiedAge", Unit: seconds,
			Help: "Age of the newest value that `verify-url` has shown; only if `verify-url` is set",
		}, func(sink.Status, time.Time) number { return length(s.Age()) }}})
	}
	return all
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
