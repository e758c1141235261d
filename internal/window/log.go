package window

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"
)

// Bounds of what one log may make a program keep.
const (
	maxClusters = 4096    // shards of clusters whose nodes are not listed
	maxNodes    = 100_000 // of a cluster, besides those that are listed
)

// Errors of [Log.Add]: the contribution is released.
var (
	ErrTooManyClusters = errors.New("more clusters than this program keeps apart")
	ErrTooManyNodes    = errors.New("more nodes in the cluster than this program keeps apart")
	ErrDuplicate       = errors.New("the snapshot has come before")
	ErrExtraRound      = errors.New("the node has another snapshot in the window")
	ErrLate            = errors.New("the window of the snapshot is closed")
	ErrFuture          = errors.New("the snapshot is of a time to come")
	ErrInterval        = errors.New("the node has another interval than its cluster")
	ErrBeforeStart     = errors.New("the window of the snapshot began before the log")
)

// Log has the windows of all clusters in one log, such as a partition. Its methods are
// called in the order of the log. It is not safe for concurrent use.
type Log struct {
	options  func(cluster string) Options
	clusters map[Key]*cluster
	order    []Key     // of clusters, sorted
	learned  int       // clusters whose nodes are not listed
	now      time.Time // log time
	start    time.Time // what is before is not in the log; zero if all is known
	mark     time.Time // up to which all windows are closed
	begun    bool
}

// NewLog returns a log without windows. options returns the options of a cluster. mark
// is what [Log.Mark] returned when the reader of the log ended; zero if there is none,
// so that the log may begin within a window.
func NewLog(options func(cluster string) Options, mark time.Time) *Log {
	return &Log{options: options, clusters: make(map[Key]*cluster), mark: mark}
}

// Tick tells that the log has reached a time.
func (l *Log) Tick(at time.Time) {
	if !l.begun && l.mark.IsZero() {
		l.start = at
	}
	l.begun = true
	if at.After(l.now) {
		l.now = at
	}
}

// Add adds a contribution that came at a time of the log. After an error the
// contribution has no part in any window.
func (l *Log) Add(k Contribution, at time.Time) error {
	l.Tick(at)
	err := l.add(k, at)
	if err != nil {
		k.Release()
	}
	return err
}

func (l *Log) add(k Contribution, at time.Time) error {
	c := l.clusters[k.Key]
	if c == nil {
		o := l.options(k.Cluster)
		if o.Expected == nil {
			if l.learned == maxClusters {
				return ErrTooManyClusters
			}
			l.learned++
		}
		c = newCluster(k.Key, o)
		l.clusters[k.Key] = c
		at, _ := slices.BinarySearchFunc(l.order, k.Key, compareKeys)
		l.order = slices.Insert(l.order, at, k.Key)
	}
	return c.add(k, at, l.now, l.start, l.mark)
}

// Conflicts returns the machines of one name that were found among the nodes of a shard
// since the last call.
func (l *Log) Conflicts(k Key) []Conflict {
	c := l.clusters[k]
	if c == nil {
		return nil
	}
	found := c.found
	c.found = nil
	return found
}

// Changed is the conflicts of a cluster after some were found or have ended.
type Changed struct {
	Cluster string
	// Now has those that there are, sorted, and Ended those that are over.
	Now, Ended []Conflict
}

// ChangedConflicts returns the clusters whose conflicts are others than at the last call.
func (l *Log) ChangedConflicts() (all []Changed) {
	for _, k := range l.order {
		c := l.clusters[k]
		if len(c.told) == c.shown && len(c.ended) == 0 {
			continue
		}
		change := Changed{Cluster: k.Cluster, Ended: c.ended}
		c.shown, c.ended = len(c.told), nil
		for _, node := range slices.Sorted(maps.Keys(c.told)) {
			change.Now = append(change.Now, c.told[node].of(node))
		}
		all = append(all, change)
	}
	return all
}

// Advance emits the windows that are due, in the order of clusters and of time, and
// closes those that are over. It forgets clusters that were not heard of for a day, unless
// their nodes are listed. It ends with the first error of emit, and can be called again.
func (l *Log) Advance(emit func(Emission) error) error {
	gone := 0
	for _, k := range l.order {
		c := l.clusters[k]
		if err := c.advance(l.now, emit); err != nil {
			return err
		}
		if c.gone(l.now) {
			gone++
		}
	}
	if gone > 0 {
		l.forget()
	}
	if l.now.After(l.mark) {
		l.mark = l.now
	}
	return nil
}

// forget forgets the clusters of which nothing is needed.
func (l *Log) forget() {
	l.order = slices.DeleteFunc(l.order, func(k Key) bool {
		gone := l.clusters[k].gone(l.now)
		if gone {
			delete(l.clusters, k)
			l.learned-- // a cluster whose nodes are listed is never gone
		}
		return gone
	})
}

// Mark returns the log time up to which all windows that were due have been emitted and
// closed.
func (l *Log) Mark() time.Time { return l.mark }

// Counts returns the counts of each cluster's shards.
func (l *Log) Counts() map[Key]Counts {
	all := make(map[Key]Counts, len(l.clusters))
	for k, c := range l.clusters {
		all[k] = c.counts
	}
	return all
}

// Windows returns the number of open windows.
func (l *Log) Windows() int {
	n := 0
	for _, c := range l.clusters {
		n += len(c.windows)
	}
	return n
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Shards, b.Shards), cmp.Compare(a.Shard, b.Shard))
}
