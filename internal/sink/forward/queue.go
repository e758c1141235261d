package forward

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"haproxystats/internal/durable"
	"haproxystats/internal/sink"
	"haproxystats/internal/snapshot"
)

// A snapshot in the queue is a directory with hard links to its files. Its name is the
// epoch, as in the spool, and a sequence number of fixed width, by which the queue is
// ordered. Directories with another ending are not in the queue: those that are being
// made or removed, and those that are damaged.
const (
	extTemp    = ".tmp"
	extCorrupt = ".corrupt"
	digits     = 20
)

const (
	// maxCorrupt is the number of damaged snapshots that are kept for the operator.
	maxCorrupt = 8
	// maxSeq exceeds every number that a queue can reach by counting.
	maxSeq = 1 << 62
	// maxFiles bounds the files of a snapshot.
	maxFiles = 1 << 17
	// readTries is the number of failed reads after which a snapshot is set aside.
	readTries = 3
	// refusedHold is the time for which a snapshot is held that the brokers refuse.
	refusedHold = 30 * time.Second
)

// QueueOptions are the directory and the bounds of a queue.
type QueueOptions struct {
	// Dir is the queue's own directory. It is made if it is missing.
	Dir string
	// MaxBytes bounds the bytes of the files; 0 for no bound.
	MaxBytes int64
	// Open opens the directory of a snapshot, whose name begins with the epoch and a dot.
	Open func(path string) (s snapshot.Snapshot, close func() error, err error)
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// LinkQueue is a durable first-in first-out queue of raw snapshots. When it is over its
// bound the oldest ones are dropped and counted; the newest one always stays, and so does
// the one being sent. Add is safe for concurrent use; one goroutine at a time takes
// snapshots out with First.
type LinkQueue struct {
	opt   QueueOptions
	write func(io.Writer, snapshot.Snapshot) error // the stream of a snapshot
	wake  chan struct{}                            // holds a token when something has come

	adding sync.Mutex // held while a snapshot is added
	next   uint64

	mu      sync.Mutex
	dir     *durable.Dir // changes only while adding is held, too
	lock    *durable.Lock
	litter  *durable.Litter
	waiting []*queued // oldest first
	corrupt []string  // oldest first
	bytes   int64
	current *queued // being sent
	burst   int64   // dropped since it was last empty
	stats   sink.QueueStats
}

// queued is a snapshot in the queue.
type queued struct {
	name    string
	seq     uint64
	epoch   int64
	size    int64
	tries   int       // that ended because it could not be read
	until   time.Time // before which it is not sent, because it was refused
	refused bool
}

// OpenLinkQueue opens the queue in o.Dir with all that an earlier process left there. The
// directory is locked until [LinkQueue.Close].
func OpenLinkQueue(o QueueOptions) (*LinkQueue, error) {
	q := &LinkQueue{opt: o, wake: make(chan struct{}, 1)}
	q.opt.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if _, err := q.open(); err != nil {
		return nil, fmt.Errorf("open queue %s: %w", o.Dir, err)
	}
	return q, nil
}

// open opens the directory and takes what is in it in the place of what waits now, which
// it counts as dropped. It returns that number.
func (q *LinkQueue) open() (lost int, err error) {
	dir, lock, err := durable.OpenOwn(q.opt.Dir, "queue-dir")
	if err != nil {
		return 0, err
	}
	l, err := list(dir)
	if err != nil {
		return 0, errors.Join(err, lock.Unlock(), dir.Close())
	}
	if len(l.strange) > 0 {
		q.opt.Log.Warn("queue directory has files of others, which are left alone", "dir", q.opt.Dir, "number", len(l.strange), "first", l.strange[0])
	}
	q.next = max(q.next, l.next)
	q.mu.Lock()
	defer q.mu.Unlock()
	lost = len(q.waiting)
	q.stats.DroppedBatches += int64(lost)
	q.stats.DroppedMetrics += int64(lost)
	q.dir, q.lock, q.litter = dir, lock, durable.NewLitter(q.remove)
	q.waiting, q.corrupt, q.bytes = l.waiting, l.corrupt, 0
	for _, i := range q.waiting {
		q.bytes += i.size
	}
	for _, name := range l.temps {
		q.discard(name)
	}
	q.trim()
	q.signal()
	return lost, nil
}

// listing has what is in the directory, in order.
type listing struct {
	waiting        []*queued
	corrupt, temps []string
	strange        []string
	next           uint64 // exceeds every number in use
}

func list(dir *durable.Dir) (l listing, err error) {
	err = dir.List(func(e fs.DirEntry) {
		i, ext, ok := parseName(e.Name())
		switch {
		case !ok || !e.IsDir():
			l.strange = append(l.strange, e.Name())
			return
		case ext == extTemp:
			l.temps = append(l.temps, e.Name())
		case ext == extCorrupt:
			l.corrupt = append(l.corrupt, e.Name())
		default:
			l.waiting = append(l.waiting, i)
		}
		l.next = max(l.next, i.seq+1)
	})
	if err != nil {
		return l, err
	}
	slices.SortFunc(l.waiting, func(a, b *queued) int { return cmp.Compare(a.seq, b.seq) })
	slices.Sort(l.corrupt)
	for _, i := range l.waiting {
		if i.size, err = sizeOf(dir, i.name); err != nil {
			return l, err
		}
	}
	return l, nil
}

// settle makes sure that the directory is the one that the next process will open. If it
// was removed, settle makes it again. If it was moved, or something was mounted over it,
// settle returns an error until it is moved back, or what waits in it is delivered.
func (q *LinkQueue) settle() error {
	if !q.dir.Displaced() {
		return nil
	}
	q.mu.Lock()
	waiting, dir, lock := len(q.waiting), q.dir, q.lock
	q.mu.Unlock()
	if waiting > 0 && !dir.Removed() {
		return fmt.Errorf("the directory was moved, or covered by a mount, while %d snapshots wait in it: put %s back in its place", waiting, dir.Whereabouts())
	}
	lost, err := q.open()
	if err != nil {
		return err
	}
	q.opt.Log.Warn("queue directory was removed and is made again", "dir", q.opt.Dir, "snapshots_lost", lost)
	return errors.Join(lock.Unlock(), dir.Close())
}

// Close unlocks the directory. What waits stays there.
func (q *LinkQueue) Close() error {
	q.adding.Lock()
	defer q.adding.Unlock()
	return errors.Join(q.lock.Unlock(), q.dir.Close())
}

func (i *queued) dirName() string { return fmt.Sprintf("%d.%0*d", i.epoch, digits, i.seq) }

// parseName returns what a name says, and its ending after the number.
func parseName(name string) (i *queued, ext string, ok bool) {
	epoch, rest, found := strings.Cut(name, ".")
	if !found || len(rest) < digits {
		return nil, "", false
	}
	ext = rest[digits:]
	e, errEpoch := strconv.ParseUint(epoch, 10, 63)
	seq, errSeq := strconv.ParseUint(rest[:digits], 10, 64)
	i = &queued{name: name, epoch: int64(e), seq: seq}
	return i, ext, errEpoch == nil && errSeq == nil && seq < maxSeq && (ext == "" || ext == extTemp || ext == extCorrupt)
}

// Append is for batches, which this queue does not take.
func (q *LinkQueue) Append(int64, func(io.Writer) (int, error)) error {
	return errors.New("the queue takes snapshots only")
}

// Release ends the holds of snapshots that were refused.
func (q *LinkQueue) Release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range q.waiting {
		i.until = time.Time{}
	}
}

// Len returns the number of snapshots that wait for their turn. Each counts as one metric.
func (q *LinkQueue) Len() (batches int, metrics int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, i := range q.waiting {
		if !i.until.After(now) {
			batches++
		}
	}
	return batches, int64(batches)
}

// Stats returns the counts. Each snapshot counts as one metric.
func (q *LinkQueue) Stats() sink.QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Batches, s.Metrics, s.Bytes = int64(len(q.waiting)), int64(len(q.waiting)), q.bytes
	now := time.Now()
	for _, i := range q.waiting {
		switch {
		case i.until.After(now):
			s.Refused++
		case s.OldestEpoch == 0:
			s.OldestEpoch = i.epoch
		}
	}
	return s
}
