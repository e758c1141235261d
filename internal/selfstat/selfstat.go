// Package selfstat turns what haproxystats knows of its own work into metrics:
// what a snapshot took, how it was collected, what waits, and how the sinks
// do.
//
// The tables of metrics here are the only list of them: what is emitted and
// what docs/metrics.md lists come from them. The package measures nothing itself
// and keeps no state between snapshots; where the numbers come from, [Sources]
// says.
package selfstat

import (
	"math/big"
	"time"

	"haproxystats/internal/metric"
)

// Meter makes the metrics of one snapshot after another. It is not safe for
// concurrent use: each worker has its own.
type Meter struct {
	sources Sources
	builder *metric.Builder
}

// New returns a meter of these sources.
func New(s Sources) *Meter {
	columns := Columns()
	for _, each := range s.Sinks {
		columns = append(columns, each.Columns()...)
	}
	return &Meter{sources: s, builder: metric.NewBuilder(metric.Self, columns)}
}

// Table returns the metrics of the work on the snapshot that became b, and of
// the sources as they are now. It is valid until the next call.
func (m *Meter) Table(w Work, b *metric.Batch) *metric.Table {
	m.builder.Reset()
	row := m.builder.Row(metric.Entity{})
	m.builder.Touch(row)
	f := facts{Work: w, Sources: m.sources, now: time.Now()}
	for _, t := range b.Tables {
		f.points[t.Scope()] += t.Points()
	}
	column := 0
	for _, e := range ofSnapshot {
		m.set(row, column, e.Column, e.value(&f))
		column++
	}
	for _, s := range m.sources.Sinks {
		status := s.Status()
		for _, list := range s.metrics() {
			for _, e := range list {
				m.set(row, column, e.Column, e.value(status, f.now))
				column++
			}
		}
	}
	return m.builder.Table()
}

// set puts a number into its cell, if there is one. Seconds come in
// milliseconds.
func (m *Meter) set(row, column int, c metric.Column, v number) {
	switch {
	case v.none:
	case c.Unit == seconds:
		m.builder.AddRat(row, column, big.NewRat(v.n, 1000))
	default:
		m.builder.Add(row, column, v.n)
	}
}
