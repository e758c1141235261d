package spool

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watcher waits for entries in a directory, for those who only look at them: see [View].
type Watcher struct{ n *notifier }

// NewWatcher watches a directory.
func NewWatcher(dir string) (*Watcher, error) {
	n, err := watchDirectory(dir)
	if err != nil {
		return nil, err
	}
	return &Watcher{n}, nil
}

// Wait returns when an entry may have come, at the latest after d, or with the error of ctx.
// It returns false if the watch is lost.
func (w *Watcher) Wait(ctx context.Context, d time.Duration) (ok bool, err error) {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-t.C:
			return true, nil
		case e, open := <-w.n.events:
			if !open {
				return false, nil
			}
			if e.Has(fsnotify.Create) {
				return true, nil
			}
		case _, open := <-w.n.errors:
			return open, nil // the error may be an overflow
		}
	}
}

// Close ends the watch.
func (w *Watcher) Close() error { return w.n.close() }
