package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/cluster"
	"haproxystats/internal/encode/tables"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/internal/window"
)

// TablesOptions are the parts of [Tables].
type TablesOptions struct {
	Options
	// Windows returns the options of a cluster.
	Windows func(cluster string) window.Options
	// Sinks get the batches of clusters.
	Sinks []cluster.Sink
}

// Tables is the consumer of the topic with the tables of nodes.
type Tables struct {
	o     TablesOptions
	group *group
	sinks []cluster.Sink

	// large is held while large tables are decompressed, so that partitions do not do so
	// all at once.
	large sync.Mutex

	mu     sync.Mutex
	stages map[*tablesReader]bool
}

// NewTables returns a consumer, which does nothing until [Tables.Run].
func NewTables(o TablesOptions) *Tables {
	t := &Tables{o: o, stages: make(map[*tablesReader]bool)}
	t.group = newGroup(o.Options, t.newReader)
	for _, s := range o.Sinks {
		t.sinks = append(t.sinks, ownedSink{s, t.group})
	}
	return t
}

// Run makes windows until ctx ends, and then ends within 4 seconds. It returns an error
// if this program must not go on.
func (t *Tables) Run(ctx context.Context) error { return t.group.run(ctx) }

// Status returns the state of the consumer.
func (t *Tables) Status() Status { return t.group.status(time.Now()) }

// Clusters returns the state of the clusters in the partitions that this program has.
func (t *Tables) Clusters() cluster.Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all cluster.Status
	for r := range t.stages {
		all = all.Plus(r.stage.Status())
	}
	return all
}

// errNotOwned means that other members may have the partitions of this one.
var errNotOwned = errors.New("the consumer group has not answered within session-timeout, so that another program may have the partitions")

// ownedSink is a sink that takes nothing while another member of the group may be ahead.
type ownedSink struct {
	cluster.Sink
	group *group
}

// Deliver implements [cluster.Sink].
func (s ownedSink) Deliver(ctx context.Context, b *metric.Batch) error {
	if !s.group.owns() {
		return errNotOwned
	}
	return s.Sink.Deliver(ctx, b)
}

// tablesReader makes the windows of one partition.
type tablesReader struct {
	tables   *Tables
	p        *partition
	ledger   *ledger
	stage    *cluster.Stage
	assembly *assembly
}

func (t *Tables) newReader(p *partition, l *ledger, mark time.Time) reader {
	r := &tablesReader{
		tables: t, p: p, ledger: l,
		stage:    cluster.New(cluster.Options{Windows: t.o.Windows, Sinks: t.sinks, Mark: mark, Log: p.log}),
		assembly: newAssembly(t.o.Store, nil, maxTables),
	}
	r.assembly.done = l.done
	r.assembly.bad = func(a *attempt, err error) { r.bad(a, err) }
	r.assembly.incomplete = func(a *attempt, why error) { t.group.incomplete(p, a, why) }
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stages[r] = true
	return r
}

// add implements [reader].
func (r *tablesReader) add(ctx context.Context, record *kgo.Record) {
	e, ok := r.tables.group.envelope(ctx, r.p, r.ledger, record, wire.Tables)
	switch {
	case !ok:
		r.tick(record.Timestamp)
		return
	case e.Kind == wire.Tick:
		r.tick(record.Timestamp)
		r.ledger.done(record.Offset)
		return
	}
	a := r.assembly.add(e, record.Value, record.Offset, record.Timestamp)
	r.stage.Tick(record.Timestamp)
	if a == nil {
		return
	}
	err := r.window(a, record.Timestamp)
	if err != nil {
		r.bad(a, err)
		return
	}
	a.chunks.free()
}

// window adds the tables of an attempt to their window.
func (r *tablesReader) window(a *attempt, at time.Time) error {
	s, err := a.tables()
	if err != nil {
		return err
	}
	frame, err := wire.TablesOf(s)
	if err != nil {
		return err
	}
	if tables.IsLarge(frame) {
		r.tables.large.Lock()
		defer r.tables.large.Unlock()
	}
	from := cluster.Origin{Cluster: a.Cluster, Node: a.Node, Epoch: a.Epoch, Shard: a.Shard, Shards: a.Shards}
	return r.stage.AddFrom(from, frame, at, func() { r.ledger.done(a.offsets...) })
}

// bad puts an attempt aside.
func (r *tablesReader) bad(a *attempt, err error) {
	r.tables.group.aside(r.p, r.ledger, a, err)
}

// tick implements [reader].
func (r *tablesReader) tick(at time.Time) {
	r.assembly.tick(at)
	r.stage.Tick(at)
}

// advance implements [reader].
func (r *tablesReader) advance(ctx context.Context) error { return r.stage.Advance(ctx) }

// mark implements [reader].
func (r *tablesReader) mark() time.Time { return r.stage.Mark() }

// stop implements [reader]: the clusters of the partition are no longer those of this
// program.
func (r *tablesReader) stop() {
	t := r.tables
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.stages, r)
}

// close implements [reader].
func (r *tablesReader) close() {
	r.stop()
	r.assembly.close()
	r.stage.Close()
}
