package plaintext

import (
	"slices"

	"haproxystats/internal/metric"
)

// paths has the parts of the paths of one table. It identifies rows by their numbers,
// which a builder keeps from one batch to the next.
type paths struct {
	scope   metric.Scope
	columns []metric.Column
	names   [][]byte // of the columns, with a space at the end
	how     []how    // of the columns
	fixed   []fixed  // the columns, if short
	short   bool     // all names fit into fixed
	rows    []rowPaths
	altered int // number of rows with a name that a path can't show unchanged
	counts  int // the column that counts different things; -1 for none

	// full and grouped are the names of tagged paths, without and with a group; nil for
	// dotted paths.
	full, grouped [][]byte

	meets *meetings // nil for none
	// renamed has the processes whose label was taken, with another label.
	renamed map[int]metric.Entity
	// target and folded are for a table with columns that map to one name. For each column
	// of the table, target has the column of folded.
	target []int
	folded *metric.Builder
}

// how is the way in which the values of a column are written.
type how uint8

const (
	plain  how = iota // the sum, where there are values
	always            // the sum, which is 0 where there are none
	mean              // the sum divided by the number of values
	filled            // by metric.Table.Filled
	never             // it is not for Graphite
)

// maxFixed is the number of bytes that are copied for a short name and its space,
// whatever its length.
const maxFixed = 32

// fixed is a column whose name is short.
type fixed struct {
	text   [maxFixed]byte // with a space at the end
	length int
	how    how
	// filled is set if a value that is missing counts as 0, active if it does so only
	// in rows that have taken connections.
	filled, active bool
}

// rowPaths has the properties of the paths of a row's entity.
type rowPaths struct {
	entity  metric.Entity
	made    bool // the other fields are valid
	altered bool // a name of the entity is not as it is in the path
	long    bool // a component is too long
	known   bool // the row was there when the meetings were looked for
}

// fold returns the table with columns combined whose names map to one.
func (p *paths) fold(e *Encoder, t *metric.Table) *metric.Table {
	if t.Scope() != p.scope || !slices.Equal(t.Columns(), p.columns) {
		p.useColumns(e, t.Scope(), t.Columns())
	}
	if p.folded == nil {
		return t
	}
	p.folded.Reset()
	for _, row := range t.Rows() {
		p.folded.MergeRow(p.folded.Row(t.Entity(row)), t, row, p.target)
	}
	if p.folded.Capacity() > 2*len(t.Rows())+1024 { // too many rows are no longer in use
		p.columns = nil
	}
	return p.folded.Table()
}

func (p *paths) useColumns(e *Encoder, scope metric.Scope, columns []metric.Column) {
	*p = paths{scope: scope, columns: columns, names: make([][]byte, 0, len(columns)), target: make([]int, len(columns)), counts: -1, short: true}
	place := make(map[string]int, len(columns))
	var different []metric.Column
	for i, c := range columns {
		if !c.Outputs.ForGraphite() {
			p.target[i] = len(different)
			different = append(different, c)
			p.names, p.how, p.fixed = append(p.names, nil), append(p.how, never), append(p.fixed, fixed{how: never})
			continue
		}
		name := appendComponent(nil, c.Name)
		at, taken := place[string(name)]
		if !taken {
			at = len(different)
			place[string(name)] = at
			different = append(different, c)
			name = append(name, e.tail...)
			p.names = append(p.names, append(name, ' '))
			p.how = append(p.how, howOf(c))
			f := fixed{length: len(name) + 1, how: howOf(c), filled: c.EmptyIsZero, active: c.Combine == metric.MeanOfActive}
			if copy(f.text[:], p.names[at]) < f.length {
				p.short = false
			}
			p.fixed = append(p.fixed, f)
			if c.Combine == metric.Distinct {
				p.counts = at
			}
		}
		p.target[i] = at
	}
	if len(different) < len(columns) {
		p.folded = metric.NewBuilder(scope, different)
	}
	if e.tags != nil {
		p.useTagged(e)
	}
}

func howOf(c metric.Column) how {
	switch {
	case c.Combine == metric.Sum && c.EmptyIsZero:
		return always
	case c.Combine == metric.Sum, c.Combine == metric.Distinct, c.Combine == metric.Max && !c.EmptyIsZero:
		return plain
	case c.Combine.IsMean():
		return mean
	}
	return filled
}

// value returns the value of a cell, and false if there is none to write.
func (p *paths) value(t *metric.Table, row, col int) (metric.Value, bool) {
	switch p.how[col] {
	case never:
		return metric.Value{}, false
	case mean, filled:
		return t.Filled(row, col)
	}
	v, ok := t.At(row, col)
	if !ok && p.how[col] == always {
		return metric.Value{Exact: true}, true
	}
	return v, ok
}

// use finds the paths of a table's rows, and the rows that map to one path.
func (p *paths) use(e *Encoder, t *metric.Table, result *Result) {
	// Processes are named anew each time, and there are few.
	changed := t.Scope() == metric.Process
	if n := t.Capacity(); n < len(p.rows) {
		for _, r := range p.rows[n:] {
			p.count(r, -1)
		}
		p.rows = slices.Clone(p.rows[:n])
		changed = true
	} else {
		p.rows = append(p.rows, make([]rowPaths, n-len(p.rows))...)
	}
	for _, row := range t.Rows() {
		r := &p.rows[row]
		entity := t.Entity(row)
		if r.made && r.entity == entity {
			changed = changed || !r.known
			continue
		}
		p.count(*r, -1)
		r.entity, r.made = entity, true
		if e.tags != nil {
			r.altered = isAlteredTag(entity.Name) || isAlteredTag(entity.Parent)
			r.long = e.tags.tooLong(t.Scope(), entity)
		} else {
			e.scratch, _ = e.appendPrefixes(e.scratch[:0], t.Scope(), entity)
			r.altered = isAltered(entity.Name) || isAltered(entity.Parent)
			r.long = hasLong(e.scratch)
		}
		p.count(*r, 1)
		changed = true
	}
	if changed {
		before := p.meets
		p.meets = nil
		clear(p.renamed)
		if p.altered > 0 { // names that paths show as they are don't meet
			p.meet(t, before, result)
		}
	}
	if p.meets != nil {
		p.meets.result = nil // of an earlier batch
	}
}

// isAltered reports whether a name differs from its path component.
func isAltered(name string) bool { return name != "" && Component(name) != name }

// isAlteredTag reports whether a name differs from the value of its tag.
func isAlteredTag(name string) bool { return name != "" && TagValue(name) != name }

func (p *paths) count(r rowPaths, n int) {
	if r.altered {
		p.altered += n
	}
}

// appendPrefixes appends the one or two paths of an entity.
func (e *Encoder) appendPrefixes(b []byte, scope metric.Scope, entity metric.Entity) (paths []byte, split int) {
	plain := entity.Group == "" || e.group == nil
	if !plain {
		b = append(b, e.group...)
		b = appendPath(b, entity.Group)
		b = appendPlace(b, scope, entity)
		split = len(b)
	}
	if plain || e.double {
		b = append(b, e.root...)
		b = appendPlace(b, scope, entity)
	}
	if plain {
		split = len(b)
	}
	return b, split
}

// below is the path below which the servers of a backend are.
type below struct {
	parent string
	path   []byte // nil for none
}

// prefixes returns the one or two paths of a row's entity, and the index at which the
// second begins. Behind them are at least maxCopied bytes of capacity. They are valid
// until the next call.
func (e *Encoder) prefixes(p *paths, row int) (prefix []byte, split int) {
	r := &p.rows[row]
	entity, renamed := p.renamed[row]
	if !renamed {
		entity = r.entity
	}
	if p.scope == metric.Server && !r.altered && entity.Name != "" && (entity.Group == "" || e.group == nil) {
		if e.below.path == nil || e.below.parent != entity.Parent {
			e.below.parent = entity.Parent
			e.below.path = appendServers(append(e.below.path[:0], e.root...), entity.Parent)
		}
		prefix = append(append(append(e.scratch[:0], e.below.path...), entity.Name...), '.')
		split = len(prefix)
	} else {
		prefix, split = e.appendPrefixes(e.scratch[:0], p.scope, entity)
	}
	e.scratch = slices.Grow(prefix, maxCopied)
	return e.scratch, split
}

// hasLong reports whether a component of paths is too long.
func hasLong(paths []byte) bool {
	n := 0
	for _, c := range paths {
		if n++; c == '.' {
			n = 0
		}
		if n > MaxComponent {
			return true
		}
	}
	return false
}
