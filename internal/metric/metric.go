// Package metric is the vocabulary between aggregation and sinks: a [Batch]
// holds what one snapshot says, as a [Table] per [Scope].
//
// A [Builder] makes a table. Tables are columnar because a load balancer has
// tens of thousands of servers with dozens of fields each, and they keep sums
// and counts rather than means, so that the tables of several processes or
// nodes merge into one exactly.
//
// The package knows nothing of HAProxy's formats and nothing of any text
// format; only an encoder formats.
package metric

import "fmt"

// Scope says what kind of thing the rows of a table stand for.
type Scope uint8

// The scopes, in the order in which a batch carries them.
const (
	Daemon     Scope = iota // the node's HAProxy as a whole: one row
	Process                 // one HAProxy process of the node
	Frontend                // a frontend
	Backend                 // a backend
	Server                  // a server of one backend
	ServerName              // a server name, over all the backends it is in
	Self                    // haproxystats itself: one row

	numScopes
)

// NumScopes is the number of scopes: an array of that length has a place for
// each.
const NumScopes = int(numScopes)

var scopeNames = [NumScopes]string{
	Daemon:     "daemon",
	Process:    "process",
	Frontend:   "frontend",
	Backend:    "backend",
	Server:     "server",
	ServerName: "server-name",
	Self:       "self",
}

// String returns the scope's name in lower case.
func (s Scope) String() string {
	if int(s) >= NumScopes {
		return fmt.Sprintf("scope %d", uint8(s))
	}
	return scopeNames[s]
}

// Kind is the nature of a value, for sinks that type their metrics.
type Kind uint8

// The kinds.
const (
	Gauge   Kind = iota // goes up and down
	Counter             // only grows, until its process restarts
)

// Combine says how the values of several processes make one.
type Combine uint8

// The ways to combine.
const (
	Sum  Combine = iota // add them
	Mean                // add them and divide by their number
	Max                 // take the largest
	// MeanKnown is the mean of those that are not negative. A negative value is a
	// marker, as -1 for "never": the largest of them is taken if there is nothing
	// else.
	MeanKnown
)

var combineNames = [...]string{"sum", "mean", "max", "mean of known"}

// String returns the name used in the documentation.
func (c Combine) String() string { return combineNames[c] }

// IsMean reports whether sums are divided by the number of values.
func (c Combine) IsMean() bool { return c == Mean || c == MeanKnown }

// Column describes one metric of a scope.
type Column struct {
	Name    string  // as HAProxy or haproxystats spells it
	Combine Combine // how rows that meet are combined
	Kind    Kind
	Unit    string // "bytes", "seconds", ...; "" for a plain number
	Help    string // one sentence
}

// Entity names what a row stands for. Name and Parent are single path
// components: they hold no dot, no white space, no control character.
type Entity struct {
	// Parent is the backend of a [Server]; empty in other scopes.
	Parent string
	// Name is the name of the frontend, backend or server, the label of a
	// [Process]; empty for [Daemon] and [Self].
	Name string
	// Group is the operator's group that the entity belongs to, or empty.
	Group string
}

// Batch is what one snapshot says. It is read-only for sinks, and valid until
// the aggregator that made it is used again.
type Batch struct {
	// Epoch is the time of the snapshot in seconds since the Unix epoch.
	Epoch int64
	// Tables come in a fixed order, so equal snapshots give equal output.
	Tables []*Table
}

// Points returns the number of values in the batch.
func (b *Batch) Points() int {
	n := 0
	for _, t := range b.Tables {
		n += t.Points()
	}
	return n
}
