package metric

import "math/big"

// Rows is a table as it can be merged: one that a [Builder] built, or one that was
// decoded.
type Rows interface {
	// Scope returns the kind of thing that the rows describe.
	Scope() Scope
	// Columns returns the columns; the index into it is the column number.
	Columns() []Column
	// Each calls f with each row. The row is valid during the call, and f may change it.
	Each(f func(*Row))
}

// Row is one row of a table, with all that it takes to merge it.
type Row struct {
	// Parent and Name are those of the [Entity].
	Parent, Name []byte
	// Seen is the number of HAProxy's rows that are combined in the row, and Active
	// how many of these have taken connections.
	Seen, Active int
	// Sums has the sum of a cell's values or, by the rule of the column, the largest or
	// the smallest of them, and Counts their number. Where that is [Wide], Wides has the cell.
	Sums   []int64
	Counts []uint16
	Wides  []WideCell
}

// WideCell is a cell whose sum exceeds an int64, or whose count does not fit.
type WideCell struct {
	Column int
	Sum    *big.Rat // not to be changed
	N      int64    // the number of values
}

// Each calls f with each row of the table, in the order of [Table.Rows].
func (t *Table) Each(f func(*Row)) {
	var r Row
	for _, row := range t.rows {
		e := &t.entities[row]
		r.Parent, r.Name = append(r.Parent[:0], e.Parent...), append(r.Name[:0], e.Name...)
		r.Seen, r.Active = int(t.seen[row]), int(t.active[row])
		sums, counts := t.cells.row(row)
		r.Sums, r.Counts = append(r.Sums[:0], sums...), append(r.Counts[:0], counts...)
		r.Wides = r.Wides[:0]
		for col, n := range r.Counts {
			if n == Wide {
				r.Wides = append(r.Wides, t.Wide(row, col))
			}
		}
		f(&r)
	}
}

// Wide returns a cell whose count is [Wide].
func (t *Table) Wide(row, col int) WideCell {
	w := t.cells.wide[row*t.cells.width+col]
	return WideCell{col, w.sum, w.n}
}

// AddWide combines a cell that is wide with a cell of the builder.
func (b *Builder) AddWide(row, col int, w WideCell) {
	b.cells.combineWide(row, col, b.columns[col].Combine, w.Sum, w.N)
}
