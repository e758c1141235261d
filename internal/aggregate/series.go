package aggregate

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// stateTexts are the texts of rows whose states are metrics of outputs other than Graphite.
var stateTexts = []string{columnStatus, "check_status", "agent_status", columnMode}

// columnMode is the text that says which protocol a proxy has.
const columnMode = "mode"

// stateColumn returns the column of a text that has states in a scope. If processes differ,
// the largest number is the state that counts.
func stateColumn(scope catalogue.Scopes, text string) (metric.Column, bool) {
	if catalogue.States(scope, text) == nil {
		return metric.Column{}, false
	}
	f, _ := catalogue.LookupStat(text)
	return metric.Column{Name: text, Combine: metric.Max, Nature: metric.State, Help: f.Help, Outputs: metric.ExceptGraphite}, true
}

// split returns the columns of a field: the one given or, if other outputs than Graphite
// combine its values by another rule, one for each.
func split(c metric.Column, f catalogue.Field, known, classic bool) []metric.Column {
	rule := combine[f.OthersRule(classic)]
	if !known || f.OthersRule(classic) != catalogue.Processes && rule == c.Combine {
		return []metric.Column{c}
	}
	twin := c
	twin.Combine, twin.Outputs, twin.EmptyIsZero = rule, metric.ExceptGraphite, false
	c.Outputs = metric.GraphiteOnly
	return []metric.Column{c, twin}
}

// seriesLayout says what outputs other than Graphite need of rows of one type. Its values
// stand behind those of the selected fields and of states.
type seriesLayout struct {
	// twins are the positions, among the fields, of those that have a second column.
	twins []int
	// httpOnly are the positions of fields that a proxy without HTTP does not have.
	httpOnly []int
	// mode is the position in the texts of the row; -1: there is no such column.
	mode   int
	states []stateText
	// status is the position, among the values, of the state of a server; -1 for none.
	status int
}

// stateText is a text whose state is a metric.
type stateText struct {
	text  int // position in the texts of the row
	ranks map[string]int64
	// server reports whether the text is the status of a server, which has a grammar.
	server bool
}

// stopped is what is taken from the states of a process that stops, so that any other
// process outranks it.
const stopped = 32

// newSeries adds to the layout of a row type what outputs other than Graphite need.
func (l *layout) newSeries(s selection, t *metric.Builder, header []string) {
	l.series = seriesLayout{mode: -1, status: -1}
	if !s.series {
		return
	}
	place := otherPlaces(t.Columns())
	add := func(column int) {
		l.addRule(t.Columns()[column].Combine, len(l.target))
		l.target = append(l.target, column)
		l.slots = append(l.slots, t.Slot(column))
	}
	for i, c := range l.fields {
		if l.target[i] < 0 {
			continue
		}
		if column, ok := place[header[c]]; ok && s.scope != catalogue.Listener {
			l.series.twins = append(l.series.twins, i)
			add(column)
		}
		if catalogue.IsHTTPOnly(s.scope, header[c]) {
			l.series.httpOnly = append(l.series.httpOnly, i)
		}
	}
	if len(l.series.httpOnly) > 0 {
		l.series.mode = l.states.text(header, columnMode)
	}
	for _, name := range stateTexts {
		column, ok := place[name]
		if !ok {
			continue
		}
		at := l.states.text(header, name)
		if at < 0 {
			continue
		}
		if s.scope == catalogue.Server && name == columnStatus {
			l.series.status = len(l.target)
		}
		l.series.states = append(l.series.states, newStateText(s.scope, name, at))
		add(column)
	}
}

func newStateText(scope catalogue.Scopes, name string, at int) stateText {
	t := stateText{text: at, ranks: make(map[string]int64), server: scope == catalogue.Server && name == columnStatus}
	for rank, state := range catalogue.States(scope, name) {
		if state != "" {
			t.ranks[state] = int64(rank)
		}
	}
	if name != columnStatus && name != columnMode {
		for _, result := range haproxy.CheckResults {
			if _, ok := t.ranks[result]; !ok {
				t.ranks[result] = 0 // the exporter does not name it
			}
		}
	}
	if scope == catalogue.Frontend && name == columnStatus {
		t.ranks["STOP"] = t.ranks["DOWN"]
		t.ranks["OPEN"], t.ranks["FULL"], t.ranks["PAUSED"] = t.ranks["UP"], t.ranks["UP"], t.ranks["UP"]
	}
	return t
}

// rank returns the number of the state in a text, and false if it has none.
func (s *stateText) rank(text []byte, l *stateLayout) (int64, bool) {
	if s.server {
		status := l.parse(text)
		return serverRanks[status.State], status.known
	}
	text = bytes.TrimPrefix(text, running)
	if word, _, found := bytes.Cut(text, []byte(" ")); found {
		text = word
	}
	n, ok := s.ranks[string(text)]
	return n, ok
}

// serverRanks has the rank of each state.
var serverRanks = func() (m [haproxy.ServerNOLB + 1]int64) {
	for state, name := range map[haproxy.ServerState]string{
		haproxy.ServerUp: "UP", haproxy.ServerDown: "DOWN", haproxy.ServerMaint: "MAINT",
		haproxy.ServerDrain: "DRAIN", haproxy.ServerNOLB: "NOLB",
	} {
		m[state] = int64(slices.Index(catalogue.States(catalogue.Server, columnStatus), name))
	}
	return m
}()

// derive appends to the values of a row what outputs other than Graphite need. stopping is
// whether the row is of a process that stops.
func (l *seriesLayout) derive(row *haproxy.Row, states *stateLayout, stopping bool) {
	if l.mode >= 0 {
		if mode := text(row, l.mode); len(mode) > 0 && string(mode) != "http" {
			for _, i := range l.httpOnly { // HAProxy shows 0, and its exporter nothing
				if row.Values[i] == 0 {
					row.Present[i] = 0
				}
			}
		}
	}
	odd := row.Odd
	for _, i := range l.twins {
		for _, o := range odd {
			if o.Index == i {
				row.Odd = append(row.Odd, haproxy.OddValue{Index: len(row.Values), Raw: o.Raw})
			}
		}
		row.Values, row.Present = append(row.Values, row.Values[i]), append(row.Present, row.Present[i])
	}
	for i := range l.states {
		n, ok := l.states[i].rank(text(row, l.states[i].text), states)
		if ok && stopping {
			n -= stopped
			row.Plain = false
		}
		appendValue(row, n, ok)
	}
}

// stateBits is the number of bits in which the processes are counted that see a server in
// one state: there is room for all five states.
const stateBits = 12

// noteState counts a process that sees a server in the state of the row. One that stops does
// not count.
func (p *proxies) noteState(e *entry, row *haproxy.Row) {
	at := p.current.byType[row.Type].series.status
	if at < 0 || e.row < 0 || row.Present[at] == 0 || row.Values[at] < 0 {
		return
	}
	p.addState(e.row, int(row.Values[at]), 1)
}

// addState counts n processes.
func (p *proxies) addState(row, rank int, n uint64) {
	if row >= len(p.serverStates) {
		p.serverStates = append(p.serverStates, make([]uint64, max(row+1, p.scopes[haproxy.ServerRow].table.Capacity())-len(p.serverStates))...)
	}
	if have := stateCount(p.serverStates[row], rank); rank < len(serverStates) && have+n < 1<<stateBits {
		p.serverStates[row] += n << (rank * stateBits)
	}
}

// stateCount returns how many processes see a server in a state.
func stateCount(counts uint64, rank int) uint64 {
	return counts >> (rank * stateBits) & (1<<stateBits - 1)
}

// serverStates are the states of a server, by their ranks.
var serverStates = catalogue.States(catalogue.Server, columnStatus)

// disagreements returns the table of the servers that not all processes see in one state, or
// nil if there are none.
func (p *proxies) disagreements() *metric.Table {
	var to *metric.Builder
	servers := p.scopes[haproxy.ServerRow].table.Table()
	for _, row := range servers.Rows() {
		if row >= len(p.serverStates) {
			continue
		}
		different := 0
		for rank := range serverStates {
			if stateCount(p.serverStates[row], rank) > 0 {
				different++
			}
		}
		if different < 2 {
			continue
		}
		if to == nil {
			to = metric.NewBuilder(metric.ServerProcesses, ServerProcessesColumns())
		}
		at := to.Row(servers.Entity(row))
		to.Touch(at)
		for rank := range serverStates {
			if n := stateCount(p.serverStates[row], rank); n > 0 {
				to.Add(at, rank, int64(n))
			}
		}
	}
	if to == nil {
		return nil
	}
	return to.Table()
}

// ServerProcessesColumns returns the columns of servers that not all processes see in one
// state: one for each state.
func ServerProcessesColumns() []metric.Column {
	var all []metric.Column
	for _, state := range serverStates {
		all = append(all, metric.Column{
			Name: state, Unit: "processes", Outputs: metric.ExceptGraphite,
			Help: "Processes that see the server in the state, of servers about which they disagree",
		})
	}
	return all
}

// revive makes the states of processes that stop plain where no other process has said one.
func revive(b *metric.Builder) {
	for i, c := range b.Columns() {
		if c.Nature != metric.State || c.Outputs != metric.ExceptGraphite {
			continue
		}
		for row := range b.Capacity() {
			if v, ok := b.At(row, i); ok && v.Exact && v.Int < 0 {
				b.Replace(row, i, v.Int+stopped)
			}
		}
	}
}

// listeners aggregates the rows of listeners, which exist with "option socket-stats" only.
type listeners struct {
	selection selection
	table     *metric.Builder
}

// mostlyStale reports whether most of the listeners that were ever seen are gone.
func (l *listeners) mostlyStale() bool {
	return l.table != nil && l.table.Capacity() > 2*len(l.table.Table().Rows())+1024
}

// addListener adds the row in hand, that of a listener that is wanted.
func (p *proxies) addListener(c *cursor) {
	row := c.scanner.Row()
	if c.account != nil {
		c.account.adjust(row)
	}
	l := &p.current.listener
	l.series.derive(row, &l.states, c.stopping)
	l.prepare(row, false)
	t := p.listeners.table
	l.add(t, t.Row(metric.Entity{Parent: string(row.Proxy), Name: string(row.Service)}), row, false)
}

// addListeners adds a node's table of listeners.
func (p *proxies) addListeners(t metric.Rows) {
	if !p.opt.Series {
		return
	}
	to := p.listeners.table
	if all := p.listeners.selection.join(to.Columns(), t.Columns(), p.dispute); len(all) > len(to.Columns()) {
		p.setListenerColumns(all)
	}
	r := p.listeners.selection.receiver(to, t.Columns())
	t.Each(func(from *metric.Row) {
		if p.wantsListeners(string(from.Parent)) {
			r.add(to, to.Row(metric.Entity{Parent: string(from.Parent), Name: string(from.Name)}), from)
		}
	})
}

// texts returns what the processes say of themselves in words.
func (d *daemon) texts() []metric.Text {
	all := slices.Collect(maps.Keys(d.said))
	for _, p := range d.counted() {
		all = append(all, p.texts...)
	}
	slices.SortFunc(all, func(a, b metric.Text) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Value, b.Value))
	})
	return slices.Compact(all)
}

// maxTexts bounds the different texts of the nodes of a cluster.
const maxTexts = 1 << 14

// addTexts adds what the processes of a node say of themselves.
func (d *daemon) addTexts(texts []metric.Text) {
	if d.said == nil {
		d.said = make(map[metric.Text]bool)
	}
	for _, t := range texts {
		if len(d.said) < maxTexts && isText(t.Field) {
			d.said[t] = true
		}
	}
}

// isText reports whether a field of `show info` is a text for outputs other than Graphite.
func isText(field string) bool {
	s, ok := catalogue.LookupSeries(catalogue.Daemon, field)
	return ok && s.Label != "" && s.Value == ""
}
