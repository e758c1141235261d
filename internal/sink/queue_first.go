package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"
)

// Wait returns nil once a batch waits, and ctx's error when it ends.
func (q *Queue) Wait(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if batches, _ := q.Len(); batches > 0 {
			return nil
		}
		q.rest(ctx)
	}
}

// First calls send for the oldest batch: with the number of its metrics, its
// size in bytes as it was encoded, and what writes those bytes. When send
// returns nil the batch is taken out of the queue. Otherwise it stays first,
// and First returns the error.
//
// Content writes all of a batch or, if its file has been damaged, nothing and
// an error; then the file is set aside, and First goes on with the next batch.
// On an empty queue First returns nil.
func (q *Queue) First(send func(metrics, size int64, content io.WriterTo) error) error {
	if q.dec == nil {
		var err error
		if q.dec, err = newDecoder(); err != nil {
			return err
		}
	}
	for {
		c, ok := q.begin()
		if !ok {
			return nil
		}
		err := send(c.batch.metrics, c.batch.raw, c)
		q.end(c, err)
		if c.damage == nil {
			return err
		}
	}
}

// begin holds the oldest batch fast.
func (q *Queue) begin() (*content, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return nil, false
	}
	q.sending = true
	return &content{batch: q.waiting[0], dir: q.dir, dec: q.dec}, true
}

// end lets it go, or takes it out.
func (q *Queue) end(c *content, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sending = false
	switch {
	case errors.Is(c.damage, fs.ErrNotExist):
		if q.pull(c.batch) {
			q.stats.DroppedBatches++
			q.stats.DroppedMetrics += c.batch.metrics
			q.opt.Log.Error("queue file has vanished, its metrics are lost", "dir", q.opt.Dir, "metrics", c.batch.metrics, "error", c.damage)
		}
	case c.damage != nil:
		if q.pull(c.batch) {
			q.setAside(c.batch.seq, c.damage)
		}
	case err == nil:
		if q.pull(c.batch) {
			q.discard(fileName(c.batch.seq, extBatch))
		}
	}
	q.trim()
}

// content writes the bytes of a batch, and remembers what is wrong with its
// file.
type content struct {
	batch  batch
	dir    directory
	dec    *zstd.Decoder
	damage error
}

func (c *content) WriteTo(w io.Writer) (int64, error) {
	n, err := c.writeTo(w)
	if errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) {
		c.damage = err
	}
	return n, err
}

func (c *content) writeTo(w io.Writer) (int64, error) {
	name := fileName(c.batch.seq, extBatch)
	f, size, err := c.dir.open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	h, err := readHeader(f, size)
	if err == nil && h != c.batch.header {
		err = fmt.Errorf("%w: header has changed", errDamaged)
	}
	if err == nil {
		err = verifyFrame(f, h)
	}
	if err == nil {
		_, err = f.Seek(headerSize, io.SeekStart)
	}
	if err != nil {
		return 0, err
	}
	return decodeFrame(w, f, c.dec, h)
}
