package process

import (
	"sync/atomic"
	"time"
)

// Stats is what a processor has done since it was made.
type Stats struct {
	// Done counts the snapshots that every sink has accepted and that have left
	// the source.
	Done int64
	// Retries counts the tries after which a snapshot was not done: it comes
	// again, or the source gives it up.
	Retries int64
	// Last is the name of the snapshot that was done last.
	Last string
}

// Stats returns the counts. It may be called by any goroutine.
func (p *Processor) Stats() Stats {
	s := Stats{Done: p.counts.done.Load(), Retries: p.counts.retries.Load()}
	if last := p.counts.last.Load(); last != nil {
		s.Last = *last
	}
	return s
}

// Workers is what the workers of a processor do.
type Workers struct {
	// Configured is how many there should be, Alive how many run and are not
	// stuck, Busy how many hold a snapshot.
	Configured, Alive, Busy int
	// Progress is when one of them last made a step; zero for never.
	Progress time.Time
}

// Workers returns what the workers do now. It may be called by any goroutine.
func (p *Processor) Workers() Workers {
	now := time.Now()
	all := Workers{Configured: len(p.workers)}
	for _, w := range p.workers {
		moved := w.born.Add(time.Duration(w.moved.Load()))
		busy := w.held() != nil
		if busy {
			all.Busy++
		}
		if w.running.Load() && !(busy && now.Sub(moved) >= p.o.StallAfter && !w.queued()) {
			all.Alive++
		}
		if w.steps.Load() > 0 && moved.After(all.Progress) {
			all.Progress = moved
		}
	}
	return all
}

type counts struct {
	done, retries atomic.Int64
	last          atomic.Pointer[string]
}

// countedClaim counts how claims end.
type countedClaim struct {
	Claim
	counts *counts
}

func (c countedClaim) Commit() error {
	err := c.Claim.Commit()
	if err == nil {
		name := c.Name()
		c.counts.last.Store(&name)
		c.counts.done.Add(1)
	}
	return err
}

func (c countedClaim) Release(cause error) {
	c.counts.retries.Add(1)
	c.Claim.Release(cause)
}

func (c countedClaim) Postpone() {
	c.counts.retries.Add(1)
	c.Claim.Postpone()
}
