package sink

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// QueueOptions says where a queue is and how large it may grow.
type QueueOptions struct {
	// Dir is the queue's own directory. It is made if it is missing.
	Dir string
	// MaxMetrics bounds the metrics that wait; 0 for no bound.
	MaxMetrics int64
	// MaxBytes bounds the bytes on disk; 0 for no bound.
	MaxBytes int64
	// Log gets what an operator has to know.
	Log *slog.Logger
}

// Queue is a durable first-in first-out queue of encoded batches, a file each.
// There is no index: the names say the order and each file says what it holds,
// so a crash leaves nothing to repair.
//
// When the queue is over a bound the oldest batches are dropped and counted.
// The newest batch always stays, and so does the one being sent. Append is safe
// for concurrent use; one goroutine at a time takes batches out with First.
type Queue struct {
	opt    QueueOptions
	create func(directory, string) (file, error)
	sync   func(directory) error // makes its names durable
	wake   chan struct{}         // holds a token when batches have come

	appending sync.Mutex // held while a batch is written
	enc       *zstd.Encoder
	next      uint64

	dec *zstd.Decoder // of the goroutine in First

	mu      sync.Mutex
	dir     directory
	waiting []batch // oldest first
	metrics int64
	bytes   int64
	sending bool     // waiting[0] is being sent
	litter  []string // files that are done with and could not be deleted
	burst   int64
	stats   QueueStats
}

// QueueStats counts what a queue holds and what happened to it since it was
// opened.
type QueueStats struct {
	Batches, Metrics, Bytes        int64 // waiting now
	OldestEpoch                    int64 // time of the oldest batch waiting; 0 if there is none
	DroppedBatches, DroppedMetrics int64 // for the bounds, or because their files vanished
	DamagedBatches                 int64 // set aside
}

// Age returns the age of the oldest batch that waits, 0 for none.
func (s QueueStats) Age(now time.Time) time.Duration {
	if s.OldestEpoch == 0 {
		return 0
	}
	return max(0, now.Sub(time.Unix(s.OldestEpoch, 0)))
}

// batch is a batch in the queue.
type batch struct {
	header
	seq uint64
}

// OpenQueue opens the queue in o.Dir with all that an earlier process left
// there. The directory is locked until [Queue.Close].
func OpenQueue(o QueueOptions) (*Queue, error) {
	q := &Queue{opt: o, wake: make(chan struct{}, 1), create: createFile, sync: directory.sync}
	if err := q.attach(); err != nil {
		return nil, fmt.Errorf("open queue %s: %w", o.Dir, err)
	}
	return q, nil
}

// Close gives the directory up. What waits stays there.
func (q *Queue) Close() error {
	q.appending.Lock()
	defer q.appending.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dir.close()
}

// attach opens the directory and reads what is there. With an error q is as it
// was.
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
		q.opt.Log.Warn("queue directory holds what is not the queue's, which is left alone", "dir", q.opt.Dir, "number", len(l.strange), "first", l.strange[0])
	}
	for _, seq := range l.temps {
		// What was being written when the last process died was not accepted.
		if err := d.root.Remove(fileName(seq, extTemp)); err != nil {
			return errors.Join(err, d.close())
		}
	}
	headers, damage := make([]header, len(l.batches)), make([]error, len(l.batches))
	for i, seq := range l.batches {
		headers[i], damage[i] = d.header(seq)
		if damage[i] != nil && !errors.Is(damage[i], errDamaged) {
			return errors.Join(damage[i], d.close())
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dir = d
	q.next = max(q.next, l.next)
	q.waiting, q.metrics, q.bytes, q.litter = nil, 0, 0, nil
	for i, seq := range l.batches {
		if damage[i] != nil {
			q.setAside(seq, damage[i])
			continue
		}
		q.push(batch{header: headers[i], seq: seq})
	}
	q.trim()
	return nil
}

func (d directory) header(seq uint64) (header, error) {
	f, size, err := d.open(fileName(seq, extBatch))
	if err != nil {
		return header{}, err
	}
	defer f.Close()
	return readHeader(f, size)
}

// Len returns how many batches wait, and the metrics in them.
func (q *Queue) Len() (batches int, metrics int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting), q.metrics
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
	return s
}
