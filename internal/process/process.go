// Package process takes snapshots from a source, has each one aggregated, delivers
// the batch to every sink, and removes the snapshot from the source when all sinks
// have accepted it.
//
// The snapshots of one node are a lane. A sink gets the snapshots of a lane one at a
// time, in the order of the source, which is that of time. Reading and delivering
// overlap: while a sink has one snapshot, others are read, and other sinks take
// theirs. Options.Workers bounds the snapshots in hand, with their batches. A
// snapshot that comes again loses its place in the order: it could not be read, a
// sink did not accept it, or the program ended meanwhile.
//
// A snapshot is committed only after every sink has accepted it. A sink gets a
// snapshot again only if it has not accepted it since the program started. Neither a
// snapshot nor a sink can end the program; a stuck worker does.
//
// The package does not know where snapshots come from, what is in them, or what a
// sink does with a batch.
package process

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/snapshot"
)

// Source hands out snapshots, each to one worker.
type Source interface {
	// Claim waits for a snapshot until ctx ends. The snapshots of a lane come in order
	// of time, except those that come again. One worker at a time calls it.
	Claim(ctx context.Context) (Claim, error)
	// Waiting returns the number of snapshots that no worker has claimed.
	Waiting() int
}

// Claim is a snapshot in hand. Commit, Release and Postpone end the claim; after
// that they do nothing. Any goroutine may call them.
type Claim interface {
	// Name identifies the snapshot among all that are in its source now.
	Name() string
	// Identity tells it also from others that had its name, or will have it. It
	// is empty if it is not known.
	Identity() string
	// Lane names the node of the snapshot.
	Lane() string
	// Snapshot returns the claimed snapshot. Its files can be read until the claim ends.
	Snapshot() (snapshot.Snapshot, error)
	// Commit removes the snapshot from the source for good. After an error the claim
	// goes on; the error satisfies errors.Is(err, fs.ErrNotExist) if the snapshot has
	// vanished, and fs.ErrClosed if the claim has ended.
	Commit() error
	// Release gives the snapshot back because it could not be processed. The source logs
	// the cause, and gives up a snapshot that comes back too often.
	Release(cause error)
	// Postpone gives the snapshot back for a reason that is not in the snapshot.
	Postpone()
}

// Aggregator turns snapshots into batches. One worker uses it.
type Aggregator interface {
	// Aggregate returns the batch of the snapshot, which is valid until the next call.
	// It returns an error for a snapshot that can't be used at all, or can't be read
	// completely now.
	Aggregate(s snapshot.Snapshot) (*metric.Batch, error)
}

// Sink takes batches.
type Sink interface {
	// Name is the sink's name in the log.
	Name() string
	// Deliver returns nil if the sink has accepted the batch: it has delivered the
	// batch, or stored it durably in its own queue. Deliver is bounded in time, and
	// neither keeps nor changes the batch. For each lane there is one call at a time,
	// unless the sink is a [Pipeline]; several lanes call at once.
	Deliver(ctx context.Context, b *metric.Batch) error
}

// Pipeline is a [Sink] that can take the next snapshot of a lane before it has
// accepted the one before. It keeps the order of the calls.
type Pipeline interface {
	Sink
	// DeliverThen is Deliver, and calls next as soon as the next snapshot may come, or
	// not at all.
	DeliverThen(ctx context.Context, b *metric.Batch, next func()) error
}

// SnapshotSink takes snapshots as they are, before anybody reads them.
type SnapshotSink interface {
	// Name is the sink's name in the log.
	Name() string
	// DeliverSnapshot returns nil if the sink has accepted the snapshot: it has delivered
	// it, or stored it durably in its own queue. It is bounded in time, and does not use
	// the files after it has returned. For each lane there is one call at a time.
	DeliverSnapshot(ctx context.Context, s snapshot.Snapshot) error
}

// Options are the parts and bounds of a [Processor].
type Options struct {
	Source Source
	// Sinks get every batch, independently of each other. There may be none.
	Sinks []Sink
	// Snapshots get every snapshot, under the same rules. If there are some of them and no
	// Sinks, snapshots are not read.
	Snapshots []SnapshotSink
	// NewAggregator returns an aggregator for a worker, and a new one after a panic in
	// it.
	NewAggregator func() Aggregator
	// Workers is the number of snapshots in hand at once; 0 means 1.
	Workers int
	// LivenessInterval is the time between checks of the workers; 0 means 10 s.
	LivenessInterval time.Duration
	// StallAfter is the time for which a worker may hold a snapshot without progress; 0
	// means a minute. It must be longer than any Deliver may take.
	StallAfter time.Duration
	// Grace is the time for finishing the snapshots in hand after the context of Run has
	// ended; 0 means 4 s.
	Grace time.Duration
	// After is the processor whose place this one takes, with sinks of the same names; nil
	// for none. Its Run must have returned. Counts go on, and a sink does not get a snapshot
	// again that it has accepted.
	After *Processor
	// Alive is called after each check of the workers that found none stuck.
	// It may be nil.
	Alive func()
	// Log gets messages for the operator. Nil means no log.
	Log *slog.Logger
}

// ErrStalled is wrapped by the error of [Processor.Run] when a worker is stuck.
var ErrStalled = errors.New("worker is stuck")

// settle is the time that workers get to return after their context has ended.
const settle = 500 * time.Millisecond

// Processor runs the workers.
type Processor struct {
	o        Options
	log      *slog.Logger
	sinks    []*sink
	accepted acceptedBy
	lanes    lanes
	claiming chan struct{} // held by the worker that claims
	drain    chan struct{} // closed when nothing more is to be claimed
	drained  sync.Once
	checked  time.Time // when the workers were last checked
	workers  []*worker
	commits  trouble
	counts   counts
}

// New returns a processor that does nothing until [Processor.Run].
func New(o Options) *Processor {
	o.LivenessInterval = cmp.Or(o.LivenessInterval, 10*time.Second)
	o.StallAfter = cmp.Or(o.StallAfter, time.Minute)
	o.Grace = cmp.Or(o.Grace, 4*time.Second)
	p := &Processor{o: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), claiming: make(chan struct{}, 1), drain: make(chan struct{})}
	for _, s := range o.Sinks {
		p.sinks = append(p.sinks, &sink{Sink: s})
	}
	for _, s := range o.Snapshots {
		p.sinks = append(p.sinks, &sink{raw: s})
	}
	if o.After != nil {
		p.follow(o.After)
		p.o.After = nil // and what came before it
	}
	p.lanes.sinks = len(p.sinks)
	for i := range max(o.Workers, 1) {
		p.workers = append(p.workers, &worker{p: p, number: i + 1, progress: progress{born: time.Now()}})
	}
	return p
}

// Run processes snapshots until ctx ends. Then it finishes the snapshots in hand if
// that takes no longer than Options.Grace, gives back the others, and returns nil.
// It may be called once.
//
// It returns an error that wraps [ErrStalled] as soon as a worker is stuck: the
// program should then end, so that its supervisor starts it again. Go can't end a
// goroutine from outside, so a stuck worker outlives Run; but its snapshot has been
// given back, and it can't commit that any more.
func (p *Processor) Run(ctx context.Context) error {
	claiming, stopClaiming := context.WithCancel(ctx)
	defer stopClaiming()
	select {
	case <-p.drain: // before Run
		stopClaiming()
	default:
		go func() {
			select {
			case <-p.drain:
				stopClaiming()
			case <-claiming.Done():
			}
		}()
	}
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()

	var wg sync.WaitGroup
	for _, w := range p.workers {
		wg.Go(func() { w.loop(claiming, working) })
	}
	finished := make(chan struct{})
	go func() {
		wg.Wait()
		close(finished)
	}()

	p.checked = time.Now()
	check := time.NewTicker(p.o.LivenessInterval)
	defer check.Stop()
	stop := ctx.Done()
	var grace <-chan time.Time
	var stalled error
	for stalled == nil {
		select {
		case <-finished:
			return nil
		case <-stop:
			stop = nil
			check.Stop()
			timer := time.NewTimer(p.o.Grace)
			defer timer.Stop()
			grace = timer.C
			continue
		case <-grace:
		case <-check.C:
			if stalled = p.stalled(time.Now()); stalled == nil {
				if p.o.Alive != nil {
					p.o.Alive()
				}
				continue
			}
		}
		break
	}
	stopClaiming()
	stopWorking()
	p.abandon(finished)
	return stalled
}

// Drain makes Run return when the snapshots in hand are finished, however long that takes:
// no more are claimed. Workers that get stuck meanwhile end Run as always.
func (p *Processor) Drain() { p.drained.Do(func() { close(p.drain) }) }

// follow takes over the counts of a processor, and what its sinks have accepted.
func (p *Processor) follow(before *Processor) {
	p.counts.follow(&before.counts)
	before.accepted.mu.Lock()
	defer before.accepted.mu.Unlock()
	p.accepted.snapshots = make(map[string]acceptance)
	for name, known := range before.accepted.snapshots {
		of := make([]bool, len(p.sinks))
		for i, s := range p.sinks {
			was := slices.IndexFunc(before.sinks, func(b *sink) bool { return b.Name() == s.Name() })
			of[i] = was >= 0 && known.sinks[was]
		}
		p.accepted.snapshots[name] = acceptance{known.identity, of}
	}
}

// Progressed counts as progress of every worker. An aggregator calls it during steps
// that take long, are bounded in number, and read nothing, such as searches in names: the
// processor can't see them.
func (p *Processor) Progressed() {
	for _, w := range p.workers {
		w.step()
	}
}

// abandon waits a moment for the workers to return, and gives back the snapshots of
// those that don't.
func (p *Processor) abandon(finished <-chan struct{}) {
	timer := time.NewTimer(settle)
	defer timer.Stop()
	select {
	case <-finished:
	case <-timer.C:
		for _, w := range p.workers {
			if c := w.held(); c != nil {
				p.log.Warn("giving back an unfinished snapshot", "snapshot", c.Name(), "worker", w.number)
				c.Postpone()
			}
		}
	}
}

// stalled returns an error if a worker is stuck. That costs the snapshot in its
// hand a try, unless a sink has the batch. A check that comes much later than it
// should means that the whole process was stopped (SIGSTOP, a frozen cgroup, a
// paused virtual machine): no worker could work, and the count begins again.
func (p *Processor) stalled(now time.Time) error {
	paused := now.Sub(p.checked) > 2*p.o.LivenessInterval
	p.checked = now
	if paused {
		for _, w := range p.workers {
			w.seen = watched{}
		}
	}
	for _, w := range p.workers {
		if err := w.stalled(now, p.o.StallAfter); err != nil {
			if c := w.held(); c != nil && !w.delivering() {
				c.Release(err)
			}
			return err
		}
	}
	return nil
}
