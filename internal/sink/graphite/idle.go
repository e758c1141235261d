package graphite

import (
	"context"
	"slices"
	"time"
)

// idleLimit is how long a connection is kept that no batch needs. It is longer
// than the interval between two of them usually is.
const idleLimit = 2 * time.Minute

// keep puts a connection aside for the next batch.
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

// take returns the connection that was kept last, or nil. The others get old.
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
	l.retire.Stop() // or it finds nothing to remove
	return l
}

// remove takes out a connection, if it has not been taken.
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

// close closes what is kept, now and later.
func (p *peer) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for l := p.take(); l != nil; l = p.take() {
		l.close()
	}
}
