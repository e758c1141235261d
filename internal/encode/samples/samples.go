// Package samples walks over the samples that HAProxy's Prometheus exporter would show of
// batches: under its names and types, with its labels, in its order.
//
// It decides which samples there are, and the formats decide how they are written. A family
// is visited at once, whatever it is made of, because Prometheus' text wants that. So the
// tables are read column by column.
package samples

import (
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
)

// Label is a label of a sample.
type Label struct{ Name, Value string }

// Options say which samples there are.
type Options struct {
	// CheckStates are the series that results of checks have.
	CheckStates series.CheckStates
	// NaN has a sample, as the exporter does, where HAProxy shows an empty value; else there
	// is none.
	NaN bool
	// MaxSeries bounds the samples of HAProxy; 0 for no bound. Whole groups are left out, in
	// the order of [series.Reason], until the others fit.
	MaxSeries int
	// Own has the names of columns of [metric.Self] that are about a sink.
	Own map[string]Own
}

// Own is a column of [metric.Self] that is about a sink.
type Own struct{ Field, Sink string }

// Part is what an answer has of one batch.
type Part struct {
	Batch *metric.Batch
	// Labels tell the part from others.
	Labels []Label
	// Old leaves out what HAProxy has said.
	Old bool
}

// Selection is what is wanted.
type Selection struct {
	// Scopes has the scopes that are wanted.
	Scopes [metric.NumScopes]bool
	// Family reports whether a family is wanted; nil for all.
	Family func(name string) bool
	// Proxy and Server report whether what has that name is wanted; nil for all.
	Proxy, Server func(name string) bool
	// NoMaintenance leaves out servers in maintenance.
	NoMaintenance bool
	// ExtraCounters adds those of HAProxy's modules.
	ExtraCounters bool
}

// words has the scopes of each word of HAProxy's exporter.
var words = map[string][]metric.Scope{
	"global":   {metric.Daemon, metric.Process, metric.Certificate},
	"frontend": {metric.Frontend},
	"listener": {metric.Listener},
	"backend":  {metric.Backend},
	"server":   {metric.Server, metric.ServerName, metric.ServerProcesses},

	"sticktable": {metric.StickTable},
	"resolver":   {metric.Resolver},
}

// ScopesOf returns the scopes of a word of HAProxy's exporter, such as "global", and whether
// it is one.
func ScopesOf(word string) ([]metric.Scope, bool) {
	all, known := words[word]
	return all, known
}

// Scopes returns the scopes of words such as "global" and "backend".
func Scopes(words []string) (all [metric.NumScopes]bool) {
	for _, word := range words {
		of, _ := ScopesOf(word)
		for _, s := range of {
			all[s] = true
		}
	}
	return all
}

// Result counts what was visited.
type Result struct {
	// Series is the number of samples of HAProxy, and Dropped those that exceeded MaxSeries.
	Series  int
	Dropped series.Dropped
}

// Style makes what a format needs of what hardly ever changes.
type Style interface {
	// Head returns what a format needs of a family. It is asked once for each.
	Head(f *Family) []byte
	// Label returns what a format needs of a label that rows do not have. It is asked once
	// for each.
	Label(l Label) []byte
	// Text is Label for what processes say of themselves in words. It is asked in each walk.
	Text(l Label) []byte
}

// Family is a family of samples.
type Family struct {
	Name, Help string
	Counter    bool   // else a gauge
	Head       []byte // by the style
	// Scope and Exporter are what the family is of; Exporter has no name if HAProxy's
	// exporter does not have it.
	Scope    metric.Scope
	Exporter catalogue.Series
	// Column is the first column that it is made of, and Scale the factor to its values;
	// zero for states and texts.
	Column metric.Column
	Scale  float64

	rank    int  // its place among the exporter's
	extra   bool // it is of one of HAProxy's modules
	results bool // it has results of health checks or agents
	off     bool // it is not wanted
	columns []column
}

// Tag is a label that a sample has beyond those of its row.
type Tag struct {
	Label
	Text []byte // by the style
}

// Slot is a series that rows can have.
type Slot struct {
	Family *Family
	Tag    *Tag // nil for none
}

// Rows are the rows of a table that are wanted.
type Rows struct {
	// ID numbers the Rows of a walk.
	ID int
	// Labels are those of the part.
	Labels []Label
	Scope  metric.Scope
	// Table is the table; nil for the one row of texts, which is about no entity.
	Table *metric.Table
	// Numbers are those of the rows in the table, in their order there.
	Numbers []int
	// Slots are the series that the rows of this scope can have, those of all its tables.
	// They are the same slice as long as the columns stay the same.
	Slots []Slot
}

// Entity returns the entity of a row.
func (r *Rows) Entity(at int) metric.Entity {
	if r.Table == nil {
		return metric.Entity{}
	}
	return r.Table.Entity(r.Numbers[at])
}

// AppendLabels appends the labels of an entity.
func AppendLabels(to []Label, s metric.Scope, n metric.Entity) []Label {
	parent, name := encode.Labels(s)
	if parent != "" {
		to = append(to, Label{parent, n.Parent})
	}
	if name != "" {
		to = append(to, Label{name, n.Name})
	}
	return to
}

// Sample is a sample. It is valid during the call that gets it.
type Sample struct {
	Family *Family
	Tag    *Tag // nil for none
	// Rows and At are the row.
	Rows *Rows
	At   int
	// Slot is the number of the series among Rows.Slots; -1 for a text.
	Slot int
	// Empty is for a value that HAProxy leaves empty. Else the value is Int times Scale if
	// Exact, or Float, which is finite and in the unit of the series.
	Empty, Exact bool
	Int          int64
	Float        float64
	Scale        float64
}

// Walk visits the samples of batches. It is not safe for concurrent use.
type Walk struct {
	opt    Options
	style  Style
	parts  []part
	rows   []*Rows // all of them
	texts  []textFamily
	wanted *Selection
	result Result
	sample Sample
	visit  func(*Sample) error
}

// New returns a walk for a format.
func New(opt Options, style Style) *Walk {
	w := &Walk{opt: opt, style: style}
	w.texts = w.textFamilies()
	return w
}

// part is a part with what is made of it.
type part struct {
	Part
	groups   []encode.Group
	made     encode.Columns[*families]
	scopes   [metric.NumScopes]scope
	backends []series.Servers // of the batch, by name
	text     Rows             // of texts
}

// families are the families of a group, in the exporter's order, and its slots.
type families struct {
	all   []Family
	slots []Slot
}

// scope is what a part has of one scope.
type scope struct {
	group    *encode.Group
	families []Family
	rows     []*Rows // of the group's tables
	next     int     // the family that comes next
}

// order is the order of the scopes.
var order = [...]metric.Scope{
	metric.Daemon, metric.Frontend, metric.Listener, metric.Backend, metric.Server, metric.StickTable, metric.Resolver,
	metric.Process, metric.ServerName, metric.ServerProcesses, metric.Certificate, metric.Socket, metric.Learned, metric.Self,
}

// Take prepares the walk over what is selected of the parts, which must stay as they are
// until it is done.
func (w *Walk) Take(parts []Part, s *Selection) {
	w.wanted, w.result, w.rows = s, Result{}, w.rows[:0]
	for len(w.parts) < len(parts) {
		w.parts = append(w.parts, part{})
	}
	clear(w.parts[len(parts):])
	w.parts = w.parts[:len(parts)]
	for i := range w.parts {
		p := &w.parts[i]
		p.Part = parts[i]
		p.groups = encode.Groups(p.groups[:0], p.Batch)
		p.text.Labels, p.text.Scope = p.Labels, metric.Daemon
		w.number(&p.text)
		for k := range p.scopes {
			p.scopes[k].group = nil
		}
		for k := range p.groups {
			g := &p.groups[k]
			if !s.has(g.Scope) || p.Old && g.Scope != metric.Self {
				continue
			}
			to := &p.scopes[g.Scope]
			made := p.made.Of(k, g, w.familiesOf)
			to.group, to.next, to.families = g, 0, made.all
			for n := range to.families {
				f := &to.families[n]
				f.off = s.Family != nil && !s.Family(f.Name) || f.extra && !s.ExtraCounters || f.results && w.opt.CheckStates == series.NoStates
			}
			w.setRows(to, s, p.Labels, made.slots)
			if g.Scope == metric.Backend {
				p.backends = series.CountServers(p.backends[:0], p.groups)
			}
		}
	}
	w.fit()
}

// number gives rows their number.
func (w *Walk) number(r *Rows) {
	r.ID = len(w.rows)
	w.rows = append(w.rows, r)
}

// Rows returns the rows of all samples, by their numbers.
func (w *Walk) Rows() []*Rows { return w.rows }

// Families calls f with each family that is wanted, once, whether or not it has samples.
func (w *Walk) Families(f func(*Family)) {
	seen := make(map[string]bool)
	add := func(family *Family) {
		if !seen[family.Name] {
			seen[family.Name] = true
			f(family)
		}
	}
	for _, sc := range order {
		for i := range w.parts {
			t := &w.parts[i].scopes[sc]
			if t.group == nil {
				continue
			}
			for k := range t.families {
				if of := &t.families[k]; !w.isLeft(sc, of) {
					add(of)
				}
			}
		}
		if sc == metric.Daemon && w.wanted.Scopes[sc] {
			for i := range w.texts {
				if t := &w.texts[i]; w.wants(&t.Family) {
					add(&t.Family)
				}
			}
		}
	}
}

// wants reports whether a family is wanted by its name.
func (w *Walk) wants(f *Family) bool { return w.wanted.Family == nil || w.wanted.Family(f.Name) }

// setRows finds the rows that are wanted.
func (w *Walk) setRows(t *scope, s *Selection, labels []Label, slots []Slot) {
	for len(t.rows) < len(t.group.Tables) {
		t.rows = append(t.rows, new(Rows))
	}
	for i, table := range t.group.Tables {
		r := t.rows[i]
		r.Labels, r.Scope, r.Table, r.Slots = labels, t.group.Scope, table, slots
		w.number(r)
		maintenance := -1
		if s.NoMaintenance && r.Scope == metric.Server {
			maintenance = table.Column("status")
		}
		if maintenance < 0 && s.Proxy == nil && s.Server == nil {
			r.Numbers = append(r.Numbers[:0], table.Rows()...)
			continue
		}
		r.Numbers = r.Numbers[:0]
		for _, n := range table.Rows() {
			if s.wants(r.Scope, table.Entity(n)) && (maintenance < 0 || !inMaintenance(table, n, maintenance)) {
				r.Numbers = append(r.Numbers, n)
			}
		}
	}
}

// has reports whether a scope is wanted. The sockets and what was learned go with what
// haproxystats says of itself.
func (s *Selection) has(of metric.Scope) bool {
	return s.Scopes[of] || (of == metric.Socket || of == metric.Learned) && s.Scopes[metric.Self]
}

// wants reports whether an entity is wanted by its name.
func (s *Selection) wants(in metric.Scope, e metric.Entity) bool {
	if s.Proxy != nil {
		if p := encode.Proxy(in, e); p != "" && !s.Proxy(p) {
			return false
		}
	}
	switch in {
	case metric.Server, metric.ServerName, metric.ServerProcesses:
		return s.Server == nil || s.Server(e.Name)
	}
	return true
}

// maintenance is the rank of the state of servers in maintenance.
var maintenance = int64(slices.Index(catalogue.States(catalogue.Server, "status"), "MAINT"))

func inMaintenance(t *metric.Table, row, column int) bool {
	sums, counts := t.Cells(row)
	return counts[column] > 0 && sums[column] == maintenance
}

// fit finds what is left out to keep the bound.
func (w *Walk) fit() {
	if w.opt.MaxSeries <= 0 {
		return
	}
	var all series.Counts
	_ = w.eachText(func(*Sample) error { all.All++; return nil })
	for i := range w.parts {
		for sc := range w.parts[i].scopes {
			t := &w.parts[i].scopes[sc]
			if t.group == nil || t.group.Scope == metric.Self {
				continue
			}
			for k := range t.families {
				if f := &t.families[k]; !f.off {
					all.Add(series.ReasonOf(t.group.Scope, f.extra, f.results), w.count(&w.parts[i], t, f))
				}
			}
		}
	}
	w.result.Dropped = all.Fit(w.opt.MaxSeries)
}

// isLeft reports whether a family is left out.
func (w *Walk) isLeft(s metric.Scope, f *Family) bool {
	r := series.ReasonOf(s, f.extra, f.results)
	return f.off || r < series.NumReasons && w.result.Dropped[r] > 0
}

// count returns the number of samples of a family.
func (w *Walk) count(p *part, t *scope, f *Family) int {
	n := 0
	for i := range f.columns {
		c := &f.columns[i]
		table := t.group.Tables[c.table]
		for _, row := range t.rows[c.table].Numbers {
			if c.of != nil {
				if series.ServersOf(p.backends, table.Entity(row).Name) != nil {
					n += len(c.states)
				}
				continue
			}
			sums, counts := table.Cells(row)
			switch has := counts[c.column] > 0; {
			case has && c.states != nil && f.results && w.opt.CheckStates == series.CurrentState:
				n += c.known(sums[c.column])
			case has && c.states != nil:
				n += len(c.states)
			case has, c.idle, w.opt.NaN && c.empty:
				n++
			}
		}
	}
	return n
}

// Each calls f with each sample, until f returns an error. Take comes before each walk.
func (w *Walk) Each(f func(*Sample) error) (Result, error) {
	w.visit = f
	defer func() { w.visit, w.sample = nil, Sample{} }()
	for _, sc := range order {
		if err := w.scope(sc); err != nil {
			return w.result, err
		}
		if sc != metric.Daemon {
			continue
		}
		err := w.eachText(func(s *Sample) error { w.result.Series++; return f(s) })
		if err != nil {
			return w.result, err
		}
	}
	return w.result, nil
}

// Result returns what is known of the walk: before it is done, only what was dropped.
func (w *Walk) Result() Result { return w.result }

// scope visits the families of a scope.
func (w *Walk) scope(sc metric.Scope) error {
	for {
		// The parts have their families in one order, so that the next one of all is that
		// of one of them.
		var next *Family
		for i := range w.parts {
			t := &w.parts[i].scopes[sc]
			if t.group == nil || t.next == len(t.families) {
				continue
			}
			if f := &t.families[t.next]; next == nil || f.before(next) {
				next = f
			}
		}
		if next == nil {
			return nil
		}
		for i := range w.parts {
			p := &w.parts[i]
			t := &p.scopes[sc]
			if t.group == nil || t.next == len(t.families) || t.families[t.next].Name != next.Name {
				continue
			}
			f := &t.families[t.next]
			t.next++
			if w.isLeft(sc, f) {
				continue
			}
			w.sample.Family = next
			n, err := w.samples(p, t, f)
			if sc != metric.Self {
				w.result.Series += n
			}
			if err != nil {
				return err
			}
		}
	}
}

// samples visits the samples that a part has of a family, and returns their number.
func (w *Walk) samples(p *part, t *scope, f *Family) (n int, err error) {
	s := &w.sample
	for i := range f.columns {
		c := &f.columns[i]
		s.Rows, s.Scale = t.rows[c.table], c.scale
		if c.states != nil {
			visited, err := w.stateSamples(p, f, c)
			if n += visited; err != nil {
				return n, err
			}
			continue
		}
		s.Slot, s.Tag = c.slot, c.tag
		table := s.Rows.Table
		for at, row := range s.Rows.Numbers {
			sums, counts := table.Cells(row)
			count := counts[c.column]
			s.Empty = count == 0
			switch {
			case count == 0 && c.idle:
				s.Int, s.Exact, s.Empty = 0, true, false
			case count == 0:
				if !w.opt.NaN || !c.empty {
					continue
				}
			case count == 1 || count != metric.Wide && !c.mean:
				s.Int, s.Exact = sums[c.column], true
			default:
				v, _ := table.At(row, c.column)
				if s.Int, s.Exact = v.Int, v.Exact; !v.Exact && !s.setFloat(v.Float) {
					continue
				}
			}
			s.At = at
			n++
			if err := w.visit(s); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}
