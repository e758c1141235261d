package metric

import (
	"cmp"
	"math/big"
	"slices"
)

// Table holds the values of one scope: a row per entity, a column per metric.
// Rows live across [Table.Reset], so that a table used for one snapshot after
// another settles and allocates nothing. A Table is not safe for concurrent
// writes; reading it from several goroutines is.
type Table struct {
	scope    Scope
	columns  []Column
	entities []Entity
	index    map[key]int
	seen     []uint32 // per row: how often it was touched since the last Reset
	sums     []int64  // per cell: sum, or maximum
	counts   []uint32 // per cell: how many values are in the sum
	// wide holds the cells whose sum an int64 can't: they are rare, and stay
	// exact, so that the order of additions never shows.
	wide  map[int]*big.Rat
	order []int // rows by parent and name
	live  []int // rows of order that have been touched, made by Rows
	dirty bool  // order lacks the rows added last
	stale bool  // live is older than the last addition
}

// key identifies a row. The group is a property of the names.
type key struct{ parent, name string }

// NewTable returns an empty table with the given columns.
func NewTable(scope Scope, columns []Column) *Table {
	return &Table{scope: scope, columns: columns, index: make(map[key]int)}
}

// Scope returns what the rows stand for.
func (t *Table) Scope() Scope { return t.scope }

// Columns returns the columns; the index into it is the column number.
func (t *Table) Columns() []Column { return t.columns }

// Column returns the number of the column with that name, or -1.
func (t *Table) Column(name string) int {
	return slices.IndexFunc(t.columns, func(c Column) bool { return c.Name == name })
}

// Row returns the number of e's row, which it makes if there is none yet. The
// number stays valid for the table's life. A row shows in [Table.Rows] once it
// has been touched.
func (t *Table) Row(e Entity) int {
	k := key{e.Parent, e.Name}
	if row, ok := t.index[k]; ok {
		return row
	}
	row := len(t.entities)
	t.index[k] = row
	t.entities = append(t.entities, e)
	t.seen = append(t.seen, 0)
	t.sums = append(t.sums, make([]int64, len(t.columns))...)
	t.counts = append(t.counts, make([]uint32, len(t.columns))...)
	t.order = append(t.order, row)
	t.dirty = true
	return row
}

// Entity returns what the row stands for.
func (t *Table) Entity(row int) Entity { return t.entities[row] }

// Capacity returns the number of rows ever made, with or without values.
func (t *Table) Capacity() int { return len(t.entities) }

// Reset takes all values out and keeps the rows.
func (t *Table) Reset() {
	clear(t.seen)
	clear(t.sums)
	clear(t.counts)
	t.wide = nil
	t.stale = true
}

// Touch notes that the row's entity has been seen, with or without a value.
func (t *Table) Touch(row int) {
	t.seen[row]++
	t.stale = true
}

// Seen tells how often the row has been touched since the last Reset.
func (t *Table) Seen(row int) int { return int(t.seen[row]) }

// Add combines v into one cell.
func (t *Table) Add(row, col int, v int64) {
	i := row*len(t.columns) + col
	t.combine(i, col, v, 1)
}

// AddRat combines a value that is no int64 into one cell, exactly.
func (t *Table) AddRat(row, col int, v *big.Rat) {
	i := row*len(t.columns) + col
	t.combineWide(i, col, v, 1)
}

// Set puts a computed number into one cell; NaN and infinities are left out.
func (t *Table) Set(row, col int, v float64) {
	r := new(big.Rat).SetFloat64(v)
	if r == nil {
		return
	}
	t.AddRat(row, col, r)
}

// Slot tells [Table.AddRow] where a value goes; [Table.Slot] makes one.
type Slot struct {
	column int32
	always bool
	max    bool
}

// Slot returns the slot of a column. With always, a missing value counts as 0.
func (t *Table) Slot(column int, always bool) Slot {
	return Slot{int32(column), always, t.columns[column].Combine == Max}
}

// What [Table.AddRow] takes for the presence of a value.
const (
	Missing byte = iota // no value: 0 where the slot says so
	Present
	Skip // leave the cell as it is
)

// AddRow combines values into the row's cells, values[i] into slots[i]. It is
// what [Table.Add] does, for a whole row at once.
func (t *Table) AddRow(row int, slots []Slot, values []int64, presence []byte) {
	n := len(t.columns)
	sums := t.sums[row*n : row*n+n]
	counts := t.counts[row*n : row*n+n]
	values = values[:len(slots)]
	presence = presence[:len(slots)]
	for i, s := range slots {
		v := values[i]
		if p := presence[i]; p != Present {
			if p == Skip || !s.always {
				continue
			}
			v = 0
		}
		sum := sums[s.column]
		next := sum + v
		if s.max || t.wide != nil || (sum^next)&(v^next) < 0 {
			t.combine(row*n+int(s.column), int(s.column), v, 1)
			continue
		}
		sums[s.column] = next
		counts[s.column]++
	}
}

// combine puts v, which stands for n values, into cell i of column col.
func (t *Table) combine(i, col int, v int64, n uint32) {
	if _, ok := t.wide[i]; ok {
		t.combineWide(i, col, new(big.Rat).SetInt64(v), n)
		return
	}
	sum := t.sums[i]
	switch {
	case t.counts[i] == 0:
		t.sums[i] = v
	case t.columns[col].Combine == Max:
		t.sums[i] = max(sum, v)
	default:
		next := sum + v
		if (sum^next)&(v^next) < 0 { // the signs tell an overflow
			t.combineWide(i, col, new(big.Rat).SetInt64(v), n)
			return
		}
		t.sums[i] = next
	}
	t.counts[i] += n
}

func (t *Table) combineWide(i, col int, v *big.Rat, n uint32) {
	sum, ok := t.wide[i]
	if !ok {
		sum = new(big.Rat).SetInt64(t.sums[i])
		if t.wide == nil {
			t.wide = make(map[int]*big.Rat)
		}
		t.wide[i] = sum
	}
	switch {
	case t.counts[i] == 0:
		sum.Set(v)
	case t.columns[col].Combine == Max:
		if v.Cmp(sum) > 0 {
			sum.Set(v)
		}
	default:
		sum.Add(sum, v)
	}
	t.counts[i] += n
}

// SetColumns changes the columns and keeps the values of those that stay, which
// are known by their names.
func (t *Table) SetColumns(columns []Column) {
	old := *t
	t.columns = columns
	t.sums = make([]int64, len(t.entities)*len(columns))
	t.counts = make([]uint32, len(t.entities)*len(columns))
	t.wide = nil
	place := make(map[string]int, len(columns))
	for i, c := range columns {
		place[c.Name] = i
	}
	for oc, c := range old.columns {
		tc, stays := place[c.Name]
		if !stays {
			continue
		}
		for row := range t.entities {
			i, j := row*len(old.columns)+oc, row*len(columns)+tc
			t.sums[j], t.counts[j] = old.sums[i], old.counts[i]
			if w, ok := old.wide[i]; ok {
				if t.wide == nil {
					t.wide = make(map[int]*big.Rat)
				}
				t.wide[j] = w
			}
		}
	}
}

// Merge combines all of o into t; columns are matched by name, and o's that t
// does not have are left out. Merging the tables of parts gives the table of
// the whole.
func (t *Table) Merge(o *Table) {
	cols := make([]int, len(o.columns))
	for i, c := range o.columns {
		cols[i] = t.Column(c.Name)
	}
	for _, from := range o.Rows() {
		to := t.Row(o.entities[from])
		t.seen[to] += o.seen[from]
		t.stale = true
		for oc, tc := range cols {
			i := from*len(o.columns) + oc
			if tc < 0 || o.counts[i] == 0 {
				continue
			}
			j := to*len(t.columns) + tc
			if w, ok := o.wide[i]; ok {
				t.combineWide(j, tc, w, o.counts[i])
			} else {
				t.combine(j, tc, o.sums[i], o.counts[i])
			}
		}
	}
}

// Rows returns the rows that have been touched, ordered by parent and name. The
// slice is valid until the table changes. The first call after a change sorts,
// so whoever changes a table makes it before others may read the table at once.
func (t *Table) Rows() []int {
	if t.dirty {
		slices.SortFunc(t.order, func(a, b int) int {
			return cmp.Or(cmp.Compare(t.entities[a].Parent, t.entities[b].Parent),
				cmp.Compare(t.entities[a].Name, t.entities[b].Name))
		})
		t.dirty = false
		t.stale = true
	}
	if t.stale {
		t.live = t.live[:0]
		for _, row := range t.order {
			if t.seen[row] > 0 {
				t.live = append(t.live, row)
			}
		}
		t.stale = false
	}
	return t.live
}

// Points returns the number of cells that hold a value.
func (t *Table) Points() int {
	n := 0
	for _, row := range t.Rows() {
		for _, c := range t.counts[row*len(t.columns) : (row+1)*len(t.columns)] {
			if c > 0 {
				n++
			}
		}
	}
	return n
}

// Value is what a cell says: an integer if Exact, else a float.
type Value struct {
	Int   int64
	Float float64
	Exact bool
}

// Number returns the value as a float64, which may round.
func (v Value) Number() float64 {
	if v.Exact {
		return float64(v.Int)
	}
	return v.Float
}

// At returns the value of a cell, and false if the cell holds none.
func (t *Table) At(row, col int) (Value, bool) {
	i := row*len(t.columns) + col
	n := int64(t.counts[i])
	if n == 0 {
		return Value{}, false
	}
	if t.wide != nil {
		if w, ok := t.wide[i]; ok {
			return t.wideValue(w, col, n), true
		}
	}
	sum := t.sums[i]
	if t.columns[col].Combine != Mean || n == 1 {
		return Value{Int: sum, Exact: true}, true
	}
	if q := sum / n; q*n == sum {
		return Value{Int: q, Exact: true}, true
	}
	if sum < -maxExact || sum > maxExact {
		return t.wideValue(new(big.Rat).SetInt64(sum), col, n), true
	}
	return Value{Float: float64(sum) / float64(n)}, true
}

// maxExact is the largest integer up to which a float64 holds all. The mean of a
// sum beyond would be rounded twice, and differ from that of a sum that was wide
// on its way.
const maxExact = 1 << 53

func (t *Table) wideValue(w *big.Rat, col int, n int64) Value {
	if t.columns[col].Combine == Mean && n > 1 {
		w = new(big.Rat).Quo(w, new(big.Rat).SetInt64(n))
	}
	if w.IsInt() && w.Num().IsInt64() {
		return Value{Int: w.Num().Int64(), Exact: true}
	}
	f, _ := w.Float64()
	return Value{Float: f}
}
