package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"haproxystats/internal/encode/tables"
	"haproxystats/internal/journal"
	"haproxystats/internal/metric"
)

// tick is the time between two looks at what is due.
const tick = time.Second

// Local is a [Stage] for the nodes whose snapshots this program reads itself. It is a
// sink for their batches: it keeps the tables of each in a journal until their window is
// closed, so that a program that starts again makes the same windows.
type Local struct {
	o     LocalOptions
	stage *Stage
	done  []journal.Record // needed no longer, and still to be removed

	encoding sync.Mutex
	encoder  *tables.Encoder
	frame    []byte

	mu      sync.Mutex
	waiting []journal.Record
	came    chan struct{} // has an element if something waits
}

// LocalOptions are the parts of a [Local].
type LocalOptions struct {
	Options
	// Journal keeps the tables, and Records are those that it had when it was opened.
	Journal *journal.Journal
	Records []journal.Record
}

// NewLocal returns a stage that begins with the records of the journal. Options.Mark is
// that of the journal.
func NewLocal(o LocalOptions) *Local {
	o.Mark = o.Journal.Mark()
	return &Local{
		o: o, stage: New(o.Options), encoder: tables.NewEncoder(),
		waiting: o.Records, came: make(chan struct{}, 1),
	}
}

// Name is the sink's name in the log.
func (l *Local) Name() string { return "clusters" }

// Deliver keeps the tables of a node's batch, which must have its processes. A batch
// that belongs to no cluster is not kept.
func (l *Local) Deliver(_ context.Context, b *metric.Batch) error {
	if b.Cluster == "" {
		return nil
	}
	l.encoding.Lock()
	defer l.encoding.Unlock()
	var err error
	l.frame, err = l.encoder.Encode(l.frame[:0], tables.Head{
		Node: b.Node, Cluster: b.Cluster, Epoch: b.Epoch, Interval: b.Interval, Shards: 1,
	}, b)
	if err != nil {
		return err
	}
	r, err := l.o.Journal.Append(l.frame)
	if err != nil {
		return fmt.Errorf("keep the tables of node %s: %w", b.Node, err)
	}
	l.mu.Lock()
	l.waiting = append(l.waiting, r)
	l.mu.Unlock()
	select {
	case l.came <- struct{}{}:
	default:
	}
	return nil
}

// Status returns the state of the stage.
func (l *Local) Status() Status { return l.stage.Status() }

// Run makes windows of what Deliver has kept, until ctx ends.
func (l *Local) Run(ctx context.Context) error {
	defer l.stage.Close()
	clock := time.NewTicker(tick)
	defer clock.Stop()
	failing := false
	for {
		err := l.turn(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			l.stage.log.Error("journal of the clusters can't be used, will try again", "error", err)
		case err == nil && failing:
			l.stage.log.Info("journal of the clusters can be used again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-l.came:
		case <-clock.C:
			l.stage.Tick(l.o.Journal.Now(time.Now()))
		}
	}
}

// turn adds what waits to the windows, delivers what is due, and removes the records
// that are needed no longer. After an error it can be called again.
func (l *Local) turn(ctx context.Context) error {
	for {
		r, ok := l.first()
		if ok {
			if err := l.add(r); err != nil {
				return err
			}
			l.passed()
		}
		if err := l.stage.Advance(ctx); err != nil {
			return err
		}
		if len(l.done) > 0 {
			if err := l.o.Journal.Commit(l.stage.Mark(), l.done); err != nil {
				return err
			}
			l.done = l.done[:0]
		}
		if !ok {
			return nil
		}
	}
}

// first returns the first record that waits.
func (l *Local) first() (journal.Record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return journal.Record{}, false
	}
	return l.waiting[0], true
}

// passed removes the first record that waits.
func (l *Local) passed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = l.waiting[1:]
}

// add adds a record to the windows. One that is damaged is left out.
func (l *Local) add(r journal.Record) error {
	frame, err := l.o.Journal.Read(r)
	if err == nil {
		err = l.stage.Add(frame, r.At, func() { l.done = append(l.done, r) })
	}
	switch {
	case errors.Is(err, tables.ErrDamaged), errors.Is(err, tables.ErrNewer), errors.Is(err, fs.ErrNotExist):
		l.stage.log.Error("record of the journal can't be used and is left out", "record", r.Name(), "error", err)
		l.done = append(l.done, r)
		return nil
	}
	return err
}
