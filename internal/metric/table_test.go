package metric

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestTableModel makes any calls and compares with the model.
func TestTableModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		columns := drawColumns.Draw(r, "first columns")
		table, m := NewBuilder(Server, columns), newModel(columns)
		r.Repeat(map[string]func(*rapid.T){
			"change": func(r *rapid.T) {
				c := drawChange(columns).Draw(r, "change")
				c.do(table)
				c.doModel(m)
			},
			"row": func(r *rapid.T) {
				e := drawEntity.Draw(r, "entity")
				if row := table.Row(e); table.entities[row] != e || table.Row(e) != row {
					r.Fatalf("row %d is %v, want %v", row, table.entities[row], e)
				}
				m.row(e)
			},
			"touch": func(r *rapid.T) {
				e := drawEntity.Draw(r, "entity")
				table.Touch(table.Row(e))
				m.row(e)
				m.seen[e]++
			},
			"reset": func(*rapid.T) {
				table.Reset()
				m.reset()
			},
			"columns": func(r *rapid.T) {
				columns = drawColumns.Draw(r, "columns")
				table.SetColumns(columns)
				m.setColumns(columns)
			},
			"": func(r *rapid.T) {
				if got, want := table.Table().text(), m.text(); got != want {
					r.Fatalf("\n got %s\nwant %s", got, want)
				}
				if got, want := fmt.Sprintf("%d points", table.Table().Points()), table.Table().text(); want[len(want)-len(got):] != got {
					r.Fatalf("%s, want %s", got, want)
				}
				if table.Capacity() != len(m.entities) {
					r.Fatalf("capacity %d, want %d", table.Capacity(), len(m.entities))
				}
			},
		})
	})
}

// TestOrderDoesNotMatter: changes in any order give the same table, and so do
// parts of them in several tables, merged in any order.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		columns := drawColumns.Draw(r, "columns")
		changes := rapid.SliceOfN(drawChange(columns), 0, 30).Draw(r, "changes")
		m, whole := newModel(columns), NewBuilder(Server, columns)
		for _, c := range changes {
			c.doModel(m)
			c.do(whole)
		}
		want := m.text()
		if got := whole.Table().text(); got != want {
			r.Fatalf("\n got %s\nwant %s", got, want)
		}
		shuffled := NewBuilder(Server, columns)
		order := make([]int, len(changes))
		for i := range order {
			order[i] = i
		}
		for _, i := range rapid.Permutation(order).Draw(r, "order") {
			changes[i].do(shuffled)
		}
		if got := shuffled.Table().text(); got != want {
			r.Fatalf("in another order:\n got %s\nwant %s", got, want)
		}
		parts := make([]*Builder, 4)
		for i := range parts {
			parts[i] = NewBuilder(Server, columns)
		}
		for _, c := range changes {
			c.do(rapid.SampledFrom(parts).Draw(r, "part"))
		}
		merged := NewBuilder(Server, columns)
		for _, part := range rapid.Permutation(parts).Draw(r, "parts") {
			merged.Merge(part.Table())
		}
		if got := merged.Table().text(); got != want {
			r.Fatalf("merged:\n got %s\nwant %s", got, want)
		}
	})
}

// TestMergeColumns: columns meet by name, and those that t lacks are left out.
func TestMergeColumns(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		mine, theirs := drawColumns.Draw(r, "mine"), drawColumns.Draw(r, "theirs")
		to, from, m := NewBuilder(Backend, mine), NewBuilder(Backend, theirs), newModel(testColumns)
		number := func(columns []Column, col int) int { return slices.Index(testColumns, columns[col]) }
		for _, put := range []struct {
			table   *Builder
			columns []Column
		}{{to, mine}, {from, theirs}} {
			for _, v := range rapid.SliceOfN(drawValue, 0, 10).Draw(r, "values") {
				e, col := drawEntity.Draw(r, "entity"), rapid.IntRange(0, len(put.columns)-1).Draw(r, "column")
				row := put.table.Row(e)
				put.table.Touch(row)
				put.table.Add(row, col, v)
				m.row(e)
				m.seen[e]++
				m.add(e, number(put.columns, col), big.NewRat(v, 1))
			}
		}
		m.setColumns(mine)
		before := from.Table().text()
		to.Merge(from.Table())
		if got, want := to.Table().text(), m.text(); got != want {
			r.Fatalf("\n got %s\nwant %s", got, want)
		}
		if from.Table().text() != before {
			r.Fatalf("the merged table was changed to %s", from.Table().text())
		}
	})
}

func TestAt(t *testing.T) {
	const big1 = math.MaxInt64
	for _, test := range []struct {
		name           string
		values         []int64
		sum, mean, max string
	}{
		{"nothing", nil, "", "", ""},
		{"zero", []int64{0}, "0", "0", "0"},
		{"one", []int64{-7}, "-7", "-7", "-7"},
		{"exact mean", []int64{1, 2, 3}, "6", "2", "3"},
		{"broken mean", []int64{1, 2}, "3", "1.5", "2"},
		{"negative mean", []int64{-1, -2}, "-3", "-1.5", "-1"},
		{"largest", []int64{big1}, "9223372036854775807", "9223372036854775807", "9223372036854775807"},
		{"beyond an int64", []int64{big1, big1}, "1.8446744073709552e+19", "9223372036854775807", "9223372036854775807"},
		{"beyond and back", []int64{big1, big1, -big1, 5}, "9.223372036854776e+18", "2305843009213693953", "9223372036854775807"},
		{"below an int64", []int64{math.MinInt64, -1}, "-9.223372036854776e+18", "-4.611686018427388e+18", "-1"},
		{"a mean that rounds once", []int64{1 << 53, 1, 0, 0, 0, 0, 0}, "9007199254740993", "1.2867427506772848e+15", "9007199254740992"},
		{"the same below 0", []int64{-1 << 53, -1, 0, 0, 0, 0, 0}, "-9007199254740993", "-1.2867427506772848e+15", "0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			table := NewBuilder(Frontend, testColumns)
			row := table.Row(Entity{Name: "a"})
			for _, v := range test.values {
				for col := range 3 {
					table.Add(row, col, v)
				}
			}
			for col, want := range []string{test.sum, test.mean, test.max} {
				text := ""
				if v, ok := table.At(row, col); ok {
					text = fmt.Sprint(v.Int)
					if !v.Exact {
						text = fmt.Sprint(v.Float)
					}
					if v.Exact && v.Number() != float64(v.Int) || !v.Exact && v.Number() != v.Float {
						t.Errorf("%+v as a number is %v", v, v.Number())
					}
				}
				if text != want {
					t.Errorf("%s is %s, want %s", testColumns[col].Combine, text, want)
				}
			}
		})
	}
}

// TestSmallest: a marker counts only if there is no value, in any order.
func TestSmallest(t *testing.T) {
	for _, test := range []struct {
		values          []int64
		min, minOfKnown int64
	}{
		{[]int64{5}, 5, 5},
		{[]int64{5, 0, 7}, 0, 0},
		{[]int64{-1, 5, 7}, -1, 5},
		{[]int64{5, -1, 7}, -1, 5},
		{[]int64{-1, -2}, -2, -1},
	} {
		table := NewBuilder(Server, []Column{{Name: "a", Combine: Min}, {Name: "a", Combine: MinKnown, Outputs: ExceptGraphite}})
		row := table.Row(Entity{Name: "s"})
		for _, v := range test.values {
			table.Add(row, 0, v)
			table.Add(row, 1, v)
		}
		for col, want := range []int64{test.min, test.minOfKnown} {
			if got, ok := table.At(row, col); !ok || got != (Value{Int: want, Exact: true}) {
				t.Errorf("%s of %v is %+v, want %d", table.Columns()[col].Combine, test.values, got, want)
			}
		}
	}
}

func TestReplace(t *testing.T) {
	table := NewBuilder(Server, []Column{{Name: "a", Combine: Mean}, {Name: "b"}})
	row := table.Row(Entity{Name: "s"})
	table.Add(row, 0, 5)
	table.Add(row, 0, 6)
	table.Replace(row, 0, 8)
	table.Replace(row, 1, 8)
	if got, ok := table.At(row, 0); !ok || got.Int != 4 {
		t.Errorf("got %+v, want 8 of two values", got)
	}
	if got, ok := table.At(row, 1); ok {
		t.Errorf("got %+v, want none", got)
	}
}

// TestFilledSmallest: a missing value that counts as 0 may be the smallest.
func TestFilledSmallest(t *testing.T) {
	table := NewBuilder(Backend, []Column{
		{Name: "a", Combine: Min, EmptyIsZero: true}, {Name: "b", Combine: Min, EmptyIsZero: true}, {Name: "c", Combine: MinKnown, EmptyIsZero: true},
	})
	row := table.Row(Entity{Name: "s"})
	table.TouchRows(row, 2, 0)
	for col, v := range []int64{3, -3, -1} {
		table.Add(row, col, v)
	}
	for col, want := range []int64{0, -3, 0} {
		if got, ok := table.Table().Filled(row, col); !ok || got.Int != want {
			t.Errorf("column %d is %+v, want %d", col, got, want)
		}
	}
}

// TestPointsOfTwins: a field of two columns is one metric.
func TestPointsOfTwins(t *testing.T) {
	table := NewBuilder(Backend, []Column{{Name: "a", Outputs: GraphiteOnly}, {Name: "a", Combine: Max, Outputs: ExceptGraphite}, {Name: "b"}})
	row := table.Row(Entity{Name: "s"})
	table.Touch(row)
	for col := range 3 {
		table.Add(row, col, 1)
	}
	if got := table.Table().Points(); got != 2 {
		t.Errorf("got %d points, want 2", got)
	}
}

func TestRowsAreOrdered(t *testing.T) {
	table := NewBuilder(Server, testColumns)
	names := []Entity{
		{Parent: "b", Name: "a"},
		{Parent: "a_b", Name: "x"},
		{Parent: "a", Name: "z"},
		{Parent: "a", Name: "10"},
		{Parent: "a", Name: "9"},
		{Name: "z"},
	}
	for _, e := range names {
		table.Touch(table.Row(e))
	}
	table.Row(Entity{Name: "never touched"})
	want := []int{5, 3, 4, 2, 1, 0}
	if got := table.Table().Rows(); !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
	table.Reset()
	if got := table.Table().Rows(); len(got) != 0 {
		t.Errorf("rows %v after Reset", got)
	}
	table.Touch(2)
	first := table.Row(Entity{Parent: "0"})
	table.Touch(first)
	if got, want := table.Table().Rows(), []int{first, 2}; !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
}

func TestColumns(t *testing.T) {
	table := NewBuilder(Process, testColumns)
	for _, c := range testColumns {
		want := slices.IndexFunc(testColumns, func(o Column) bool { return o.Name == c.Name })
		if got := table.Table().Column(c.Name); got != want {
			t.Errorf("column %s is %d, want %d", c.Name, got, want)
		}
	}
	if got := table.Table().Column("none"); got != -1 {
		t.Errorf("a column that is none is %d", got)
	}
	if table.Scope() != Process {
		t.Errorf("scope %s", table.Scope())
	}
}

func TestTableWithoutColumns(t *testing.T) {
	table := NewBuilder(Backend, nil)
	row := table.Row(Entity{Name: "a"})
	table.Touch(row)
	table.AddRow(row, nil, nil, nil)
	if len(table.Table().Rows()) != 1 || table.Table().Points() != 0 {
		t.Errorf("%d rows, %d points", len(table.Table().Rows()), table.Table().Points())
	}
	table.SetColumns(testColumns)
	table.Add(row, 1, 5)
	if v, ok := table.At(row, 1); !ok || v.Int != 5 || table.Table().Points() != 1 {
		t.Errorf("%v, %t", v, ok)
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	table := NewBuilder(Server, testColumns)
	slots := make([]Slot, len(testColumns))
	for i := range slots {
		slots[i] = table.Slot(i)
	}
	rows := make([]int, 100)
	for i := range rows {
		rows[i] = table.Row(Entity{Parent: "be", Name: fmt.Sprint(i)})
	}
	values := []int64{1, 2, 3, 1 << 60, 5, -1, 4, -1, 0}
	counts := []uint16{1, 0, 1, 1, 0, 1, 0, 0, 0}
	points := 0
	table.AddRat(rows[7], 0, big.NewRat(1, 2)) // a number that is wide once
	allocs := testing.AllocsPerRun(10, func() {
		table.Reset()
		for range 4 {
			for _, row := range rows {
				table.AddRow(row, slots, values, counts)
				table.Touch(row)
			}
		}
		points = table.Table().Points()
		for _, row := range table.Table().Rows() {
			for col := range testColumns {
				table.At(row, col)
			}
		}
	})
	if allocs != 0 || points != 400 {
		t.Errorf("%v allocations a snapshot, %d points", allocs, points)
	}
}

func BenchmarkAddRow(b *testing.B) {
	var columns []Column
	for i := range 30 {
		columns = append(columns, Column{Name: fmt.Sprint(i), Combine: Combine(i % 2)})
	}
	table := NewBuilder(Server, columns)
	slots := make([]Slot, len(columns))
	values := make([]int64, len(columns))
	counts := make([]uint16, len(columns))
	for i := range slots {
		slots[i], values[i], counts[i] = table.Slot(i), int64(i), uint16(i%2)
	}
	row := table.Row(Entity{Name: "a"})
	b.ReportAllocs()
	for b.Loop() {
		table.AddRow(row, slots, values, counts)
	}
}

// TestTableIsReadAtOnce: goroutines that read a table share nothing they change.
func TestTableIsReadAtOnce(t *testing.T) {
	builder := NewBuilder(Server, testColumns)
	for i := range 1000 {
		row := builder.Row(Entity{Name: fmt.Sprint(1000 - i)})
		builder.Touch(row)
		builder.Add(row, 1, int64(i))
		builder.AddRat(row, 0, big.NewRat(int64(i), 3))
	}
	table := builder.Table()
	want := table.text()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			if got := table.text(); got != want {
				t.Errorf("got %d bytes of other text, want %d", len(got), len(want))
			}
		})
	}
	readers.Wait()
}

// TestCounts: a cell of more values than its count can hold stays exact.
func TestCounts(t *testing.T) {
	builder := NewBuilder(Server, []Column{{Name: "mean", Combine: Mean}})
	row := builder.Row(Entity{Name: "a"})
	builder.Touch(row)
	slots := []Slot{builder.Slot(0)}
	for range 4 {
		builder.AddRow(row, slots, []int64{3 * (Wide - 1)}, []uint16{Wide - 1})
	}
	builder.Add(row, 0, 3)
	if got, ok := builder.Table().At(row, 0); !ok || got != (Value{Int: 3, Exact: true}) {
		t.Errorf("got %+v, %t, want 3", got, ok)
	}
}
