package main

import (
	"bytes"
	_ "embed"
	"fmt"
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

// sinks lists the self metrics of sinks, which differ only in those of a queue.
func sinks() string {
	var header, rule strings.Builder
	var longest []metric.Column
	var names [][]string // for each sink
	for _, s := range app.Sinks() {
		header.WriteString("| " + s.Name + " ")
		rule.WriteString("|---")
		columns := s.Columns()
		if len(columns) > len(longest) {
			longest = columns
		}
		var own []string
		for _, c := range columns {
			own = append(own, "`"+c.Name+"`")
		}
		names = append(names, own)
	}
	lines := []string{header.String() + "| Kind | Unit | Meaning |", rule.String() + "|---|---|---|"}
	for i, c := range longest {
		var line strings.Builder
		for _, own := range names {
			name := ""
			if i < len(own) {
				name = own[i]
			}
			line.WriteString("| " + name + " ")
		}
		lines = append(lines, fmt.Sprintf("%s| %s | %s | %s |", line.String(), kinds[c.Nature], c.Unit, c.Help))
	}
	return strings.Join(lines, "\n")
}
