// Package series names the series of a batch as the Prometheus exporter does that is built
// into HAProxy.
//
// Scopes and fields that the exporter does not have get names of the same form. Those of
// haproxystats itself and of its own scopes begin with haproxystats_, so that no sum counts
// a value twice.
package series

import (
	"math"
	"strings"
	"unicode"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/metric"
)

// Place says which series the values of a column belong to.
type Place struct {
	// Table and Column are where the column is in its group.
	Table, Column int
	// Name is the name of the series.
	Name string
	// Scale is the factor from the column's values to those of the series.
	Scale float64
	// Exporter is the exporter's series; its Name is empty if it has none of the column.
	Exporter catalogue.Series
}

// Places returns the places of the columns that are in a series. The exporter's names go
// first: no other field gets one of these. If several columns are one series of the
// exporter, it is made of the first one that is not an older spelling.
func Places(g *encode.Group) []Place {
	type key struct{ name, value string }
	at := make(map[key]int)
	var all []Place
	for i, t := range g.Tables {
		for k, c := range t.Columns() {
			s, ok := catalogue.LookupSeries(Catalogued(g.Scope), c.Name)
			if !ok || s.IsState() || !c.Outputs.ForOthers() {
				continue
			}
			p := Place{Table: i, Column: k, Name: own(g.Scope, s.Name), Scale: s.Scale, Exporter: s}
			id := key{p.Name, s.Value}
			have, met := at[id]
			switch {
			case !met:
				at[id] = len(all)
				all = append(all, p)
			case all[have].Exporter.IsOlder():
				all[have] = p
			}
		}
	}
	names := make(map[string]bool)
	for _, p := range all {
		names[p.Name] = true
	}
	for i, t := range g.Tables {
		for k, c := range t.Columns() {
			if _, ok := catalogue.LookupSeries(Catalogued(g.Scope), c.Name); ok || !c.Outputs.ForOthers() {
				continue
			}
			if catalogue.States(Catalogued(g.Scope), c.Name) != nil {
				continue // the number of a word, which says nothing without it
			}
			p := Place{Table: i, Column: k, Name: prefixes[g.Scope] + Spell(c), Scale: scaleOf(c)}
			for names[p.Name] {
				p.Name += "_"
			}
			names[p.Name] = true
			all = append(all, p)
		}
	}
	return all
}

// Times returns an integer in the unit of a series with that scale, which is at least 1.
func Times(v int64, scale float64) int64 {
	factor := int64(scale)
	return min(max(v, math.MinInt64/factor), math.MaxInt64/factor) * factor
}

// Scaled returns a value in the unit of a series with that scale.
func Scaled(v, scale float64) float64 {
	if scale < 1 {
		return v / math.Round(1/scale) // a division by 1000 is exact where 0.001 is not
	}
	return v * scale
}

// Catalogued returns the catalogue's scope of a scope; 0 for none.
func Catalogued(s metric.Scope) catalogue.Scopes { return catalogued[s] }

var catalogued = [metric.NumScopes]catalogue.Scopes{
	metric.Daemon:     catalogue.Daemon,
	metric.Process:    catalogue.Daemon,
	metric.Frontend:   catalogue.Frontend,
	metric.Backend:    catalogue.Backend,
	metric.Server:     catalogue.Server,
	metric.ServerName: catalogue.Server,
	metric.Listener:   catalogue.Listener,

	metric.StickTable:      catalogue.StickTable,
	metric.Resolver:        catalogue.Resolver,
	metric.ServerProcesses: catalogue.ServerProcesses,
}

// prefixes has what the names of each scope begin with.
var prefixes = [metric.NumScopes]string{
	metric.Daemon:     "haproxy_process_",
	metric.Process:    "haproxystats_process_",
	metric.Frontend:   "haproxy_frontend_",
	metric.Backend:    "haproxy_backend_",
	metric.Server:     "haproxy_server_",
	metric.ServerName: "haproxystats_server_name_",
	metric.Self:       "haproxystats_",
	metric.Listener:   "haproxy_listener_",

	metric.StickTable:      "haproxy_sticktable_",
	metric.Resolver:        "haproxy_resolver_",
	metric.Certificate:     "haproxystats_certificate_",
	metric.ServerProcesses: "haproxystats_server_processes_",
	metric.Socket:          "haproxystats_socket_",
	metric.Learned:         "haproxystats_learned_",
}

// own returns the name of the exporter's series in a scope that the exporter does not have:
// under one name, sums would count the values twice.
func own(s metric.Scope, name string) string {
	switch s {
	case metric.Process:
		return prefixes[s] + strings.TrimPrefix(name, prefixes[metric.Daemon])
	case metric.ServerName:
		return prefixes[s] + strings.TrimPrefix(name, prefixes[metric.Server])
	}
	return name
}

func scaleOf(c metric.Column) float64 {
	if c.Scale == 0 {
		return 1
	}
	return c.Scale
}

// Spell returns the name of a field that the exporter does not show, in the exporter's
// style: "CumStreams" is "cum_streams_total".
func Spell(c metric.Column) string {
	name := snake(c.Name)
	switch {
	case scaleOf(c) == 0.001:
		name = strings.TrimSuffix(name, "_ms") + "_seconds"
	case c.Unit == "seconds" && !strings.HasSuffix(name, "_seconds"):
		name += "_seconds"
	}
	if c.Nature.IsCounter() && !strings.HasSuffix(name, "_total") {
		name += "_total"
	}
	return name
}

// snake returns a name in lower case with underscores, of letters and digits of ASCII.
func snake(name string) string {
	var b strings.Builder
	lower := false // the last one was no capital letter, so one begins a word
	for i := range len(name) {
		c := rune(name[i])
		switch {
		case 'A' <= c && c <= 'Z':
			if lower {
				b.WriteByte('_')
			}
			c, lower = unicode.ToLower(c), false
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			lower = true
		default:
			c, lower = '_', false
		}
		b.WriteRune(c)
	}
	return b.String()
}
