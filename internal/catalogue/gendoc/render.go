package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/man"
	"haproxystats/internal/metric"
	"haproxystats/internal/selfstat"
)

//go:embed metrics.md.tmpl
var source string

// combineNames are explained in the template.
var combineNames = map[catalogue.Combine]string{
	catalogue.Sum:          "sum",
	catalogue.Mean:         "mean",
	catalogue.MeanOfActive: "mean of active",
	catalogue.Largest:      "largest",
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
		"Frontend":  table(catalogue.StatFields(), catalogue.Frontend),
		"Backend":   table(catalogue.StatFields(), catalogue.Backend),
		"Server":    table(catalogue.StatFields(), catalogue.Server),
		"InfoOther": others(catalogue.InfoFields()),
		"StatOther": others(catalogue.StatFields()),
		"Self":      self(),
		"Sinks":     sinks(),
	})
	return []byte(man.Wrap(out.String())), err
}

// table lists the metrics of one scope, a line each.
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
			f.Name, combineNames[f.Combine], f.Unit, f.Since, set, strings.ReplaceAll(f.Help, "|", `\|`))
	}
	return b.String()
}

// others names the fields that are no metrics.
func others(fields []catalogue.Field) string {
	var names []string
	for _, f := range fields {
		if !f.IsMetric(f.In) {
			names = append(names, "`"+f.Name+"`")
		}
	}
	return strings.Join(names, ", ")
}

// kinds are the words for what a self metric is.
var kinds = map[metric.Kind]string{metric.Gauge: "gauge", metric.Counter: "counter"}

// self lists what haproxystats says of a snapshot and of its queue.
func self() string {
	var lines []string
	for _, c := range selfstat.Columns() {
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s |", c.Name, kinds[c.Kind], c.Unit, c.Help))
	}
	return strings.Join(lines, "\n")
}

// sinks lists what haproxystats says of the sinks, which have the same metrics
// but for those of a queue.
func sinks() string {
	graphite := selfstat.Sink{Name: "graphite", Queued: true}.Columns()
	store := selfstat.Sink{Name: "local-store"}.Columns()
	var lines []string
	for i, c := range graphite {
		second := ""
		if i < len(store) {
			second = "`" + store[i].Name + "`"
		}
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s | %s |", c.Name, second, kinds[c.Kind], c.Unit, c.Help))
	}
	return strings.Join(lines, "\n")
}
