package otlp

import (
	"math"
	"strings"
	"unicode"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/metric"
)

// series is a metric of OpenTelemetry: the points of one name.
type series struct {
	name    []byte // as a field of Metric
	sum     bool   // else a gauge
	double  bool   // else integers
	columns []column
}

// column is a column of a table whose values are points of a series.
type column struct {
	table, column int
	scale         float64
	label         []byte // as an attribute of a point; nil for none
}

// times returns an integer in the unit of the series.
func (c *column) times(v int64) int64 {
	factor := int64(c.scale)
	return min(max(v, math.MinInt64/factor), math.MaxInt64/factor) * factor
}

// scaled returns a value in the unit of the series.
func (c *column) scaled(v float64) float64 {
	if c.scale < 1 {
		return v / math.Round(1/c.scale) // a division by 1000 is exact where 0.001 is not
	}
	return v * c.scale
}

// place says which series a column belongs to.
type place struct {
	column
	name, value string
	sum, double bool
}

// seriesOf returns the series of the group's columns, in the order of their first columns.
func seriesOf(g *encode.Group) []series {
	var all []series
	for _, p := range places(g) {
		at := -1
		for i := range all {
			if string(all[i].name) == p.name {
				at = i
			}
		}
		if at < 0 {
			at = len(all)
			all = append(all, series{name: []byte(p.name), sum: p.sum, double: p.double})
		}
		all[at].columns = append(all[at].columns, p.column)
	}
	for i := range all {
		all[i].name = appendText(nil, metricName, string(all[i].name))
	}
	return all
}

// places returns the places of the columns that are in a series. The exporter's names go
// first: no other field gets one of these. If several columns are one series of the
// exporter, it is made of the first one that is not an older spelling.
func places(g *encode.Group) []place {
	type key struct{ name, value string }
	at := make(map[key]int)
	var all []place
	var older []bool
	for i, t := range g.Tables {
		for k, c := range t.Columns() {
			s, ok := catalogue.LookupSeries(catalogued[g.Scope], c.Name)
			if !ok || s.Label == "state" {
				continue
			}
			p := place{column: column{table: i, column: k, scale: s.Scale}, name: own(g.Scope, s.Name), value: s.Value}
			p.sum = c.Nature.IsCounter() || s.Type == catalogue.Counter && c.Nature != metric.Gauge && c.Nature != metric.Rate
			p.double = isDouble(g.Scope, c, s.Scale)
			if s.Label != "" {
				p.label = appendAttribute(nil, pointAttributes, s.Label, s.Value)
			}
			id := key{p.name, p.value}
			have, met := at[id]
			switch {
			case !met:
				at[id] = len(all)
				all, older = append(all, p), append(older, s.IsOlder())
			case older[have]:
				all[have], older[have] = p, s.IsOlder()
			}
		}
	}
	names := make(map[string]bool)
	for _, p := range all {
		names[p.name] = true
	}
	for i, t := range g.Tables {
		for k, c := range t.Columns() {
			if s, ok := catalogue.LookupSeries(catalogued[g.Scope], c.Name); ok || s.Label == "state" {
				continue
			}
			p := place{column: column{table: i, column: k, scale: scaleOf(c)}, sum: c.Nature.IsCounter()}
			p.double = isDouble(g.Scope, c, p.scale)
			p.name = prefixes[g.Scope] + spell(c)
			for names[p.name] {
				p.name += "_"
			}
			names[p.name] = true
			all = append(all, p)
		}
	}
	return all
}

// catalogued has the catalogue's scope of each scope; 0 for none.
var catalogued = [metric.NumScopes]catalogue.Scopes{
	metric.Daemon:     catalogue.Daemon,
	metric.Process:    catalogue.Daemon,
	metric.Frontend:   catalogue.Frontend,
	metric.Backend:    catalogue.Backend,
	metric.Server:     catalogue.Server,
	metric.ServerName: catalogue.Server,
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

// isDouble reports whether the values of a column are doubles. That must not depend on
// the values: times, means and percentages may be fractions, and so may fields that are
// not known.
func isDouble(s metric.Scope, c metric.Column, scale float64) bool {
	if scale < 1 || c.Combine.IsMean() || c.Unit == "percent" {
		return true
	}
	if s == metric.Self {
		return c.Unit == "seconds"
	}
	_, known := catalogue.LookupStat(c.Name)
	if catalogued[s] == catalogue.Daemon {
		_, known = catalogue.LookupInfo(c.Name)
	}
	return !known
}

func scaleOf(c metric.Column) float64 {
	if c.Scale == 0 {
		return 1
	}
	return c.Scale
}

// spell returns the name of a field that the exporter does not show, in the exporter's
// style: "CumStreams" is "cum_streams_total".
func spell(c metric.Column) string {
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
