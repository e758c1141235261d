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
	var again <-chan time.Time
	if wait, bounded := q.restTime(); bounded {
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

// restTime returns the time until there is something to do; false if only a new batch
// brings something.
func (q *Queue) restTime() (wait time.Duration, bounded bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.litter.Sweep()
	b, next := q.due()
	if b != nil || len(q.damaged) > 0 {
		return 0, true // the hold may have ended after Wait had checked it
	}
	wait, bounded = time.Until(next), !next.IsZero()
	if q.litter.Len() > 0 && (!bounded || wait > sweepPause) {
		return sweepPause, true
	}
	return wait, bounded
}
