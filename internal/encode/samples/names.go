package samples

import (
	"cmp"
	"slices"
	"strings"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
)

// before reports whether the family comes before another one.
func (f *Family) before(g *Family) bool { return f.compare(g) < 0 }

func (f *Family) compare(g *Family) int {
	return cmp.Or(cmp.Compare(f.rank, g.rank), cmp.Compare(f.Name, g.Name))
}

// column is a column of a table whose values are samples of a family.
type column struct {
	table, column int
	scale         float64
	mean          bool
	empty         bool    // the exporter shows empty values as NaN
	idle          bool    // it is an average over active rows: 0 where there are none, as HAProxy shows it
	tag           *Tag    // nil for none
	slot          int     // of the first state
	states        []state // of a state; nil for a number
	// of returns the number of servers in each state, of the servers of a backend; nil for a
	// column of a table.
	of func(*series.Servers) []int
}

// familiesOf returns the families of the group's columns, in the exporter's order; those
// that it does not have come last.
func (w *Walk) familiesOf(g *encode.Group) *families {
	at := make(map[string]int)
	var all []Family
	for _, p := range series.Places(g) {
		c := g.Tables[p.Table].Columns()[p.Column]
		to := column{table: p.Table, column: p.Column, scale: p.Scale, mean: c.Combine.IsMean(), empty: showsEmpty(p.Exporter), idle: c.Combine == metric.MeanOfActive && p.Exporter.Name != ""}
		name, label := w.opt.name(g, &p)
		if label.Name != "" {
			to.tag = w.tag(label)
		}
		i, met := at[name]
		if !met {
			i = len(all)
			at[name] = i
			all = append(all, Family{
				Name: name, Help: help(name, c, p.Exporter),
				Scope: g.Scope, Exporter: p.Exporter, Column: c, Scale: p.Scale,
				Counter: p.Exporter.Type == catalogue.Counter || p.Exporter.Name == "" && c.Nature.IsCounter(),
				rank:    rank(p.Exporter), extra: p.Exporter.Label == "mod",
			})
		}
		all[i].columns = append(all[i].columns, to)
	}
	all = append(all, w.stateFamilies(g)...)
	slices.SortFunc(all, func(f, g Family) int { return f.compare(&g) })
	made := &families{all: all}
	for i := range all {
		f := &all[i]
		f.Head = w.style.Head(f)
		for k := range f.columns {
			c := &f.columns[k]
			if c.slot = len(made.slots); c.states == nil {
				made.slots = append(made.slots, Slot{f, c.tag})
			}
			for n := range c.states {
				made.slots = append(made.slots, Slot{f, c.states[n].tag})
			}
		}
	}
	return made
}

// name returns the family of a column, and a label that it has there.
func (o *Options) name(g *encode.Group, p *series.Place) (string, Label) {
	if g.Scope == metric.Self {
		return o.ownName(g.Tables[p.Table].Columns()[p.Column], p.Name)
	}
	return p.Name, Label{p.Exporter.Label, p.Exporter.Value}
}

// Name is what the series of a column are called.
type Name struct {
	Family string
	Label  Label // beyond those of the row; its name is empty for none
	// Scale is the factor from the column's values to those of the series.
	Scale float64
}

// Names returns the names of the series of a group's numbers, by the column.
func (o *Options) Names(g *encode.Group) map[string]Name {
	all := make(map[string]Name)
	for _, p := range series.Places(g) {
		family, label := o.name(g, &p)
		all[g.Tables[p.Table].Columns()[p.Column].Name] = Name{family, label, p.Scale}
	}
	return all
}

// tag returns a label with what the style makes of it.
func (w *Walk) tag(l Label) *Tag { return &Tag{l, w.style.Label(l)} }

// help returns the text of a family that is made of a column and others.
func help(name string, c metric.Column, s catalogue.Series) string {
	if text, ok := ownHelp[name]; ok {
		return text
	}
	if s.Label == "code" {
		return "HTTP responses by the class of their status code"
	}
	return c.Help
}

// ranks has the place of each family among the exporter's.
var ranks = func() map[string]int {
	m := make(map[string]int)
	for _, s := range catalogue.AllSeries() {
		if _, met := m[s.Name]; !met {
			m[s.Name] = len(m)
		}
	}
	return m
}()

// rank returns the place of a family: those of modules come after the others, and those
// that the exporter does not have after these.
func rank(s catalogue.Series) int {
	switch r, ok := ranks[s.Name]; {
	case ok:
		return r
	case s.Name != "":
		return len(ranks)
	}
	return len(ranks) + 1
}

// showsEmpty reports whether the exporter shows an empty value as NaN. It leaves out what
// only HTTP has, and checks and agents that there are not.
func showsEmpty(s catalogue.Series) bool {
	switch {
	case s.Name == "", s.Label != "":
		return false
	case s.In == catalogue.Daemon:
		return false
	}
	for _, begin := range []string{"comp_", "cache_", "agent_"} {
		if strings.HasPrefix(s.Field, begin) {
			return false
		}
	}
	switch s.Field {
	case "req_tot", "req_rate_max", "intercepted", "check_code", "check_duration":
		return false
	}
	return true
}

// ownNames has the names of columns of [metric.Self] that differ from the spelling of the
// column, and what tells apart those that share one.
var ownNames = map[string]struct {
	name  string
	label Label
}{
	"WallClockTimeHAProxy":   {"processing_seconds", Label{"stage", "info"}},
	"WallClockTimeFrontends": {"processing_seconds", Label{"stage", "frontends"}},
	"WallClockTimeBackends":  {"processing_seconds", Label{"stage", "backends"}},
	"WallClockTimeServers":   {"processing_seconds", Label{"stage", "servers"}},
	"WallClockTimeAllStats":  {"processing_seconds", Label{"stage", "all-stats"}},
	"TotalWallClockTime":     {"processing_seconds", Label{"stage", "total"}},
	"MetricsHAProxy":         {"snapshot_metrics", Label{"scope", "haproxy"}},
	"MetricsFrontend":        {"snapshot_metrics", Label{"scope", "frontend"}},
	"MetricsBackend":         {"snapshot_metrics", Label{"scope", "backend"}},
	"MetricsServer":          {"snapshot_metrics", Label{"scope", "server"}},
	"BadRows":                {name: "snapshot_bad_rows"},
	"BadFiles":               {name: "snapshot_bad_files"},
	"RoundDuration":          {name: "snapshot_round_duration_seconds"},
	"RoundSkew":              {name: "snapshot_round_skew_seconds"},
	"SocketsFailed":          {name: "snapshot_sockets_failed"},
	"QueueLength":            {name: "queue_snapshots"},
}

// ownHelp has the texts of families of which several columns are a part.
var ownHelp = map[string]string{
	ownPrefix + "processing_seconds": "Time to process the snapshot, by stage",
	ownPrefix + "snapshot_metrics":   "Metrics of the snapshot, by scope",
}

// ownPrefix begins the names of what haproxystats says of itself.
const ownPrefix = "haproxystats_"

// ownName returns the family of a column of [metric.Self], and a label that it has there. name
// is the one of the column's own spelling.
func (o *Options) ownName(c metric.Column, name string) (string, Label) {
	if of, ok := o.Own[c.Name]; ok {
		c.Name = of.Field
		return ownPrefix + "sink_" + series.Spell(c), Label{"sink", of.Sink}
	}
	if n, ok := ownNames[c.Name]; ok {
		return ownPrefix + n.name, n.label
	}
	return name, Label{}
}
