package graphite

import (
	"context"
	"slices"
	"time"
)

// idleLimit is how long a connection without a batch is kept. It is longer than the
// usual interval between two batches.
const idleLimit = 2 * time.Minute

// keep keeps a connection for the next batch.
func (p *peer) keep(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		l.close()
		return
	}
	l.raw.ctx = context.Background()
	p.idle = append(p.idle, l)
	l.retire = time.AfterFunc(idleLimit, func() {
		if p.remove(l) {
			l.close()
		}
	})
}

// take returns the connection that was kept last, or nil. The others stay idle until
// idleLimit.
func (p *peer) take() *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	l := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	l.retire.Stop() // if it is too late, remove finds nothing
	return l
}

// remove removes a kept connection, and reports false if take has returned it.
func (p *peer) remove(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.idle, l)
	if i < 0 {
		return false
	}
	p.idle = slices.Delete(p.idle, i, i+1)
	return true
}

// close closes all kept connections, and every connection that would be kept later.
func (p *peer) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for l := p.take(); l != nil; l = p.take() {
		l.close()
	}
}
