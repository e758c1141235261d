package sink

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"haproxystats/internal/durable"
	"haproxystats/internal/owner"
)

const (
	// firstRefused and lastRefused bound the time for which a batch is held that the
	// destination refuses; it doubles with each hold. It is short, because the
	// destination may take the batch soon.
	firstRefused = 2 * time.Second
	lastRefused  = 30 * time.Second
	// firstHold and lastHold bound the time for which a batch is held whose file can't
	// be read; it doubles with each hold.
	firstHold = time.Minute
	lastHold  = time.Hour
	// diskHold is the first hold of a batch whose file the disk could not read.
	diskHold = time.Second
	// readTries is the number of failed reads after which a file is held and the others
	// go on. Until then the disk is suspected, and all batches wait.
	readTries = 3
)

// hold is the reason why a batch is held, and the end of that time.
type hold struct {
	until   time.Time
	times   int  // the number of holds so far
	refused bool // the destination refused it; otherwise its file can't be read
	disk    bool // the disk could not read it
}

// Hold returns an error for the function that [Queue.First] calls. It means that the
// destination refuses this batch: the others go on, and this one is tried again
// later.
func Hold(err error) error { return HoldError{err} }

// HoldError is an error of [Hold].
type HoldError struct{ err error }

func (e HoldError) Error() string { return e.err.Error() }

func (e HoldError) Unwrap() error { return e.err }

// Release ends the hold of batches that the destination has refused, so that the
// oldest batch is first again.
func (q *Queue) Release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range q.held {
		if b.hold.refused {
			b.hold.until = time.Time{}
		}
	}
}

// holdBack moves b to the held batches. mu is held.
func (q *Queue) holdBack(b *batch, refused bool, first time.Duration) {
	last := lastHold
	if refused {
		last = lastRefused
	}
	wait := min(first<<min(b.hold.times, 16), last)
	b.hold = hold{until: time.Now().Add(wait), times: b.hold.times + 1, refused: refused}
	if i, found := q.findHeld(b); !found {
		q.takeWaiting(b)
		q.held = slices.Insert(q.held, i, b)
	}
}

// findHeld returns the index of b among the held batches, or the one where it would
// be inserted.
func (q *Queue) findHeld(b *batch) (int, bool) {
	return slices.BinarySearchFunc(q.held, b, func(x, y *batch) int { return cmp.Compare(x.seq, y.seq) })
}

// takeWaiting removes b from the waiting batches, and reports whether it was there:
// b is the first, or the second after the one being sent. mu is held.
func (q *Queue) takeWaiting(b *batch) bool {
	for i, have := range q.waiting[:min(2, len(q.waiting))] {
		if have != b {
			continue
		}
		if i > 0 {
			q.waiting[1] = q.waiting[0]
		}
		q.waiting = q.waiting[1:]
		if len(q.waiting) == 0 {
			q.waiting = nil
		}
		return true
	}
	return false
}

// has reports whether b is still in the queue. mu is held.
func (q *Queue) has(b *batch) bool {
	if i, found := q.findHeld(b); found {
		return q.held[i] == b
	}
	return slices.Contains(q.waiting[:min(2, len(q.waiting))], b)
}

// due returns the oldest batch whose hold is over, or nil, and the time when the
// next hold ends. mu is held.
func (q *Queue) due() (b *batch, next time.Time) {
	now := time.Now()
	for _, b := range q.held {
		if !b.hold.until.After(now) {
			return b, time.Time{}
		}
		if next.IsZero() || b.hold.until.Before(next) {
			next = b.hold.until
		}
	}
	return nil, next
}

// learn reads the header of a batch's file, and reports whether that worked.
// Otherwise the batch is held, or will be set aside. mu is held.
func (q *Queue) learn(b *batch) bool {
	h, err := q.header(b.seq)
	if err != nil {
		q.unreadable(b, err)
		return false
	}
	b.header, b.unknown = h, false
	q.metrics += h.metrics
	q.bytes += h.size()
	return true
}

func (q *Queue) header(seq uint64) (header, error) {
	f, size, err := q.dir.open(seq)
	if err != nil {
		return header{}, err
	}
	defer f.Close()
	return readHeader(q.read(seq, f), size)
}

// unreadable handles a batch whose file could not be read. mu is held.
func (q *Queue) unreadable(b *batch, err error) {
	b.tries++
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, durable.ErrNotRegular):
		q.remove(b)
		q.stats.DroppedBatches++
		q.stats.DroppedMetrics += b.metrics
		q.opt.Log.Error("queue file has vanished, its metrics are lost", "dir", q.opt.Dir, "metrics", b.metrics, "error", err)
	case errors.Is(err, errDamaged):
		q.remove(b)
		q.stats.DamagedBatches++
		q.damaged = append(q.damaged, b.seq)
		if q.told.damaged.allow() {
			q.opt.Log.Error("queue file is damaged, it is set aside and its metrics are lost", "dir", q.opt.Dir, "file", fileName(b.seq, extCorrupt), "error", err)
		}
	case errors.Is(err, errLater):
		q.holdBack(b, false, lastHold)
		if q.told.later.allow() {
			q.opt.Log.Warn("queue file is of a later version, it is kept for that version", "dir", q.opt.Dir, "file", fileName(b.seq, extBatch), "error", err)
		}
	default:
		first := diskHold
		if isFilesOwn(err) {
			first = firstHold
		}
		q.holdBack(b, false, first)
		b.hold.disk = first == diskHold
		q.tellUnreadable(b, err)
	}
}

func (q *Queue) tellUnreadable(b *batch, err error) {
	if q.told.unreadable.allow() {
		q.opt.Log.Warn("queue file can't be read, it stays and the others go on", "dir", q.opt.Dir, "file", fileName(b.seq, extBatch),
			"error", err, "hint", q.remedy(b.seq, err))
	}
}

// diskFailed handles a batch whose file the disk could not read. It reports whether
// to try the next batch at once: if that can be read, the file is bad and not the
// disk. Several files may be bad in a row. mu is held.
func (q *Queue) diskFailed(b *batch, err error) (next bool) {
	b.tries++
	switch s := q.suspect; {
	case s.batch != nil && s.batch != b && (b.tries < readTries || !q.newestReadable(b)): // another file can't be read either
		s.batch.hold.until = time.Time{}
		q.suspect = suspect{}
	case b.tries >= readTries:
		q.holdBack(b, false, diskHold)
		b.hold.disk = true
		q.suspect = suspect{b, err}
		return true
	}
	return false
}

// newestReadable reports whether the disk can read the newest batch's header: then
// several files are bad, and not the disk. mu is held.
func (q *Queue) newestReadable(but *batch) bool {
	if len(q.waiting) == 0 {
		return false
	}
	newest := q.waiting[len(q.waiting)-1]
	if newest == but {
		return false
	}
	_, err := q.header(newest.seq)
	return err == nil
}

// diskWorks records that a file could be read: the suspect's file is bad, then, not
// the disk. Other batches that the disk could not read are tried once more at once.
// If that fails, their files are bad, too. mu is held.
func (q *Queue) diskWorks() {
	if s := q.suspect; s.batch != nil && q.has(s.batch) {
		q.tellUnreadable(s.batch, s.err)
	}
	q.suspect = suspect{}
	for _, b := range q.held {
		if b.hold.disk && !b.retried {
			b.hold.until, b.retried = time.Time{}, true
		}
	}
}

// suspect is a batch whose file the disk could not read several times.
type suspect struct {
	batch *batch
	err   error
}

// remedy returns what to do about an unreadable file; the text names the owner if
// permission is missing.
func (q *Queue) remedy(seq uint64, err error) string {
	path := filepath.Join(q.opt.Dir, fileName(seq, extBatch))
	info, statErr := os.Lstat(path)
	if statErr != nil || !errors.Is(err, fs.ErrPermission) {
		return "Check the disk and the kernel's log"
	}
	st := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("Run chown %s %s: the file belongs to %s:%s with mode %v",
		owner.User(os.Geteuid()), path, owner.User(int(st.Uid)), owner.Group(int(st.Gid)), info.Mode().Perm())
}

// isFilesOwn reports whether a read error concerns this file only, not the disk or
// the process.
func isFilesOwn(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, errDamaged) || errors.Is(err, errLater) ||
		errors.Is(err, fs.ErrNotExist) || errors.Is(err, durable.ErrNotRegular)
}

// isProcessOwn reports whether a read error concerns the process, not a file.
func isProcessOwn(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// tellings limit the messages of each kind.
type tellings struct{ damaged, later, unreadable telling }

// telling limits messages of one kind: thousands of files may have the same fault.
type telling struct {
	since time.Time
	n     int
}

// allow reports whether one more message may be logged.
func (t *telling) allow() bool {
	if now := time.Now(); now.Sub(t.since) >= time.Minute {
		*t = telling{since: now}
	}
	t.n++
	return t.n <= 2*maxCorrupt
}
