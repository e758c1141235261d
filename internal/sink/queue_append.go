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
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody has removed the directory.
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
	q.stats.AppendedBatches++
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
	if err := q.dir.self.Sync(); err != nil {
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

// reattach makes the directory anew; what waited in it is gone.
func (q *Queue) reattach() error {
	q.mu.Lock()
	lost := q.metrics
	q.stats.DroppedBatches += int64(len(q.waiting))
	q.stats.DroppedMetrics += lost
	old := q.dir
	q.mu.Unlock()
	q.opt.Log.Warn("queue directory was removed, it is made anew", "dir", q.opt.Dir, "metrics_lost", lost)
	return errors.Join(old.close(), q.attach())
}

func createFile(d directory, name string) (file, error) {
	return d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
}
