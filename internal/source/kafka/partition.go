package kafka

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// queueBytes and queueRecords bound what waits of a partition before it is fetched no
	// longer. One poll may exceed them.
	queueBytes   = 2 << 20
	queueRecords = 4096
	// maxBatch is the number of records between two looks at what is due.
	maxBatch = 64
	// recordSize is about what a record takes beside its value.
	recordSize = 200
)

// point is what can be committed for a partition.
type point struct {
	offset int64
	mark   time.Time
}

// partition is a partition that this member owns.
type partition struct {
	group   *group
	number  int32
	log     *slog.Logger
	ctx     context.Context // of its reader
	cancel  context.CancelFunc
	ended   chan struct{} // closed when its goroutine has ended
	stopped chan struct{} // closed when nothing more is taken from the queue
	ticking atomic.Bool   // whether a tick is on its way

	mu       sync.Mutex
	queue    []*kgo.Record
	bytes    int64
	paused   bool
	stopping bool          // nothing more is taken from the queue
	came     chan struct{} // has an element if something changed
	start    point         // what was committed when it was assigned
	started  bool          // whether start is known
	logStart int64         // the smallest offset that brokers have
	end      int64         // the offset after the last record, as far as known
	last     time.Time     // the time of the record that was taken last
	mark     time.Time     // of the reader
	offset   int64         // that of the ledger when mark was taken; -1 before that
	done     point         // what was committed last
	hasDone  bool
	ledger   *ledger
	reader   reader
	fetched  int64 // the offset after the last record that was fetched, or skipped; -1 if it is not known

	damage *damage // why nothing can be fetched; the group's mu is held
}

// newPartition returns a partition whose goroutine does not run yet.
func newPartition(g *group, number int32) *partition {
	ctx, cancel := context.WithCancel(context.Background())
	return &partition{
		group: g, number: number, log: g.log.With("partition", number), ctx: ctx, cancel: cancel,
		ended: make(chan struct{}), stopped: make(chan struct{}), came: make(chan struct{}, 1), offset: -1, fetched: -1,
	}
}

// begin tells what was committed for the partition.
func (p *partition) begin(offset int64, mark time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.start, p.started = point{offset, mark}, true
	p.done, p.hasDone = p.start, true
}

// put appends records to the queue. It reports whether the queue is full, so that the
// partition must not be fetched for now.
func (p *partition) put(f *kgo.FetchPartition) (full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = max(p.end, f.HighWatermark)
	p.logStart = f.LogStartOffset
	for _, r := range f.Records {
		p.bytes += size(r)
		p.fetched = r.Offset + 1
	}
	p.queue = append(p.queue, f.Records...)
	p.wake()
	if !p.paused && (p.bytes >= queueBytes || len(p.queue) >= queueRecords) {
		p.paused = true
		return true
	}
	return false
}

// fetchedUpTo returns the offset from which on the partition is still to be fetched; -1 if
// it is not known.
func (p *partition) fetchedUpTo() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fetched < 0 && p.started {
		return p.start.offset
	}
	return p.fetched
}

// skipTo tells that the next record to be fetched is one at an offset.
func (p *partition) skipTo(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetched = offset
}

func size(r *kgo.Record) int64 { return int64(len(r.Value)+len(r.Key)) + recordSize }

func (p *partition) wake() {
	select {
	case p.came <- struct{}{}:
	default:
	}
}

// finish lets the partition take nothing more; what it has in hand goes on.
func (p *partition) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halt()
	p.wake()
}

// halt lets the partition take nothing more. mu is held.
func (p *partition) halt() {
	if !p.stopping {
		p.stopping = true
		close(p.stopped)
	}
}

// abandon ends the work on the partition at once.
func (p *partition) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halt()
	p.queue, p.bytes = nil, 0
	if p.reader != nil {
		p.reader.stop()
	}
	p.cancel()
	p.wake()
}

// next waits for records. It returns none when there will be none.
func (p *partition) next() []*kgo.Record {
	for {
		p.mu.Lock()
		if p.stopping {
			p.mu.Unlock()
			return nil
		}
		n := min(len(p.queue), maxBatch)
		batch := p.queue[:n:n]
		p.queue = p.queue[n:]
		for _, r := range batch {
			p.bytes -= size(r)
		}
		if len(p.queue) == 0 {
			p.queue = nil
		}
		resume := p.paused && p.bytes < queueBytes/2 && len(p.queue) < queueRecords/2
		if resume {
			p.paused = false
		}
		p.mu.Unlock()
		if resume {
			p.group.resume(p.number)
		}
		if n > 0 {
			return batch
		}
		select {
		case <-p.came:
		case <-p.ctx.Done():
			return nil
		}
	}
}

// run gives the records of the partition to its reader, one after another.
func (p *partition) run() {
	defer close(p.ended)
	defer func() {
		if r := p.current(); r != nil {
			r.close()
		}
	}()
	for {
		batch := p.next()
		if len(batch) == 0 {
			return
		}
		for _, r := range batch {
			if p.ctx.Err() != nil {
				return
			}
			p.add(r)
		}
		if err := p.current().advance(p.ctx); err != nil {
			return
		}
		p.publish()
	}
}

func (p *partition) current() reader {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reader
}

// add gives a record to the reader.
func (p *partition) add(r *kgo.Record) {
	p.follow(r)
	p.ledger.take(r.Offset)
	p.mu.Lock()
	p.last = r.Timestamp
	p.mu.Unlock()
	p.reader.add(p.ctx, r)
}

// follow looks whether a record follows the one before it, and begins to read the
// partition where it does not.
func (p *partition) follow(r *kgo.Record) {
	p.mu.Lock()
	logStart, start, started := p.logStart, p.start, p.started
	p.mu.Unlock()
	switch {
	case p.ledger == nil && started && r.Offset > start.offset && logStart > start.offset:
		p.log.Warn("records were removed before they were read",
			"committed", start.offset, "offset", r.Offset)
		p.open(r.Offset, time.Time{})
	case p.ledger == nil && started && r.Offset < start.offset:
		p.log.Warn("partition was replaced, reading begins anew", "committed", start.offset, "offset", r.Offset)
		p.open(r.Offset, time.Time{})
	case p.ledger == nil:
		if !started {
			p.log.Info("nothing is committed for the partition: reading begins with the first record that is there", "offset", r.Offset)
		}
		p.open(r.Offset, start.mark)
	case r.Offset < p.ledger.position():
		p.log.Warn("partition was replaced, reading begins anew", "offset", r.Offset, "before", p.ledger.position())
		p.current().stop()
		p.current().close()
		p.open(r.Offset, time.Time{})
	case r.Offset > p.ledger.position() && logStart > p.ledger.position():
		p.log.Warn("records were removed before they were read", "position", p.ledger.position(), "offset", r.Offset)
	}
}

// open begins to read the partition at an offset.
func (p *partition) open(offset int64, mark time.Time) {
	l := newLedger(offset)
	next := p.group.newReader(p, l, mark)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger, p.reader = l, next
	p.offset = -1
	if p.stopping { // meanwhile
		next.stop()
	}
}

// publish takes down what can be committed.
func (p *partition) publish() {
	mark, offset := p.reader.mark(), p.ledger.committable()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mark, p.offset = mark, offset
}

// committable returns what can be committed, and whether that is something new. The
// offset may have grown since publish, unless the reader has a mark, which goes with it.
func (p *partition) committable() (point, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.offset < 0 {
		return point{}, false
	}
	at := point{p.offset, p.mark}
	if p.mark.IsZero() {
		at.offset = p.ledger.committable()
	}
	return at, !p.hasDone || at != p.done
}

// committedAt tells what was committed.
func (p *partition) committedAt(at point) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.hasDone = at, true
}
