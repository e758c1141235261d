package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/encode/tables"
	"haproxystats/internal/kafka"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/snapshot"
)

// envelope reads the headers of a record. A record that can't be used is put aside.
func (g *group) envelope(ctx context.Context, p *partition, l *ledger, r *kgo.Record, want wire.Kind) (wire.Envelope, bool) {
	e, err := wire.Parse(kafka.EachHeader(r))
	if err == nil && e.Kind != want && e.Kind != wire.Tick {
		err = fmt.Errorf("%w: a record of kind %s is in a topic for %s", wire.ErrDamaged, e.Kind, want)
	}
	if err == nil {
		return e, true
	}
	cause := causeOf(err)
	g.countCause(cause)
	g.o.DeadLetters.put(ctx, g.current(), letterOf(r), cause, err, func() { l.done(r.Offset) })
	return wire.Envelope{}, false
}

// causeOf returns why a record is put aside.
func causeOf(err error) Cause {
	switch {
	case errors.Is(err, wire.ErrNewer), errors.Is(err, snapshot.ErrNewer), errors.Is(err, tables.ErrNewer):
		return Newer
	case errors.Is(err, wire.ErrForeign):
		return Foreign
	}
	return Damaged
}

func (g *group) countCause(c Cause) {
	switch c {
	case Newer:
		g.count(Counts{Newer: 1})
	case Foreign:
		g.count(Counts{Foreign: 1})
	default:
		g.count(Counts{Damaged: 1})
	}
}

// aside puts an attempt aside and lets go of its records.
func (g *group) aside(p *partition, l *ledger, a *attempt, err error) {
	cause := causeOf(err)
	g.countCause(cause)
	g.o.DeadLetters.putAttempt(p.ctx, g.current(), p, a, cause, err, func() { l.done(a.offsets...) })
	a.chunks.free()
}

// failed logs that a snapshot failed and is tried again.
func (g *group) failed(p *partition, c *claim, tries int, cause error) {
	g.mu.Lock()
	quiet := !g.failures.room(time.Now(), 1, 0)
	g.mu.Unlock()
	if !quiet {
		p.log.Warn("snapshot can't be processed, will try again", "snapshot", c.Name(), "offset", c.a.first, "tries", tries, "error", cause)
	}
}

// incomplete counts and logs an attempt that was ended before all its records came.
func (g *group) incomplete(p *partition, a *attempt, why error) {
	g.count(Counts{Incomplete: 1})
	g.mu.Lock()
	first := g.dropped.first(time.Now(), a.Cluster+"/"+a.Node)
	g.mu.Unlock()
	if first {
		p.log.Warn("snapshot has not come completely and is dropped", "offset", a.first, "cluster", a.Cluster, "node", a.Node, "snapshot", a.Epoch,
			"records", len(a.chunks.list), "of", a.records, "error", why)
	}
}
