package push

import "time"

// wait is the time for which batches of one epoch are in the queue.
type wait struct {
	age     time.Duration // as they came
	since   time.Time
	batches int
}

// maxWaiting bounds the epochs of which a wait is remembered.
const maxWaiting = 1 << 16

// comes records that a batch is to be put into the queue.
func (t *transport) comes(epoch int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, ok := t.waiting[epoch]
	if !ok {
		if len(t.waiting) == maxWaiting {
			clear(t.waiting)
		}
		w = wait{age: max(0, t.now().Sub(time.Unix(epoch, 0))), since: time.Now()}
	}
	w.batches++
	t.waiting[epoch] = w
}

// isRefused records that the queue did not store a batch.
func (t *transport) isRefused(epoch int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaves(epoch)
}

// leaves records that a batch is not in the queue any more. mu is held.
func (t *transport) leaves(epoch int64) {
	w, ok := t.waiting[epoch]
	if w.batches--; ok && w.batches <= 0 {
		delete(t.waiting, epoch)
		return
	}
	if ok {
		t.waiting[epoch] = w
	}
}

// age returns the age of the item. The time for which a batch of this run waits does not change
// when the clock of the system is set; a batch of an earlier run has only that clock. Where the
// clock was wrong that made the time of the batch, its age is at least the time for which it was
// tried. mu is held.
func (t *transport) age() time.Duration {
	age := t.now().Sub(time.Unix(t.item.epoch, 0))
	if w, ok := t.waiting[t.item.epoch]; ok {
		age = w.age + time.Since(w.since)
	}
	return max(age, time.Since(t.item.began))
}
