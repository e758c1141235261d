package sink

// push adds b at the end. mu is held.
func (q *Queue) push(b batch) {
	q.waiting = append(q.waiting, b)
	q.metrics += b.metrics
	q.bytes += b.size()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pull takes b out, if it is still there. mu is held.
func (q *Queue) pull(b batch) bool {
	for i, have := range q.waiting[:min(2, len(q.waiting))] {
		if have.seq != b.seq {
			continue
		}
		if i > 0 { // the first one is being sent
			q.waiting[1] = q.waiting[0]
		}
		q.waiting = q.waiting[1:]
		q.metrics -= b.metrics
		q.bytes -= b.size()
		if len(q.waiting) == 0 {
			q.waiting = nil
			q.endBurst()
		}
		return true
	}
	return false
}

func (q *Queue) over() bool {
	return q.opt.MaxMetrics > 0 && q.metrics > q.opt.MaxMetrics ||
		q.opt.MaxBytes > 0 && q.bytes > q.opt.MaxBytes
}

// trim drops the oldest batches until the bounds hold. mu is held.
func (q *Queue) trim() {
	for q.over() {
		oldest := 0
		if q.sending {
			oldest = 1
		}
		if oldest >= len(q.waiting)-1 {
			return
		}
		b := q.waiting[oldest]
		if q.burst == 0 {
			q.opt.Log.Warn("queue is full, oldest metrics dropped", "dir", q.opt.Dir,
				"metrics", q.metrics, "bytes", q.bytes, "max_metrics", q.opt.MaxMetrics, "max_bytes", q.opt.MaxBytes)
		}
		q.burst += b.metrics
		q.stats.DroppedBatches++
		q.stats.DroppedMetrics += b.metrics
		q.pull(b)
		q.discard(fileName(b.seq, extBatch))
	}
}

// endBurst says what was dropped since the queue was last empty. mu is held.
func (q *Queue) endBurst() {
	if q.burst > 0 {
		q.opt.Log.Warn("queue is empty again, after it had to drop metrics", "dir", q.opt.Dir, "metrics_dropped", q.burst)
		q.burst = 0
	}
}

// setAside keeps a damaged file out of the way. mu is held.
func (q *Queue) setAside(seq uint64, damage error) {
	q.stats.DamagedBatches++
	q.opt.Log.Error("queue file is damaged, it is set aside and its metrics are lost", "dir", q.opt.Dir, "file", fileName(seq, extCorrupt), "error", damage)
	if err := q.dir.setAside(seq); err != nil {
		q.opt.Log.Warn("queue file can't be set aside", "dir", q.opt.Dir, "error", err)
	}
}
