package plaintext

import (
	"strconv"

	"haproxystats/internal/metric"
)

// meetings are the rows of a table that map to one path.
type meetings struct {
	of    []int   // by row: the number of its meeting, or -1
	rows  [][]int // by meeting: its rows, in the table's order
	pairs map[pair]bool

	merged *metric.Builder // one row for each meeting
	result *metric.Table   // of merged; nil until the batch is merged
	same   []int           // the number of each column
}

// pair is two entities that map to one path.
type pair struct{ first, next metric.Entity }

// place is where an entity is in Graphite's tree.
type place struct{ parent, name string }

func (p *paths) placeOf(e metric.Entity) place { return place{p.spell(e.Parent), p.spell(e.Name)} }

// spell returns a name as paths have it.
func (p *paths) spell(name string) string {
	if p.tagged {
		return TagValue(name)
	}
	return Component(name)
}

// maxName returns the most bytes that a name may have in paths.
func (p *paths) maxName() int {
	if p.tagged {
		return MaxTag
	}
	return MaxComponent
}

// meet finds the rows that map to one path. It adds the pairs that are not in before to
// the result. Combined metrics of processes would make no sense, so a later process gets
// a path with a number instead.
func (p *paths) meet(t *metric.Table, before *meetings, result *Result) {
	byPlace := make(map[place]int) // the first row
	m := &meetings{of: make([]int, len(p.rows)), pairs: make(map[pair]bool)}
	for i := range m.of {
		m.of[i] = -1
	}
	for i := range p.rows {
		p.rows[i].known = false
	}
	tells := t.Scope() != metric.ServerName && p.counts < 0 // those repeat names of other tables
	for _, row := range t.Rows() {
		r := &p.rows[row]
		r.known = true
		at := p.placeOf(r.entity)
		first, taken := byPlace[at]
		if t.Scope() == metric.Process {
			entity := r.entity
			for n := 2; taken; n++ {
				entity.Name = at.name + "_" + strconv.Itoa(n)
				_, taken = byPlace[p.placeOf(entity)]
			}
			at = p.placeOf(entity)
			if p.renamed == nil {
				p.renamed = make(map[int]metric.Entity)
			}
			p.renamed[row] = entity
		}
		if !taken {
			byPlace[at] = row
			continue
		}
		if m.of[first] < 0 {
			m.of[first] = len(m.rows)
			m.rows = append(m.rows, []int{first})
		}
		m.of[row] = m.of[first]
		m.rows[m.of[first]] = append(m.rows[m.of[first]], row)
		now := pair{p.rows[first].entity, r.entity}
		m.pairs[now] = true
		if tells && (before == nil || !before.pairs[now]) {
			result.Met = append(result.Met, Meeting{t.Scope(), full(now.first), full(now.next)})
		}
	}
	if len(m.rows) > 0 {
		p.meets = m
	}
}

// full returns the name that identifies an entity in its scope.
func full(e metric.Entity) string {
	if e.Parent == "" {
		return e.Name
	}
	return e.Parent + "/" + e.Name
}

// combined returns the table and the row with the combined values of all rows that map to
// the path of row. It reports whether row is the first of these rows.
func (t named) combined(row int) (from *metric.Table, at int, first bool) {
	m := t.meets
	meeting := m.of[row]
	if meeting < 0 {
		return t.Table, row, true
	}
	if m.result == nil {
		m.merge(t.Table)
	}
	for _, r := range m.rows[meeting] {
		if t.Seen(r) > 0 {
			return m.result, meeting, r == row
		}
	}
	return nil, 0, false
}

// merge combines the rows of each meeting.
func (m *meetings) merge(t *metric.Table) {
	if m.merged == nil {
		m.merged = metric.NewBuilder(t.Scope(), t.Columns())
		for i := range t.Columns() {
			m.same = append(m.same, i)
		}
		for i := range m.rows {
			m.merged.Row(metric.Entity{Name: strconv.Itoa(i)})
		}
	}
	m.merged.Reset()
	for i, rows := range m.rows {
		for _, row := range rows {
			m.merged.MergeRow(i, t, row, m.same)
		}
	}
	m.result = m.merged.Table()
}

// recount returns the table with the number of servers of each backend counted again if
// rows have met: the sum of two backends would count servers of one name twice.
func (t named) recount(tables []named) *metric.Table {
	meets := t.meets != nil
	below := make(map[string]int64)
	seen := make(map[place]bool)
	for _, servers := range tables {
		if servers.Scope() != metric.Server {
			continue
		}
		if meets = meets || servers.meets != nil; !meets {
			return t.Table
		}
		for _, row := range servers.Rows() {
			if at := servers.placeOf(servers.Entity(row)); !seen[at] {
				seen[at] = true
				below[at.parent]++
			}
		}
	}
	if !meets {
		return t.Table
	}
	b := metric.NewBuilder(t.Scope(), t.Columns())
	for row := range t.Capacity() {
		b.Row(t.Entity(row)) // so that the rows keep their numbers
	}
	columns := make([]int, len(t.Columns()))
	for i := range columns {
		columns[i] = i
	}
	columns[t.counts] = -1
	for _, row := range t.Rows() {
		b.MergeRow(row, t.Table, row, columns)
		b.Add(row, t.counts, below[t.spell(t.Entity(row).Name)])
	}
	return b.Table()
}
