package sink

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Wait returns nil once a batch waits, or the error of ctx.
func (q *Queue) Wait(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if q.ready() {
			return nil
		}
		q.rest(ctx)
	}
}

// ready reports whether First has a batch to send. It also sets some damaged files
// aside.
func (q *Queue) ready() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tidy()
	b, _ := q.due()
	return b != nil || len(q.waiting) > 0
}

// Item is a waiting batch.
type Item struct {
	Epoch, Metrics int64
	// Size is the number of encoded bytes.
	Size int64
	// Refused reports whether the destination has refused the batch before.
	Refused bool
	// Content writes the encoded bytes. If the file can't be used it writes nothing and
	// returns an error.
	Content io.WriterTo
}

// First calls send for the oldest batch. If send returns nil, the batch leaves the
// queue. If it returns an error of [Hold], the batch is held; after any other error
// the batch stays first. First returns the error.
//
// A damaged file is set aside. A file that can't be read for a reason of its own is
// held. In both cases First goes on with the next batch. If the disk can't read a
// file, First returns the error a few times before it holds the batch. On an empty
// queue First returns nil.
func (q *Queue) First(send func(Item) error) error {
	if q.dec == nil {
		var err error
		if q.dec, err = newDecoder(); err != nil {
			return err
		}
	}
	for {
		c := q.begin()
		if c == nil {
			return nil
		}
		b := c.batch
		err := send(Item{Epoch: b.epoch, Metrics: b.metrics, Size: b.raw, Refused: b.hold.refused, Content: c})
		if !q.end(c, err) {
			return err
		}
	}
}

// begin marks the oldest batch as being sent, or returns nil if none waits.
func (q *Queue) begin() *content {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		b, _ := q.due()
		switch {
		case b == nil && len(q.waiting) == 0:
			return nil
		case b == nil:
			b = q.waiting[0]
		case b.unknown && !q.learn(b):
			continue // the hold was extended, or the batch is gone
		}
		q.current = b
		return &content{queue: q, batch: b, dir: q.dir, dec: q.dec}
	}
}

// end returns the batch to the queue or removes it. It reports whether the next
// batch should be sent at once.
func (q *Queue) end(c *content, err error) (next bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := c.batch
	q.current = nil
	switch {
	case !q.has(b): // the directory was made again meanwhile
		next = c.err != nil
	case isProcessOwn(c.err):
	case isFilesOwn(c.err):
		q.unreadable(b, c.err)
		next = true
	case c.err != nil:
		next = q.diskFailed(b, c.err)
	case err == nil:
		q.remove(b)
		q.discard(fileName(b.seq, extBatch))
		q.diskWorks()
	case errors.As(err, new(HoldError)):
		q.holdBack(b, true, firstRefused)
	}
	q.trim()
	q.tidy()
	return next
}

// content writes the bytes of a batch, and keeps the last error of its file.
type content struct {
	queue *Queue
	batch *batch
	dir   directory
	dec   *zstd.Decoder
	err   error
}

func (c *content) WriteTo(w io.Writer) (int64, error) {
	out := &keepError{w: w}
	n, err := c.writeTo(out)
	c.err = nil
	if out.err == nil {
		c.err = err
	}
	return n, err
}

func (c *content) writeTo(w *keepError) (int64, error) {
	file, size, err := c.dir.open(c.batch.seq)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	f := c.queue.read(c.batch.seq, file)
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
