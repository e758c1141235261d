package sink

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// sweepPause is the time between two tries to delete what could not be deleted.
const sweepPause = 5 * time.Second

// discard deletes a file that the queue has done with. One that can't be deleted
// now is deleted later, or sent again after a restart, which does no harm. mu is
// held.
func (q *Queue) discard(name string) {
	if err := q.delete(name); err != nil {
		if len(q.litter) == 0 {
			q.opt.Log.Warn("queue file can't be removed, will try again", "dir", q.opt.Dir, "error", err)
		}
		q.litter = append(q.litter, name)
		return
	}
	q.sweep()
}

// sweep deletes what discard could not, until it can't either. mu is held.
func (q *Queue) sweep() {
	for len(q.litter) > 0 && q.delete(q.litter[0]) == nil {
		q.litter = q.litter[1:]
	}
}

func (q *Queue) delete(name string) error {
	err := q.dir.root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// rest waits until a batch comes, ctx ends, or it is time to sweep again.
func (q *Queue) rest(ctx context.Context) {
	q.mu.Lock()
	q.sweep()
	litter := len(q.litter) > 0
	q.mu.Unlock()
	var again <-chan time.Time
	if litter {
		timer := time.NewTimer(sweepPause)
		defer timer.Stop()
		again = timer.C
	}
	select {
	case <-q.wake:
	case <-again:
	case <-ctx.Done():
	}
}
