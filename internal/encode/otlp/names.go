package otlp

import (
	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	names "haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
)

// family is a metric of OpenTelemetry: what the points of one name have in common.
type family struct {
	name   []byte // as a field of Metric
	sum    bool   // else a gauge
	double bool   // else integers
}

// series is a metric with the columns that its points are of.
type series struct {
	family
	columns []column
}

// column is a column of a table whose values are points of a series.
type column struct {
	table, column int
	scale         float64
	label         []byte // as an attribute of a point; nil for none
}

// seriesOf returns the series of the group's columns, in the order of their first columns.
func seriesOf(g *encode.Group) []series {
	var all []series
	for _, p := range names.Places(g) {
		at := -1
		for i := range all {
			if string(all[i].name) == p.Name {
				at = i
			}
		}
		c := g.Tables[p.Table].Columns()[p.Column]
		if at < 0 {
			at = len(all)
			all = append(all, series{family: family{[]byte(p.Name), isSum(c, p.Exporter), isDouble(g.Scope, c, p.Scale)}})
		}
		to := column{table: p.Table, column: p.Column, scale: p.Scale}
		if p.Exporter.Label != "" {
			to.label = appendAttribute(nil, pointAttributes, p.Exporter.Label, p.Exporter.Value)
		}
		all[at].columns = append(all[at].columns, to)
	}
	for i := range all {
		all[i].name = appendText(nil, metricName, string(all[i].name))
	}
	return all
}

// isSum reports whether the values of a column only grow until HAProxy restarts.
func isSum(c metric.Column, of catalogue.Series) bool {
	if of.Label == "state" {
		return false
	}
	return c.Nature.IsCounter() || of.Name != "" && of.Type == catalogue.Counter && c.Nature != metric.Gauge && c.Nature != metric.Rate
}

// isDouble reports whether the values of a column are doubles. That must not depend on
// the values: times, means and percentages may be fractions, and so may fields that are
// not known.
func isDouble(s metric.Scope, c metric.Column, scale float64) bool {
	if scale < 1 {
		return true
	}
	switch s {
	case metric.StickTable, metric.Resolver, metric.Certificate, metric.ServerProcesses, metric.Socket, metric.Learned:
		return false
	}
	if c.Combine.IsMean() || c.Unit == "percent" {
		return true
	}
	if s == metric.Self {
		return c.Unit == "seconds"
	}
	_, known := catalogue.LookupStat(c.Name)
	if names.Catalogued(s) == catalogue.Daemon {
		_, known = catalogue.LookupInfo(c.Name)
	}
	return !known
}
