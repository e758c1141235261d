package spool

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"

	"haproxystats/internal/durable"
)

// lossPause bounds how often a lost watch is set up again.
const lossPause = 50 * time.Millisecond

// notifier reports changes of a directory.
type notifier struct {
	events <-chan fsnotify.Event
	errors <-chan error
	close  func() error
}

// watchDirectory watches one directory, on Linux by inotify.
func watchDirectory(dir string) (*notifier, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	if err := w.Add(dir); err != nil {
		w.Close()
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	return &notifier{w.Events, w.Errors, w.Close}, nil
}

// Run watches the queue until ctx ends, and returns nil. If the directory is
// removed, moved or made again, Run waits for it and watches it again.
func (r *Reader) Run(ctx context.Context) error {
	warned := false
	for ctx.Err() == nil {
		id, err := r.current()
		var n *notifier
		if err == nil {
			n, err = r.notify(r.dir)
			if err != nil && !warned {
				warned = true
				r.log.Warn("spool can't be watched, listing it every second instead", "dir", r.dir, "error", err)
			}
		}
		if err != nil {
			// Listing goes on without a watch, and reports a missing directory.
			r.listAgain()
			sleep(ctx, outagePause)
			continue
		}
		warned = false
		// Entries that arrived before the watch make no event.
		r.listAgain()
		r.follow(ctx, n, id)
		if err := n.close(); err != nil {
			r.log.Debug("closing a watch", "dir", r.dir, "error", err)
		}
		sleep(ctx, lossPause)
	}
	return nil
}

// follow handles each event until the watch is lost or ctx ends.
func (r *Reader) follow(ctx context.Context, n *notifier, id durable.Identity) {
	tick := time.NewTicker(r.rescan)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-n.events:
			if !ok || e.Name == r.dir && e.Has(fsnotify.Remove|fsnotify.Rename) {
				return
			}
			if e.Has(fsnotify.Create) {
				r.listAgain()
			}
		case err, ok := <-n.errors:
			// The error may be an overflow, which means that events are missing.
			r.log.Debug("watch error, listing the spool", "dir", r.dir, "error", err)
			if !ok {
				return
			}
			r.listAgain()
		case <-tick.C:
			// A mount over the directory, or a parent that moved, makes no event.
			if now, err := r.current(); err != nil || now != id {
				return
			}
			r.litter.Sweep()
			r.scan(func() bool { return true })
		}
	}
}

// listAgain makes the next Claim list the directory.
func (r *Reader) listAgain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dirty = true
	r.wakeAll()
}

// current returns the identity of the directory that has the queue's path now.
func (r *Reader) current() (durable.Identity, error) {
	info, err := os.Stat(r.dir)
	if err != nil {
		return durable.Identity{}, err
	}
	return durable.Identify(info), nil
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
