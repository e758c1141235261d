package forward

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
)

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
