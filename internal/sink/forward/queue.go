package forward

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

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
	if err := durable.CheckDir(q.opt.Dir); err != nil {
		return 0, err
	}
	if err := durable.MakeDir(q.opt.Dir); err != nil {
		return 0, err
	}
	dir, err := durable.OpenDir(q.opt.Dir)
	if err != nil {
		return 0, err
	}
	lock, err := dir.LockSelf()
	if err != nil {
		if errors.Is(err, durable.ErrLocked) {
			err = fmt.Errorf("%w: another program uses the queue: give each its own queue-dir", err)
		}
		return 0, errors.Join(err, dir.Close())
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

// linker is an [fs.FS] whose files can get another name.
type linker interface {
	// Link gives a file another name in a directory.
	Link(name string, to *durable.Dir) error
}

// Add stores a snapshot. When Add returns nil it is on disk, fsynced. After an error
// nothing is stored.
func (q *LinkQueue) Add(s snapshot.Snapshot) error {
	q.adding.Lock()
	defer q.adding.Unlock()
	var i *queued
	err := q.settle()
	if err == nil {
		i, err = q.store(s)
	}
	if errors.Is(err, fs.ErrNotExist) && q.dir.Displaced() { // since then
		if err = q.settle(); err == nil {
			i, err = q.store(s)
		}
	}
	if err != nil {
		return fmt.Errorf("append to queue %s: %w", q.opt.Dir, err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, i)
	q.bytes += i.size
	q.trim()
	q.signal()
	return nil
}

// signal wakes Wait.
func (q *LinkQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// store makes the directory of a snapshot durable.
func (q *LinkQueue) store(s snapshot.Snapshot) (*queued, error) {
	if s.Epoch < 0 || q.next >= maxSeq {
		return nil, fmt.Errorf("snapshot %d: %w", s.Epoch, fs.ErrInvalid)
	}
	i := &queued{epoch: s.Epoch, seq: q.next}
	q.next++
	i.name = i.dirName()
	temp := i.name + extTemp
	if err := q.dir.Mkdir(temp); err != nil {
		return nil, err
	}
	size, err := q.fill(temp, s.Files)
	if err == nil {
		i.size = size
		err = q.dir.RenameNoReplace(temp, i.name)
	}
	if err == nil {
		if err = q.dir.Sync(); err != nil {
			temp = i.name
		}
	}
	if err != nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.discard(temp)
		return nil, err
	}
	return i, nil
}

// fill links the files of a snapshot, or copies those that can't be linked.
func (q *LinkQueue) fill(temp string, files fs.FS) (size int64, err error) {
	to, err := q.dir.OpenDir(temp)
	if err != nil {
		return 0, err
	}
	defer to.Close()
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		name := e.Name()
		if name != snapshot.ManifestName && snapshot.CheckFileName(name) != nil || !e.Type().IsRegular() {
			continue
		}
		if n++; n > maxFiles {
			return 0, fmt.Errorf("more than %d files", maxFiles)
		}
		if err := put(files, name, to); err != nil {
			return 0, err
		}
		bytes, err := syncFile(to, name)
		if err != nil {
			return 0, err
		}
		size += bytes
	}
	return size, to.Sync()
}

// put gives a file a name in a directory.
func put(files fs.FS, name string, to *durable.Dir) error {
	if l, ok := files.(linker); ok {
		err := l.Link(name, to)
		// The queue may be on another file system, and the kernel may protect the files of
		// another user from links.
		if err == nil || !errors.Is(err, unix.EXDEV) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EMLINK) &&
			!errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.ENOSYS) {
			return err
		}
	}
	from, err := files.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	f, err := to.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// syncFile makes a file durable, and returns its size.
func syncFile(dir *durable.Dir, name string) (int64, error) {
	f, err := dir.OpenRegular(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), f.Sync()
}

// sizeOf returns the size of a snapshot's files.
func sizeOf(queue *durable.Dir, name string) (size int64, err error) {
	dir, err := queue.OpenDir(name)
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	listed := dir.List(func(e fs.DirEntry) {
		if info, statErr := dir.Stat(e.Name()); statErr == nil {
			size += info.Size
		}
	})
	return size, listed
}

// remove removes the directory of a snapshot: it first loses its place in the queue, so
// that a crash leaves no half of one.
func (q *LinkQueue) remove(name string) error {
	temp := name
	if !strings.HasSuffix(name, extTemp) {
		temp += extTemp
		if err := q.dir.RenameNoReplace(name, temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	dir, err := q.dir.OpenDir(temp)
	if err != nil {
		return err
	}
	defer dir.Close()
	var names []string
	err = dir.List(func(e fs.DirEntry) { names = append(names, e.Name()) })
	for _, n := range names {
		err = errors.Join(err, dir.Remove(n))
	}
	return errors.Join(err, q.dir.RemoveDir(temp))
}

// discard removes a directory, now or later. mu is held.
func (q *LinkQueue) discard(name string) {
	switch first, err := q.litter.Remove(name); {
	case err == nil:
		q.litter.Sweep()
	case first:
		q.opt.Log.Warn("queue file can't be removed, will try again", "dir", q.opt.Dir, "error", err)
	}
}

// trim drops the oldest snapshots until the bound holds. mu is held.
func (q *LinkQueue) trim() {
	for q.opt.MaxBytes > 0 && q.bytes > q.opt.MaxBytes {
		k := slices.IndexFunc(q.waiting, func(i *queued) bool { return i != q.current })
		if k < 0 || k == len(q.waiting)-1 {
			return
		}
		i := q.waiting[k]
		if q.burst == 0 {
			q.opt.Log.Warn("queue is full, oldest snapshots dropped", "dir", q.opt.Dir,
				"snapshots", len(q.waiting), "bytes", q.bytes, "max_bytes", q.opt.MaxBytes)
		}
		q.burst++
		q.stats.DroppedBatches++
		q.stats.DroppedMetrics++
		q.take(i)
		q.discard(i.name)
	}
}

// take takes a snapshot out of the queue. mu is held.
func (q *LinkQueue) take(i *queued) {
	if k := slices.Index(q.waiting, i); k >= 0 {
		q.waiting = slices.Delete(q.waiting, k, k+1)
		q.bytes -= i.size
	}
	if len(q.waiting) == 0 && q.burst > 0 {
		q.opt.Log.Warn("queue is empty again, after it had to drop snapshots", "dir", q.opt.Dir, "snapshots_dropped", q.burst)
		q.burst = 0
	}
}

// Wait returns nil once a snapshot waits, or the error of ctx.
func (q *LinkQueue) Wait(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		i, due := q.first()
		if i != nil {
			return nil
		}
		var again <-chan time.Time
		if !due.IsZero() {
			timer := time.NewTimer(time.Until(due))
			defer timer.Stop()
			again = timer.C
		}
		select {
		case <-q.wake:
		case <-again:
		case <-ctx.Done():
		}
	}
}

// first returns the oldest snapshot that may be sent now, or nil and when the next one
// may be.
func (q *LinkQueue) first() (i *queued, due time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, i := range q.waiting {
		if !i.until.After(now) {
			return i, time.Time{}
		}
		if due.IsZero() || i.until.Before(due) {
			due = i.until
		}
	}
	return nil, due
}

// First calls send for the oldest snapshot and removes it when send returns nil. After an
// error of [sink.Hold] the others go first; after any other error it stays first. A
// snapshot that can't be read is set aside. First returns the error.
func (q *LinkQueue) First(send func(sink.Item) error) error {
	for {
		i, _ := q.first()
		if i == nil {
			return nil
		}
		q.mu.Lock()
		q.current = i
		q.mu.Unlock()
		c := &content{queue: q, item: i}
		err := send(sink.Item{Epoch: i.epoch, Metrics: 1, Size: i.size, Refused: i.refused, Content: c})
		if !q.end(c, err) {
			return err
		}
	}
}

// end gives a snapshot back or removes it. It reports whether the next one should be sent
// at once.
func (q *LinkQueue) end(c *content, err error) (next bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := c.item
	q.current = nil
	if !slices.Contains(q.waiting, i) { // its directory was removed, and made again
		return c.err != nil
	}
	switch {
	case errors.Is(c.err, syscall.EMFILE), errors.Is(c.err, syscall.ENFILE), errors.Is(c.err, syscall.ENOMEM):
	case c.err != nil:
		i.tries++
		if i.tries >= readTries || errors.Is(c.err, snapshot.ErrDamaged) || errors.Is(c.err, fs.ErrNotExist) || errors.Is(c.err, durable.ErrNotRegular) {
			q.setAside(i, c.err)
			next = true
		}
	case err == nil:
		q.take(i)
		q.discard(i.name)
	case errors.As(err, new(sink.HoldError)):
		i.until, i.refused = time.Now().Add(refusedHold), true
	}
	q.trim()
	return next
}

// setAside keeps a snapshot that can't be read for the operator. mu is held.
func (q *LinkQueue) setAside(i *queued, cause error) {
	q.take(i)
	q.stats.DamagedBatches++
	name := i.name + extCorrupt
	if err := q.dir.RenameNoReplace(i.name, name); err != nil {
		name = i.name
		q.discard(i.name)
	} else {
		q.corrupt = append(q.corrupt, name)
	}
	for len(q.corrupt) > maxCorrupt {
		q.discard(q.corrupt[0])
		q.corrupt = q.corrupt[1:]
	}
	q.opt.Log.Error("snapshot in the queue can't be read, it is set aside and is not forwarded",
		"dir", q.opt.Dir, "snapshot", i.epoch, "file", name, "error", cause)
}

// content writes the stream of a snapshot, and keeps the error of its files.
type content struct {
	queue *LinkQueue
	item  *queued
	err   error
}

// WriteTo implements [io.WriterTo].
func (c *content) WriteTo(w io.Writer) (int64, error) {
	out := &keepError{w: w}
	err := c.writeTo(out)
	c.err = nil
	if out.err == nil {
		c.err = err
	}
	return out.n, err
}

// path returns where the directory is: what waits in one that was moved is sent from there.
func (q *LinkQueue) path() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.dir.Displaced() {
		return q.dir.Whereabouts()
	}
	return q.opt.Dir
}

func (c *content) writeTo(w io.Writer) error {
	path := filepath.Join(c.queue.path(), c.item.name)
	if info, err := os.Lstat(path); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s: %w", path, durable.ErrNotDir)
	}
	s, closeIt, err := c.queue.opt.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(c.queue.write(w, s), closeIt())
}

// keepError counts bytes, and keeps the writer's error.
type keepError struct {
	w   io.Writer
	n   int64
	err error
}

func (k *keepError) Write(p []byte) (int, error) {
	n, err := k.w.Write(p)
	k.n += int64(n)
	if err != nil {
		k.err = err
	}
	return n, err
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
