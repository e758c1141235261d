package metric

import (
	"slices"
	"sync/atomic"
)

// Table has the values of one scope: a row for each entity, a column for each
// metric. Only its [Builder] can change it, so several goroutines may read a table
// while its builder is not in use.
type Table struct {
	scope    Scope
	columns  []Column
	entities []Entity // of all rows
	rows     []int
	seen     []uint32
	active   []uint32
	cells    cells
	points   atomic.Int64 // what Points returns, plus 1; 0 if it is not known yet
}

// Scope returns the kind of thing that the rows describe.
func (t *Table) Scope() Scope { return t.scope }

// Columns returns the columns; the index into it is the column number.
func (t *Table) Columns() []Column { return t.columns }

// Column returns the number of the first column with that name, or -1.
func (t *Table) Column(name string) int {
	return slices.IndexFunc(t.columns, func(c Column) bool { return c.Name == name })
}

// Rows returns the numbers of the rows, ordered by parent and name. The numbers
// are below [Table.Capacity], and an entity keeps its number in all the tables
// of a builder.
func (t *Table) Rows() []int { return t.rows }

// Entity returns the entity that a row describes.
func (t *Table) Entity(row int) Entity { return t.entities[row] }

// Capacity exceeds the number of every row.
func (t *Table) Capacity() int { return len(t.entities) }

// Seen returns the number of HAProxy's rows that are combined in the row.
func (t *Table) Seen(row int) int { return int(t.seen[row]) }

// Active returns how many of these have taken connections.
func (t *Table) Active(row int) int { return int(t.active[row]) }

// Points returns the number of values, including those that only [Table.Filled] has. A
// column that is only for Graphite does not count, because another one stands beside it.
func (t *Table) Points() int {
	if known := t.points.Load(); known > 0 {
		return int(known - 1)
	}
	n := 0
	for _, row := range t.rows {
		_, counts := t.cells.row(row)
		for col, c := range counts {
			if k := &t.columns[col]; k.Outputs != GraphiteOnly && (c > 0 || k.EmptyIsZero && t.of(row, col) > 0) {
				n++
			}
		}
	}
	t.points.Store(int64(n) + 1)
	return n
}

// ColumnPoints returns for each column how many of the values it has that [Table.Points]
// counts.
func (t *Table) ColumnPoints() []int {
	points := make([]int, len(t.columns))
	for _, row := range t.rows {
		_, counts := t.cells.row(row)
		for col, c := range counts {
			if k := &t.columns[col]; k.Outputs != GraphiteOnly && (c > 0 || k.EmptyIsZero && t.of(row, col) > 0) {
				points[col]++
			}
		}
	}
	return points
}

// of returns the number of HAProxy's rows that might have given the cell a value.
func (t *Table) of(row, col int) int64 {
	if t.columns[col].Combine == MeanOfActive {
		return int64(t.active[row])
	}
	return int64(t.seen[row])
}

// Cells returns the sums of a row's cells, and the numbers of their values. If a
// number is [Wide], only [Table.At] and [Table.Each] know the value.
func (t *Table) Cells(row int) (sums []int64, counts []uint16) { return t.cells.row(row) }

// At returns the value of a cell, and false if the cell has none.
func (t *Table) At(row, col int) (Value, bool) {
	return t.cells.at(row, col, t.columns[col].Combine)
}

// Filled returns the value of a cell as in the original haproxystats: in a column
// with EmptyIsZero, each missing value counts as 0.
func (t *Table) Filled(row, col int) (Value, bool) {
	c := &t.columns[col]
	of := t.of(row, col)
	if !c.EmptyIsZero || of == 0 {
		return t.At(row, col)
	}
	sums, counts := t.cells.row(row)
	sum, n := sums[col], int64(counts[col])
	var w *wideCell
	if n == Wide {
		w = t.cells.wide[row*t.cells.width+col]
		n = w.n
	}
	v, ok := t.At(row, col)
	switch {
	case n == 0:
		return Value{Exact: true}, true
	case n >= of:
		return v, ok
	case c.Combine.isMax() && v.Number() < 0, c.Combine == Min && v.Number() > 0, c.Combine == MinKnown:
		return Value{Exact: true}, true
	case c.Combine.IsMean() && w != nil:
		return wideValue(w.sum, Mean, of), true
	case c.Combine.IsMean():
		return mean(sum, of), true
	}
	return v, ok
}
