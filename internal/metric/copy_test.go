package metric

import (
	"testing"

	"pgregory.net/rapid"
)

// TestCopy: a copy has what the table had, whatever the builder does next, also in the
// memory of earlier copies of other tables.
func TestCopy(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		columns := drawColumns.Draw(r, "columns")
		b := NewBuilder(Server, columns)
		var copied *Table
		for range 3 {
			for range rapid.IntRange(0, 100).Draw(r, "changes") {
				drawChange(columns).Draw(r, "change").do(b)
			}
			table := b.Table()
			want := table.text()
			copied = table.CopyTo(copied)
			points := table.Points()
			b.Reset()
			b.Row(Entity{Parent: "later", Name: "row"})
			b.Table()
			if rapid.Bool().Draw(r, "other columns") {
				columns = drawColumns.Draw(r, "columns")
				b.SetColumns(columns)
			}
			if got := copied.text(); got != want || copied.Points() != points {
				r.Fatalf("got %d points and\n%s\nwant %d and\n%s", copied.Points(), got, points, want)
			}
		}
	})
}

// TestCopyUsesTheMemory: copies of a table into the one before allocate nothing.
func TestCopyUsesTheMemory(t *testing.T) {
	b := NewBuilder(Server, []Column{{Name: "a"}, {Name: "b"}})
	for i := range 1000 {
		b.Touch(b.Row(Entity{Name: string(rune(i))}))
	}
	table := b.Table()
	copied := table.CopyTo(nil)
	if n := testing.AllocsPerRun(10, func() { copied = table.CopyTo(copied) }); n > 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}
