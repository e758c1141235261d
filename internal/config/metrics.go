package config

import (
	"fmt"
	"slices"
	"strings"

	"haproxystats/internal/catalogue"
)

// metricNames accepts names of columns of `show stat` that are metrics of a scope.
func metricNames(scope catalogue.Scopes, plural string) kind[[]string] {
	return kind[[]string]{
		"list of metrics",
		"columns of `show stat` that are numbers and that " + plural + " have, separated by white space",
		func(text string) ([]string, error) { return parseMetrics(text, scope, plural) },
	}
}

func parseMetrics(text string, scope catalogue.Scopes, plural string) ([]string, error) {
	var names []string
	var faults []error
	for _, name := range strings.Fields(text) {
		if slices.Contains(names, name) {
			continue
		}
		if err := checkMetric(name, scope, plural); err != nil {
			faults = append(faults, err)
			continue
		}
		names = append(names, name)
	}
	if len(faults) > 0 {
		return nil, joined(faults)
	}
	if len(names) == 0 {
		return nil, &hinted{"the list is empty", "Remove the option to get all metrics"}
	}
	return names, nil
}

func checkMetric(name string, scope catalogue.Scopes, plural string) error {
	f, ok := catalogue.LookupStat(name)
	switch {
	case !ok:
		var known []string
		for _, f := range catalogue.RowFields() {
			if f.IsMetric(scope) {
				known = append(known, f.Name)
			}
		}
		return fmt.Errorf("no HAProxy version has a column %q%s", name, meant(name, known))
	case !f.IsMetric(f.In):
		return fmt.Errorf("the column %q is not a number", name)
	case !f.IsMetric(scope):
		return fmt.Errorf("the column %q is never filled for %s", name, plural)
	}
	return nil
}
