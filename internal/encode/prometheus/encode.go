// Package prometheus encodes batches in Prometheus' text format 0.0.4, under the names and
// types of the exporter that is built into HAProxy.
//
// The series have the exporter's names, types, scales and labels, also where its types are
// wrong: dashboards and alerts rely on them.
//
//	haproxy_process_*             the HAProxy of the host as a whole
//	haproxy_frontend_*            proxy
//	haproxy_listener_*            proxy, listener
//	haproxy_backend_*             proxy
//	haproxy_server_*              proxy, server
//	haproxystats_process_*        process: what each HAProxy process says of itself
//	haproxystats_server_name_*    server: each server name, over all the backends it is in
//	haproxystats_*                haproxystats itself
//
// and code, mod or state where the exporter has them. A state is a series for each state that
// there is, of which the present one is 1. A field that the exporter does not show has a
// name of the same form, and the type of its kind. Samples have no time.
//
// A family is written at once, whatever it is made of: HELP, TYPE, and the samples of all
// entities. So the tables are read column by column. The text leaves in pieces and is never
// held as a whole.
package prometheus

import (
	"io"
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
)

// Label is a label of a sample.
type Label struct{ Name, Value string }

// Options say how batches are encoded.
type Options struct {
	// Labels are constant ones, which all samples have.
	Labels []Label
	// CheckStates are the series that results of checks have.
	CheckStates series.CheckStates
	// NaN writes NaN, as the exporter does, where HAProxy shows an empty value; else there
	// is no sample.
	NaN bool
	// MaxSeries bounds the samples of HAProxy in an answer; 0 for no bound. Whole groups are
	// left out, in the order of [series.Dropped], until the others fit.
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

// Selection is what an answer has.
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

// Result counts what was written.
type Result struct {
	// Series is the number of samples of HAProxy, and Dropped those that exceeded MaxSeries.
	Series  int
	Dropped series.Dropped
}

// Family is a family that no batch has.
type Family struct {
	Name, Help string
	Counter    bool // else a gauge
	Samples    []Sample
}

// Sample is a sample of a [Family].
type Sample struct {
	Labels []Label
	Value  float64
}

// pieceSize is the size of the pieces in which text leaves.
const pieceSize = 64 << 10

// Encoder encodes batches. Equal batches give equal bytes. It is not safe for concurrent
// use.
type Encoder struct {
	opt   Options
	parts []part
	w     io.Writer
	buf   []byte
	err   error // the first one of w
}

// New returns an encoder.
func New(opt Options) *Encoder { return &Encoder{opt: opt} }

// part is a part with what is made of it.
type part struct {
	Part
	groups   []encode.Group
	families encode.Columns[[]family]
	scopes   [metric.NumScopes]scope
	backends []series.Servers // of the batch, by name
	labels   []byte           // of the part, and the constant ones
}

// scope is what a part has of one scope.
type scope struct {
	group    *encode.Group
	families []family
	rows     []rows // of the group's tables
	next     int    // the family that comes next
}

// rows are the rows of a table that are wanted, with their labels.
type rows struct {
	text []byte
	all  []row
}

type row struct{ number, from, to int }

// scopeOrder is the order of the scopes in an answer.
var scopeOrder = [...]metric.Scope{
	metric.Daemon, metric.Frontend, metric.Listener, metric.Backend, metric.Server, metric.Process, metric.ServerName, metric.Self,
}

// Encode writes what is selected of the parts, and then the families that own returns.
func (e *Encoder) Encode(w io.Writer, parts []Part, s *Selection, own func(Result) []Family) (Result, error) {
	e.w, e.err = w, nil
	defer func() { e.w = nil }()
	if e.buf == nil {
		e.buf = make([]byte, 0, pieceSize+pieceSize/8)
	}
	e.buf = e.buf[:0]
	e.take(parts, s)
	var result Result
	e.fit(s, &result)
	for _, sc := range scopeOrder {
		if e.err == nil {
			e.scope(sc, &result)
		}
		if sc == metric.Daemon {
			result.Series += e.texts(s, true)
		}
	}
	if own != nil {
		for _, f := range own(result) {
			e.family(&f, s)
		}
	}
	e.flush()
	return result, e.err
}

// take prepares the parts.
func (e *Encoder) take(parts []Part, s *Selection) {
	for len(e.parts) < len(parts) {
		e.parts = append(e.parts, part{})
	}
	clear(e.parts[len(parts):])
	e.parts = e.parts[:len(parts)]
	for i := range e.parts {
		p := &e.parts[i]
		p.Part = parts[i]
		p.labels = appendLabels(appendLabels(p.labels[:0], p.Labels), e.opt.Labels)
		p.groups = encode.Groups(p.groups[:0], p.Batch)
		for k := range p.scopes {
			p.scopes[k].group = nil
		}
		for k := range p.groups {
			g := &p.groups[k]
			if !s.Scopes[g.Scope] || p.Old && g.Scope != metric.Self {
				continue
			}
			to := &p.scopes[g.Scope]
			to.group, to.next = g, 0
			to.families = p.families.Of(k, g, e.familiesOf)
			for n := range to.families {
				f := &to.families[n]
				f.off = s.Family != nil && !s.Family(f.name) || f.extra && !s.ExtraCounters || f.results && e.opt.CheckStates == series.NoStates
			}
			to.setRows(s, p.labels)
			if g.Scope == metric.Backend {
				p.backends = series.CountServers(p.backends[:0], p.groups)
			}
		}
	}
}

// setRows makes the labels of the rows that are wanted.
func (t *scope) setRows(s *Selection, labels []byte) {
	for len(t.rows) < len(t.group.Tables) {
		t.rows = append(t.rows, rows{})
	}
	for i, table := range t.group.Tables {
		r := &t.rows[i]
		r.text, r.all = r.text[:0], r.all[:0]
		maintenance := -1
		if s.NoMaintenance && t.group.Scope == metric.Server {
			maintenance = table.Column("status")
		}
		for _, n := range table.Rows() {
			e := table.Entity(n)
			if !s.wants(t.group.Scope, e) || maintenance >= 0 && inMaintenance(table, n, maintenance) {
				continue
			}
			from := len(r.text)
			r.text = append(appendEntity(r.text, t.group.Scope, e), labels...)
			if len(r.text) > from {
				r.text[from] = '{'
			}
			r.all = append(r.all, row{n, from, len(r.text)})
		}
	}
}

// wants reports whether an entity is wanted by its name.
func (s *Selection) wants(in metric.Scope, e metric.Entity) bool {
	if s.Proxy != nil {
		if p := encode.Proxy(in, e); p != "" && !s.Proxy(p) {
			return false
		}
	}
	return s.Server == nil || in != metric.Server && in != metric.ServerName || s.Server(e.Name)
}

// maintenance is the rank of the state of servers in maintenance.
var maintenance = int64(slices.Index(catalogue.States(catalogue.Server, "status"), "MAINT"))

func inMaintenance(t *metric.Table, row, column int) bool {
	sums, counts := t.Cells(row)
	return counts[column] > 0 && sums[column] == maintenance
}

// fit finds what is left out to keep the bound, and reports it for each reason.
func (e *Encoder) fit(s *Selection, result *Result) {
	if e.opt.MaxSeries <= 0 {
		return
	}
	all := series.Counts{All: e.texts(s, false)}
	for i := range e.parts {
		for sc := range e.parts[i].scopes {
			t := &e.parts[i].scopes[sc]
			if t.group == nil || t.group.Scope == metric.Self {
				continue
			}
			for k := range t.families {
				if f := &t.families[k]; !f.off {
					all.Add(series.ReasonOf(t.group.Scope, f.extra, f.results), e.count(&e.parts[i], t, f))
				}
			}
		}
	}
	result.Dropped = all.Fit(e.opt.MaxSeries)
}

// count returns the number of samples of a family.
func (e *Encoder) count(p *part, t *scope, f *family) int {
	n := 0
	for i := range f.columns {
		c := &f.columns[i]
		table := t.group.Tables[c.table]
		for _, r := range t.rows[c.table].all {
			if c.of != nil {
				if series.ServersOf(p.backends, table.Entity(r.number).Name) != nil {
					n += len(c.states)
				}
				continue
			}
			sums, counts := table.Cells(r.number)
			switch has := counts[c.column] > 0; {
			case has && c.states != nil && f.results && e.opt.CheckStates == series.CurrentState:
				n += c.known(sums[c.column])
			case has && c.states != nil:
				n += len(c.states)
			case has, e.opt.NaN && c.empty:
				n++
			}
		}
	}
	return n
}

// scope writes the families of a scope.
func (e *Encoder) scope(sc metric.Scope, result *Result) {
	for {
		// The parts have their families in one order, so that the next one of all is that
		// of one of them.
		var next *family
		for i := range e.parts {
			t := &e.parts[i].scopes[sc]
			if t.group == nil || t.next == len(t.families) {
				continue
			}
			if f := &t.families[t.next]; next == nil || f.before(next) {
				next = f
			}
		}
		if next == nil || e.err != nil {
			return
		}
		written := false
		for i := range e.parts {
			p := &e.parts[i]
			t := &p.scopes[sc]
			if t.group == nil || t.next == len(t.families) || t.families[t.next].name != next.name {
				continue
			}
			f := &t.families[t.next]
			t.next++
			if r := series.ReasonOf(sc, f.extra, f.results); f.off || r < series.NumReasons && result.Dropped[r] > 0 {
				continue
			}
			n := e.samples(p, t, f, next.head, &written)
			if sc != metric.Self {
				result.Series += n
			}
		}
	}
}

// samples writes the samples that a part has of a family, after the head if that is not
// written yet, and returns their number.
func (e *Encoder) samples(p *part, t *scope, f *family, head []byte, written *bool) int {
	n := 0
	b := e.buf
	for i := range f.columns {
		c := &f.columns[i]
		if c.states != nil {
			e.buf = b
			n += e.stateSamples(p, t, f, c, head, written)
			b = e.buf
			continue
		}
		table := t.group.Tables[c.table]
		r := &t.rows[c.table]
		for _, at := range r.all {
			sums, counts := table.Cells(at.number)
			count := counts[c.column]
			if count == 0 && !(e.opt.NaN && c.empty) {
				continue
			}
			if !*written {
				b = append(b, head...)
				*written = true
			}
			from := len(b)
			b = append(b, f.name...)
			b = append(b, r.text[at.from:at.to]...)
			b = appendExtra(b, c.label, at.from == at.to)
			switch {
			case count == 0:
				b = append(b, "NaN"...)
			case count == 1 || count != metric.Wide && !c.mean:
				b = c.appendInt(b, sums[c.column])
			default:
				v, _ := table.At(at.number, c.column)
				if b = c.appendValue(b, v); b[len(b)-1] == ' ' { // it is infinite
					b = b[:from]
					continue
				}
			}
			b = append(b, '\n')
			n++
			if len(b) >= pieceSize {
				e.buf = b
				e.flush()
				b = e.buf
			}
		}
	}
	e.buf = b
	return n
}

// family writes a family that no batch has.
func (e *Encoder) family(f *Family, s *Selection) {
	if len(f.Samples) == 0 || s.Family != nil && !s.Family(f.Name) {
		return
	}
	kind := catalogue.Gauge
	if f.Counter {
		kind = catalogue.Counter
	}
	e.buf = appendHead(e.buf, f.Name, f.Help, kind)
	for _, sample := range f.Samples {
		e.buf = append(e.buf, f.Name...)
		from := len(e.buf)
		e.buf = appendLabels(appendLabels(e.buf, sample.Labels), e.opt.Labels)
		if len(e.buf) > from {
			e.buf[from] = '{'
		}
		e.buf = appendExtra(e.buf, nil, len(e.buf) == from)
		e.buf = append(appendFloat(e.buf, sample.Value), '\n')
	}
	if len(e.buf) >= pieceSize {
		e.flush()
	}
}

// flush writes what the buffer has.
func (e *Encoder) flush() {
	if e.err == nil && len(e.buf) > 0 {
		_, e.err = e.w.Write(e.buf)
	}
	if cap(e.buf) > 4*pieceSize { // a name is very long
		e.buf = make([]byte, 0, pieceSize+pieceSize/8)
	}
	e.buf = e.buf[:0]
}
