package aggregate

import (
	"slices"
	"time"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// collected has what sockets have said beside their two replies. Its tables are made when
// somebody has said something.
type collected struct {
	stickTables, resolvers, certificates *metric.Builder
	// serverProcesses has those of the nodes of a cluster.
	serverProcesses *metric.Builder
	// ends are the certificates of this snapshot: how long they are valid depends on its
	// time.
	ends []certificateEnd
}

type certificateEnd struct {
	metric.Entity
	end time.Time
}

// maxCollectedRows bounds the rows that are remembered beyond those of the last snapshot.
const maxCollectedRows = 1024

func (c *collected) builders() []**metric.Builder {
	return []**metric.Builder{&c.stickTables, &c.resolvers, &c.certificates, &c.serverProcesses}
}

func (c *collected) reset() {
	c.ends = c.ends[:0]
	for _, b := range c.builders() {
		switch {
		case *b == nil:
		case (*b).Capacity() > 2*len((*b).Table().Rows())+maxCollectedRows:
			*b = nil // most of the names are gone
		default:
			(*b).Reset()
		}
	}
}

// table returns the builder of a scope, which it makes if necessary; nil for a scope that is
// not collected.
func (c *collected) table(s metric.Scope) *metric.Builder {
	var to **metric.Builder
	switch s {
	case metric.StickTable:
		to = &c.stickTables
	case metric.Resolver:
		to = &c.resolvers
	case metric.Certificate:
		to = &c.certificates
	case metric.ServerProcesses:
		to = &c.serverProcesses
	default:
		return nil
	}
	if *to == nil {
		*to = metric.NewBuilder(s, CollectedColumns(s))
	}
	return *to
}

// CollectedColumns returns the columns of a scope whose values HAProxy tells by another
// command than `show info` and `show stat`; nil for the other scopes.
func CollectedColumns(s metric.Scope) []metric.Column {
	switch s {
	case metric.StickTable:
		return []metric.Column{
			{Name: "size", Combine: metric.Max, Nature: metric.Limit, Unit: "entries", Help: "Entries that the stick table may have"},
			{Name: "used", Unit: "entries", Help: "Entries that the stick table has"},
		}
	case metric.Resolver:
		var all []metric.Column
		for _, name := range catalogue.CollectedFields(catalogue.Resolver) {
			all = append(all, metric.Column{Name: name, Nature: metric.Counter, Help: resolverHelp[name]})
		}
		return all
	case metric.Certificate:
		return []metric.Column{{Name: "days_left", Combine: metric.Min, Unit: "days", Help: "Whole days until the certificate expires, below 0 if it has"}}
	case metric.ServerProcesses:
		return ServerProcessesColumns()
	}
	return nil
}

// resolverHelp has the texts of the fields of `show stat domain resolvers`.
var resolverHelp = map[string]string{
	"sent": "Requests that were sent to the name server", "send_error": "Requests that could not be sent",
	"valid": "Answers that are valid", "update": "Answers that have changed a server", "cname": "Answers with an alias",
	"cname_error": "Answers with an alias that can't be used", "any_err": "Answers without a record of the type that was asked for",
	"nx": "Answers that the name does not exist", "timeout": "Requests that were not answered in time", "refused": "Requests that were refused",
	"other": "Answers with another error", "invalid": "Answers that are not valid", "too_big": "Answers that are too long",
	"truncated": "Answers that were cut off", "outdated": "Answers that came too late",
}

// isRepeated reports whether the process of a socket has answered through another one, too.
func (d *daemon) isRepeated(socket string) bool {
	return slices.ContainsFunc(d.processes, func(p process) bool { return p.socket == socket && p.repeated })
}

// StickTables takes the stick tables of a process. It implements reply.Collected.
func (a *Aggregator) StickTables(socket string, tables []haproxy.StickTable) {
	if a.settle(); a.daemon.isRepeated(socket) || len(tables) == 0 {
		return
	}
	to := a.collected.table(metric.StickTable)
	for _, t := range tables {
		row := to.Row(metric.Entity{Parent: t.Type, Name: t.Name})
		to.Touch(row)
		to.Add(row, 0, t.Size)
		to.Add(row, 1, t.Used)
	}
}

// NameServers takes the name servers of a process. It implements reply.Collected.
func (a *Aggregator) NameServers(socket string, servers []haproxy.NameServer) {
	if a.settle(); a.daemon.isRepeated(socket) || len(servers) == 0 {
		return
	}
	to := a.collected.table(metric.Resolver)
	for _, s := range servers {
		row := to.Row(metric.Entity{Parent: s.Section, Name: s.Name})
		to.Touch(row)
		for i, field := range s.Fields {
			if column := slices.IndexFunc(to.Columns(), func(c metric.Column) bool { return c.Name == field }); column >= 0 {
				to.Add(row, column, s.Values[i])
			}
		}
	}
}

// Certificates takes the certificates of a process. It implements reply.Collected.
func (a *Aggregator) Certificates(_ string, certificates []haproxy.Certificate) {
	for _, c := range certificates {
		a.collected.ends = append(a.collected.ends, certificateEnd{metric.Entity{Parent: c.Subject, Name: c.Name}, c.NotAfter})
	}
}

// tables returns the tables that have rows, at the time of the snapshot.
func (c *collected) tables(epoch int64) []*metric.Table {
	for _, end := range c.ends {
		to := c.table(metric.Certificate)
		row := to.Row(end.Entity)
		to.Touch(row)
		left := end.end.Unix() - epoch
		days := left / day
		if left < 0 && left%day != 0 {
			days-- // it has expired
		}
		to.Add(row, 0, days)
	}
	c.ends = c.ends[:0]
	var all []*metric.Table
	for _, b := range c.builders() {
		if *b == nil {
			continue
		}
		if t := (*b).Table(); len(t.Rows()) > 0 {
			all = append(all, t)
		}
	}
	return all
}

// day is a day in seconds.
const day = 24 * 3600

// addTable adds a node's table.
func (c *collected) addTable(t metric.Rows) {
	to := c.table(t.Scope())
	if to == nil {
		return
	}
	mine := to.Columns()
	columns := placesOf(mine, func(metric.Outputs) bool { return true })
	r := newReceiver(to, t.Columns(), columns, columns, func(c metric.Column) bool {
		i, ok := columns[c.Name]
		return ok && mine[i].Combine == c.Combine
	})
	t.Each(func(from *metric.Row) {
		r.add(to, to.Row(metric.Entity{Parent: string(from.Parent), Name: string(from.Name)}), from)
	})
}

// merge adds what another one has.
func (c *collected) merge(o *collected) {
	c.ends = append(c.ends, o.ends...)
	for _, b := range o.builders() {
		if *b != nil {
			c.table((*b).Scope()).Merge((*b).Table())
		}
	}
}

// Typed takes what HAProxy has said of the kinds of fields. It implements reply.Collected.
func (a *Aggregator) Typed(version string, fields []haproxy.Typed) {
	if a.opt.Learned != nil && !a.opt.Classic && a.opt.Learned.Learn(version, fields) {
		a.relearn()
	}
}

// relearn forgets all columns if more was learned since they were made. It reports whether
// it has.
func (a *Aggregator) relearn() bool {
	if a.opt.Learned == nil || a.opt.Learned.Generation() == a.learned {
		return false
	}
	a.learned = a.opt.Learned.Generation()
	a.daemon.layout, a.daemon.nodes, a.twins.spare = daemonLayout{}, nil, nil
	a.proxies.forget()
	a.proxies.reset()
	return true
}
