package process

import (
	"sync/atomic"
	"time"
)

// Stats counts the work of a processor since it was made.
type Stats struct {
	// Done counts the snapshots that every sink has accepted and that have left the
	// source.
	Done int64
	// Retries counts failed attempts: the snapshot comes again, or the source gives it
	// up.
	Retries int64
	// Last is the name of the last processed snapshot.
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

// Workers is the state of a processor's workers.
type Workers struct {
	// Configured is the number of workers, Alive the number of those that run and are
	// not stuck, Busy the number of those that hold a snapshot.
	Configured, Alive, Busy int
	// Progress is the time when a worker last made progress; zero for never.
	Progress time.Time
}

// Workers returns the present state. Any goroutine may call it.
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

// follow begins with the counts of another.
func (c *counts) follow(before *counts) {
	c.done.Store(before.done.Load())
	c.retries.Store(before.retries.Load())
	c.last.Store(before.last.Load())
}

// countedClaim counts the ends of claims.
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
