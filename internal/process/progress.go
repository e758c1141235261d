package process

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// progress is what a worker does, for another goroutine to read.
type progress struct {
	steps atomic.Uint64 // grows with everything that is done
	born  time.Time
	moved atomic.Int64 // when steps grew last, in ns since born

	mu    sync.Mutex
	claim Claim // nil: idle
	doing string
	sinks []string // that have the batch now
	turns int      // sinks whose turn in the lane has not come
}

// The steps behind the reading of a snapshot, in words for the log.
const (
	stepDeliver = "delivering"
	stepCommit  = "committing"
)

// step notes that something has been done.
func (p *progress) step() {
	p.steps.Add(1)
	p.moved.Store(int64(time.Since(p.born)))
}

// begin notes the snapshot that the worker holds.
func (p *progress) begin(c Claim) {
	p.step()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claim, p.doing, p.sinks, p.turns = c, "beginning", nil, 0
}

// end notes that the worker holds none.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claim = nil
}

// at notes what the worker does next.
func (p *progress) at(step string) {
	p.step()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing = step
}

// waitFor notes that the snapshot waits for its turn at so many sinks.
func (p *progress) waitFor(sinks int) {
	p.at(stepDeliver)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns = sinks
}

// passed notes that one of these waits is over.
func (p *progress) passed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns--
}

// queued reports whether the worker can do nothing before a snapshot ahead in the
// lane gets on.
func (p *progress) queued() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.claim != nil && p.turns > 0 && len(p.sinks) == 0
}

// sending and sent note which sinks have the batch.
func (p *progress) sending(sink string) {
	p.at(stepDeliver)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sinks = append(p.sinks, sink)
}

func (p *progress) sent(sink string) {
	p.step()
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.sinks, sink); i >= 0 {
		p.sinks = slices.Delete(p.sinks, i, i+1)
	}
}

// held returns the claim in hand, if any.
func (p *progress) held() Claim {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.claim
}

// delivering reports whether the snapshot has been read, and is with the sinks or
// on its way out.
func (p *progress) delivering() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.doing == stepDeliver || p.doing == stepCommit
}

// words says what the worker does.
func (p *progress) words() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sinks) > 0 {
		return p.doing + " to " + strings.Join(p.sinks, ", ")
	}
	return p.doing
}

// watched is what the last check of a worker found.
type watched struct {
	steps uint64
	since time.Time // when steps was first that
}

// stalled returns an error if the worker holds a snapshot and has done nothing
// for so long. A worker whose snapshot waits for one ahead of it is not stuck: the
// worker that holds that one may be.
func (w *worker) stalled(now time.Time, after time.Duration) error {
	steps, c := w.steps.Load(), w.held()
	if c == nil || steps != w.seen.steps || w.seen.since.IsZero() || w.queued() {
		w.seen = watched{steps, now}
		return nil
	}
	idle := now.Sub(w.seen.since)
	if idle < after {
		return nil
	}
	return fmt.Errorf("worker %d: snapshot %s: no progress for %v while %s: %w",
		w.number, c.Name(), idle.Round(time.Second), w.words(), ErrStalled)
}
