package window

import (
	"maps"
	"slices"
	"time"

	"haproxystats/internal/metric"
)

// Aggregator combines the tables of nodes: aggregate.Aggregator.
type Aggregator interface {
	Reset() (gone int)
	AddTable(node string, t metric.Rows)
	AddTexts([]metric.Text)
	Batch(epoch int64) *metric.Batch
}

// Incomplete is what happens to a window in which expected nodes are missing.
type Incomplete string

// The values of Incomplete.
const (
	Emit Incomplete = "emit"
	Skip Incomplete = "skip"
)

// Options are those of one cluster.
type Options struct {
	// Interval is the length of a window, in whole seconds: that of the nodes' rounds.
	Interval time.Duration
	// Grace is how long after its end a window waits for nodes that are missing.
	Grace time.Duration
	// Late is how long after its end a window takes late nodes.
	Late time.Duration
	// NodeExpiry is how long a node is expected after it was last heard of, if Expected
	// is nil.
	NodeExpiry time.Duration
	// Expected are the nodes of the cluster; nil to learn them.
	Expected []string
	// OnIncomplete is what happens to a window with missing nodes; "" is Emit.
	OnIncomplete Incomplete
	// NewAggregator returns an aggregator with the cluster's exclusions and groups.
	NewAggregator func() Aggregator
}

// Key names a sequence of windows: one shard of a cluster.
type Key struct {
	Cluster       string
	Shard, Shards int
}

// Contribution is the tables of one snapshot of a node, or one shard of them.
type Contribution struct {
	Key
	Node string
	// Epoch is the time of the snapshot in seconds since the Unix epoch.
	Epoch int64
	// Interval is the time between two snapshots of the node, 0 if it is not known.
	Interval time.Duration
	// Instance is the same for all that one program has sent, and tells two machines
	// of one name apart.
	Instance string
	// Tables calls add with each table. It is called at most once.
	Tables func(add func(metric.Rows))
	// Texts are what the node's processes say of themselves.
	Texts []metric.Text
	// Release is called once, when the contribution is needed no longer.
	Release func()
}

// Emission is a window's batch.
type Emission struct {
	Key
	// Batch has the tables of the nodes and, in the first shard, a table of the window's
	// own metrics ([SelfColumns]). It is valid until the function that got it returns. It is nil if the window is
	// skipped.
	Batch *metric.Batch
	// Again reports whether the window was emitted before, with fewer nodes.
	Again bool
	// Reporting are the nodes in the window, and Missing those that were expected, both
	// sorted.
	Reporting, Missing []string
	// Expected is the number of nodes that were expected, and Conflicting that of the names
	// that two machines use.
	Expected, Conflicting int
	// Delay is how long after the window's beginning it is emitted, in log time.
	Delay time.Duration
	// Skew is how much the clock of a node differs from that of the others, at most,
	// as far as the times of arrival tell; SkewedNode is that node.
	Skew       time.Duration
	SkewedNode string
}

// window is one interval of time.
type window struct {
	epoch      int64 // of its beginning
	aggregator Aggregator
	nodes      map[string]arrival
	emitted    bool
	emittedAt  time.Time // in log time
	changed    bool      // since it was emitted
	partial    bool      // it began before the log
	releases   []func()
}

// arrival is what is remembered of a node in a window.
type arrival struct {
	epoch    int64
	instance string
	delay    time.Duration // from the snapshot's time to the record's
}

// end returns the time at which the window ends.
func (w *window) end(interval time.Duration) time.Time {
	return time.Unix(w.epoch, 0).Add(interval)
}

func (w *window) reporting() []string { return slices.Sorted(maps.Keys(w.nodes)) }

// skew returns the largest difference of a node's delay from the median one.
func (w *window) skew() (time.Duration, string) {
	nodes := w.reporting()
	if len(nodes) < 3 { // of two, nobody knows which is wrong
		return 0, ""
	}
	delays := make([]time.Duration, len(nodes))
	for i, n := range nodes {
		delays[i] = w.nodes[n].delay
	}
	slices.Sort(delays)
	median := delays[len(delays)/2]
	var most time.Duration
	var node string
	for _, n := range nodes {
		if d := (w.nodes[n].delay - median).Abs(); d > most {
			most, node = d, n
		}
	}
	return most, node
}

// release lets go of all that the window was made of.
func (w *window) release() {
	for _, r := range w.releases {
		r()
	}
	w.releases = nil
}
