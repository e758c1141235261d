package sink

import (
	"context"
	"time"
)

// sweepPause is the time between two attempts to delete files that could not be
// deleted.
const sweepPause = 5 * time.Second

// discard deletes a file that the queue no longer needs. A file that can't be
// deleted now is deleted later; after a restart it may be sent again, which does no
// harm. mu is held.
func (q *Queue) discard(name string) {
	switch first, err := q.litter.Remove(name); {
	case err == nil:
		q.litter.Sweep()
	case first:
		q.opt.Log.Warn("queue file can't be removed, will try again", "dir", q.opt.Dir, "error", err)
	}
}

// rest waits until a batch comes, ctx ends, a hold is over, or it is time to delete
// again.
func (q *Queue) rest(ctx context.Context) {
	q.mu.Lock()
	q.litter.Sweep()
	var again <-chan time.Time
	_, next := q.due()
	wait := time.Until(next)
	switch {
	case len(q.damaged) > 0:
		wait = 0
	case q.litter.Len() > 0 && (next.IsZero() || wait > sweepPause):
		wait = sweepPause
	case next.IsZero():
		wait = -1
	}
	q.mu.Unlock()
	if wait >= 0 || !next.IsZero() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		again = timer.C
	}
	select {
	case <-q.wake:
	case <-again:
	case <-ctx.Done():
	}
}
