package fleet

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"haproxystats/bench/workload"
	"haproxystats/internal/aggregate"
	"haproxystats/internal/encode/tables"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
)

// kinds is the number of nodes with values of their own. The others repeat them.
const kinds = 8

// nodes makes the records of all nodes, round by round, and remembers what each window
// must have.
type nodes struct {
	plan       Plan
	random     *rand.Rand
	generators []*workload.Generator
	// of a kind of node, in the round in hand
	aggregators []*aggregate.Aggregator
	batches     []*metric.Batch

	reader  reply.Reader
	encoder *tables.Encoder
	whole   *aggregate.Aggregator
	digest  *digester
	// want has the digest of each window, by its beginning.
	want map[int64]uint64
	// waiting are records that come after those of the round in hand.
	waiting []arrival
	// window, unless it is nil, gets each window that must be.
	window func(*metric.Batch) error
}

// arrival is a record of a partition.
type arrival struct {
	partition int
	node      string // empty for a tick
	epoch     int64
	record
}

func newNodes(plan Plan) (*nodes, error) {
	n := &nodes{
		plan: plan, random: rand.New(rand.NewPCG(plan.Seed, 0)), encoder: tables.NewEncoder(),
		whole: aggregate.New(options), digest: newDigester(), want: make(map[int64]uint64),
	}
	withProcesses := options
	withProcesses.Processes = true
	for i := range min(kinds, plan.Nodes) {
		g, err := workload.New(plan.Size, plan.Seed+uint64(i))
		if err != nil {
			return nil, err
		}
		n.generators = append(n.generators, g)
		n.aggregators = append(n.aggregators, aggregate.New(withProcesses))
		n.batches = append(n.batches, nil)
	}
	return n, nil
}

// fate is what happens to a snapshot of a node.
type fate int

const (
	inTime fate = iota
	isLate
	tooLate
	twice
	away
)

// draw chooses a fate: of 100 snapshots 95 come in time.
func (n *nodes) draw() fate {
	switch p := n.random.IntN(1000); {
	case p < 20:
		return isLate
	case p < 25:
		return tooLate
	case p < 35:
		return twice
	case p < 50:
		return away
	default:
		return inTime
	}
}

// round makes the records of a round, and hands out those that come before the next
// round, in order.
func (n *nodes) round(round int, emit func(arrival) error) error {
	begin := time.Unix(workload.Epoch(round), 0)
	for i, g := range n.generators {
		a := n.aggregators[i]
		a.Reset()
		if _, err := n.reader.Read(g.Snapshot(round), a); err != nil {
			return err
		}
		n.batches[i] = a.Batch(begin.Unix())
	}
	n.whole.Reset()
	for i := range n.plan.Nodes {
		if err := n.node(i, begin); err != nil {
			return err
		}
	}
	b := n.whole.Batch(begin.Unix())
	b.Cluster = clusterName
	sum, err := n.digest.digest(b)
	if err != nil {
		return err
	}
	n.want[begin.Unix()] = sum
	if n.window != nil {
		if err := n.window(b); err != nil {
			return err
		}
	}
	for second := range interval / time.Second {
		for p := range n.plan.Shards {
			n.waiting = append(n.waiting, arrival{partition: p, record: record{at: begin.Add(second * time.Second)}})
		}
	}
	return n.flush(begin.Add(interval), emit)
}

// node makes the records of one node, and adds it to what the window must have.
func (n *nodes) node(i int, begin time.Time) error {
	planned := begin.Add(time.Duration(i%int(interval/time.Second)) * time.Second)
	delay := 200*time.Millisecond + n.between(0, 800*time.Millisecond)
	f := n.draw()
	switch f {
	case away:
		return nil
	case isLate: // after the grace
		delay += n.between(grace+interval, late-2*time.Second)
	case tooLate:
		delay += late + interval + n.between(0, interval)
	}
	if f != tooLate {
		n.whole.Merge(n.aggregators[i%len(n.aggregators)])
	}
	name := fmt.Sprintf("lb%05d.example.com", i)
	for shard := range n.plan.Shards {
		frame, err := n.encoder.Encode(nil, tables.Head{
			Node: name, Cluster: clusterName, Epoch: planned.Unix(), Interval: interval,
			Instance: "1", Shard: shard, Shards: n.plan.Shards,
		}, n.batches[i%len(n.batches)])
		if err != nil {
			return err
		}
		a := arrival{shard, name, planned.Unix(), record{planned.Add(delay), frame}}
		n.waiting = append(n.waiting, a)
		if f == twice {
			a.at = a.at.Add(time.Second)
			n.waiting = append(n.waiting, a)
		}
	}
	return nil
}

func (n *nodes) between(least, most time.Duration) time.Duration {
	return least + time.Duration(n.random.Int64N(int64(most-least)))
}

// flush hands out the records that come before a time.
func (n *nodes) flush(before time.Time, emit func(arrival) error) error {
	slices.SortStableFunc(n.waiting, func(a, b arrival) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.partition, b.partition)) })
	i := 0
	for ; i < len(n.waiting) && n.waiting[i].at.Before(before); i++ {
		if err := emit(n.waiting[i]); err != nil {
			return err
		}
	}
	n.waiting = slices.Delete(n.waiting, 0, i)
	return nil
}

// end hands out what is left, and the ticks with which all windows end.
func (n *nodes) end(emit func(arrival) error) error {
	begin := time.Unix(workload.Epoch(n.plan.Windows), 0)
	for at := begin; at.Before(begin.Add(2 * (late + interval))); at = at.Add(time.Second) {
		for p := range n.plan.Shards {
			n.waiting = append(n.waiting, arrival{partition: p, record: record{at: at}})
		}
	}
	return n.flush(begin.Add(time.Hour), emit)
}
