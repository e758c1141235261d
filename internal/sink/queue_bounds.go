package sink

// push appends b. mu is held.
func (q *Queue) push(b *batch) {
	q.waiting = append(q.waiting, b)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// remove takes b out, if it is still in the queue. mu is held.
func (q *Queue) remove(b *batch) bool {
	switch i, found := q.findHeld(b); {
	case found && q.held[i] == b:
		q.held = append(q.held[:i:i], q.held[i+1:]...)
	case !q.takeWaiting(b):
		return false
	}
	if !b.unknown {
		q.metrics -= b.metrics
		q.bytes -= b.size()
	}
	if len(q.waiting) == 0 {
		q.endBurst()
	}
	return true
}

func (q *Queue) over() bool {
	return q.opt.MaxMetrics > 0 && q.metrics > q.opt.MaxMetrics ||
		q.opt.MaxBytes > 0 && q.bytes > q.opt.MaxBytes
}

// trim drops the oldest batches until the bounds hold. mu is held.
func (q *Queue) trim() {
	for q.over() {
		b := q.oldest()
		if b == nil {
			return
		}
		if q.burst == 0 {
			q.opt.Log.Warn("queue is full, oldest metrics dropped", "dir", q.opt.Dir,
				"metrics", q.metrics, "bytes", q.bytes, "max_metrics", q.opt.MaxMetrics, "max_bytes", q.opt.MaxBytes)
		}
		q.burst += b.metrics
		q.stats.DroppedBatches++
		q.stats.DroppedMetrics += b.metrics
		q.remove(b)
		q.discard(fileName(b.seq, extBatch))
	}
}

// oldest returns the batch to drop next, or nil. It spares the newest batch and the
// one being sent. mu is held.
func (q *Queue) oldest() *batch {
	for _, b := range q.held {
		if !b.unknown && b != q.current && len(q.waiting) > 0 {
			return b
		}
	}
	first := 0
	if len(q.waiting) > 0 && q.waiting[0] == q.current {
		first = 1
	}
	if first >= len(q.waiting)-1 {
		return nil
	}
	return q.waiting[first]
}

// endBurst logs how much was dropped since the queue was last empty. mu is held.
func (q *Queue) endBurst() {
	if q.burst > 0 {
		q.opt.Log.Warn("queue is empty again, after it had to drop metrics", "dir", q.opt.Dir, "metrics_dropped", q.burst)
		q.burst = 0
	}
}

// tidySize is the number of damaged files that are set aside between two batches.
const tidySize = 64

// tidy renames damaged files, and bounds their number. mu is held.
func (q *Queue) tidy() {
	n := min(len(q.damaged), tidySize)
	for _, seq := range q.damaged[:n] {
		if err := q.dir.RenameNoReplace(fileName(seq, extBatch), fileName(seq, extCorrupt)); err != nil {
			q.opt.Log.Warn("queue file can't be set aside", "dir", q.opt.Dir, "error", err)
			continue
		}
		q.corrupt = append(q.corrupt, seq)
	}
	if q.damaged = q.damaged[n:]; len(q.damaged) == 0 {
		q.damaged = nil
	}
	for len(q.corrupt) > maxCorrupt {
		q.discard(fileName(q.corrupt[0], extCorrupt))
		q.corrupt = q.corrupt[1:]
	}
}
