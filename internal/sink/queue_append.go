package sink

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Append stores the batch that encode writes; encode returns the number of metrics.
// When Append returns nil the batch is on disk, fsynced; a batch without metrics is
// not stored. After an error nothing is stored.
func (q *Queue) Append(epoch int64, encode func(io.Writer) (metrics int, err error)) error {
	q.appending.Lock()
	defer q.appending.Unlock()
	var h header
	var seq uint64
	err := q.settle()
	if err == nil {
		h, seq, err = q.write(epoch, encode)
	}
	if errors.Is(err, fs.ErrNotExist) && q.dir.Displaced() { // since then
		if err = q.reattach(); err == nil {
			h, seq, err = q.write(epoch, encode)
		}
	}
	if err != nil {
		return fmt.Errorf("append to queue %s: %w", q.opt.Dir, err)
	}
	if h.metrics == 0 {
		return nil
	}
	q.mu.Lock()
	q.metrics += h.metrics
	q.bytes += h.size()
	q.push(&batch{header: h, seq: seq})
	q.trim()
	q.mu.Unlock()
	return nil
}

// write makes the file of a batch and its name durable, and returns its number.
func (q *Queue) write(epoch int64, encode func(io.Writer) (int, error)) (h header, seq uint64, err error) {
	if q.enc == nil {
		if q.enc, err = newEncoder(); err != nil {
			return h, 0, err
		}
	}
	var f file
	temp, err := q.number(extTemp, func(name string) error {
		f, err = q.create(q.dir, name)
		return err
	})
	if err != nil {
		return h, 0, err
	}
	h, err = writeBatch(f, q.enc, epoch, encode)
	err = errors.Join(err, f.Close())
	if err != nil || h.metrics == 0 {
		q.refuse(fileName(temp, extTemp))
		return h, 0, err
	}
	q.next = temp // the batch keeps its number unless another file has it by now
	seq, err = q.number(extBatch, func(name string) error {
		return q.dir.RenameNoReplace(fileName(temp, extTemp), name)
	})
	if err != nil {
		q.refuse(fileName(temp, extTemp))
		return h, 0, err
	}
	if err := q.sync(q.dir); err != nil {
		q.refuse(fileName(seq, extBatch))
		return h, 0, err
	}
	return h, seq, nil
}

// maxTaken bounds the successive numbers that files of others may have.
const maxTaken = 1000

// number calls use with the name of the next number, and repeats that while another
// file has the name.
func (q *Queue) number(ext string, use func(name string) error) (seq uint64, err error) {
	for range maxTaken {
		if q.next >= maxSeq {
			return 0, fmt.Errorf("no number is left after that of the newest file: move %s away", fileName(q.next-1, ".*"))
		}
		seq = q.next
		q.next++
		if err = use(fileName(seq, ext)); !errors.Is(err, fs.ErrExist) {
			return seq, err
		}
	}
	return seq, err
}

// refuse deletes the file of a batch that is not accepted.
func (q *Queue) refuse(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.discard(name)
}

// settle makes sure that the directory is the one that the next process will open. If
// it was moved, or something was mounted over it, with batches in it, then a batch
// added to it would be left behind: settle returns an error until it is moved back, or
// these batches are delivered.
func (q *Queue) settle() error {
	if !q.dir.Displaced() {
		return nil
	}
	q.mu.Lock()
	batches := len(q.waiting) + len(q.held)
	q.mu.Unlock()
	if batches == 0 || q.dir.Removed() {
		return q.reattach()
	}
	return fmt.Errorf("the directory was moved, or covered by a mount, while %d batches wait in it: put %s back in its place", batches, q.dir.Whereabouts())
}

// reattach makes the directory again; the batches in it are lost. After an error,
// the next Append tries again.
func (q *Queue) reattach() error {
	q.mu.Lock()
	old, batches, metrics := q.dir, len(q.waiting)+len(q.held), q.metrics
	q.mu.Unlock()
	if err := q.attach(); err != nil {
		return err
	}
	q.mu.Lock()
	q.stats.DroppedBatches += int64(batches)
	q.stats.DroppedMetrics += metrics
	q.mu.Unlock()
	q.opt.Log.Warn("queue directory was removed and is made again", "dir", q.opt.Dir, "metrics_lost", metrics)
	return old.close()
}

func createFile(d directory, name string) (file, error) { return d.Create(name) }
