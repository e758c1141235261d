package dashboard

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing/fstest"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/app"
	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/window"
)

// Catalogue has all metrics that can be sent, by scope and name.
type Catalogue map[metric.Scope]map[string]metric.Column

// Metrics returns the catalogue. It has the metrics of a snapshot in which HAProxy
// fills every known field, those of old workers, and the self metrics with every sink:
// those of haproxystats-process, of haproxystats-central and of the windows of clusters.
func Metrics() (Catalogue, error) {
	a := aggregate.New(aggregate.Options{Percentages: true, PerProcess: true})
	a.Reset()
	var r reply.Reader
	report, err := r.Read(everything(), a)
	if err != nil {
		return nil, fmt.Errorf("read the snapshot with every field: %w", err)
	}
	if len(report.BadFiles) > 0 {
		return nil, fmt.Errorf("read the snapshot with every field: %w", report.BadFiles[0])
	}
	c := make(Catalogue)
	for _, t := range a.Batch(0).Tables {
		for _, column := range t.Columns() {
			c.add(t.Scope(), column)
		}
	}
	for _, column := range aggregate.WorkerColumns() {
		c.add(metric.Daemon, column)
	}
	for _, s := range []metric.Scope{metric.StickTable, metric.Resolver, metric.Certificate} {
		for _, column := range aggregate.CollectedColumns(s) {
			c.add(s, column)
		}
	}
	for _, column := range selfstat.Columns() {
		c.add(metric.Self, column)
	}
	for _, s := range app.Sinks() {
		for _, column := range append(s.Columns(), s.CentralColumns()...) {
			c.add(metric.Self, column)
		}
	}
	for _, column := range append(selfstat.CentralColumns(), selfstat.TopicColumns()...) {
		c.add(metric.Self, column)
	}
	for _, column := range window.SelfColumns() {
		c.add(windowSelf, column)
	}
	return c, nil
}

func (c Catalogue) add(s metric.Scope, column metric.Column) {
	if c[s] == nil {
		c[s] = make(map[string]metric.Column)
	}
	c[s][plaintext.Component(column.Name)] = column
}

// Lookup returns the metric with this name in paths.
func (c Catalogue) Lookup(s metric.Scope, name string) (metric.Column, error) {
	if column, ok := c[s][name]; ok {
		return column, nil
	}
	return metric.Column{}, fmt.Errorf("there is no %s metric %s, only %s", s, name,
		strings.Join(slices.Sorted(maps.Keys(c[s])), " "))
}

// everything returns the files of a snapshot with a row of each kind, and a 1 in every
// field that can have a number.
func everything() fstest.MapFS {
	var info bytes.Buffer
	for _, f := range catalogue.InfoFields() {
		fmt.Fprintf(&info, "%s: 1\n", f.Name)
	}
	info.WriteByte('\n')

	var stat bytes.Buffer
	stat.WriteString("# ")
	for _, f := range catalogue.StatFields() {
		stat.WriteString(f.Name + ",")
	}
	for kind, names := range []map[string]string{
		{"pxname": "f", "svname": "FRONTEND"}, {"pxname": "b", "svname": "BACKEND"}, {"pxname": "b", "svname": "s"},
	} {
		stat.WriteByte('\n')
		names["type"] = fmt.Sprint(kind)
		for _, f := range catalogue.StatFields() {
			stat.WriteString(value(f, names[f.Name]) + ",")
		}
	}
	stat.WriteString("\n\n")
	return fstest.MapFS{
		"all" + snapshot.InfoSuffix: {Data: info.Bytes()},
		"all" + snapshot.StatSuffix: {Data: stat.Bytes()},
	}
}

// value returns 1 for a field with numbers, and the name for any other.
func value(f catalogue.Field, name string) string {
	if !f.IsMetric(f.In) {
		return name
	}
	return "1"
}

// since returns the first version of HAProxy that has a metric, or "" if all have it
// or it is not HAProxy's.
func since(s metric.Scope, name string) string {
	find := catalogue.LookupStat
	if s == metric.Daemon {
		find = catalogue.LookupInfo
	}
	if f, ok := find(name); ok && f.Since != oldest {
		return f.Since
	}
	return ""
}

// oldest is the first version of HAProxy that haproxystats knows.
const oldest = "1.6"
