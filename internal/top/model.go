package top

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/metric"
)

// remembered is the number of readings for which a row that is gone is remembered, so that
// it has its history if it comes back.
const remembered = 30

// Model has the rows of the last reading. It is not safe for concurrent use.
type Model struct {
	// At is the time of the last reading, and Elapsed the time that its rates are over; 0
	// if there are none yet.
	At      time.Time
	Elapsed time.Duration
	// Reading is the last reading.
	Reading *Reading
	// Summary is about all of HAProxy.
	Summary Summary

	number   uint64 // of the last reading
	rows     [numKinds][]*Row
	byNumber [numKinds][]*Row // by the number of the table's row
	index    [numKinds]map[metric.Entity]*Row
	node     Row
}

// Summary is what the processes say together.
type Summary struct {
	// Processes is the number of processes that answer, Old that of old workers, and Silent
	// that of sockets that do not answer.
	Processes, Old, Silent int
	// Versions are the different versions of HAProxy.
	Versions []string
	// Values are those of the node: CPU is the mean.
	Values [numMetrics]float64
	// States are the numbers of rows by their state.
	States [numKinds][numStates]int
}

// Count returns the number of rows of a kind.
func (s *Summary) Count(k Kind) (n int) {
	for _, c := range s.States[k] {
		n += c
	}
	return n
}

// Value returns a value of the node.
func (s *Summary) Value(m Metric) float64 { return s.Values[m] }

// NewModel returns a model without rows.
func NewModel() *Model {
	m := &Model{node: newRow(metric.Entity{}, Process)}
	for k := range m.index {
		m.index[k] = make(map[metric.Entity]*Row)
	}
	return m
}

func newRow(e metric.Entity, k Kind) Row {
	r := Row{Kind: k, Parent: e.Parent, Name: e.Name}
	for i := range r.Values {
		r.Values[i] = None
	}
	for i := range r.counts {
		r.counts[i] = None
	}
	return r
}

// scopes are the tables of rows.
var scopes = [numKinds]struct {
	metric    metric.Scope
	catalogue catalogue.Scopes
}{
	Frontend: {metric.Frontend, catalogue.Frontend}, Backend: {metric.Backend, catalogue.Backend}, Server: {metric.Server, catalogue.Server},
}

// Take takes a reading.
func (m *Model) Take(n *Reading) {
	m.Reading, m.At = n, n.At
	m.number++
	seconds := 0.0
	m.Elapsed = 0
	if n.comparable && n.Elapsed > 0 {
		m.Elapsed = n.Elapsed
		seconds = n.Elapsed.Seconds()
	}
	m.Summary = Summary{}
	m.takeProcesses(n)
	m.takeNode(n, seconds)
	for _, k := range []Kind{Frontend, Backend, Server} {
		m.rows[k] = m.rows[k][:0]
		t := table(n.batch, scopes[k].metric)
		if t == nil {
			continue
		}
		m.takeTable(k, t, n, seconds)
	}
	m.disagree(table(n.batch, metric.ServerProcesses))
	for _, k := range Kinds() {
		for _, r := range m.rows[k] {
			m.Summary.States[k][r.State]++
		}
		m.forget(k)
	}
}

// table returns the table of a scope; nil if the batch has none.
func table(b *metric.Batch, s metric.Scope) *metric.Table {
	if b == nil {
		return nil
	}
	i := slices.IndexFunc(b.Tables, func(t *metric.Table) bool { return t.Scope() == s })
	if i < 0 {
		return nil
	}
	return b.Tables[i]
}

// columns are the numbers of a table's columns; -1 for none.
type columns struct {
	gauges   [numMetrics]int
	counters [numCounters]int
	status   int
	states   []State // by rank
	state    int
	going    int
	check    int
	checks   []string // by rank
	servers  [][2]int // active and backup, in the order of the fields of Servers
}

// find returns the number of a column, or -1. Of two it is the one for other outputs than
// Graphite, which has the rules that suit people, such as the worst state.
func find(t *metric.Table, name string) int {
	at := -1
	for i, c := range t.Columns() {
		if c.Name == name && c.Outputs.ForOthers() && (at < 0 || c.Outputs == metric.ExceptGraphite) {
			at = i
		}
	}
	return at
}

func newColumns(k Kind, t *metric.Table) columns {
	c := columns{status: find(t, "status"), state: find(t, "state"), going: find(t, "going"), check: find(t, "check_status")}
	for m, d := range descriptions {
		c.gauges[m] = -1
		if d.gauge != "" {
			c.gauges[m] = find(t, d.gauge)
		}
	}
	for i, name := range counterFields {
		c.counters[i] = find(t, name)
	}
	for _, word := range catalogue.States(scopes[k].catalogue, "status") {
		c.states = append(c.states, stateOf(word))
	}
	c.checks = catalogue.States(catalogue.Server, "check_status")
	if k == Backend {
		for _, name := range []string{"up", "down", "maint", "drain", "nolb"} {
			c.servers = append(c.servers, [2]int{find(t, "active_"+name), find(t, "backup_"+name)})
		}
	}
	return c
}

// stateOf returns the state with a word.
func stateOf(word string) State {
	for s := range numStates {
		if s.String() == word {
			return s
		}
	}
	return Unknown
}

// cell returns a value; [None] without a column or a value.
func cell(t *metric.Table, row, column int) float64 {
	if column < 0 {
		return None
	}
	v, ok := t.At(row, column)
	if !ok {
		return None
	}
	return v.Number()
}

// takeTable takes the rows of a kind.
func (m *Model) takeTable(k Kind, t *metric.Table, n *Reading, seconds float64) {
	base, growth := m.bases(k, n)
	c := newColumns(k, t)
	for _, number := range t.Rows() {
		r := m.row(k, t.Entity(number), number)
		was := r.seen == m.number-1 && m.number > 1
		r.seen = m.number
		r.takeState(t, number, &c)
		for i, column := range c.gauges {
			r.Values[i] = cell(t, number, column)
		}
		var now [numCounters]float64
		for i, column := range c.counters {
			now[i] = cell(t, number, column)
		}
		grown := unknownCounts
		switch {
		case seconds == 0:
		case base == nil:
			if was {
				grown = difference(now, r.counts)
			}
		default:
			e := t.Entity(number)
			before, ok1 := base[e]
			after, ok2 := growth[e]
			if ok1 && ok2 {
				grown = difference(after, before)
			}
		}
		r.counts = now
		r.rates(k, grown, seconds)
		m.rows[k] = append(m.rows[k], r)
	}
}

// unknownCounts are counts that are not known.
var unknownCounts = func() (c [numCounters]float64) {
	for i := range c {
		c[i] = None
	}
	return c
}()

// difference returns the growth of counters. One that has fallen has none: it was set back.
func difference(now, before [numCounters]float64) (grown [numCounters]float64) {
	for i := range now {
		grown[i] = now[i] - before[i]
		if grown[i] < 0 {
			grown[i] = None
		}
	}
	return grown
}

// bases returns the counters to compare if only some processes can be compared, else nil.
func (m *Model) bases(k Kind, n *Reading) (before, now map[metric.Entity][numCounters]float64) {
	if n.before == nil || n.now == nil {
		return nil, nil
	}
	return countersOf(k, n.before), countersOf(k, n.now)
}

func countersOf(k Kind, b *metric.Batch) map[metric.Entity][numCounters]float64 {
	all := make(map[metric.Entity][numCounters]float64)
	t := table(b, scopes[k].metric)
	if t == nil {
		return all
	}
	c := newColumns(k, t)
	for _, number := range t.Rows() {
		var counts [numCounters]float64
		for i, column := range c.counters {
			counts[i] = cell(t, number, column)
		}
		all[t.Entity(number)] = counts
	}
	return all
}

// row returns the row of an entity.
func (m *Model) row(k Kind, e metric.Entity, number int) *Row {
	if number < len(m.byNumber[k]) {
		if r := m.byNumber[k][number]; r != nil && r.Name == e.Name && r.Parent == e.Parent {
			return r
		}
	}
	r := m.index[k][e]
	if r == nil {
		made := newRow(e, k)
		r = &made
		m.index[k][e] = r
	}
	for number >= len(m.byNumber[k]) {
		m.byNumber[k] = append(m.byNumber[k], nil)
	}
	m.byNumber[k][number] = r
	return r
}

// forget forgets rows that are gone for long.
func (m *Model) forget(k Kind) {
	if len(m.index[k]) == len(m.rows[k]) {
		return
	}
	for e, r := range m.index[k] {
		if r.seen+remembered < m.number {
			delete(m.index[k], e)
			for i, o := range m.byNumber[k] {
				if o == r {
					m.byNumber[k][i] = nil
				}
			}
		}
	}
}

// takeState takes what a row says of its state.
func (r *Row) takeState(t *metric.Table, number int, c *columns) {
	r.Seen, r.Agree = t.Seen(number), t.Seen(number)
	r.State = Unknown
	if rank := cell(t, number, c.status); Known(rank) && rank >= 0 && int(rank) < len(c.states) {
		r.State = c.states[int(rank)]
	}
	r.Going = cell(t, number, c.going)
	r.Check = ""
	if rank := cell(t, number, c.check); Known(rank) && rank >= 0 && int(rank) < len(c.checks) {
		r.Check = c.checks[int(rank)]
	}
	switch r.Kind {
	case Frontend:
		limit, open := cell(t, number, c.gauges[SessionLimit]), cell(t, number, c.gauges[Sessions])
		switch {
		case cell(t, number, c.state) == 2:
			r.State = Paused
		case r.State == Up && limit > 0 && open >= limit:
			r.State = Full
		}
	case Backend:
		numbers := [5]*float64{&r.Servers.Up, &r.Servers.Down, &r.Servers.Maint, &r.Servers.Drain, &r.Servers.NoLB}
		for i, pair := range c.servers {
			*numbers[i] = None
			for _, column := range pair {
				switch v := cell(t, number, column); {
				case !Known(v):
				case Known(*numbers[i]):
					*numbers[i] += v
				default:
					*numbers[i] = v
				}
			}
		}
	}
}

// rates computes the rates of a row from the growth of its counters.
func (r *Row) rates(k Kind, grown [numCounters]float64, seconds float64) {
	for i, d := range descriptions {
		if len(d.counters[k]) == 0 {
			continue
		}
		sum := 0.0
		for _, c := range d.counters[k] {
			sum += grown[c]
		}
		r.Values[i] = sum / seconds
		if seconds == 0 {
			r.Values[i] = None
		}
	}
	r.Values[Requests] = None
	if seconds > 0 {
		requests := grown[countRequests]
		// A proxy without HTTP has no requests, and its servers have 0 of them for ever.
		if !Known(requests) && !Known(r.counts[countRequests]) || requests == 0 && r.counts[countRequests] == 0 {
			requests = grown[countSessions]
		}
		r.Values[Requests] = requests / seconds
	}
	r.history.add(r.Values[Requests])
}

// disagree takes the servers about whose state processes disagree.
func (m *Model) disagree(t *metric.Table) {
	if t == nil {
		return
	}
	for _, number := range t.Rows() {
		r := m.index[Server][t.Entity(number)]
		if r == nil {
			continue
		}
		r.Seen, r.Agree = 0, 0
		for i, c := range t.Columns() {
			if v, ok := t.At(number, i); ok {
				r.Seen += int(v.Number())
				if stateOf(c.Name) == r.State {
					r.Agree += int(v.Number())
				}
			}
		}
	}
}

// takeNode takes what all processes say together.
func (m *Model) takeNode(n *Reading, seconds float64) {
	t := table(n.batch, metric.Daemon)
	now := daemonCounts(n.batch)
	grown := unknownCounts
	switch {
	case seconds == 0:
	case n.before == nil:
		grown = difference(now, m.node.counts)
	default:
		grown = difference(daemonCounts(n.now), daemonCounts(n.before))
	}
	m.node.counts = now
	for i := range m.node.Values {
		m.node.Values[i] = None
	}
	if t != nil && len(t.Rows()) > 0 {
		for field, i := range infoGauges {
			if field != "Uptime_sec" {
				m.node.Values[i] = cell(t, t.Rows()[0], find(t, field))
			}
		}
		m.node.Values[CPU] = cell(t, t.Rows()[0], find(t, "CpuUsagePct"))
	}
	m.node.rates(Process, grown, seconds)
	m.Summary.Values = m.node.Values
}

func daemonCounts(b *metric.Batch) [numCounters]float64 {
	counts := unknownCounts
	if t := table(b, metric.Daemon); t != nil && len(t.Rows()) > 0 {
		for field, c := range infoCounters {
			counts[c] = cell(t, t.Rows()[0], find(t, field))
		}
	}
	return counts
}

// History returns the requests a second of all processes, at most n, the newest last.
func (m *Model) History(n int) []float64 { return m.node.History(n) }

// takeProcesses takes what each process says, and the sockets that are silent.
func (m *Model) takeProcesses(n *Reading) {
	m.rows[Process] = m.rows[Process][:0]
	s := &m.Summary
	for i := range n.processes {
		p := &n.processes[i]
		e := metric.Entity{Name: p.Socket}
		if p.old {
			e.Parent = p.Pid // the current worker has the same socket
		}
		r := m.row(Process, e, i)
		was := r.seen == m.number-1 && m.number > 1 && r.Info != nil && r.Info.Problem == "" && p.life.isLater(r.life)
		r.seen = m.number
		grown := unknownCounts
		seconds := n.Elapsed.Seconds()
		if was && seconds > 0 {
			grown = difference(p.counts, r.counts)
		}
		r.Values, r.counts = p.values, p.counts
		r.rates(Process, grown, seconds)
		info := p.ProcessInfo
		r.Info, r.life, r.text = &info, p.life, ""
		r.State = Up
		s.Processes++
		if p.old || p.stopping {
			r.State = Old
			s.Processes--
			s.Old++
		}
		if p.Version != "" && !slices.Contains(s.Versions, p.Version) {
			s.Versions = append(s.Versions, p.Version)
		}
		m.rows[Process] = append(m.rows[Process], r)
	}
	slices.Sort(s.Versions)
	failures := slices.SortedFunc(slices.Values(n.Failures), func(a, b Failure) int { return strings.Compare(a.Socket, b.Socket) })
	for i, f := range failures {
		r := m.row(Process, metric.Entity{Name: f.Name}, len(n.processes)+i)
		r.seen, r.State = m.number, Silent
		silent := newRow(metric.Entity{}, Process)
		r.Values, r.counts = silent.Values, silent.counts
		r.history.add(None)
		r.Info, r.text = &ProcessInfo{Socket: f.Name, Problem: f.Problem, Hint: f.Hint}, ""
		s.Silent++
		m.rows[Process] = append(m.rows[Process], r)
	}
}

// Query selects and orders rows.
type Query struct {
	Kind Kind
	// Backend, if set, is the one whose servers are wanted.
	Backend string
	// Filter has words that a row must have in its name or as its state, in any case.
	Filter string
	// Problems leaves out what is in order.
	Problems bool
	// Key is what rows are sorted by: names upward, the rest downward. Reverse turns that.
	Key     Key
	Reverse bool
}

// IsProblem reports whether the row needs attention.
func (r *Row) IsProblem() bool {
	return r.State != Up && r.State != Old && r.State != Unknown || r.Going < 0 || r.Agree < r.Seen || r.Servers.Down > 0
}

// Rows returns the rows that a query selects, in its order. They are valid until the next
// call of [Model.Take].
func (m *Model) Rows(q Query) []*Row {
	words := strings.Fields(strings.ToLower(q.Filter))
	var rows []*Row
	for _, r := range m.rows[q.Kind] {
		if q.Backend != "" && r.Parent != q.Backend || q.Problems && !r.IsProblem() || !r.matches(words) {
			continue
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, q.compare)
	return rows
}

// Find returns the row of a name; nil if there is none.
func (m *Model) Find(k Kind, parent, name string) *Row {
	r := m.index[k][metric.Entity{Parent: parent, Name: name}]
	if r == nil || r.seen != m.number {
		return nil
	}
	return r
}

func (q *Query) compare(a, b *Row) int {
	order := 0
	switch {
	case q.Key == ByName:
		order = compareNames(a, b)
	case q.Key == ByState:
		order = cmp.Or(cmp.Compare(b.State.severity(), a.State.severity()), cmp.Compare(b.Servers.Down, a.Servers.Down))
	default:
		v, w := a.Values[q.Key.metric], b.Values[q.Key.metric]
		if known := Known(v); known != Known(w) { // rows without a value come last
			if known {
				return -1
			}
			return 1
		}
		if v != w && !math.IsNaN(v) {
			order = cmp.Compare(w, v)
		}
	}
	if q.Reverse {
		order = -order
	}
	return cmp.Or(order, compareNames(a, b))
}

func compareNames(a, b *Row) int {
	return cmp.Or(strings.Compare(a.Parent, b.Parent), strings.Compare(a.Name, b.Name))
}

// StateCount is the number of rows in a state.
type StateCount struct {
	State State
	Rows  int
	Style Style
}

// Counts returns how many rows of a kind are in each state that any has, the worst state
// first: a narrow terminal has no room for all.
func (s *Summary) Counts(k Kind) []StateCount {
	var all []StateCount
	for i, n := range s.States[k] {
		if n > 0 {
			all = append(all, StateCount{State(i), n, stateStyles[i]})
		}
	}
	slices.SortFunc(all, func(a, b StateCount) int { return b.State.severity() - a.State.severity() })
	return all
}
