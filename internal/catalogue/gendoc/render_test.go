package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/app"
	"haproxystats/internal/catalogue"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/window"
)

func TestDocumentIsUpToDate(t *testing.T) {
	want, err := render()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/metrics.md is out of date: run go generate ./internal/catalogue")
	}
}

func TestEveryFieldIsInItsSections(t *testing.T) {
	text, err := render()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n## Daemon and processes\n")
	info, rest, _ := strings.Cut(rest, "\n## Frontends\n")
	frontends, rest, _ := strings.Cut(rest, "\n## Backends\n")
	backends, rest, _ := strings.Cut(rest, "\n## Servers\n")
	servers, rest, _ := strings.Cut(rest, "\n## Derived metrics\n")
	if rest == "" {
		t.Fatal("a section is missing")
	}
	check := func(f catalogue.Field, section string, scope catalogue.Scopes) {
		t.Helper()
		want := f.IsMetric(scope)
		if got := strings.Contains(section, "\n| `"+f.Name+"` |"); got != want {
			t.Errorf("%s: a line in the table of scope %d: %v, want %v", f.Name, scope, got, want)
		}
	}
	for _, f := range catalogue.InfoFields() {
		check(f, info, catalogue.Daemon)
		if !f.IsMetric(f.In) && !strings.Contains(info, "`"+f.Name+"`") {
			t.Errorf("%s is nowhere", f.Name)
		}
	}
	for _, f := range catalogue.StatFields() {
		check(f, frontends, catalogue.Frontend)
		check(f, backends, catalogue.Backend)
		check(f, servers, catalogue.Server)
		if !f.IsMetric(f.In) && !strings.Contains(servers, "`"+f.Name+"`") {
			t.Errorf("%s is nowhere", f.Name)
		}
	}
}

func TestEveryRuleHasAName(t *testing.T) {
	for _, f := range slices.Concat(catalogue.InfoFields(), catalogue.StatFields()) {
		if f.IsMetric(f.In) && combineNames[f.Combine] == "" {
			t.Errorf("%s: rule %d has no name", f.Name, f.Combine)
		}
	}
}

func TestEverySelfMetricHasALine(t *testing.T) {
	text, err := render()
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Self metrics\n")
	columns := selfstat.Columns()
	for _, s := range app.Sinks() {
		columns = append(columns, s.Columns()...)
	}
	columns = append(columns, window.SelfColumns()...)
	columns = append(columns, selfstat.CentralColumns()...)
	for _, c := range columns {
		n := 0
		for line := range strings.Lines(section) {
			if strings.Contains(line, "`"+c.Name+"`") && strings.HasSuffix(line, "| "+c.Unit+" | "+c.Help+" |\n") {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s has %d lines", c.Name, n)
		}
	}
}
