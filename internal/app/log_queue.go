package app

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxLogBytes bounds the lines that wait for the reader of the log. The same amount
// may be on its way to the reader.
const maxLogBytes = 1 << 20

// logQueue is the queue in front of the log's writer, so that the program never
// waits for the reader of the log. Lines beyond maxLogBytes are dropped and counted;
// the count is written when the log is read again.
type logQueue struct {
	w io.Writer
	// dropped returns the line that reports how many lines were dropped.
	dropped func(lines int) []byte

	wake chan struct{} // wakes the writing goroutine for new lines or the end
	done chan struct{} // closed when the writing goroutine has ended

	total atomic.Int64 // lines dropped since the start

	mu     sync.Mutex
	lines  [][]byte
	bytes  int
	lost   int // lines dropped after those in the queue
	closed bool
}

func newLogQueue(w io.Writer, dropped func(lines int) []byte) *logQueue {
	q := &logQueue{w: w, dropped: dropped, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go q.run()
	return q
}

// Write queues a line. It never waits and never fails.
func (q *logQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	// A short line must not overtake a long one that was dropped.
	if q.lost > 0 || q.bytes+len(line) > maxLogBytes {
		q.lost++
		q.total.Add(1)
	} else {
		q.lines = append(q.lines, slices.Clone(line))
		q.bytes += len(line)
	}
	q.mu.Unlock()
	q.signal()
	return len(line), nil
}

func (q *logQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Close waits until all lines are written, for at most limit. If the reader hangs,
// the writing goroutine lives longer.
func (q *logQueue) Close(limit time.Duration) {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-q.done:
	case <-t.C:
	}
}

func (q *logQueue) run() {
	defer close(q.done)
	lost := 0 // lines dropped since the last one written
	report := func() {
		if lost == 0 {
			return
		}
		if _, err := q.w.Write(q.dropped(lost)); err == nil {
			lost = 0
		}
	}
	for range q.wake {
		lines, dropped, closed := q.take()
		for _, line := range lines {
			report()
			if lost == 0 {
				if _, err := q.w.Write(line); err == nil {
					continue
				}
			}
			lost++
			q.total.Add(1)
		}
		lost += dropped
		report()
		if closed {
			return
		}
	}
}

// take empties the queue.
func (q *logQueue) take() (lines [][]byte, lost int, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines, lost = q.lines, q.lost
	q.lines, q.bytes, q.lost = nil, 0, 0
	return lines, lost, q.closed
}
