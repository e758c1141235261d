package remotewrite

import (
	"cmp"
	"slices"
	"strings"

	"haproxystats/internal/encode/samples"
	"haproxystats/internal/metric"
)

// nameLabel is the name of the label that has the name of a series.
const nameLabel = "__name__"

// rows are the labels of rows, but for their names and tags.
type rows struct {
	names []string // of the labels, sorted; those of an entity and the constant ones
	width int      // labels of a row
	name  int      // where the name comes
	text  []byte   // by the wire
	ends  []int    // of the labels of all rows, after a 0

	tag   string // the last tag, and where it comes
	place int
}

// label is a label of a row: one of its entity, or a constant one.
type label struct {
	name  string
	of    int    // among those of the entity; -1 for a constant one
	value string // of a constant one
}

// placeOf returns where a tag comes among the labels.
func (r *rows) placeOf(tag string) int {
	if tag != r.tag {
		r.tag = tag
		r.place, _ = slices.BinarySearch(r.names, tag)
	}
	return r.place
}

// setRows makes the labels of the rows of the walk.
func (e *Encoder) setRows(p *past) {
	all := e.walk.Rows()
	for len(e.rows) < len(all) {
		e.rows = append(e.rows, new(rows))
	}
	e.seen = append(e.seen[:0], make([]*tableSeen, len(all))...)
	e.texts = nil
	if p.now != nil {
		e.texts = &p.now.texts
	}
	for i, r := range all {
		count := len(r.Numbers)
		if r.Table == nil {
			count = 1
		}
		var seen *tableSeen
		if p.now != nil && r.Table != nil {
			seen = p.now.add(r)
			e.seen[i] = seen
		}
		to := e.rows[i]
		e.beginRows(to, r.Scope, r.Table == nil, r.Labels)
		for at := range count {
			n := r.Entity(at)
			n.Group = ""
			if seen != nil {
				seen.entities = append(seen.entities, n)
			}
			e.addRow(to, r.Scope, r.Table == nil, n)
		}
	}
}

// beginRows begins rows of a scope with those labels.
func (e *Encoder) beginRows(r *rows, s metric.Scope, isText bool, labels []samples.Label) {
	e.labels = e.labels[:0]
	if !isText {
		e.entity = samples.AppendLabels(e.entity[:0], s, metric.Entity{})
		for i, l := range e.entity {
			e.labels = append(e.labels, label{name: l.Name, of: i})
		}
	}
	for _, constant := range [...][]samples.Label{labels, e.opt.Labels} {
		for _, l := range constant {
			e.labels = append(e.labels, label{l.Name, -1, l.Value})
		}
	}
	slices.SortFunc(e.labels, func(a, b label) int { return cmp.Compare(a.name, b.name) })
	r.names, r.width, r.tag, r.place = r.names[:0], len(e.labels), "", 0
	r.name = 0
	for _, l := range e.labels {
		r.names = append(r.names, l.name)
		if strings.Compare(l.name, nameLabel) < 0 {
			r.name++
		}
	}
	r.text, r.ends = r.text[:0], append(r.ends[:0], 0)
}

// addRow adds the labels of a row.
func (e *Encoder) addRow(r *rows, s metric.Scope, isText bool, n metric.Entity) {
	if !isText {
		e.entity = samples.AppendLabels(e.entity[:0], s, n)
	}
	for i := range e.labels {
		l := samples.Label{Name: e.labels[i].name, Value: e.labels[i].value}
		if of := e.labels[i].of; of >= 0 {
			l.Value = e.entity[of].Value
		}
		if l.Value != "" {
			r.text = e.wire.appendLabel(r.text, l)
		}
		r.ends = append(r.ends, len(r.text))
	}
}
