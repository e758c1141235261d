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

// Points returns the number of cells that hold a value.
func (t *Table) Points() int {
	n := 0
	for _, row := range t.rows {
		_, counts := t.cells.row(row)
		for _, c := range counts {
			if c > 0 {
				n++
			}
		}
	}
	return n
}

// Cells returns the sums of a row's cells, and how many values are in each.
// Where the count is [Wide], only [Table.At] knows the value.
func (t *Table) Cells(row int) (sums []int64, counts []uint16) { return t.cells.row(row) }

// At returns the value of a cell, and false if the cell holds none.
func (t *Table) At(row, col int) (Value, bool) {
	return t.cells.at(row, col, t.columns[col].Combine)
}
