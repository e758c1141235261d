package metric

import "slices"

// Table holds the values of one scope: a row per entity, a column per metric.
// Nothing can change it but the [Builder] that made it, so several goroutines
// may read it at once as long as that one is left alone.
type Table struct {
	scope    Scope
	columns  []Column
	entities []Entity // of all rows
	rows     []int
	seen     []uint32
	active   []uint32
	cells    cells
}

// Scope returns what the rows stand for.
func (t *Table) Scope() Scope { return t.scope }

// Columns returns the columns; the index into it is the column number.
func (t *Table) Columns() []Column { return t.columns }

// Column returns the number of the column with that name, or -1.
func (t *Table) Column(name string) int {
	return slices.IndexFunc(t.columns, func(c Column) bool { return c.Name == name })
}

// Rows returns the numbers of the rows, ordered by parent and name. The numbers
// are below [Table.Capacity], and an entity keeps its number in all the tables
// of a builder.
func (t *Table) Rows() []int { return t.rows }

// Entity returns what the row stands for.
func (t *Table) Entity(row int) Entity { return t.entities[row] }

// Capacity is above the number of every row.
func (t *Table) Capacity() int { return len(t.entities) }

// Seen returns how many rows of HAProxy's are combined in the row.
func (t *Table) Seen(row int) int { return int(t.seen[row]) }

// Active returns how many of these have taken connections.
func (t *Table) Active(row int) int { return int(t.active[row]) }

// Points returns the number of values, those that only [Table.Filled] has
// included.
func (t *Table) Points() int {
	n := 0
	for _, row := range t.rows {
		_, counts := t.cells.row(row)
		for col, c := range counts {
			if c > 0 || t.columns[col].EmptyIsZero && t.of(row, col) > 0 {
				n++
			}
		}
	}
	return n
}

// of returns how many rows of HAProxy's might have given the cell a value.
func (t *Table) of(row, col int) int64 {
	if t.columns[col].Combine == MeanOfActive {
		return int64(t.active[row])
	}
	return int64(t.seen[row])
}

// Cells returns the sums of a row's cells, and how many values are in each.
// Where the count is [Wide], only [Table.At] knows the value.
func (t *Table) Cells(row int) (sums []int64, counts []uint16) { return t.cells.row(row) }

// At returns the value of a cell, and false if the cell holds none.
func (t *Table) At(row, col int) (Value, bool) {
	return t.cells.at(row, col, t.columns[col].Combine)
}

// Filled returns the value of a cell as the original haproxystats made it: where
// the column is marked EmptyIsZero, each value that is missing counts as 0.
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
	case c.Combine.isMax() && v.Number() < 0:
		return Value{Exact: true}, true
	case c.Combine.IsMean() && w != nil:
		return wideValue(w.sum, Mean, of), true
	case c.Combine.IsMean():
		return mean(sum, of), true
	}
	return v, ok
}
