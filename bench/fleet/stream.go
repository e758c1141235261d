package fleet

import (
	"fmt"
	"time"

	"haproxystats/internal/metric"
)

// Cluster is the name of the simulated cluster.
const Cluster = clusterName

// Record is what a node sends for one shard.
type Record struct {
	Shard int
	Node  string // empty for a tick
	Epoch int64
	// At is when it arrives.
	At time.Time
	// Frame has the tables.
	Frame []byte
}

// Stream calls emit with all that the nodes of a plan send, in the order in which it
// arrives, and window with each window that must come of it, whose batch is valid during
// the call. So the fleet can send through a real broker.
func Stream(plan Plan, emit func(Record) error, window func(*metric.Batch) error) error {
	n, err := newNodes(plan)
	if err != nil {
		return err
	}
	n.window = window
	each := func(a arrival) error {
		return emit(Record{Shard: a.partition, Node: a.node, Epoch: a.epoch, At: a.at, Frame: a.frame})
	}
	for round := range plan.Windows {
		fmt.Fprintf(plan.Progress, "round %d of %d of %d nodes of size %s\n", round+1, plan.Windows, plan.Nodes, plan.Size.Name)
		if err := n.round(round, each); err != nil {
			return err
		}
	}
	return n.end(each)
}
