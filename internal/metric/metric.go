// Package metric is the vocabulary between aggregation and sinks: a [Batch] has the
// metrics of one snapshot, as a [Table] for each [Scope].
//
// A [Builder] builds a table. Tables are columnar, because a load balancer has tens
// of thousands of servers with dozens of fields each. They keep sums and counts
// instead of means, so that the tables of several processes or nodes merge exactly.
//
// The package knows neither HAProxy's formats nor those of sinks; only an encoder
// formats.
package metric

import (
	"fmt"
	"time"
)

// Scope is the kind of thing that the rows of a table describe.
type Scope uint8

// The scopes, in the order in which a batch carries them.
const (
	Daemon          Scope = iota // the node's HAProxy as a whole: one row
	Process                      // one HAProxy process of the node
	Frontend                     // a frontend
	Backend                      // a backend
	Server                       // a server of one backend
	ServerName                   // a server name, over all the backends it is in
	Self                         // haproxystats itself: one row
	Listener                     // a listener of one frontend
	StickTable                   // a stick table
	Resolver                     // a name server of a section of resolvers
	Certificate                  // a certificate that HAProxy has loaded
	ServerProcesses              // a server whose processes disagree about its state
	Socket                       // a stats socket
	Learned                      // a field that HAProxy itself has explained

	numScopes
)

// NumScopes is the number of scopes, for arrays with an element for each.
const NumScopes = int(numScopes)

var scopeNames = [NumScopes]string{
	Daemon:     "daemon",
	Process:    "process",
	Frontend:   "frontend",
	Backend:    "backend",
	Server:     "server",
	ServerName: "server-name",
	Self:       "self",
	Listener:   "listener",

	StickTable:      "stick-table",
	Resolver:        "resolver",
	Certificate:     "certificate",
	ServerProcesses: "server-processes",
	Socket:          "socket",
	Learned:         "learned",
}

// String returns the scope's name in lower case.
func (s Scope) String() string {
	if int(s) >= NumScopes {
		return fmt.Sprintf("scope %d", uint8(s))
	}
	return scopeNames[s]
}

// Nature is the kind of number that a value is, for encoders that type their
// metrics.
type Nature uint8

// The natures.
const (
	Gauge     Nature = iota // a level now
	Counter                 // grows until its process restarts
	Counter32               // the same, 32 bits wide: after 4294967295 it begins at 0 again
	Limit                   // a configured maximum
	Maximum                 // the largest value seen
	Minimum                 // the smallest value seen
	Rate                    // events a second
	Age                     // time since an event
	Average                 // an average over the last events
	Duration                // a length of time
	State                   // a status or a code
)

// IsCounter reports whether the value only grows until its process restarts.
func (n Nature) IsCounter() bool { return n == Counter || n == Counter32 }

// Combine is the rule by which the values of several processes become one.
type Combine uint8

// The ways to combine.
const (
	Sum  Combine = iota // add them
	Mean                // add them and divide by their number
	Max                 // take the largest
	// MeanKnown is the mean of the values that are not negative. A negative value is a
	// marker, such as -1 for "never"; if there are only markers, the largest counts.
	MeanKnown
	// MeanOfActive is the mean over those rows of HAProxy that have taken connections.
	MeanOfActive
	// Distinct counts different things that have rows in the batch. Of several counts
	// the largest is taken; code that combines the rows counts them again.
	Distinct
	// Min takes the smallest.
	Min
	// MinKnown takes the smallest of the values that are not negative. A negative value is
	// a marker, as for MeanKnown; if there are only markers, the largest counts.
	MinKnown
)

// Outputs are the outputs that a column is for. A field whose values Graphite gets by
// another rule than the other outputs has two columns of its name, GraphiteOnly and
// ExceptGraphite: name and outputs identify a column.
type Outputs uint8

// The sets of outputs.
const (
	EveryOutput    Outputs = iota
	GraphiteOnly           // Graphite, and what keeps its metrics; it stands beside one that is ExceptGraphite
	ExceptGraphite         // all others
)

// ForGraphite reports whether Graphite is among the outputs.
func (o Outputs) ForGraphite() bool { return o != ExceptGraphite }

// ForOthers reports whether the outputs other than Graphite are among the outputs.
func (o Outputs) ForOthers() bool { return o != GraphiteOnly }

var combineNames = [...]string{"sum", "mean", "max", "mean of known", "mean of the active", "number of different", "min", "min of known"}

// isMax reports whether the rule takes the largest value.
func (c Combine) isMax() bool { return c == Max || c == Distinct }

// isMin reports whether the rule takes the smallest value.
func (c Combine) isMin() bool { return c == Min || c == MinKnown }

// addsUp reports whether the sum of values is all that the rule needs.
func (c Combine) addsUp() bool { return c == Sum || c == Mean || c == MeanOfActive }

// String returns the name used in the documentation.
func (c Combine) String() string { return combineNames[c] }

// IsMean reports whether sums are divided by the number of values.
func (c Combine) IsMean() bool { return c == Mean || c == MeanKnown || c == MeanOfActive }

// Column describes one metric of a scope.
type Column struct {
	Name    string  // as HAProxy or haproxystats spells it
	Combine Combine // how the values of several processes are combined
	Nature  Nature
	Unit    string // "bytes", "seconds", ...; "" for a plain number
	// Scale is the factor that converts a value to the base unit of its kind, such as
	// 0.001 for milliseconds; 0 means 1.
	Scale float64
	Help  string // one sentence
	// Outputs are those that the column is for.
	Outputs Outputs
	// EmptyIsZero marks a field whose missing values the original haproxystats counted
	// as 0. Only [Table.Filled] does that.
	EmptyIsZero bool
}

// Entity names the thing that a row describes, as HAProxy spells it: Name and Parent
// may contain any bytes.
type Entity struct {
	// Parent is the backend of a [Server] or of [ServerProcesses], the frontend of a
	// [Listener], the type of a [StickTable], the section of a [Resolver], the subject of a
	// [Certificate] or the rows of a field that was [Learned]; empty in other scopes.
	Parent string
	// Name is the name of what the scope says, or the label of a [Process]; empty for
	// [Daemon] and [Self].
	Name string
	// Group is the operator's group of the entity, or empty.
	Group string
}

// Batch has the metrics of one snapshot. Sinks must not change it. It is valid until
// its aggregator is used again.
type Batch struct {
	// Node is the name of the host that the batch is about, as the host gives it;
	// empty if it is not told.
	Node string
	// Cluster is the name of the cluster that the node belongs to, or that the batch is
	// about if it has no node; empty if there is none.
	Cluster string
	// Shard is the number of the part of the rows that the batch has, of Shards that batches of
	// one time have together; 0 of 0 if it has all of them.
	Shard, Shards int
	// Epoch is the time of the snapshot in seconds since the Unix epoch.
	Epoch int64
	// Began is when the first of the processes started that the counters are of, in seconds
	// since the Unix epoch; 0 if it is not known. It stays while these grow, also over
	// reloads if they are totals.
	Began int64
	// Interval is the time from one snapshot of the node to the next, in whole seconds; 0
	// if it is not known.
	Interval time.Duration
	// Tables come in a fixed order, so equal snapshots give equal output.
	Tables []*Table
	// Processes has what each process of the node has said of itself, if somebody asked
	// for it: percentiles over the processes of several nodes need that.
	Processes *Table
	// Texts are the different texts that the processes have said of themselves, sorted. They
	// are for outputs other than Graphite.
	Texts []Text
}

// LearnedField is a field that HAProxy itself has explained, because it is not in the
// catalogue.
type LearnedField struct {
	// Rows is the word for the scope, such as "frontend", and Field the name.
	Rows, Field string
}

// Text is a text that a process has said of itself, such as its version.
type Text struct {
	Field string // as HAProxy spells it
	Value string
}

// Points returns the number of values in the batch.
func (b *Batch) Points() int {
	n := 0
	for _, t := range b.Tables {
		n += t.Points()
	}
	return n
}
