// Package selfstat makes the metrics of haproxystats itself: the time and size of a
// snapshot, its round, the waiting snapshots, and the counts of the sinks.
//
// Its tables are the only list of these metrics: the emitted metrics and
// docs/metrics.md come from them. The package measures nothing and keeps no state
// between snapshots. The numbers come from [Work] and [Sources].
package selfstat

import (
	"math/big"
	"time"

	"haproxystats/internal/metric"
)

// Meter makes the metrics of one snapshot at a time. It is not safe for concurrent
// use: each worker has its own.
type Meter struct {
	sources Sources
	builder *metric.Builder
}

// New returns a meter with these sources.
func New(s Sources) *Meter {
	columns := Columns()
	for _, each := range s.Sinks {
		columns = append(columns, each.Columns()...)
	}
	return &Meter{sources: s, builder: metric.NewBuilder(metric.Self, columns)}
}

// Table returns the metrics of the work on one snapshot and of the present state of
// the sources; b is the batch of the snapshot. The table is valid until the next call.
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
		set(m.builder, row, column, e.Column, e.value(&f))
		column++
	}
	setSinks(m.builder, row, column, m.sources.Sinks, f.now)
	return m.builder.Table()
}

// setSinks puts the metrics of the sinks into their cells, which begin at column.
func setSinks(b *metric.Builder, row, column int, sinks []Sink, now time.Time) (next int) {
	for _, s := range sinks {
		status := s.Status()
		for _, list := range s.metrics() {
			for _, e := range list {
				set(b, row, column, e.Column, e.value(status, now))
				column++
			}
		}
	}
	return column
}

// set puts a number into its cell, unless it is none. The number of a column in
// seconds is in milliseconds.
func set(b *metric.Builder, row, column int, c metric.Column, v number) {
	switch {
	case v.none:
	case c.Unit == seconds:
		b.AddRat(row, column, big.NewRat(v.n, 1000))
	default:
		b.Add(row, column, v.n)
	}
}
