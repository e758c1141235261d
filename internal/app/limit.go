package app

import (
	"log/slog"
	"strings"
	"sync"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/metric"
)

// limitedGroup is a group of metrics that is left out as a whole.
type limitedGroup struct {
	name   string
	scopes []metric.Scope
	// column reports whether a column of these scopes is in the group; nil means that all are.
	column func(scope metric.Scope, c *metric.Column) bool
}

// limitedGroups are the groups in the order in which they are left out. Metrics of no group
// are always sent: those of the daemon, the classic ones of frontends and backends, and those
// of the commands in collect.
var limitedGroups = []limitedGroup{
	{"listeners", []metric.Scope{metric.Listener}, nil},
	{"unknown fields", []metric.Scope{metric.Server, metric.ServerName, metric.Frontend, metric.Backend}, isUnknownColumn},
	{"newer fields of servers", []metric.Scope{metric.Server, metric.ServerName}, isNewerColumn},
	{"aggregated servers", []metric.Scope{metric.ServerName}, nil},
	{"processes", []metric.Scope{metric.Process}, nil},
	{"servers", []metric.Scope{metric.Server, metric.ServerProcesses}, nil},
	{"newer fields of frontends and backends", []metric.Scope{metric.Frontend, metric.Backend}, isNewerColumn},
}

var catalogueScopes = map[metric.Scope]catalogue.Scopes{
	metric.Frontend: catalogue.Frontend, metric.Backend: catalogue.Backend,
	metric.Server: catalogue.Server, metric.ServerName: catalogue.Server,
}

func isUnknownColumn(_ metric.Scope, c *metric.Column) bool {
	_, known := catalogue.LookupStat(c.Name)
	return !known && c.Combine != metric.Distinct
}

func isNewerColumn(scope metric.Scope, c *metric.Column) bool {
	f, known := catalogue.LookupStat(c.Name)
	return known && !f.IsClassic(catalogueScopes[scope])
}

// groupOf returns the number of the first group that has a column; len(limitedGroups) for
// none.
func groupOf(scope metric.Scope, c *metric.Column) int {
	for i, g := range limitedGroups {
		for _, s := range g.scopes {
			if s == scope && (g.column == nil || g.column(scope, c)) {
				return i
			}
		}
	}
	return len(limitedGroups)
}

const (
	// calmSnapshots is how many snapshots in a row must have room for a group that is left
	// out before it is sent again, and calmShare the share of the limit that they may take, in
	// percent. So a group does not come and go with every server.
	calmSnapshots = 100
	calmShare     = 90
)

// limit bounds the metrics of a snapshot. All workers share it.
type limit struct {
	max int
	log *slog.Logger

	mu    sync.Mutex
	level int  // the number of groups that are left out
	calm  int  // snapshots in a row that had room for more
	room  int  // the most groups that one of these needed to leave out
	over  bool // the metrics exceed the limit without all groups, and the log says so
}

// trim is a limit for one worker.
type trim struct {
	*limit
	builders map[metric.Scope]*trimmed
}

// trimmed makes tables without some columns. The encoders know rows by their numbers, so it
// stays as long as the columns do.
type trimmed struct {
	level int
	from  []metric.Column
	*metric.Builder
}

// newLimit returns the limit of max-metrics; nil for 0, which is none.
func newLimit(most int, log *slog.Logger) *limit {
	if most == 0 {
		return nil
	}
	return &limit{max: most, log: log}
}

// newTrim returns the limit for one worker; nil for none.
func (l *limit) newTrim() *trim {
	if l == nil {
		return nil
	}
	return &trim{l, make(map[metric.Scope]*trimmed)}
}

// apply removes from a batch the groups that are left out, and returns the number of their
// metrics.
func (t *trim) apply(b *metric.Batch) int {
	if t == nil {
		return 0
	}
	var sizes [10]int // by group
	total := 0
	for _, table := range b.Tables {
		for column, n := range table.ColumnPoints() {
			sizes[groupOf(table.Scope(), &table.Columns()[column])] += n
			total += n
		}
	}
	level := t.decide(b.Epoch, total, sizes[:len(limitedGroups)])
	if level == 0 {
		return 0
	}
	var kept []*metric.Table
	for _, table := range b.Tables {
		if table = t.without(table, level); table != nil {
			kept = append(kept, table)
		}
	}
	b.Tables = kept
	left := 0
	for _, n := range sizes[:level] {
		left += n
	}
	return left
}

// without returns a table without the columns of the first groups; nil if none is left.
func (t *trim) without(table *metric.Table, level int) *metric.Table {
	var columns []metric.Column
	for i := range table.Columns() {
		if c := &table.Columns()[i]; groupOf(table.Scope(), c) >= level {
			columns = append(columns, *c)
		}
	}
	switch len(columns) {
	case len(table.Columns()):
		return table
	case 0:
		return nil
	}
	b := t.builders[table.Scope()]
	if b == nil || b.level != level || !sameColumns(b.from, table.Columns()) {
		b = &trimmed{level, table.Columns(), metric.NewBuilder(table.Scope(), columns)}
		t.builders[table.Scope()] = b
	}
	b.Reset()
	b.Merge(table)
	if b.Capacity() > 2*len(table.Rows())+1024 { // most of the names are gone
		delete(t.builders, table.Scope())
	}
	return b.Table()
}

func sameColumns(a, b []metric.Column) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Outputs != b[i].Outputs || a[i].Combine != b[i].Combine {
			return false
		}
	}
	return true
}

// needed returns how many groups must be left out so that at most that many metrics remain.
func needed(total int, sizes []int, most int) int {
	level := 0
	for level < len(sizes) && total > most {
		total -= sizes[level]
		level++
	}
	return level
}

// calmMax returns the most metrics of a snapshot that has room for a group that is left out.
func (l *limit) calmMax() int { return l.max/100*calmShare + l.max%100*calmShare/100 }

// decide returns how many groups the snapshot leaves out.
func (l *limit) decide(epoch int64, total int, sizes []int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.level
	if n := needed(total, sizes, l.max); n > l.level {
		l.level, l.calm, l.room = n, 0, 0
	} else if n := needed(total, sizes, l.calmMax()); n >= l.level {
		l.calm, l.room = 0, 0
	} else {
		l.calm, l.room = l.calm+1, max(l.room, n)
		if l.calm >= calmSnapshots {
			l.level, l.calm, l.room = l.room, 0, 0
		}
	}
	rest := total
	var names []string
	for i, n := range sizes[:l.level] {
		rest -= n
		names = append(names, limitedGroups[i].name)
	}
	switch {
	case l.level > before:
		l.log.Warn("metrics exceed max-metrics, groups of them are left out", "snapshot", epoch, "metrics", total, "max", l.max, "groups", strings.Join(names, ", "))
	case l.level < before:
		l.log.Info("groups of metrics that max-metrics left out are sent again", "snapshot", epoch, "metrics", total, "max", l.max, "left_out", strings.Join(names, ", "))
	}
	switch {
	case rest > l.max && !l.over:
		l.log.Warn("metrics exceed max-metrics, although all groups are left out that may be", "snapshot", epoch, "metrics", rest, "max", l.max)
		l.over = true
	case rest <= l.calmMax(): // not at once: the metrics may hover around the limit
		l.over = false
	}
	return l.level
}
