package metric

import (
	"cmp"
	"math/big"
	"slices"
)

// Builder builds tables of one scope: a row for each entity, a column for each
// metric. Rows survive [Builder.Reset], so that a builder in repeated use soon
// allocates nothing. It is not safe for concurrent use.
type Builder struct {
	scope    Scope
	columns  []Column
	entities []Entity
	index    map[key]int
	seen     []uint32 // per row: how often it was touched since Reset
	active   []uint32 // per row: how often by an active entity
	cells    cells
	order    []int // rows by parent and name
	sorted   int   // how many of order are sorted
	live     []int // the rows of the table
	table    Table
}

// key identifies a row. The group is a property of the names.
type key struct{ parent, name string }

// NewBuilder returns a builder without rows.
func NewBuilder(scope Scope, columns []Column) *Builder {
	return &Builder{scope: scope, columns: columns, index: make(map[key]int), cells: cells{width: len(columns)}}
}

// Scope returns what the rows stand for.
func (b *Builder) Scope() Scope { return b.scope }

// Columns returns the columns; the index into it is the column number.
func (b *Builder) Columns() []Column { return b.columns }

// Row returns the number of e's row, and makes the row if necessary. The number
// stays valid for the builder's life. The table has the row once it has been
// touched.
func (b *Builder) Row(e Entity) int {
	k := key{e.Parent, e.Name}
	if row, ok := b.index[k]; ok {
		return row
	}
	row := len(b.entities)
	b.index[k] = row
	b.entities = append(b.entities, e)
	b.seen = append(b.seen, 0)
	b.active = append(b.active, 0)
	b.order = append(b.order, row)
	b.cells.grow(len(b.entities))
	return row
}

// Capacity returns the number of rows ever made, with or without values.
func (b *Builder) Capacity() int { return len(b.entities) }

// Reset removes all values and keeps the rows. It makes the last table invalid.
func (b *Builder) Reset() {
	clear(b.seen)
	clear(b.active)
	b.cells.reset()
}

// Touch records that the row's entity exists, with or without a value.
func (b *Builder) Touch(row int) { b.seen[row]++ }

// IsTouched reports whether the row was touched since Reset.
func (b *Builder) IsTouched(row int) bool { return b.seen[row] > 0 }

// TouchRows is [Builder.Touch] for several entities, some of which have taken
// connections.
func (b *Builder) TouchRows(row, seen, active int) {
	b.seen[row] += uint32(seen)
	b.active[row] += uint32(active)
}

// TouchActive is [Builder.Touch] for an entity that has taken connections.
func (b *Builder) TouchActive(row int) {
	b.seen[row]++
	b.active[row]++
}

// Add combines v with the value of a cell.
func (b *Builder) Add(row, col int, v int64) {
	b.cells.combine(row, col, b.columns[col].Combine, v, 1)
}

// AddRat combines a value that exceeds an int64 with the value of a cell, exactly.
func (b *Builder) AddRat(row, col int, v *big.Rat) {
	b.cells.combineWide(row, col, b.columns[col].Combine, v, 1)
}

// Set stores a computed number in a cell; it ignores NaN and infinities.
func (b *Builder) Set(row, col int, v float64) {
	if r := new(big.Rat).SetFloat64(v); r != nil {
		b.AddRat(row, col, r)
	}
}

// At returns the present value of a cell, and false if the cell has none.
func (b *Builder) At(row, col int) (Value, bool) {
	return b.cells.at(row, col, b.columns[col].Combine)
}

// Replace puts v in the place of the values of a cell, which stay as many as they are. A
// cell without values, or one whose count is [Wide], stays as it is.
func (b *Builder) Replace(row, col int, v int64) {
	if sums, counts := b.cells.row(row); counts[col] > 0 && counts[col] < Wide {
		sums[col] = v
	}
}

// Slot is the destination of a value in [Builder.AddRow]; [Builder.Slot] returns
// one.
type Slot struct {
	column int32
	rule   Combine
}

// Slot returns the slot of a column.
func (b *Builder) Slot(column int) Slot {
	return Slot{int32(column), b.columns[column].Combine}
}

// AddRow combines values with the cells of a row: sums[i], the sum of counts[i]
// values, goes to slots[i]. For a column with the rule [Max], sums[i] is the largest
// of the values, and for [Min] and [MinKnown] what they take of them. For [MeanKnown], either all values are known or sums[i] is a
// marker.
func (b *Builder) AddRow(row int, slots []Slot, sums []int64, counts []uint16) {
	have, haveN := b.cells.row(row)
	sums = sums[:len(slots)]
	counts = counts[:len(slots)]
	for i, s := range slots {
		n := counts[i]
		if n == 0 {
			continue
		}
		v, sum, before := sums[i], have[s.column], haveN[s.column]
		next := sum + v // a cell without values has the sum 0
		after := uint32(before) + uint32(n)
		if after >= Wide || !s.rule.addsUp() && (before > 0 || v < 0) || before > 0 && (sum^next)&(v^next) < 0 {
			b.cells.combine(row, int(s.column), s.rule, v, int64(n))
			continue
		}
		have[s.column], haveN[s.column] = next, uint16(after)
	}
}

// SetColumns changes the columns. It keeps the values of columns with the same name and outputs,
// and makes the last table invalid.
func (b *Builder) SetColumns(columns []Column) {
	old, from := b.cells, columnPairs(b.columns, columns)
	b.columns = columns
	b.cells = cells{width: len(columns)}
	b.cells.grow(len(b.entities))
	for row := range b.entities {
		for oc, col := range from {
			if col >= 0 {
				b.cells.combineFrom(row, col, Sum, &old, row, oc)
			}
		}
	}
}

// columnKey identifies a column.
type columnKey struct {
	name    string
	outputs Outputs
}

// columnPairs returns, for each column of from, the number of the column with that
// name and outputs in to, or -1.
func columnPairs(from, to []Column) []int {
	number := make(map[columnKey]int, len(to))
	for i, c := range to {
		number[columnKey{c.Name, c.Outputs}] = i
	}
	pairs := make([]int, len(from))
	for i, c := range from {
		pairs[i] = -1
		if col, ok := number[columnKey{c.Name, c.Outputs}]; ok {
			pairs[i] = col
		}
	}
	return pairs
}

// Merge combines t with the content of the builder. Columns match by name and outputs;
// columns of t that the builder does not have are left out. Merging the tables of parts
// gives the table of the whole.
func (b *Builder) Merge(t *Table) {
	columns := columnPairs(t.columns, b.columns)
	for _, from := range t.rows {
		b.MergeRow(b.Row(t.entities[from]), t, from, columns)
	}
}

// MergeRow combines a row of t with a row of the builder. columns has the number of
// the builder's column for each column of t, or -1.
func (b *Builder) MergeRow(to int, t *Table, from int, columns []int) {
	b.seen[to] += t.seen[from]
	b.active[to] += t.active[from]
	for oc, col := range columns {
		if col >= 0 {
			b.cells.combineFrom(to, col, b.columns[col].Combine, &t.cells, from, oc)
		}
	}
}

// Table returns the table of what was added since Reset. It is valid until the
// builder is used again.
func (b *Builder) Table() *Table {
	if b.sorted < len(b.order) {
		slices.SortFunc(b.order, func(x, y int) int {
			return cmp.Or(cmp.Compare(b.entities[x].Parent, b.entities[y].Parent),
				cmp.Compare(b.entities[x].Name, b.entities[y].Name))
		})
		b.sorted = len(b.order)
	}
	b.live = b.live[:0]
	for _, row := range b.order {
		if b.seen[row] > 0 {
			b.live = append(b.live, row)
		}
	}
	b.table = Table{scope: b.scope, columns: b.columns, entities: b.entities, seen: b.seen, active: b.active, rows: b.live, cells: b.cells}
	return &b.table
}
