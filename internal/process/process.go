// Package process takes snapshots from a source, has each aggregated, gives
// what comes out to every sink, and takes the snapshot out of the source when
// all of them have accepted it.
//
// The snapshots of one node are a lane. A sink gets those of a lane one at a time,
// in the order in which the source hands them out, which is that of time. Reading
// and delivering overlap: while a sink has one snapshot, others are read and
// other sinks take theirs. Options.Workers bounds how many are in hand, with
// their batches. Order is given up for a snapshot that comes again, because it
// could not be read, a sink did not accept it, or the program ended meanwhile:
// the ones behind it go on.
//
// It promises that a snapshot is committed only after every sink has accepted
// it, that a sink gets a snapshot again only if it has not accepted it since
// the program started, that neither a snapshot nor a sink ends the program, and
// that a worker that is stuck does.
//
// It does not know where snapshots come from, what is in them, or what a sink
// does with a batch.
package process

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/snapshot"
)

// Source hands out snapshots, each to one worker.
type Source interface {
	// Claim waits for a snapshot until ctx ends. Those of a lane come in order of
	// time, besides those that come again. It is called by one worker at a time.
	Claim(ctx context.Context) (Claim, error)
	// Waiting returns how many snapshots nobody has claimed.
	Waiting() int
}

// Claim is a snapshot in hand. Commit, Release and Postpone end the claim, and
// after that do nothing; they may be called by any goroutine.
type Claim interface {
	// Name tells the snapshot from all others that are in its source now.
	Name() string
	// Identity tells it also from others that had its name, or will have it. It
	// is empty if it is not known.
	Identity() string
	// Lane names the node of the snapshot.
	Lane() string
	// Snapshot returns what was claimed. Its files can be read until the claim ends.
	Snapshot() (snapshot.Snapshot, error)
	// Commit takes the snapshot out of the source for good. After an error the
	// claim goes on; the error satisfies errors.Is(err, fs.ErrNotExist) if the
	// snapshot has vanished, and fs.ErrClosed if the claim has ended.
	Commit() error
	// Release gives the snapshot back because it could not be processed. The
	// source logs the cause, and gives up a snapshot that comes back too often.
	Release(cause error)
	// Postpone gives the snapshot back for a reason that is not in it.
	Postpone()
}

// Aggregator makes metrics of snapshots. It is used by one worker.
type Aggregator interface {
	// Aggregate returns what the snapshot says. The batch is valid until the
	// next call. An error is for a snapshot that can't be used at all, and for
	// one that can't be read in whole now.
	Aggregate(s snapshot.Snapshot) (*metric.Batch, error)
}

// Sink takes batches.
type Sink interface {
	// Name is the sink's name in the log.
	Name() string
	// Deliver returns nil if the sink has accepted the batch: delivered it, or
	// made it durable in a queue of its own. It is bounded in time, does not
	// keep or change the batch. It is called for one snapshot of a lane at a
	// time, unless the sink is a [Pipeline], and for several lanes at once.
	Deliver(ctx context.Context, b *metric.Batch) error
}

// Pipeline is a [Sink] that can take the next snapshot of a lane while it has yet
// to accept one. Between the two, order is kept: what comes with the second
// call is sent behind what came with the first.
type Pipeline interface {
	Sink
	// DeliverThen is Deliver, and calls next as soon as the next snapshot may come,
	// or not at all.
	DeliverThen(ctx context.Context, b *metric.Batch, next func()) error
}

// Options says what a [Processor] works with.
type Options struct {
	Source Source
	// Sinks get every batch, each in its own time. There may be none.
	Sinks []Sink
	// NewAggregator makes an aggregator for each worker, and another one after a
	// panic in it.
	NewAggregator func() Aggregator
	// Workers is how many snapshots are in hand at once; 0 means 1.
	Workers int
	// LivenessInterval is how often the workers are checked; 0 means 10 s.
	LivenessInterval time.Duration
	// StallAfter is how long a worker may hold a snapshot without any progress;
	// 0 means a minute. It must be longer than any Deliver may take.
	StallAfter time.Duration
	// Grace is how long snapshots in hand may take to be finished after the
	// context of Run has ended; 0 means 4 s.
	Grace time.Duration
	// Alive is called after each check of the workers that found none stuck.
	// It may be nil.
	Alive func()
	// Log gets what happens. Nil means nowhere.
	Log *slog.Logger
}

// ErrStalled is wrapped by the error of [Processor.Run] when a worker is stuck.
var ErrStalled = errors.New("worker is stuck")

// settle is how long workers are waited for after their context has ended.
const settle = 500 * time.Millisecond

// Processor runs the workers.
type Processor struct {
	o        Options
	log      *slog.Logger
	sinks    []*sink
	accepted acceptedBy
	lanes    lanes
	claiming chan struct{} // held by the worker that claims
	checked  time.Time     // when the workers were last checked
	workers  []*worker
	commits  trouble
	counts   counts
}

// New returns a processor that does nothing until [Processor.Run].
func New(o Options) *Processor {
	o.LivenessInterval = cmp.Or(o.LivenessInterval, 10*time.Second)
	o.StallAfter = cmp.Or(o.StallAfter, time.Minute)
	o.Grace = cmp.Or(o.Grace, 4*time.Second)
	p := &Processor{o: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), claiming: make(chan struct{}, 1)}
	for _, s := range o.Sinks {
		p.sinks = append(p.sinks, &sink{Sink: s})
	}
	p.lanes.sinks = len(p.sinks)
	for i := range max(o.Workers, 1) {
		p.workers = append(p.workers, &worker{p: p, number: i + 1, progress: progress{born: time.Now()}})
	}
	return p
}

// Run processes snapshots until ctx ends, finishes those in hand if they take
// no longer than Options.Grace, gives back the others, and returns nil. It is
// called once.
//
// It returns an error that wraps [ErrStalled] as soon as a worker is found
// stuck: the program should then end, so that its supervisor starts it again.
// Go can't end a goroutine from outside, so a stuck one outlives Run; its
// snapshot has been given back, and it can't commit it any more.
func (p *Processor) Run(ctx context.Context) error {
	claiming, stopClaiming := context.WithCancel(ctx)
	defer stopClaiming()
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

// abandon waits a moment for the workers to end by themselves, and gives back
// what the others hold.
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
