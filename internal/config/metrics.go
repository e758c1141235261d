package config

import (
	"fmt"
	"strings"

	"haproxystats/internal/catalogue"
)

// metricNames accepts names of columns of `show stat` that are metrics of a scope, and
// patterns of such names.
func metricNames(scope catalogue.Scopes, plural string) kind[catalogue.List] {
	return kind[catalogue.List]{
		"list of metrics",
		"columns of `show stat` that are numbers and that " + plural + " have, separated by white space, and patterns such as `h2_* -*_max`",
		func(text string) (catalogue.List, error) { return parseMetrics(text, scope, plural) },
	}
}

func parseMetrics(text string, scope catalogue.Scopes, plural string) (catalogue.List, error) {
	list := catalogue.ParseList(text)
	var faults []error
	for _, i := range list {
		if err := checkMetric(i, scope, plural); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return nil, joined(faults)
	}
	if len(list) == 0 {
		return nil, &hinted{"the list is empty", "Remove the option to get all metrics"}
	}
	if !takesAny(list, scope) {
		return nil, &hinted{"the list takes no metric: its last items remove all that is taken before", "Begin with an exclusion to start from all metrics, or write exclusions behind what they remove from"}
	}
	return list, nil
}

// checkMetric refuses names that no metric of the scope can have. Patterns, and names that
// are removed, may be those of columns that only a newer HAProxy has.
func checkMetric(i catalogue.Item, scope catalogue.Scopes, plural string) error {
	switch {
	case i.Name == "":
		return &hinted{"a hyphen without a name", "Write the name directly behind the hyphen: -*_max"}
	case strings.ContainsAny(i.Name, "[]{}"):
		return &hinted{fmt.Sprintf("%q has brackets: only `*` and `?` stand for other characters", i.Name), "Write several patterns"}
	case i.IsPattern():
		return nil
	}
	f, ok := catalogue.LookupStat(i.Name)
	switch {
	case !ok && i.Exclude:
		return nil
	case !ok:
		return fmt.Errorf("no HAProxy version has a column %q%s", i.Name, meant(i.Name, metricsOf(scope)))
	case !f.IsMetric(f.In):
		return fmt.Errorf("the column %q is not a number", i.Name)
	case !f.IsMetric(scope):
		return fmt.Errorf("the column %q is never filled for %s", i.Name, plural)
	}
	return nil
}

// metricsOf returns the names of the known metrics of a scope.
func metricsOf(scope catalogue.Scopes) []string {
	var known []string
	for _, f := range catalogue.RowFields() {
		if f.IsMetric(scope) {
			known = append(known, f.Name)
		}
	}
	return known
}

// takesAny reports whether a list takes a known metric, or may take one that only a newer
// HAProxy has.
func takesAny(list catalogue.List, scope catalogue.Scopes) bool {
	for _, name := range metricsOf(scope) {
		if list.Takes(name, true, true) {
			return true
		}
	}
	may := false
	for _, i := range list {
		if i.IsPattern() {
			may = !i.Exclude || may && strings.Trim(i.Name, "*") != ""
		}
	}
	return may
}

// checkMetricLists warns of items of lists that are about no known metric: it may be one of
// a newer HAProxy, but more often the name is misspelled.
func (l *loader) checkMetricLists() {
	for _, o := range []struct {
		option string
		list   catalogue.List
		scope  catalogue.Scopes
		plural string
	}{
		{"frontend-metrics", l.config.Process.FrontendMetrics, catalogue.Frontend, "frontends"},
		{"backend-metrics", l.config.Process.BackendMetrics, catalogue.Backend, "backends"},
		{"server-metrics", l.config.Process.ServerMetrics, catalogue.Server, "servers"},
	} {
		var faults []error
		for n, i := range o.list {
			if err := idle(o.list[:n], i, o.scope, o.plural); err != nil {
				faults = append(faults, err)
			}
		}
		if len(faults) > 0 {
			err := joined(faults)
			l.warn(l.problem("process", o.option, err.Error(), hintOf(err)))
		}
	}
}

// idle returns why an item has no effect on the known metrics of a scope, or nil.
func idle(before catalogue.List, i catalogue.Item, scope catalogue.Scopes, plural string) error {
	known := metricsOf(scope)
	matched := false
	for _, name := range known {
		if !i.Matches(name) {
			continue
		}
		matched = true
		if !i.Exclude || len(before) == 0 || before.Takes(name, true, true) {
			return nil
		}
	}
	if matched {
		return &hinted{fmt.Sprintf("%q removes nothing, because no item before it takes what it matches", "-"+i.Name), "Write exclusions behind what they remove from"}
	}
	if near := nearestTo(i.Name, known); near != "" {
		return fmt.Errorf("no known column of %s matches %q; did you mean %q?", plural, i.Name, near)
	}
	return &hinted{fmt.Sprintf("no known column of %s matches %q: it has an effect only if HAProxy is newer than this version of haproxystats", plural, i.Name), "docs/metrics.md lists the columns"}
}
