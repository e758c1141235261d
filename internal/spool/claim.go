package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
)

// Claim waits for a snapshot and gives it to this caller alone, who must end the
// claim with one of [Entry.Commit], [Entry.Release] and [Entry.Postpone]. A queue
// that can't be read is treated like an empty one. The error is that of ctx, or
// satisfies errors.Is(err, fs.ErrClosed).
func (r *Reader) Claim(ctx context.Context) (*Entry, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a, wait, err := r.next()
		if err != nil {
			return nil, err
		}
		if a == nil {
			if wait.scan {
				r.scan(r.scanWanted)
			} else {
				wait.until(ctx)
			}
			continue
		}
		if e := r.open(a); e != nil {
			return e, nil
		}
	}
}

// waiting is what to wait for while no entry can be claimed.
type waiting struct {
	scan bool            // do not wait: make a listing first
	wake <-chan struct{} // closed at the next change
	due  time.Time       // unless zero, when to try again
}

func (w waiting) until(ctx context.Context) {
	var due <-chan time.Time
	if !w.due.IsZero() {
		t := time.NewTimer(time.Until(w.due))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-ctx.Done():
	case <-w.wake:
	case <-due:
	}
}

// scanWanted reports whether only a listing shows which entry is next. While there
// are more entries than ready holds, an event is no reason for a listing: new
// entries are nearly always younger.
func (r *Reader) scanWanted() bool {
	if time.Now().Before(r.pause) {
		return false
	}
	if len(r.ready) == 0 {
		return r.dirty || r.more
	}
	return r.dirty && !r.more
}

// next takes the oldest entry that may be claimed now. After an entry came back, those
// that never did go first.
func (r *Reader) next() (*attempt, waiting, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, waiting{}, fmt.Errorf("claim from %s: %w", r.dir, fs.ErrClosed)
	}
	now := time.Now()
	w := waiting{wake: r.wake}
	if now.Before(r.pause) {
		w.due = r.pause
		return nil, w, nil
	}
	if r.scanWanted() {
		w.scan = true
		return nil, w, nil
	}
	var best, suspect, again *attempt
	alone := r.suspectInHand()
	for _, a := range r.taken {
		switch {
		case a.claimed, alone && a.suspect:
		case a.due.After(now):
			if w.due.IsZero() || a.due.Before(w.due) {
				w.due = a.due
			}
		case r.cameBack && a.returns > 0:
			// Others first: many entries that come back each time would take all turns.
			if again == nil || a.compare(again.item) < 0 {
				again = a
			}
		case a.suspect:
			if suspect == nil || cmp.Or(cmp.Compare(a.unended, suspect.unended), a.compare(suspect.item)) < 0 {
				suspect = a
			}
		case best == nil || a.compare(best.item) < 0:
			best = a
		}
	}
	if best == nil || suspect != nil && suspect.compare(best.item) < 0 {
		best = suspect
	}
	if len(r.ready) > 0 && (best == nil || r.ready[0].compare(best.item) < 0) {
		best = &attempt{item: r.ready[0]}
		r.taken[best.name] = best
		r.ready = r.ready[1:]
		r.unclaimed--
	}
	if best == nil {
		best = again
	}
	if best == nil {
		return nil, w, nil
	}
	best.claimed = true
	return best, w, nil
}

// suspectInHand reports whether an entry that was in hand when an earlier program
// ended is in hand now. Such entries are claimed one at a time, so that the next end
// of the program is blamed on one only.
func (r *Reader) suspectInHand() bool {
	for _, a := range r.taken {
		if a.claimed && a.suspect && !a.immovable {
			return true
		}
	}
	return false
}

// open opens what next returned. If it can't, it gives the entry back and returns
// nil.
func (r *Reader) open(a *attempt) *Entry {
	path := filepath.Join(r.dir, a.name)
	dir, err := durable.OpenDir(path)
	if err == nil {
		id, statErr := dir.Identity()
		if statErr == nil {
			return r.hand(&Entry{r: r, a: a, path: path, dir: dir, id: id, files: newEntryFS(dir, path, r.log)})
		}
		dir.Close()
		err = statErr
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		// The directory was removed or replaced, which the next listing shows.
		r.drop(a)
	case exhausted(err):
		r.beginOutage(err)
		r.unclaim(a)
	default:
		r.comeBack(a, path, err)
	}
	return nil
}

// hand returns the entry, or nil if it must wait or was given up.
func (r *Reader) hand(e *Entry) *Entry {
	if !r.remember(e.a, e.dir) {
		e.dir.Close()
		return nil
	}
	r.mu.Lock()
	spent := r.spent(e.a)
	r.mu.Unlock()
	if spent != nil {
		e.dir.Close()
		r.giveBack(e.a, e.path, nil, false)
		return nil
	}
	e.mark()
	r.checkTime(e.a)
	return e
}

// exhausted reports whether err comes from a lack of a resource of the process or
// the machine, so that no entry is to blame.
func exhausted(err error) bool {
	return slices.ContainsFunc([]error{unix.EMFILE, unix.ENFILE, unix.ENOMEM},
		func(e error) bool { return errors.Is(err, e) })
}

// drop forgets an entry that is no longer in the queue.
func (r *Reader) drop(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.taken, a.name)
	r.endUnreadable(a)
	if a.suspect {
		r.wakeAll() // the next suspect
	}
}

// unclaim undoes a claim.
func (r *Reader) unclaim(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.claimed = false
}

// comeBack takes back an entry that could not be processed, with the cause.
func (r *Reader) comeBack(a *attempt, path string, cause error) {
	if isMachines(cause) {
		r.postponeUnreadable(a, path, cause)
		return
	}
	r.noteRead(a)
	r.giveBack(a, path, cause, true)
}

// giveBack returns an entry to the queue, or gives it up after too many faults of
// its own.
func (r *Reader) giveBack(a *attempt, path string, cause error, blame bool) {
	r.mu.Lock()
	if blame {
		a.tries++
		a.cause = cause
	}
	tries, spent, closed := a.tries, r.spent(a), r.closed
	r.mu.Unlock()
	if blame && spent == nil {
		r.log.Warn("snapshot could not be processed", "snapshot", a.name, "try", tries, "error", cause)
	}
	if spent != nil && !closed && r.giveUp(a, path, spent) {
		return
	}
	r.requeue(a, maxRetry)
}

// requeue lets the entry be claimed again after a delay that doubles each time, up
// to limit.
func (r *Reader) requeue(a *attempt, limit time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.claimed = a.immovable
	a.due = time.Now().Add(min(limit, firstRetry<<min(a.returns, 10)))
	a.returns++
	r.cameBack = true
	r.wakeAll()
}
