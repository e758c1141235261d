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
	slots  []metric.Slot // of the table, one for each field, and then for each metric of states
	target []int         // columns of the table, in the order of slots; -1: not a metric
	counts []uint16      // of the current row: the number of values for each slot
	// means are the positions in fields that count only if the row has taken
	// connections.
	means []int
	// largest are the positions in fields whose largest value is taken.
	largest []int
	// smallest are those whose smallest value is taken.
	smallest []int
	sum      sum
	// lbtot is the position of the field activity, or -1.
	lbtot int
	// states has what follows from the texts of a row.
	states stateLayout
	// series has what outputs other than Graphite need.
	series seriesLayout
}

// activity is the field that is above 0 if a row has taken connections.
const activity = "lbtot"

func newLayout(s selection, t *metric.Builder, header []string) layout {
	l := layout{lbtot: -1}
	place := s.places(t.Columns())
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
		l.addRule(t.Columns()[column].Combine, at)
		l.target = append(l.target, column)
		l.slots = append(l.slots, t.Slot(column))
	}
	l.states = newStateLayout(s, header)
	for i, name := range l.states.names {
		column := place[name]
		l.addRule(t.Columns()[column].Combine, len(l.fields)+i)
		l.target = append(l.target, column)
		l.slots = append(l.slots, t.Slot(column))
	}
	l.newSeries(s, t, header)
	n := len(l.target)
	l.counts = make([]uint16, n)
	l.sum = sum{values: make([]int64, n), counts: make([]uint16, n), largest: make([]int64, len(l.largest)), smallest: make([]int64, len(l.smallest))}
	return l
}

// addRule notes the position of a value that is not added up.
func (l *layout) addRule(rule metric.Combine, at int) {
	switch rule {
	case metric.Max:
		l.largest = append(l.largest, at)
	case metric.Min, metric.MinKnown:
		l.smallest = append(l.smallest, at)
	}
}

// prepare counts the values of the row's fields. active is whether the row has taken
// connections.
func (l *layout) prepare(row *haproxy.Row, active bool) {
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

// sum is what the plain rows of one step give.
type sum struct {
	values  []int64
	counts  []uint16
	largest []int64
	// smallest has a value only where counts has one.
	smallest []int64
	seen     int // rows
	active   int // rows that have taken connections
}

func (s *sum) reset() { s.seen, s.active = 0, 0 }

// collect adds a plain row to the sum. A few of these can't overflow. active is whether
// the row has taken connections.
func (l *layout) collect(row *haproxy.Row, active bool) {
	s := &l.sum
	if active {
		s.active++
	} else {
		for _, i := range l.means {
			row.Values[i], row.Present[i] = 0, 0
		}
	}
	values := row.Values[:len(s.values)]
	present := row.Present[:len(s.values)]
	counts := s.counts[:len(s.values)]
	if s.seen++; s.seen == 1 {
		copy(s.values, values)
		for i, p := range present {
			counts[i] = uint16(p)
		}
		for k, i := range l.largest {
			s.largest[k] = values[i]
		}
		for k, i := range l.smallest {
			s.smallest[k] = values[i]
		}
		return
	}
	for k, i := range l.smallest {
		switch {
		case present[i] == 0:
		case counts[i] == 0:
			s.smallest[k] = values[i]
		default:
			s.smallest[k] = min(s.smallest[k], values[i])
		}
	}
	for i, v := range values {
		s.values[i] += v
		counts[i] += uint16(present[i])
	}
	for k, i := range l.largest {
		s.largest[k] = max(s.largest[k], values[i])
	}
}

// addSum puts the sum into the table.
func (l *layout) addSum(t *metric.Builder, at int) {
	s := &l.sum
	for k, i := range l.largest {
		s.values[i] = s.largest[k]
	}
	for k, i := range l.smallest {
		s.values[i] = s.smallest[k]
	}
	if l.lbtot >= 0 && l.target[l.lbtot] < 0 {
		s.counts[l.lbtot] = 0
	}
	t.TouchRows(at, s.seen, s.active)
	t.AddRow(at, l.slots, s.values, s.counts)
}
