package aggregate

import (
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// layout has, for one header and one row type, the fields to read and the cells for
// their values.
type layout struct {
	fields []int         // columns of the header, ascending
	slots  []metric.Slot // of the table, one for each field
	target []int         // columns of the table, one for each field; -1: not a metric
	counts []uint16      // of the current row: the number of values of each field
	// means are the positions in fields that count only if the row has taken
	// connections.
	means []int
	// lbtot is the position of the field activity, or -1.
	lbtot int
}

// activity is the field that is above 0 if a row has taken connections.
const activity = "lbtot"

func newLayout(s selection, t *metric.Builder, header []string) layout {
	l := layout{lbtot: -1}
	place := places(t.Columns())
	seen := make(map[string]bool)
	for i, name := range header {
		if seen[name] { // the first of a repeated column counts
			continue
		}
		seen[name] = true
		wanted := s.wants(name)
		if !wanted && (name != activity || s.scope == catalogue.Frontend) {
			continue
		}
		at := len(l.fields)
		l.fields = append(l.fields, i)
		if name == activity {
			l.lbtot = at
		}
		if !wanted {
			l.target = append(l.target, -1)
			l.slots = append(l.slots, metric.Slot{})
			continue
		}
		column := place[name]
		if t.Columns()[column].Combine == metric.MeanOfActive {
			l.means = append(l.means, at)
		}
		l.target = append(l.target, column)
		l.slots = append(l.slots, t.Slot(column))
	}
	l.counts = make([]uint16, len(l.fields))
	return l
}

// prepare counts the values of the row's fields, and reports whether the row has
// taken connections.
func (l *layout) prepare(row *haproxy.Row) (active bool) {
	active = l.active(row)
	for i, p := range row.Present {
		l.counts[i] = uint16(p)
	}
	if !active {
		for _, i := range l.means {
			l.counts[i] = 0
		}
	}
	if l.lbtot >= 0 && l.target[l.lbtot] < 0 {
		l.counts[l.lbtot] = 0
	}
	return active
}

// active reports whether the row has taken connections.
func (l *layout) active(row *haproxy.Row) bool {
	if l.lbtot < 0 {
		return false
	}
	for _, o := range row.Odd {
		if o.Index == l.lbtot {
			n, ok := haproxy.WideNumber(o.Raw)
			return ok && n.Sign() > 0
		}
	}
	return row.Values[l.lbtot] > 0
}

// add adds a prepared row to the table.
func (l *layout) add(t *metric.Builder, at int, row *haproxy.Row, active bool) {
	if active {
		t.TouchActive(at)
	} else {
		t.Touch(at)
	}
	t.AddRow(at, l.slots, row.Values, l.counts)
	for _, o := range row.Odd {
		c := l.target[o.Index]
		if c < 0 || !active && slices.Contains(l.means, o.Index) {
			continue
		}
		if n, ok := haproxy.WideNumber(o.Raw); ok {
			t.AddRat(at, c, n)
		}
	}
}
