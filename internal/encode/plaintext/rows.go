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
	tagged  bool
	names   [][]byte // of the columns; with constant tags and a space at the end if the paths are dotted
	how     []how    // of the columns
	fixed   []fixed  // the columns, if short
	short   bool     // all names fit into fixed
	rows    []rowPaths
	altered int // number of rows with a name that a path can't show unchanged
	counts  int // the column that counts different things; -1 for none

	// plain and grouped are what the names of tagged series begin with, without and with a
	// group; nil for dotted paths.
	plain, grouped []byte

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

// maxFixed is the number of bytes that are copied for a short name, whatever its length.
const maxFixed = 32

// fixed is a column whose name is short.
type fixed struct {
	text   [maxFixed]byte // as in names
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
	*p = paths{scope: scope, columns: columns, tagged: e.tags != nil, names: make([][]byte, 0, len(columns)), target: make([]int, len(columns)), counts: -1, short: true}
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
			if !p.tagged {
				name = append(append(name, e.tail...), ' ')
			}
			p.names = append(p.names, name)
			p.how = append(p.how, howOf(c))
			f := fixed{length: len(name), how: howOf(c), filled: c.EmptyIsZero, active: c.Combine == metric.MeanOfActive}
			if copy(f.text[:], name) < f.length {
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
	if p.tagged {
		kind := kindOf(scope)
		p.plain = append(slices.Clone(e.root), kind...)
		p.grouped = append(slices.Clone(e.group), kind...)
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
		r.altered = p.isAltered(entity.Name) || p.isAltered(entity.Parent)
		if p.tagged {
			r.long = e.tags.tooLong(t.Scope(), entity)
		} else {
			r.long = e.hasLong(t.Scope(), entity)
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

// isAltered reports whether a path can't show a name as it is.
func (p *paths) isAltered(name string) bool { return name != "" && p.spell(name) != name }

func (p *paths) count(r rowPaths, n int) {
	if r.altered {
		p.altered += n
	}
}

// inGroup reports whether an entity has a path with its group.
func (e *Encoder) inGroup(entity metric.Entity) bool { return entity.Group != "" && e.group != nil }

// appendPrefix appends a dotted path of an entity, with a dot at its end.
func (e *Encoder) appendPrefix(b []byte, scope metric.Scope, entity metric.Entity, grouped bool) []byte {
	if grouped {
		b = appendPath(append(b, e.group...), entity.Group)
	} else {
		b = append(b, e.root...)
	}
	return appendPlace(b, scope, entity)
}

// below is the path below which the servers of a backend are.
type below struct {
	parent string
	path   []byte // nil for none
}

// around returns the text in front of the names of columns in the series of an entity, and,
// from split on, the text behind these names. Behind the text are at least maxCopied bytes of
// capacity. It is valid until the next call.
func (e *Encoder) around(p *paths, r *rowPaths, entity metric.Entity, grouped bool) (text []byte, split int) {
	switch {
	case p.tagged:
		if grouped {
			text = append(e.scratch[:0], p.grouped...)
		} else {
			text = append(e.scratch[:0], p.plain...)
			entity.Group = ""
		}
		split = len(text)
		text = append(e.tags.append(text, p.scope, entity), ' ')
	case p.scope == metric.Server && !r.altered && entity.Name != "" && !grouped:
		if e.below.path == nil || e.below.parent != entity.Parent {
			e.below.parent = entity.Parent
			e.below.path = appendServers(append(e.below.path[:0], e.root...), entity.Parent)
		}
		text = append(append(append(e.scratch[:0], e.below.path...), entity.Name...), '.')
		split = len(text)
	default:
		text = e.appendPrefix(e.scratch[:0], p.scope, entity, grouped)
		split = len(text)
	}
	e.scratch = slices.Grow(text, maxCopied)
	return e.scratch, split
}

// hasLong reports whether a component of the dotted paths of an entity is too long.
func (e *Encoder) hasLong(scope metric.Scope, entity metric.Entity) bool {
	e.scratch = e.scratch[:0]
	if e.inGroup(entity) {
		e.scratch = e.appendPrefix(e.scratch, scope, entity, true)
	}
	if !e.inGroup(entity) || e.double {
		e.scratch = e.appendPrefix(e.scratch, scope, entity, false)
	}
	n := 0
	for _, c := range e.scratch {
		if n++; c == '.' {
			n = 0
		}
		if n > MaxComponent {
			return true
		}
	}
	return false
}
