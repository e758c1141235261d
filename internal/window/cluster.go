package window

import (
	"container/list"
	"maps"
	"slices"
	"time"

	"haproxystats/internal/metric"
)

// futureWindows is the number of windows beyond Late that may be open ahead of log time,
// for nodes whose clocks are ahead.
const futureWindows = 6

// conflictRounds is the number of windows in a row in which two instances of a node
// must alternate to count as two machines of one name.
const conflictRounds = 3

// conflictRest is the number of intervals without a change of instances after which two
// machines no longer share a name.
const conflictRest = 6

// maxSpare is the number of aggregators that are kept for further windows.
const maxSpare = 2

// Counts counts what happened to the contributions of a cluster.
type Counts struct {
	// Windows counts emissions, and Corrected those that came again with more nodes.
	Windows, Corrected int64
	// Skipped counts windows that were not emitted because nodes were missing.
	Skipped int64
	// Duplicates counts snapshots that came again, and ExtraRounds further snapshots of
	// a node in one window.
	Duplicates, ExtraRounds int64
	// LateDropped and FutureDropped count snapshots that came after their window was
	// closed, or too long before it.
	LateDropped, FutureDropped int64
	// OtherInterval counts snapshots of nodes with another interval than the cluster's.
	OtherInterval int64
	// BeforeStart counts snapshots of windows that began before the log, so that nobody
	// knows which nodes are in them.
	BeforeStart int64
}

// Plus returns the sum of both.
func (c Counts) Plus(o Counts) Counts {
	return Counts{
		Windows: c.Windows + o.Windows, Corrected: c.Corrected + o.Corrected, Skipped: c.Skipped + o.Skipped,
		Duplicates: c.Duplicates + o.Duplicates, ExtraRounds: c.ExtraRounds + o.ExtraRounds,
		LateDropped: c.LateDropped + o.LateDropped, FutureDropped: c.FutureDropped + o.FutureDropped,
		OtherInterval: c.OtherInterval + o.OtherInterval, BeforeStart: c.BeforeStart + o.BeforeStart,
	}
}

// cluster has the windows of one shard of a cluster.
type cluster struct {
	key     Key
	opt     Options
	windows []*window // by epoch
	// listed has the expected nodes if they are listed, and strangers is the number of
	// nodes in heard that are not among them.
	listed    map[string]bool
	strangers int
	// heard has the nodes that were heard of, and order the same (*sighting) beginning
	// with the one that has been silent for longest.
	heard map[string]*list.Element
	order *list.List
	// names are the nodes in heard, sorted; nil if they are to be sorted anew.
	names []string
	// since and last are the log times of the first and the last contribution.
	since     time.Time
	last      time.Time
	conflicts map[string]*conflict
	// told has those of conflicts that two machines have for certain, and rested is when
	// the log time was last compared with them.
	told   map[string]*conflict
	rested time.Time
	found  []Conflict // that nobody has asked for yet
	ended  []Conflict // likewise
	shown  int        // the number of told when somebody last asked
	counts Counts
	spare  []Aggregator
}

// sighting is when a node was last heard of, in log time.
type sighting struct {
	node string
	at   time.Time
}

// Conflict is two machines of one name.
type Conflict struct {
	Node string
	// One and Other are their instances.
	One, Other string
}

// conflict is the suspicion that there are two machines of a node's name.
type conflict struct {
	instance, other string
	changes         int
	at              time.Time // of the last change, in log time
}

// of returns the conflict about a node. The order of the machines does not depend on whose
// turn it is.
func (s *conflict) of(node string) Conflict {
	return Conflict{node, min(s.instance, s.other), max(s.instance, s.other)}
}

func newCluster(k Key, o Options) *cluster {
	if o.Expected != nil { // each node once: lacks compares numbers
		o.Expected = slices.Clone(o.Expected)
		slices.Sort(o.Expected)
		o.Expected = slices.Compact(o.Expected)
	}
	listed := make(map[string]bool, len(o.Expected))
	for _, n := range o.Expected {
		listed[n] = true
	}
	return &cluster{key: k, opt: o, listed: listed, heard: make(map[string]*list.Element), order: list.New(), conflicts: make(map[string]*conflict), told: make(map[string]*conflict)}
}

// bucket returns the beginning of the window of an epoch.
func (c *cluster) bucket(epoch int64) int64 {
	seconds := int64(c.opt.Interval / time.Second)
	n := epoch / seconds
	if epoch%seconds < 0 {
		n--
	}
	return n * seconds
}

// add adds a contribution that came at a time, when log time is now. start is the log
// time before which the log is not known, or zero; mark is up to when windows are closed
// for good.
func (c *cluster) add(k Contribution, at, now, start, mark time.Time) error {
	if c.since.IsZero() {
		c.since = now
	}
	c.last = now
	if k.Interval != 0 && k.Interval != c.opt.Interval {
		c.counts.OtherInterval++
		return ErrInterval
	}
	if !c.hear(k.Node, now) {
		return ErrTooManyNodes
	}
	epoch := c.bucket(k.Epoch)
	end := time.Unix(epoch, 0).Add(c.opt.Interval)
	closed := end.Add(c.opt.Late)
	switch {
	case !closed.After(mark) && now.Before(mark):
		return ErrDuplicate // whoever read the log before has dealt with it
	case !closed.After(now):
		c.counts.LateDropped++
		return ErrLate
	case time.Unix(epoch, 0).After(now.Add(c.opt.Late + futureWindows*c.opt.Interval)):
		c.counts.FutureDropped++
		return ErrFuture
	}
	partial := time.Unix(epoch, 0).Before(start)
	if partial && c.opt.Expected == nil {
		c.counts.BeforeStart++
		return ErrBeforeStart
	}
	w := c.window(epoch)
	w.partial = partial
	if a, there := w.nodes[k.Node]; there {
		c.suspect(k, now)
		if a.epoch == k.Epoch {
			c.counts.Duplicates++
			return ErrDuplicate
		}
		c.counts.ExtraRounds++
		return ErrExtraRound
	}
	w.nodes[k.Node] = arrival{k.Epoch, k.Instance, at.Sub(time.Unix(k.Epoch, 0))}
	if k.Tables != nil {
		k.Tables(func(t metric.Rows) { w.aggregator.AddTable(k.Node, t) })
	}
	w.aggregator.AddTexts(k.Texts)
	w.releases = append(w.releases, k.Release)
	w.changed = true
	c.suspect(k, now)
	return nil
}

// window returns the window that begins at epoch, and opens it if necessary.
func (c *cluster) window(epoch int64) *window {
	i, found := slices.BinarySearchFunc(c.windows, epoch, func(w *window, e int64) int { return int(min(max(w.epoch-e, -1), 1)) })
	if found {
		return c.windows[i]
	}
	w := &window{epoch: epoch, nodes: make(map[string]arrival)}
	if n := len(c.spare); n > 0 {
		w.aggregator, c.spare = c.spare[n-1], c.spare[:n-1]
	} else {
		w.aggregator = c.opt.NewAggregator()
	}
	w.aggregator.Reset()
	c.windows = slices.Insert(c.windows, i, w)
	return w
}

// suspect takes down who speaks for a node. A program that starts again changes once;
// two machines of one name alternate. One shard finds them for all.
func (c *cluster) suspect(k Contribution, now time.Time) {
	if k.Instance == "" || c.key.Shard > 0 {
		return
	}
	s := c.conflicts[k.Node]
	if s != nil && s.instance != k.Instance {
		if now.Sub(s.at) >= conflictRest*c.opt.Interval {
			s.changes = 0
		}
		s.at = now
	}
	switch {
	case s == nil:
		c.conflicts[k.Node] = &conflict{instance: k.Instance}
	case s.instance == k.Instance:
	case s.other == k.Instance: // back to the one before
		s.instance, s.other = k.Instance, s.instance
		s.changes++
	default:
		s.instance, s.other, s.changes = k.Instance, s.instance, 1
	}
	if s != nil && s.changes >= conflictRounds && c.told[k.Node] == nil {
		c.told[k.Node] = s
		c.found = append(c.found, s.of(k.Node))
	}
}

// rest ends the conflicts of machines that no longer take turns. It is called for each
// record of a log, and does so once an interval.
func (c *cluster) rest(now time.Time) {
	if len(c.told) == 0 || now.Sub(c.rested) < c.opt.Interval {
		return
	}
	c.rested = now
	for node, s := range c.told {
		if now.Sub(s.at) >= conflictRest*c.opt.Interval {
			c.end(node)
		}
	}
}

// end ends the conflict about a node, if there is one.
func (c *cluster) end(node string) {
	if s := c.told[node]; s != nil {
		delete(c.told, node)
		s.changes = 0
		c.ended = append(c.ended, s.of(node))
	}
}

// hear takes down that a node was heard of. It reports false if there are too many: a
// listed node always has room.
func (c *cluster) hear(node string, now time.Time) bool {
	if e, known := c.heard[node]; known {
		e.Value.(*sighting).at = now
		c.order.MoveToBack(e)
		return true
	}
	if !c.listed[node] {
		if c.strangers == maxNodes {
			return false
		}
		c.strangers++
	}
	c.heard[node] = c.order.PushBack(&sighting{node, now})
	c.names = nil
	return true
}

// expire forgets the nodes that were not heard of for long. It looks at no others,
// because it is called for each record of a log.
func (c *cluster) expire(now time.Time) {
	for e := c.order.Front(); e != nil; e = c.order.Front() {
		s := e.Value.(*sighting)
		if now.Sub(s.at) < c.opt.NodeExpiry {
			return
		}
		c.order.Remove(e)
		delete(c.heard, s.node)
		if !c.listed[s.node] {
			c.strangers--
		}
		c.end(s.node)
		delete(c.conflicts, s.node)
		c.names = nil
	}
}

// expected returns the nodes that are expected, sorted.
func (c *cluster) expected() []string {
	if c.opt.Expected != nil {
		return c.opt.Expected
	}
	if c.names == nil {
		c.names = slices.Sorted(maps.Keys(c.heard))
	}
	return c.names
}

// lacks reports whether an expected node is missing in the window for certain, by the
// mere number of nodes.
func (c *cluster) lacks(w *window) bool {
	n := len(c.heard)
	if c.opt.Expected != nil {
		n = len(c.opt.Expected)
	}
	return len(w.nodes) < n
}

// sure reports whether all nodes of the cluster are known.
func (c *cluster) sure(now time.Time) bool {
	return c.opt.Expected != nil || now.Sub(c.since) >= c.opt.NodeExpiry
}

// forgetAfter is how long a cluster whose nodes are learned is known after it was last
// heard of: long enough for an alert about it to be seen.
const forgetAfter = 24 * time.Hour

// gone reports whether nothing is known of the cluster that somebody still needs.
func (c *cluster) gone(now time.Time) bool {
	return c.opt.Expected == nil && len(c.windows) == 0 && now.Sub(c.last) >= forgetAfter
}

// advance emits what is due at a log time, and closes what is over.
func (c *cluster) advance(now time.Time, emit func(Emission) error) error {
	c.expire(now)
	c.rest(now)
	for _, w := range c.windows {
		if err := c.emit(w, now, emit); err != nil {
			return err
		}
	}
	for len(c.windows) > 0 && !c.windows[0].end(c.opt.Interval).Add(c.opt.Late).After(now) {
		w := c.windows[0]
		w.release()
		c.windows = slices.Delete(c.windows, 0, 1)
		if len(c.spare) < maxSpare {
			c.spare = append(c.spare, w.aggregator)
		}
	}
	return nil
}

// emit emits a window if it is due.
func (c *cluster) emit(w *window, now time.Time, emit func(Emission) error) error {
	if !w.changed {
		return nil
	}
	end := w.end(c.opt.Interval)
	over := !end.Add(c.opt.Late).After(now)
	waited := !end.Add(c.opt.Grace).After(now)
	whole := c.opt.OnIncomplete == Skip || w.partial // or not at all
	switch {
	case over:
	case w.emitted && now.Sub(w.emittedAt) < c.opt.Interval: // further late nodes may follow
		return nil
	case !waited && !c.sure(now), (!waited || whole) && c.lacks(w):
		return nil
	}
	expected := c.expected()
	var missing []string
	for _, n := range expected {
		if _, in := w.nodes[n]; !in {
			missing = append(missing, n)
		}
	}
	skipped := whole && len(missing) > 0
	if !over && (skipped || !waited && len(missing) > 0) {
		return nil
	}
	e := Emission{
		Key: c.key, Again: w.emitted, Reporting: w.reporting(), Missing: missing, Expected: len(expected),
		Conflicting: len(c.told), Delay: now.Sub(time.Unix(w.epoch, 0)),
	}
	e.Skew, e.SkewedNode = w.skew()
	if !skipped {
		e.Batch = w.aggregator.Batch(w.epoch)
		e.Batch.Cluster, e.Batch.Shard, e.Batch.Shards = c.key.Cluster, c.key.Shard, c.key.Shards
		if c.key.Shard == 0 {
			e.Batch.Tables = append(e.Batch.Tables, selfTable(&e, &c.counts))
		}
	}
	if err := emit(e); err != nil {
		return err
	}
	switch {
	case skipped:
		c.counts.Skipped++
	case w.emitted:
		c.counts.Corrected++
		fallthrough
	default:
		c.counts.Windows++
	}
	w.emitted, w.emittedAt, w.changed = true, now, false
	return nil
}
