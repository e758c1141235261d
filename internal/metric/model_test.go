package metric

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"

	"pgregory.net/rapid"
)

// model is a table as plain as it can be: every value of every cell is kept.
type model struct {
	columns  []Column
	entities []Entity
	seen     map[Entity]int
	values   map[cell][]sum
}

// sum is a number that stands for n values.
type sum struct {
	v *big.Rat
	n int64
}

type cell struct {
	entity Entity
	column columnKey
}

func keyOf(c Column) columnKey { return columnKey{c.Name, c.Outputs} }

func newModel(columns []Column) *model {
	return &model{columns: columns, seen: make(map[Entity]int), values: make(map[cell][]sum)}
}

func (m *model) row(e Entity) {
	if !slices.Contains(m.entities, e) {
		m.entities = append(m.entities, e)
	}
}

func (m *model) add(e Entity, col int, v *big.Rat) { m.addN(e, col, v, 1) }

func (m *model) addN(e Entity, col int, v *big.Rat, n int64) {
	c := cell{e, keyOf(m.columns[col])}
	m.values[c] = append(m.values[c], sum{v, n})
}

func (m *model) reset() {
	clear(m.seen)
	clear(m.values)
}

func (m *model) setColumns(columns []Column) {
	m.columns = columns
	for c := range m.values {
		if !slices.ContainsFunc(columns, func(k Column) bool { return keyOf(k) == c.column }) {
			delete(m.values, c)
		}
	}
}

// at returns what a cell says as a text, "" for nothing.
func (m *model) at(e Entity, col int) string {
	values := m.values[cell{e, keyOf(m.columns[col])}]
	if len(values) == 0 {
		return ""
	}
	rule := m.columns[col].Combine
	if rule == MeanKnown || rule == MinKnown {
		values = known(values)
	}
	result, n := new(big.Rat).Set(values[0].v), values[0].n
	for _, s := range values[1:] {
		n += s.n
		switch order := s.v.Cmp(result); {
		case rule == Max && order > 0, (rule == Min || rule == MinKnown) && order < 0:
			result.Set(s.v)
		case rule != Max && rule != Min && rule != MinKnown:
			result.Add(result, s.v)
		}
	}
	if rule.IsMean() {
		result.Quo(result, big.NewRat(n, 1))
	}
	if result.IsInt() && result.Num().IsInt64() {
		return fmt.Sprintf("%d", result.Num())
	}
	f, _ := result.Float64()
	return fmt.Sprintf("~%b", f)
}

// known returns the values that are not negative or, if there are none, the
// largest of the others.
func known(values []sum) []sum {
	known := slices.DeleteFunc(slices.Clone(values), func(s sum) bool { return s.v.Sign() < 0 })
	if len(known) > 0 {
		return known
	}
	marker := slices.MaxFunc(values, func(a, b sum) int { return a.v.Cmp(b.v) })
	return []sum{{marker.v, 1}}
}

// text writes down all that shows of a table.
func (t *Table) text() string {
	var out string
	points := 0
	for _, row := range t.Rows() {
		out += fmt.Sprintf("%+v seen %d:", t.Entity(row), t.Seen(row))
		for col, c := range t.Columns() {
			text := ""
			if v, ok := t.At(row, col); ok {
				text = valueText(v)
				points++
			}
			out += fmt.Sprintf(" %s=%s", c.Name, text)
		}
		out += "\n"
	}
	return out + fmt.Sprintf("%d points", points)
}

func valueText(v Value) string {
	if v.Exact {
		return fmt.Sprintf("%d", v.Int)
	}
	return fmt.Sprintf("~%b", v.Float)
}

func (m *model) text() string {
	var out string
	points := 0
	touched := slices.DeleteFunc(slices.Clone(m.entities), func(e Entity) bool { return m.seen[e] == 0 })
	slices.SortFunc(touched, func(a, b Entity) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Name, b.Name))
	})
	for _, e := range touched {
		out += fmt.Sprintf("%+v seen %d:", e, m.seen[e])
		for col, c := range m.columns {
			text := m.at(e, col)
			if text != "" {
				points++
			}
			out += fmt.Sprintf(" %s=%s", c.Name, text)
		}
		out += "\n"
	}
	return out + fmt.Sprintf("%d points", points)
}

// Draws.

var testColumns = []Column{
	{Name: "sum"},
	{Name: "mean", Combine: Mean},
	{Name: "max", Combine: Max},
	{Name: "sum2", Nature: Counter},
	{Name: "mean2", Combine: Mean},
	{Name: "known", Combine: MeanKnown},
	{Name: "min", Combine: Min},
	{Name: "known", Combine: MinKnown, Outputs: ExceptGraphite},
	{Name: "sum", Combine: Max, Outputs: ExceptGraphite},
}

var edges = []int64{
	0, 1, -1, 2, 3, 1 << 53, 1<<53 + 1, -(1 << 53) - 1, 1 << 62, -1 << 62,
	math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, math.MinInt64 + 1, 1<<60 + 1,
}

var (
	drawValue  = rapid.OneOf(rapid.SampledFrom(edges), rapid.Int64Range(-100, 100), rapid.Int64())
	drawEntity = rapid.Custom(func(t *rapid.T) Entity {
		e := Entity{
			Parent: rapid.SampledFrom([]string{"", "a", "a_b"}).Draw(t, "parent"),
			Name:   rapid.SampledFrom([]string{"9", "10", "é"}).Draw(t, "name"),
		}
		e.Group = "group of " + e.Parent // a property of the names
		return e
	})
	drawColumns = rapid.Custom(func(t *rapid.T) []Column {
		all := rapid.Permutation(testColumns).Draw(t, "columns")
		return all[:rapid.IntRange(1, len(all)).Draw(t, "number of columns")]
	})
	drawRat = rapid.Custom(func(t *rapid.T) *big.Rat {
		n := new(big.Int).SetUint64(rapid.Uint64().Draw(t, "numerator"))
		if rapid.Bool().Draw(t, "negative") {
			n.Neg(n)
		}
		return new(big.Rat).SetFrac(n, big.NewInt(rapid.SampledFrom([]int64{1, 1, 2, 8, 10, 1000}).Draw(t, "denominator")))
	})
)

// change is one call that puts values into a table.
type change struct {
	entity Entity
	apply  func(t *Builder, row int)
	model  func(m *model)
}

func (c change) do(t *Builder) {
	row := t.Row(c.entity)
	t.Touch(row)
	c.apply(t, row)
}

func (c change) doModel(m *model) {
	m.row(c.entity)
	m.seen[c.entity]++
	c.model(m)
}

// drawChange draws a call for a table with these columns.
func drawChange(columns []Column) *rapid.Generator[change] {
	return rapid.Custom(func(r *rapid.T) change {
		e := drawEntity.Draw(r, "entity")
		col := rapid.IntRange(0, len(columns)-1).Draw(r, "column")
		switch rapid.IntRange(0, 4).Draw(r, "kind") {
		case 0:
			v := drawRat.Draw(r, "rat")
			return change{e, func(t *Builder, row int) { t.AddRat(row, col, v) }, func(m *model) { m.add(e, col, v) }}
		case 1:
			v := rapid.OneOf(rapid.Float64Range(-1e6, 1e6), rapid.SampledFrom([]float64{
				0, 0.1, 1e300, math.NaN(), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64,
			})).Draw(r, "float")
			return change{
				e, func(t *Builder, row int) { t.Set(row, col, v) }, func(m *model) {
					if rat := new(big.Rat).SetFloat64(v); rat != nil {
						m.add(e, col, rat)
					}
				},
			}
		case 2:
			v := drawValue.Draw(r, "value")
			return change{e, func(t *Builder, row int) { t.Add(row, col, v) }, func(m *model) { m.add(e, col, big.NewRat(v, 1)) }}
		}
		return drawRow(r, e, columns)
	})
}

// drawRow draws a call of AddRow.
func drawRow(r *rapid.T, e Entity, columns []Column) change {
	picked := rapid.SliceOfN(rapid.IntRange(0, len(columns)-1), 0, 2*len(columns)).Draw(r, "slots")
	values := rapid.SliceOfN(drawValue, len(picked), len(picked)).Draw(r, "values")
	counts := rapid.SliceOfN(rapid.SampledFrom([]uint16{0, 1, 1, 1, 2, Wide - 2, Wide}), len(picked), len(picked)).Draw(r, "counts")
	return change{
		e,
		func(t *Builder, row int) {
			slots := make([]Slot, len(picked))
			for i, col := range picked {
				slots[i] = t.Slot(col)
			}
			t.AddRow(row, slots, values, counts)
		},
		func(m *model) {
			for i, col := range picked {
				if counts[i] > 0 {
					m.addN(e, col, big.NewRat(values[i], 1), int64(counts[i]))
				}
			}
		},
	}
}
