package aggregate

import (
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// AddTable adds a table of a node's batch, so that the aggregator makes the batch of
// several nodes, which has no metrics of single processes. Tables that follow from others are left out: the percentiles of a
// cluster are those of all processes of all nodes. Exclusions, groups and lists of
// metrics are the aggregator's own; the totals of server names are those that the nodes
// send.
func (a *Aggregator) AddTable(node string, t metric.Rows) {
	switch t.Scope() {
	case metric.Process:
		a.daemon.addTable(t, a.opt)
	case metric.Frontend:
		a.proxies.addTable(haproxy.FrontendRow, t)
	case metric.Backend:
		a.proxies.addTable(haproxy.BackendRow, t)
	case metric.Server:
		a.proxies.addTable(haproxy.ServerRow, t)
	case metric.ServerName:
		a.proxies.addServerNames(t)
	case metric.Listener:
		a.proxies.addListeners(t)
	default:
		a.collected.addTable(t)
	}
}

// AddTexts adds the texts of a node's batch.
func (a *Aggregator) AddTexts(texts []metric.Text) {
	if a.opt.Series {
		a.daemon.addTexts(texts)
	}
}

// Disputed returns the fields for which a node's table has another rule than this
// version's catalogue, which counts; each once.
func (a *Aggregator) Disputed() []string {
	d := a.proxies.disputed
	a.proxies.disputed = nil
	return d
}

// addTable adds the processes of a node: what its table of processes says. A large
// cluster has many of them, so they are combined at once; what stays of each is its CPU
// usage, for the percentiles.
func (d *daemon) addTable(t metric.Rows, opt Options) {
	idle := slices.IndexFunc(t.Columns(), func(c metric.Column) bool { return c.Name == fieldIdle })
	if idle >= 0 {
		t.Each(func(r *metric.Row) {
			switch r.Counts[idle] {
			case 0:
			case metric.Wide:
				for _, w := range r.Wides {
					if w.Column == idle {
						d.usages = append(d.usages, busy(0, w.Sum))
					}
				}
			default:
				d.usages = append(d.usages, busy(r.Sums[idle], nil))
			}
		})
	}
	d.addNodes(t, opt)
}

// addNodes adds rows of processes to the row that has all of them.
func (d *daemon) addNodes(t metric.Rows, opt Options) {
	if d.nodes == nil {
		d.nodes = metric.NewBuilder(metric.Daemon, nil)
	}
	all := slices.Clip(d.nodes.Columns())
	var wanted []metric.Column
	for _, c := range t.Columns() {
		columns := infoColumns(c.Name, opt)
		switch {
		case c.Name == fieldNumber && c.Outputs == metric.ExceptGraphite && opt.Series:
			columns = []metric.Column{numberColumn()}
		case !isMetric(c.Name, catalogue.Daemon, opt.Classic, opt.Learned), !c.Outputs.ForGraphite() && !opt.Series:
			continue
		case !c.Outputs.ForGraphite():
			columns = columns[len(columns)-1:]
		}
		wanted, all = append(wanted, c), add(all, columns...)
	}
	if len(all) > len(d.nodes.Columns()) {
		d.nodes.SetColumns(all)
	}
	r := newReceiver(d.nodes, t.Columns(), places(all), otherPlaces(all), func(c metric.Column) bool { return slices.Contains(wanted, c) })
	row := d.nodes.Row(metric.Entity{})
	t.Each(func(from *metric.Row) {
		if slices.ContainsFunc(from.Counts, func(n uint16) bool { return n > 0 }) {
			r.add(d.nodes, row, from)
		}
	})
}

// table returns what each process has said, by its socket.
func (d *daemon) table(opt Options) *metric.Table {
	processes := d.counted()
	var columns []metric.Column
	seen := make(map[string]bool)
	for _, p := range processes {
		for _, v := range p.values {
			if !seen[v.field] && (v.field == fieldIdle || isMetric(v.field, catalogue.Daemon, opt.Classic, opt.Learned)) {
				seen[v.field] = true
				columns = append(columns, infoColumns(v.field, opt)...)
			}
		}
	}
	columns = addOthers(columns, processes, opt)
	slices.SortFunc(columns, compareColumns(catalogue.InfoFields()))
	place, others := places(columns), otherPlaces(columns)
	b := metric.NewBuilder(metric.Process, columns)
	for _, p := range processes {
		row := b.Row(metric.Entity{Name: p.socket})
		b.Touch(row)
		p.fillOthers(b, row, others, d.epoch)
		for _, v := range p.values {
			column, ok := place[v.field]
			switch {
			case !ok:
			case v.wide != nil:
				b.AddRat(row, column, v.wide)
			default:
				b.Add(row, column, v.n)
			}
		}
	}
	return b.Table()
}

// addTable adds rows of one type.
func (p *proxies) addTable(typ haproxy.RowType, t metric.Rows) {
	if slices.ContainsFunc(t.Columns(), func(c metric.Column) bool { return c.Combine == metric.Distinct }) {
		p.addTotals(t)
		return
	}
	slots := p.receive(typ, t.Columns())
	p.names.begin()
	table := p.scopes[typ].table
	last := &p.names.first
	var row haproxy.Row
	row.Type = typ
	t.Each(func(r *metric.Row) {
		switch typ {
		case haproxy.FrontendRow:
			row.Proxy, row.Service = r.Name, frontendService
		case haproxy.BackendRow:
			row.Proxy, row.Service = r.Name, backendService
		case haproxy.ServerRow:
			row.Proxy, row.Service = r.Parent, r.Name
		}
		e := p.names.find(last, &row)
		if e == nil {
			e = p.names.insert(last, &row)
			p.admit(e)
		}
		p.names.see(e, 0)
		last = e
		p.rows[typ]++
		if e.uncounted >= 0 {
			p.uncounted.Touch(e.uncounted)
		}
		if e.row >= 0 {
			slots.add(table, e.row, r)
		}
	})
}

// addTotals adds the numbers of servers that a node has counted. They are counted anew, of
// the servers of all nodes, but no node has counted more than there are.
func (p *proxies) addTotals(t metric.Rows) {
	if p.nodeTotals == nil {
		p.nodeTotals = metric.NewBuilder(metric.Backend, p.totals.Columns())
	}
	column := slices.IndexFunc(t.Columns(), func(c metric.Column) bool { return c.Name == totalServers })
	t.Each(func(r *metric.Row) {
		name := name{typ: haproxy.BackendRow, proxy: string(r.Name)}
		if column < 0 || r.Counts[column] == 0 || r.Counts[column] == metric.Wide || !p.wantsProxy(name) {
			return
		}
		row := p.nodeTotals.Row(metric.Entity{Name: name.proxy, Group: p.backendGroups.of(p.opt.Spell(name.proxy))})
		p.nodeTotals.Touch(row)
		p.nodeTotals.Add(row, 0, r.Sums[column])
	})
}

// The services of the rows of proxies, as HAProxy names them.
var frontendService, backendService = []byte("FRONTEND"), []byte("BACKEND")

// addServerNames adds the totals of server names.
func (p *proxies) addServerNames(t metric.Rows) {
	if !p.opt.ServerNames {
		return
	}
	slots := p.receive(haproxy.ServerRow, t.Columns())
	t.Each(func(r *metric.Row) {
		name := string(r.Name)
		row := p.serverNames.Row(metric.Entity{Name: name, Group: p.serverGroups.of(p.opt.Spell(name))})
		slots.add(p.serverNames, row, r)
	})
}

// receiver has the destination of each column of a node's table.
type receiver struct {
	slots []metric.Slot
	// to has the column for each column of the node; -1: not wanted.
	to []int
	// unwanted are the columns of the node that are not wanted.
	unwanted []int
}

// receive prepares the table of a row type for the columns of a node's table.
func (p *proxies) receive(typ haproxy.RowType, columns []metric.Column) receiver {
	sc := &p.scopes[typ]
	if all := sc.selection.join(sc.table.Columns(), columns, p.dispute); len(all) > len(sc.table.Columns()) {
		p.setColumns(typ, all)
	}
	return sc.selection.receiver(sc.table, columns)
}

// join returns the columns of a table with those for a node's columns. It calls dispute
// with those that have another rule there.
func (s selection) join(have, theirs []metric.Column, dispute func(mine, theirs metric.Column)) []metric.Column {
	all := slices.Clip(have)
	for _, c := range theirs {
		mine := s.mine(c)
		if len(mine) == 0 {
			continue
		}
		if i := slices.IndexFunc(all, func(o metric.Column) bool { return sameColumn(mine[0], o) }); i >= 0 {
			dispute(all[i], c)
		} else {
			dispute(mine[0], c)
		}
		all = add(all, mine...)
	}
	if len(all) > len(have) {
		slices.SortFunc(all, compareColumns(catalogue.RowFields()))
	}
	return all
}

// mine returns the columns that a table has for a column of a node. The node may know more
// outputs than the table needs, or fewer: what is not known for other outputs than Graphite
// has no value there.
func (s selection) mine(c metric.Column) []metric.Column {
	if state, ok := stateColumn(s.scope, c.Name); ok {
		if c.Outputs == metric.ExceptGraphite && s.wantsState(c.Name) {
			return []metric.Column{state}
		}
		return nil
	}
	if !s.wants(c.Name) || !s.series && !c.Outputs.ForGraphite() {
		return nil
	}
	all := s.columns(c.Name)
	if !c.Outputs.ForGraphite() {
		return all[len(all)-1:]
	}
	if _, known := catalogue.LookupStat(c.Name); !known {
		all[0].Combine, all[0].Nature, all[0].Unit, all[0].Scale = c.Combine, c.Nature, c.Unit, c.Scale
	}
	return all
}

// receiver returns the destination of each of a node's columns.
func (s selection) receiver(t *metric.Builder, theirs []metric.Column) receiver {
	return newReceiver(t, theirs, places(t.Columns()), otherPlaces(t.Columns()), func(c metric.Column) bool { return len(s.mine(c)) > 0 })
}

// newReceiver returns the destinations of a node's columns in t, whose columns are at place
// and, those that are not for Graphite, at others.
func newReceiver(t *metric.Builder, theirs []metric.Column, place, others map[string]int, wanted func(metric.Column) bool) receiver {
	var r receiver
	for i, c := range theirs {
		of := place
		if !c.Outputs.ForGraphite() {
			of = others
		}
		to, ok := of[c.Name]
		if !ok || !wanted(c) {
			r.to, r.slots = append(r.to, -1), append(r.slots, metric.Slot{})
			r.unwanted = append(r.unwanted, i)
			continue
		}
		r.to, r.slots = append(r.to, to), append(r.slots, t.Slot(to))
	}
	return r
}

// dispute notes a column of a node with another rule.
func (p *proxies) dispute(mine, theirs metric.Column) {
	if mine.Combine != theirs.Combine && !slices.Contains(p.disputed, mine.Name) && len(p.disputed) < maxDisputed {
		p.disputed = append(p.disputed, mine.Name)
	}
}

// maxDisputed bounds the names that Disputed returns.
const maxDisputed = 1024

// add adds a row to the table.
func (c *receiver) add(t *metric.Builder, row int, r *metric.Row) {
	t.TouchRows(row, r.Seen, r.Active)
	for _, w := range r.Wides {
		if c.to[w.Column] >= 0 {
			t.AddWide(row, c.to[w.Column], w)
		}
		r.Counts[w.Column] = 0
	}
	for _, i := range c.unwanted {
		r.Counts[i] = 0
	}
	t.AddRow(row, c.slots, r.Sums, r.Counts)
}
