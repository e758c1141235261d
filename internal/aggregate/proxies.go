package aggregate

import (
	"slices"
	"strings"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// proxies aggregates the rows of `show stat`.
type proxies struct {
	opt    Options
	scopes [3]scope // by row type
	// serverNames has the columns of the servers' table.
	serverNames *metric.Builder
	totals      *metric.Builder
	listeners   listeners // without a table unless Series is set
	stopping    bool      // a process that stops has been read since reset
	only        bool      // nothing is known of servers and listeners since reset
	// serverStates has, by row of the servers' table, how many processes see the server in
	// each state.
	serverStates []uint64

	frontendGroups, backendGroups, serverGroups groups

	names registry
	// frontends, backends and servers decide what is wanted; filters reports whether one of
	// them may leave something out.
	frontends, backends, servers filter
	filters                      bool
	// uncounted has the servers of wanted backends that are left out by their own names, as
	// they count for TotalServers; nil without such names.
	uncounted *metric.Builder
	// nodeTotals has the largest TotalServers that a node has sent for each backend; nil if no
	// node has sent one. A node may leave out servers that count.
	nodeTotals *metric.Builder
	layouts    map[string]*layouts
	current    *layouts
	widenings  int // how often the tables got columns
	rows       [4]int
	repeated   []Repeated
	disputed   []string
	cursors    []cursor
}

// scope is the state of one scope: frontends, backends or servers.
type scope struct {
	selection selection
	table     *metric.Builder
}

// layouts are the layouts of one header.
type layouts struct {
	header []string
	byType [3]layout
	// listener is for the rows of listeners, if they are metrics.
	listener layout
	// listenerStatus is the column with the state of listeners; -1: it is not wanted.
	listenerStatus int
	// countsServers reports whether backends count their servers by state.
	countsServers bool
}

// maxHeaders bounds the kinds of headers that are remembered, with their layouts and
// columns.
const maxHeaders = 64

func newProxies(opt Options) proxies {
	p := proxies{
		opt:            opt,
		frontendGroups: newGroups(opt.FrontendGroups),
		backendGroups:  newGroups(opt.BackendGroups),
		serverGroups:   newGroups(opt.ServerGroups),
	}
	p.scopes[haproxy.FrontendRow].selection = selection{catalogue.Frontend, opt.Frontend, opt.Classic, opt.Series, opt.Learned}
	p.scopes[haproxy.BackendRow].selection = selection{catalogue.Backend, opt.Backend, opt.Classic, opt.Series, opt.Learned}
	p.scopes[haproxy.ServerRow].selection = selection{catalogue.Server, opt.Server, opt.Classic, opt.Series, opt.Learned}
	p.listeners.selection = selection{catalogue.Listener, nil, opt.Classic, opt.Series, opt.Learned}
	p.frontends, p.backends, p.servers = newFilter(opt.Frontends), newFilter(opt.Backends), newFilter(opt.Servers)
	p.filters = p.frontends.any() || p.backends.any() || p.servers.any()
	p.forget()
	return p
}

// forget drops all that is remembered of names and headers.
func (p *proxies) forget() {
	for t, s := range []metric.Scope{metric.Frontend, metric.Backend, metric.Server} {
		p.scopes[t].table = metric.NewBuilder(s, p.scopes[t].selection.initial())
	}
	p.serverNames = metric.NewBuilder(metric.ServerName, p.scopes[haproxy.ServerRow].table.Columns())
	p.totals = metric.NewBuilder(metric.Backend, []metric.Column{{
		Name: totalServers, Combine: metric.Distinct, Unit: "servers", Help: "Number of different servers in the backend",
	}})
	if p.opt.Series {
		p.listeners.table = metric.NewBuilder(metric.Listener, nil)
	}
	if p.servers.any() {
		p.uncounted = metric.NewBuilder(metric.Server, nil)
	}
	p.names = newRegistry()
	p.layouts = make(map[string]*layouts)
	p.current = nil
	p.widenings = 0
	p.serverStates = nil
}

// reset begins a new snapshot, and returns the number of names that it has forgotten.
func (p *proxies) reset() (forgotten int) {
	// Memory follows the present names and headers, not all that ever were.
	if p.names.mostlyStale() || p.listeners.mostlyStale() || p.widenings > maxHeaders || len(p.layouts) > maxHeaders {
		forgotten = len(p.names.byName)
		p.forget()
	}
	p.names.reset()
	for _, b := range p.tables() {
		b.Reset()
	}
	if p.uncounted != nil {
		p.uncounted.Reset()
	}
	p.nodeTotals = nil
	p.rows = [4]int{}
	p.stopping, p.only = false, false
	clear(p.serverStates)
	return forgotten
}

func (p *proxies) tables() []*metric.Builder {
	all := []*metric.Builder{
		p.scopes[haproxy.FrontendRow].table,
		p.scopes[haproxy.BackendRow].table,
		p.totals,
		p.scopes[haproxy.ServerRow].table,
		p.serverNames,
	}
	if p.listeners.table != nil {
		all = append(all, p.listeners.table)
	}
	return all
}

// add reads one reply, with what else is known of its socket.
func (p *proxies) add(s *haproxy.StatScanner, k beside) {
	p.names.begin()
	p.arrange(s)
	p.addRest(p.newCursor(s, 1, k))
	p.noteRepeated()
}

// addRest reads a reply from behind the row in hand.
func (p *proxies) addRest(c *cursor) {
	for c.next(p); !c.done; c.next(p) {
		p.addRow(c)
	}
}

// addRow adds the row in hand.
func (p *proxies) addRow(c *cursor) {
	row := c.scanner.Row()
	e := p.entry(c)
	p.names.see(e, c.bit)
	c.last = e
	p.rows[row.Type]++
	if e.row >= 0 || e.nameRow >= 0 {
		p.addValues(e, c)
	}
}

// entry returns the entry of the row in hand.
func (p *proxies) entry(c *cursor) *entry {
	row := c.scanner.Row()
	e := p.names.find(c.last, row)
	if e == nil {
		e = p.names.insert(c.last, row)
		p.admit(e)
	}
	return e
}

// addValues adds the row in hand, of which one table at least has the entity.
func (p *proxies) addValues(e *entry, c *cursor) {
	row := c.scanner.Row()
	l := &p.current.byType[row.Type]
	active := c.isActive(l)
	if p.opt.Series {
		p.noteState(e, row)
	}
	l.prepare(row, active)
	if e.row >= 0 {
		l.add(p.scopes[row.Type].table, e.row, row, active)
	}
	if e.nameRow >= 0 {
		l.add(p.serverNames, e.nameRow, row, active)
	}
}

// noteRepeated takes down the names that one reply has had twice.
func (p *proxies) noteRepeated() {
	for _, e := range p.names.repeated {
		if e.row >= 0 {
			p.repeated = append(p.repeated, Repeated{p.scopes[e.typ].table.Scope(), e.full()})
		}
	}
	p.names.repeated = p.names.repeated[:0]
}

// arrange adapts the layouts to the reply's header.
func (p *proxies) arrange(s *haproxy.StatScanner) {
	header := s.Columns()
	if p.current == nil || !slices.Equal(p.current.header, header) {
		key := strings.Join(header, ",")
		l, known := p.layouts[key]
		if !known {
			p.widen(header)
			l = &layouts{header: header}
			for t := range p.scopes {
				l.byType[t] = newLayout(p.scopes[t].selection, p.scopes[t].table, header)
			}
			l.readStates()
			if p.opt.Series {
				l.listener = newLayout(p.listeners.selection, p.listeners.table, header)
			}
			p.layouts[key] = l
		}
		p.current = l
	}
	for t := range p.scopes {
		s.Select(haproxy.RowType(t), p.current.byType[t].fields)
		s.SelectTexts(haproxy.RowType(t), p.current.byType[t].states.texts)
	}
	if p.opt.Series {
		s.Select(haproxy.ListenerRow, p.current.listener.fields)
		s.SelectTexts(haproxy.ListenerRow, p.current.listener.states.texts)
	} else if status := p.current.listenerStatus; status >= 0 {
		s.Select(haproxy.ListenerRow, nil)
		s.SelectTexts(haproxy.ListenerRow, []int{status})
	}
}

// widen adds the missing columns of the header to the tables. That moves columns, so
// older layouts become invalid.
func (p *proxies) widen(header []string) {
	for t := range p.scopes {
		sc := &p.scopes[t]
		if columns := sc.selection.with(sc.table.Columns(), header); len(columns) > len(sc.table.Columns()) {
			p.setColumns(haproxy.RowType(t), columns)
		}
	}
	if p.listeners.table != nil {
		p.widenListeners(header)
	}
}

// widenListeners adds the missing columns of the header to the table of listeners.
func (p *proxies) widenListeners(header []string) {
	t := p.listeners.table
	if columns := p.listeners.selection.with(t.Columns(), header); len(columns) > len(t.Columns()) {
		p.setListenerColumns(columns)
	}
}

func (p *proxies) setListenerColumns(columns []metric.Column) {
	p.listeners.table.SetColumns(columns)
	clear(p.layouts)
	p.current = nil
	p.widenings++
}

func (p *proxies) setColumns(t haproxy.RowType, columns []metric.Column) {
	p.scopes[t].table.SetColumns(columns)
	if t == haproxy.ServerRow {
		p.serverNames.SetColumns(columns)
	}
	clear(p.layouts)
	p.current = nil
	p.widenings++
}

// admit adds the rows of a new entity to the tables.
func (p *proxies) admit(n *entry) {
	e := metric.Entity{Name: n.proxy}
	proxy := p.opt.Spell(n.proxy)
	wanted := p.wantsProxy(n.name)
	switch n.typ {
	case haproxy.FrontendRow:
		e.Group = p.frontendGroups.of(proxy)
	case haproxy.BackendRow:
		e.Group = p.backendGroups.of(proxy)
	case haproxy.ServerRow:
		e.Parent, e.Name = n.proxy, n.service
		e.Group = p.backendGroups.of(proxy)
		if !p.wantsServer(n.proxy, n.service) {
			if wanted {
				n.uncounted = p.uncounted.Row(e)
			}
			return
		}
		if p.opt.ServerNames {
			total := metric.Entity{Name: n.service, Group: p.serverGroups.of(p.opt.Spell(n.service))}
			n.nameRow = p.serverNames.Row(total)
		}
	}
	if wanted {
		n.row = p.scopes[n.typ].table.Row(e)
	}
}

func columnNames(columns []metric.Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}

// merge adds the content of o.
func (p *proxies) merge(o *proxies) {
	for t := range p.scopes {
		names := columnNames(o.scopes[t].table.Columns())
		sc := &p.scopes[t]
		if columns := sc.selection.with(sc.table.Columns(), names); len(columns) > len(sc.table.Columns()) {
			p.setColumns(haproxy.RowType(t), columns)
		}
		sc.table.Merge(o.scopes[t].table.Table())
	}
	p.serverNames.Merge(o.serverNames.Table())
	if p.uncounted != nil {
		p.uncounted.Merge(o.uncounted.Table())
	}
	if from := o.listeners.table; from != nil {
		p.widenListeners(columnNames(from.Columns()))
		p.listeners.table.Merge(from.Table())
	}
	for row, counts := range o.serverStates {
		if counts == 0 {
			continue
		}
		to := p.scopes[haproxy.ServerRow].table.Row(o.scopes[haproxy.ServerRow].table.Table().Entity(row))
		for rank := range serverStates {
			p.addState(to, rank, stateCount(counts, rank))
		}
	}
	p.stopping = p.stopping || o.stopping
	for t, n := range o.rows {
		p.rows[t] += n
	}
	p.repeated = append(p.repeated, o.repeated...)
	o.repeated = nil
}

// result returns the tables that have rows, the ghosts added.
func (p *proxies) result(ghosts []ghost) []*metric.Table {
	p.countServers() // servers that only old workers have are no part of the backend
	p.addGhosts(ghosts)
	var out []*metric.Table
	for _, b := range p.tables() {
		if p.stopping {
			revive(b)
		}
		if t := b.Table(); len(t.Rows()) > 0 {
			out = append(out, t)
		}
	}
	if t := p.disagreements(); t != nil {
		out = append(out, t)
	}
	return out
}
