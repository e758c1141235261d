// Package cluster turns the tables of nodes, as one log carries them, into the batches
// of clusters, and delivers these to sinks.
//
// A [Stage] serves one log: a partition of a message queue, or the journal of the
// program. It decodes tables, sorts them into windows (package window) and delivers each
// window that is due to every sink. A window that was delivered is closed only when all
// sinks have accepted it; what it was made of is released then, and not before.
package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"haproxystats/internal/encode/tables"
	"haproxystats/internal/metric"
	"haproxystats/internal/window"
)

const (
	// firstPause is the pause after a sink did not accept a window. It doubles each time,
	// to maxPause.
	firstPause = 250 * time.Millisecond
	maxPause   = 5 * time.Second
)

// Sink takes batches: sink.Sink.
type Sink interface {
	Name() string
	Deliver(ctx context.Context, b *metric.Batch) error
}

// Options are the parts of a [Stage].
type Options struct {
	// Windows returns the options of a cluster.
	Windows func(cluster string) window.Options
	// Sinks get every batch.
	Sinks []Sink
	// Mark is what [Stage.Mark] returned last; zero if it is not known.
	Mark time.Time
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// Stage makes the batches of clusters. Its methods, besides [Stage.Status], are called
// from one goroutine.
type Stage struct {
	o        Options
	log      *slog.Logger
	windows  *window.Log
	decoder  *tables.Decoder
	told     map[nodeName]error // why the last snapshot of a node was refused
	messages messages           // about nodes
	missing  map[window.Key]string
	down     []bool          // by sink, whether it does not accept
	disputed map[string]bool // fields that nodes combine by another rule

	mu     sync.Mutex
	status Status
}

// Status says how a stage does.
type Status struct {
	// Clusters has what is known of each cluster, by its name.
	Clusters map[string]Cluster
	// Open is the number of open windows.
	Open int
}

// Plus returns the state of two stages together, which may have shards of one cluster.
func (s Status) Plus(o Status) Status {
	all := Status{Clusters: make(map[string]Cluster, len(s.Clusters)+len(o.Clusters)), Open: s.Open + o.Open}
	for _, each := range []Status{s, o} {
		for name, c := range each.Clusters {
			known := all.Clusters[name]
			counts := known.Counts.Plus(c.Counts)
			conflicting := append(slices.Clone(known.Conflicting), c.Conflicting...)
			if c.Epoch > known.Epoch {
				known = c
			}
			known.Counts, known.Conflicting = counts, conflicting[:min(len(conflicting), maxConflicting)]
			all.Clusters[name] = known
		}
	}
	return all
}

// maxConflicting bounds the conflicts that the status has of a cluster.
const maxConflicting = 32

// Cluster says how a cluster does.
type Cluster struct {
	// Epoch is the beginning of the newest window that was emitted.
	Epoch int64
	// Reporting, Expected and Missing are about that window.
	Reporting, Expected int
	Missing             []string
	// Conflicting are node names that two machines use now, at most 32.
	Conflicting []window.Conflict
	// Counts are those of all shards in this log.
	Counts window.Counts
}

// New returns a stage without windows.
func New(o Options) *Stage {
	s := &Stage{
		o: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)),
		decoder:  tables.NewDecoder(),
		told:     make(map[nodeName]error),
		missing:  make(map[window.Key]string),
		down:     make([]bool, len(o.Sinks)),
		disputed: make(map[string]bool),
		status:   Status{Clusters: make(map[string]Cluster)},
	}
	s.windows = window.NewLog(s.windowOptions, o.Mark)
	return s
}

// windowOptions returns the options of a cluster, whose aggregators tell of fields that
// nodes combine by another rule.
func (s *Stage) windowOptions(cluster string) window.Options {
	o := s.o.Windows(cluster)
	plain := o.NewAggregator
	o.NewAggregator = func() window.Aggregator { return disputes{plain(), s, cluster} }
	return o
}

// disputes is an aggregator that tells which rules of nodes it does not follow.
type disputes struct {
	window.Aggregator
	stage   *Stage
	cluster string
}

// AddTable implements [window.Aggregator].
func (d disputes) AddTable(node string, t metric.Rows) {
	d.Aggregator.AddTable(node, t)
	a, ok := d.Aggregator.(interface{ Disputed() []string })
	if !ok {
		return
	}
	for _, field := range a.Disputed() {
		if !d.stage.disputed[field] && len(d.stage.disputed) < maxDisputed {
			d.stage.disputed[field] = true
			d.stage.log.Warn("node combines a field by another rule; this program's rule counts", "cluster", d.cluster, "node", node, "field", field)
		}
	}
}

// maxDisputed bounds the fields that are told: there are about that many.
const maxDisputed = 500

// Close frees the stage's memory. What is in open windows is not released.
func (s *Stage) Close() { s.decoder.Close() }

// Origin is what the envelope of a node's tables says about them.
type Origin struct {
	Cluster, Node string
	Epoch         int64
	Shard, Shards int
}

// check returns an error unless the tables are those that the envelope names.
func (o Origin) check(p *tables.Part) error {
	if got := (Origin{p.Cluster, p.Node, p.Epoch, p.Shard, p.Shards}); got != o {
		return fmt.Errorf("%w: shard %d/%d of snapshot %d of node %.64q in cluster %.64q, the envelope names %d/%d, %d, %.64q and %.64q", tables.ErrDamaged,
			got.Shard, got.Shards, got.Epoch, got.Node, got.Cluster, o.Shard, o.Shards, o.Epoch, o.Node, o.Cluster)
	}
	return nil
}

// AddFrom is [Stage.Add] for tables that came in an envelope. Tables that are not those
// that the envelope names are damaged.
func (s *Stage) AddFrom(o Origin, frame []byte, at time.Time, release func()) error {
	return s.add(frame, at, o.check, release)
}

// Add takes the tables of a node, which came at a time of the log. release is called
// when they are needed no longer. If they can't be decoded, Add returns an error, which
// satisfies errors.Is with [tables.ErrDamaged] or [tables.ErrNewer], and release is not
// called.
func (s *Stage) Add(frame []byte, at time.Time, release func()) error {
	return s.add(frame, at, func(*tables.Part) error { return nil }, release)
}

func (s *Stage) add(frame []byte, at time.Time, check func(*tables.Part) error, release func()) error {
	defer s.decoder.Trim()
	p, err := s.decoder.Decode(frame)
	if err != nil {
		return err
	}
	if err := check(p); err != nil {
		return err
	}
	key := window.Key{Cluster: p.Cluster, Shard: p.Shard, Shards: p.Shards}
	err = s.windows.Add(window.Contribution{
		Key: key, Node: p.Node, Epoch: p.Epoch, Interval: p.Interval, Instance: p.Instance,
		Tables: func(add func(metric.Rows)) {
			for i := range p.Tables {
				add(&p.Tables[i])
			}
		},
		Texts:   p.Texts,
		Release: release,
	}, at)
	s.tell(p, at, err)
	for _, c := range s.windows.Conflicts(key) {
		s.messages.warn(s.log, at, "two machines use the name of a node, and one of them is left out of each window",
			"cluster", p.Cluster, "node", c.Node, "instance", c.One, "other", c.Other)
	}
	return nil
}

// maxMessages is the number of messages about nodes in a minute of the log: somebody may
// invent any number of names.
const maxMessages = 60

// messages logs messages about nodes, at most maxMessages in a minute of the log.
type messages struct {
	minute time.Time
	n      int
}

func (m *messages) warn(log *slog.Logger, at time.Time, message string, attributes ...any) {
	if at.Sub(m.minute).Abs() >= time.Minute {
		m.minute, m.n = at, 0
	}
	if m.n++; m.n <= maxMessages {
		log.Warn(message, attributes...)
	}
}

// nodeName names a node in a cluster.
type nodeName struct{ cluster, node string }

// maxTold bounds the nodes whose trouble is remembered.
const maxTold = 10_000

// tell logs why a node's snapshot has no part in a window, once for each burst.
func (s *Stage) tell(p *tables.Part, at time.Time, err error) {
	node := nodeName{p.Cluster, p.Node}
	if err == nil {
		delete(s.told, node)
		return
	}
	if errors.Is(err, window.ErrDuplicate) || errors.Is(err, window.ErrBeforeStart) || errors.Is(s.told[node], err) {
		return
	}
	if len(s.told) >= maxTold {
		clear(s.told)
	}
	s.told[node] = err
	s.messages.warn(s.log, at, "snapshot of a node is left out of its cluster", "cluster", p.Cluster, "node", p.Node, "snapshot", p.Epoch, "error", err)
}

// Tick tells that the log has reached a time.
func (s *Stage) Tick(at time.Time) { s.windows.Tick(at) }

// Advance delivers the windows that are due, and closes those that are over. It waits
// until all sinks have accepted them; when ctx ends, it returns its error, and the
// windows stay as they are.
func (s *Stage) Advance(ctx context.Context) error {
	err := s.windows.Advance(func(e window.Emission) error { return s.emit(ctx, e) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Open = s.windows.Windows()
	counts := make(map[string]window.Counts)
	for k, c := range s.windows.Counts() {
		counts[k.Cluster] = counts[k.Cluster].Plus(c)
	}
	for name, c := range counts {
		known := s.status.Clusters[name]
		known.Counts = c
		s.status.Clusters[name] = known
	}
	for _, change := range s.windows.ChangedConflicts() {
		known := s.status.Clusters[change.Cluster]
		known.Conflicting = change.Now[:min(len(change.Now), maxConflicting)]
		s.status.Clusters[change.Cluster] = known
		for _, c := range change.Ended {
			s.log.Info("one machine alone uses the name of the node again", "cluster", change.Cluster, "node", c.Node)
		}
	}
	for name := range s.status.Clusters {
		if _, ok := counts[name]; !ok {
			delete(s.status.Clusters, name)
			maps.DeleteFunc(s.missing, func(k window.Key, _ string) bool { return k.Cluster == name })
			s.log.Info("cluster was not heard of for long and is forgotten", "cluster", name)
		}
	}
	return err
}

// Mark returns the log time up to which all that was due has been accepted.
func (s *Stage) Mark() time.Time { return s.windows.Mark() }

// Status returns a copy of the state. Any goroutine may call it.
func (s *Stage) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{Clusters: make(map[string]Cluster, len(s.status.Clusters)), Open: s.status.Open}
	for name, c := range s.status.Clusters {
		status.Clusters[name] = c
	}
	return status
}

// emit delivers a window.
func (s *Stage) emit(ctx context.Context, e window.Emission) error {
	s.tellNodes(e)
	if e.Batch != nil {
		if err := s.deliver(ctx, e.Batch); err != nil {
			return err
		}
		s.log.Info("window processed", "cluster", e.Cluster, "window", e.Batch.Epoch, "nodes", len(e.Reporting), "missing", len(e.Missing), "again", e.Again)
	}
	epoch := int64(0)
	if e.Batch != nil {
		epoch = e.Batch.Epoch
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.status.Clusters[e.Cluster]
	if e.Shard == 0 && epoch >= c.Epoch {
		c.Epoch, c.Reporting, c.Expected, c.Missing = epoch, len(e.Reporting), e.Expected, e.Missing
	}
	s.status.Clusters[e.Cluster] = c
	return nil
}

// maxNamed bounds the nodes that one message names.
const maxNamed = 10

// tellNodes logs which nodes are missing, when that changes.
func (s *Stage) tellNodes(e window.Emission) {
	if e.Again || e.Shard > 0 {
		return
	}
	named := ""
	for i, n := range e.Missing {
		if i == maxNamed {
			named += ", ..."
			break
		}
		if i > 0 {
			named += ", "
		}
		named += n
	}
	before := s.missing[e.Key]
	s.missing[e.Key] = named
	switch {
	case named == before:
	case named == "":
		s.log.Info("all nodes of the cluster report", "cluster", e.Cluster, "nodes", len(e.Reporting))
	default:
		s.log.Warn("nodes of the cluster are missing", "cluster", e.Cluster, "missing", len(e.Missing), "expected", e.Expected, "nodes", named)
	}
}

// deliver delivers a batch to all sinks, and waits until they have accepted it.
func (s *Stage) deliver(ctx context.Context, b *metric.Batch) error {
	accepted := make([]bool, len(s.o.Sinks))
	errs := make([]error, len(s.o.Sinks))
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		var wg sync.WaitGroup
		for i, to := range s.o.Sinks {
			if !accepted[i] {
				wg.Go(func() { errs[i] = to.Deliver(ctx, b) })
			}
		}
		wg.Wait()
		all := true
		for i := range s.o.Sinks {
			accepted[i] = errs[i] == nil
			all = all && accepted[i]
			if ctx.Err() == nil {
				s.tellSink(i, b, errs[i])
			}
		}
		if all {
			return nil
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

// tellSink logs when a sink begins or ends not to accept batches.
func (s *Stage) tellSink(i int, b *metric.Batch, err error) {
	name := s.o.Sinks[i].Name()
	switch {
	case err != nil && !s.down[i]:
		s.down[i] = true
		s.log.Warn("sink accepts no windows, will try again", "sink", name, "cluster", b.Cluster, "error", err)
	case err == nil && s.down[i]:
		s.down[i] = false
		s.log.Info("sink accepts windows again", "sink", name)
	}
}
