package process

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// progress is the present step of a worker, readable by other goroutines.
type progress struct {
	steps atomic.Uint64 // grows with every step
	born  time.Time
	moved atomic.Int64 // when steps last grew, in ns since born

	mu    sync.Mutex
	claim Claim // nil: idle
	doing string
	sinks []string // sinks that have the batch now
	turns int      // sinks that this snapshot waits for
}

// The steps after reading a snapshot, as the log names them.
const (
	stepDeliver = "delivering"
	stepCommit  = "committing"
)

// step records progress.
func (p *progress) step() {
	p.steps.Add(1)
	p.moved.Store(int64(time.Since(p.born)))
}

// begin records the snapshot that the worker holds.
func (p *progress) begin(c Claim) {
	p.step()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claim, p.doing, p.sinks, p.turns = c, "beginning", nil, 0
}

// end records that the worker holds no snapshot.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claim = nil
}

// at records the next step of the worker.
func (p *progress) at(step string) {
	p.step()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing = step
}

// waitFor records that the snapshot waits for its turn at that many sinks.
func (p *progress) waitFor(sinks int) {
	p.at(stepDeliver)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns = sinks
}

// passed records that one of these waits is over.
func (p *progress) passed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns--
}

// queued reports whether the worker can only wait for a snapshot ahead in the lane.
func (p *progress) queued() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.claim != nil && p.turns > 0 && len(p.sinks) == 0
}

// sending and sent record which sinks have the batch.
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

// held returns the claim in hand, or nil.
func (p *progress) held() Claim {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.claim
}

// delivering reports whether the snapshot has been read, and is being delivered or
// committed.
func (p *progress) delivering() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.doing == stepDeliver || p.doing == stepCommit
}

// words describes the present step.
func (p *progress) words() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sinks) > 0 {
		return p.doing + " to " + strings.Join(p.sinks, ", ")
	}
	return p.doing
}

// watched is the result of the last check of a worker.
type watched struct {
	steps uint64
	since time.Time // when steps first had that value
}

// stalled returns an error if the worker has held a snapshot without progress for
// that time. A worker whose snapshot waits for one ahead is not stuck; the worker of
// that one may be.
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
