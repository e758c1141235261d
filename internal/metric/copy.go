package metric

// CopyTo returns a copy of the table that stays valid when its builder is used again. It
// uses the memory of old, a copy that nobody reads any more; nil for none.
func (t *Table) CopyTo(old *Table) *Table {
	if old == nil {
		old = new(Table)
	}
	// A builder adds to entities and puts others in the place of columns and wide cells,
	// but changes none of them.
	old.scope, old.columns, old.entities = t.scope, t.columns, t.entities
	old.rows = append(old.rows[:0], t.rows...)
	old.seen = append(old.seen[:0], t.seen...)
	old.active = append(old.active[:0], t.active...)
	old.points.Store(t.points.Load())
	c := &old.cells
	c.width, c.wide, c.pages = t.cells.width, t.cells.wide, c.pages[:0]
	for _, p := range t.cells.pages {
		n := len(c.pages)
		if n < cap(c.pages) {
			c.pages = c.pages[:n+1]
		} else {
			c.pages = append(c.pages, page{})
		}
		to := &c.pages[n]
		to.sums = append(to.sums[:0], p.sums...)
		to.counts = append(to.counts[:0], p.counts...)
	}
	return old
}
