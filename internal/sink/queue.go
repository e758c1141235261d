package sink

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// QueueOptions are the directory and the bounds of a queue.
type QueueOptions struct {
	// Dir is the queue's own directory. It is made if it is missing.
	Dir string
	// MaxMetrics bounds the metrics that wait; 0 for no bound.
	MaxMetrics int64
	// MaxBytes bounds the bytes on disk; 0 for no bound.
	MaxBytes int64
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// Queue is a durable first-in first-out queue of encoded batches, one file each.
// There is no index: the names give the order and each file describes itself, so a
// crash leaves nothing to repair.
//
// When the queue is over a bound the oldest batches are dropped and counted. The
// newest batch always stays, and so does the one being sent. Append is safe for
// concurrent use; one goroutine at a time takes batches out with First.
//
// A file that can't be read, or whose batch the destination refuses, is held: it
// stays, the others go on, and it is tried again later. Only a file that was read
// in full and is wrong counts as damaged, and is set aside.
type Queue struct {
	opt    QueueOptions
	create func(directory, string) (file, error)
	read   func(seq uint64, f readable) readable // wraps the file of a batch
	sync   func(directory) error                 // makes the names in it durable
	wake   chan struct{}                         // holds a token when batches have come

	appending sync.Mutex // held while a batch is written
	enc       *zstd.Encoder
	next      uint64

	dec *zstd.Decoder // used only by the goroutine in First

	mu      sync.Mutex
	dir     directory
	litter  *durable.Litter // files that are no longer needed and could not be deleted
	waiting []*batch        // oldest first
	held    []*batch        // oldest first; they wait until their hold ends
	damaged []uint64        // still to be set aside
	corrupt []uint64        // set aside, oldest first
	metrics int64
	bytes   int64
	current *batch // the batch being sent
	suspect suspect
	burst   int64
	told    tellings
	stats   QueueStats
}

// QueueStats counts what a queue holds and what happened to it since it was
// opened.
type QueueStats struct {
	Batches, Metrics, Bytes        int64 // waiting now
	OldestEpoch                    int64 // time of the oldest batch waiting for its turn; 0 if there is none
	Refused                        int64 // part of Batches: held because the destination refuses them
	Unreadable                     int64 // can't be read now, or only by a later version
	DroppedBatches, DroppedMetrics int64 // because of the bounds, or because their files vanished
	DamagedBatches                 int64 // set aside
}

// Age returns the age of the oldest batch that waits, 0 for none, and for one whose
// time is not plausible, as that of a snapshot.
func (s QueueStats) Age(now time.Time) time.Duration {
	return snapshot.Age(s.OldestEpoch, now)
}

// batch is a batch in the queue.
type batch struct {
	header
	seq     uint64
	unknown bool // the header could not be read yet
	tries   int  // that ended because the file could not be read
	retried bool // since the disk could read another file
	hold    hold
}

// OpenQueue opens the queue in o.Dir with all that an earlier process left
// there. The directory is locked until [Queue.Close].
func OpenQueue(o QueueOptions) (*Queue, error) {
	q := newQueue(o)
	if err := q.attach(); err != nil {
		return nil, fmt.Errorf("open queue %s: %w", o.Dir, err)
	}
	return q, nil
}

// newQueue returns a queue without its directory.
func newQueue(o QueueOptions) *Queue {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Queue{
		opt: o, wake: make(chan struct{}, 1), create: createFile, sync: directory.Sync,
		read: func(_ uint64, f readable) readable { return f },
	}
}

// Close unlocks the directory. Waiting batches stay there.
func (q *Queue) Close() error {
	q.appending.Lock()
	defer q.appending.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dir.close()
}

// attach opens the directory and reads its names. After an error q is unchanged.
func (q *Queue) attach() error {
	d, err := openDirectory(q.opt.Dir)
	if err != nil {
		return err
	}
	l, err := d.list()
	if err != nil {
		return errors.Join(err, d.close())
	}
	if len(l.strange) > 0 {
		q.opt.Log.Warn("queue directory has files of others, which are left alone", "dir", q.opt.Dir, "number", len(l.strange), "first", l.strange[0])
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dir, q.litter = d, durable.NewLitter(d.Remove)
	q.next = max(q.next, l.next)
	q.waiting, q.held, q.damaged, q.corrupt, q.metrics, q.bytes = nil, nil, nil, l.corrupt, 0, 0
	for _, seq := range l.temps {
		// Append had not returned when the last process died.
		q.discard(fileName(seq, extTemp))
	}
	for _, seq := range l.batches {
		b := &batch{seq: seq, unknown: true}
		if q.learn(b) {
			q.push(b)
		}
	}
	q.trim()
	return nil
}

// Len returns the number of batches that wait for their turn, and of the metrics in
// them. Held batches do not count.
func (q *Queue) Len() (batches int, metrics int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	metrics = q.metrics
	for _, b := range q.held {
		metrics -= b.metrics
	}
	return len(q.waiting), metrics
}

// Stats returns the counts.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Batches, s.Metrics, s.Bytes = int64(len(q.waiting)), q.metrics, q.bytes
	if len(q.waiting) > 0 {
		s.OldestEpoch = q.waiting[0].epoch
	}
	for _, b := range q.held {
		if b.unknown {
			s.Unreadable++
			continue
		}
		s.Batches++
		if b.hold.refused {
			s.Refused++
		} else {
			s.Unreadable++
		}
	}
	return s
}
