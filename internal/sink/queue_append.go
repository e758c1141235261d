package sink

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Append stores the batch that encode writes, of which encode returns the
// number of metrics. When Append returns nil the batch is on disk, fsynced; a
// batch without metrics is not stored. With an error nothing is stored.
func (q *Queue) Append(epoch int64, encode func(io.Writer) (metrics int, err error)) error {
	q.appending.Lock()
	defer q.appending.Unlock()
	h, err := q.write(epoch, encode)
	if errors.Is(err, fs.ErrNotExist) && q.displaced() {
		if err = q.reattach(); err == nil {
			h, err = q.write(epoch, encode)
		}
	}
	if err != nil {
		return fmt.Errorf("append to queue %s: %w", q.opt.Dir, err)
	}
	if h.metrics == 0 {
		return nil
	}
	q.mu.Lock()
	q.push(batch{header: h, seq: q.next - 1})
	q.trim()
	q.mu.Unlock()
	return nil
}

// write makes the file of a batch and its name, both durable.
func (q *Queue) write(epoch int64, encode func(io.Writer) (int, error)) (h header, err error) {
	if q.enc == nil {
		if q.enc, err = newEncoder(); err != nil {
			return h, err
		}
	}
	seq := q.next
	q.next++
	temp, name := fileName(seq, extTemp), fileName(seq, extBatch)
	f, err := q.create(q.dir, temp)
	if err != nil {
		return h, err
	}
	h, err = writeBatch(f, q.enc, epoch, encode)
	err = errors.Join(err, f.Close())
	if err != nil || h.metrics == 0 {
		q.refuse(temp)
		return h, err
	}
	if err := q.dir.root.Rename(temp, name); err != nil {
		q.refuse(temp)
		return h, err
	}
	if err := q.sync(q.dir); err != nil {
		q.refuse(name)
		return h, err
	}
	return h, nil
}

// refuse deletes the file of a batch that is not accepted.
func (q *Queue) refuse(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.discard(name)
}

// displaced reports whether somebody has removed the directory.
func (q *Queue) displaced() bool {
	now, err := os.Lstat(q.opt.Dir)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	own, err := q.dir.self.Stat()
	return err == nil && !os.SameFile(now, own)
}

// reattach makes the directory anew; what waited in it is gone. Where that can't
// be done now, the next Append tries again.
func (q *Queue) reattach() error {
	q.mu.Lock()
	old, batches, metrics := q.dir, len(q.waiting), q.metrics
	q.mu.Unlock()
	if err := q.attach(); err != nil {
		return err
	}
	q.mu.Lock()
	q.stats.DroppedBatches += int64(batches)
	q.stats.DroppedMetrics += metrics
	q.mu.Unlock()
	q.opt.Log.Warn("queue directory was removed, it is made anew", "dir", q.opt.Dir, "metrics_lost", metrics)
	return old.close()
}

func createFile(d directory, name string) (file, error) {
	return d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
}
