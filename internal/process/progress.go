package process

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// progress is what a worker says about itself, for another goroutine to look
// at.
type progress struct {
	steps atomic.Uint64 // grows with everything that is done
	born  time.Time
	moved atomic.Int64 // when steps grew last, in ns since born

	mu    sync.Mutex
	claim Claim // nil: idle
	doing string
	sinks []string // that have the batch now
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
	p.claim, p.doing, p.sinks = c, "beginning", nil
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

// watched is what the last look at a worker found.
type watched struct {
	steps uint64
	since time.Time // when steps was first that
}

// stalled returns an error if the worker holds a snapshot and has done nothing
// for so long.
func (w *worker) stalled(now time.Time, after time.Duration) error {
	steps, c := w.steps.Load(), w.held()
	if c == nil || steps != w.seen.steps || w.seen.since.IsZero() {
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
