package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"haproxystats/internal/durable"
	"haproxystats/internal/sink"
	"haproxystats/internal/snapshot"
)

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
		var again <-chan time.Time // never without a snapshot that is held
		if !due.IsZero() {
			again = time.After(time.Until(due))
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
