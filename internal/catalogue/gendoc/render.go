package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"haproxystats/internal/app"
	"haproxystats/internal/catalogue"
	"haproxystats/internal/man"
	"haproxystats/internal/metric"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/window"
)

//go:embed metrics.md.tmpl
var source string

// combineNames has the names of rules, which the template explains.
var combineNames = map[catalogue.Combine]string{
	catalogue.Sum:               "sum",
	catalogue.Mean:              "mean",
	catalogue.MeanOfActive:      "mean of active",
	catalogue.Largest:           "largest",
	catalogue.MeanOfKnown:       "mean of known",
	catalogue.MeanUnlessClassic: "mean, in classic sum",
	catalogue.Smallest:          "smallest",
	catalogue.SmallestOfKnown:   "smallest of known",
	catalogue.Processes:         "number of processes",
}

// render returns the document.
func render() ([]byte, error) {
	tmpl, err := template.New("metrics.md").Parse(source)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = tmpl.Execute(&out, map[string]string{
		"Daemon":    table(catalogue.InfoFields(), catalogue.Daemon),
		"Frontend":  table(catalogue.RowFields(), catalogue.Frontend),
		"Backend":   table(catalogue.RowFields(), catalogue.Backend),
		"Server":    table(catalogue.RowFields(), catalogue.Server),
		"InfoOther": others(catalogue.InfoFields()),
		"StatOther": others(catalogue.StatFields()),
		"Self":      self(),
		"Sinks":     sinks(),
		"Cluster":   lines(window.SelfColumns()),
		"Central":   lines(selfstat.CentralColumns()),
		"Topics":    lines(selfstat.TopicColumns()),
		"Series":    series(),
	})
	return []byte(man.Wrap(out.String())), err
}

// table lists the metrics of one scope, one in each line.
func table(fields []catalogue.Field, scope catalogue.Scopes) string {
	var b strings.Builder
	b.WriteString("| Field | Combined | Unit | Since | Set | Meaning |\n|---|---|---|---|---|---|")
	for _, f := range fields {
		if !f.IsMetric(scope) {
			continue
		}
		set := "newer"
		if f.IsClassic(scope) {
			set = "classic"
		}
		fmt.Fprintf(&b, "\n| `%s` | %s | %s | %s | %s | %s |",
			f.Name, rules(f), f.Unit, f.Since, set, strings.ReplaceAll(f.Help, "|", `\|`))
	}
	return b.String()
}

// rules names the rule of a field, and that of outputs other than Graphite if it differs.
func rules(f catalogue.Field) string {
	name := combineNames[f.Combine]
	if rule := f.OthersRule(false); rule != f.Rule(false) {
		name += "; elsewhere " + combineNames[rule]
	}
	return name
}

// series lists the series of HAProxy's exporter that batches have values for.
func series() string {
	scopes := map[catalogue.Scopes]string{
		catalogue.Daemon: "daemon, process", catalogue.Frontend: "frontend",
		catalogue.Backend: "backend", catalogue.Server: "server",
	}
	var lines []string
	for _, s := range catalogue.AllSeries() {
		find := catalogue.LookupStat
		if s.In == catalogue.Daemon {
			find = catalogue.LookupInfo
		}
		scope, ok := scopes[s.In]
		if f, known := find(s.Field); !ok || !known || !f.IsMetric(s.In) || s.Label == "state" {
			continue
		}
		label := ""
		if s.Label != "" {
			label = fmt.Sprintf("`%s=%s`", s.Label, s.Value)
		}
		lines = append(lines, fmt.Sprintf("| %s | `%s` | `%s` | %s | %s |", scope, s.Field, s.Name, label, s.Since))
	}
	return strings.Join(lines, "\n")
}

// others names the fields without metrics.
func others(fields []catalogue.Field) string {
	var names []string
	for _, f := range fields {
		if !f.IsMetric(f.In) {
			names = append(names, "`"+f.Name+"`")
		}
	}
	return strings.Join(names, ", ")
}

// kinds has the word for each nature of a self metric.
var kinds = map[metric.Nature]string{metric.Gauge: "gauge", metric.Counter: "counter"}

// self lists the self metrics of a snapshot and of the spool.
func self() string { return lines(selfstat.Columns()) }

// lines describes one metric in each line.
func lines(columns []metric.Column) string {
	var lines []string
	for _, c := range columns {
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s |", c.Name, kinds[c.Nature], c.Unit, c.Help))
	}
	return strings.Join(lines, "\n")
}

// sinks lists the self metrics of sinks: a line for each metric, in which sinks that do not
// have it have nothing.
func sinks() string {
	var header, rule strings.Builder
	var all []metric.Column // without the prefix of a sink
	for _, s := range app.Sinks() {
		header.WriteString("| " + s.Name + " ")
		rule.WriteString("|---")
		at := 0 // the place of a metric that no earlier sink has: behind the one before it
		for _, c := range s.Columns() {
			c.Name = strings.TrimPrefix(c.Name, s.Prefix())
			if i := slices.IndexFunc(all, named(c.Name)); i >= 0 {
				at = i
			} else {
				all = slices.Insert(all, at, c)
			}
			at++
		}
	}
	lines := []string{header.String() + "| Kind | Unit | Meaning |", rule.String() + "|---|---|---|"}
	for _, c := range all {
		var line strings.Builder
		for _, s := range app.Sinks() {
			line.WriteString("| ")
			if name := s.Prefix() + c.Name; slices.ContainsFunc(s.Columns(), named(name)) {
				line.WriteString("`" + name + "`")
			}
			line.WriteString(" ")
		}
		lines = append(lines, fmt.Sprintf("%s| %s | %s | %s |", line.String(), kinds[c.Nature], c.Unit, c.Help))
	}
	return strings.Join(lines, "\n")
}

// named returns a function that reports whether a column has a name.
func named(name string) func(metric.Column) bool {
	return func(c metric.Column) bool { return c.Name == name }
}
