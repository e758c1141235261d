package process

import "sync/atomic"

// Stats is what a processor has done since it was made.
type Stats struct {
	// Done counts the snapshots that every sink has accepted and that have left
	// the source.
	Done int64
	// Retries counts the tries at snapshots that did not get them done: they
	// come again, or are given up by the source.
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
