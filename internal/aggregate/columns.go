package aggregate

import (
	"cmp"
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/metric"
)

// selection says which fields of `show stat` are metrics in one scope.
type selection struct {
	scope   catalogue.Scopes
	only    []string // nil: all of the metric set
	classic bool
}

// wants reports whether a field is a metric here.
func (s selection) wants(name string) bool {
	if s.only != nil {
		return slices.Contains(s.only, name)
	}
	return catalogue.IsMetric(name, s.scope, s.classic)
}

// isClassic reports whether a missing value of the field counts as 0.
func (s selection) isClassic(name string) bool {
	f, ok := catalogue.LookupStat(name)
	return ok && f.IsClassic(s.scope)
}

// initial returns the columns that are there whatever HAProxy shows.
func (s selection) initial() []metric.Column {
	var columns []metric.Column
	for _, f := range catalogue.StatFields() {
		if f.IsClassic(s.scope) && s.wants(f.Name) {
			columns = append(columns, s.column(f.Name))
		}
	}
	return columns
}

// with returns columns and those of the header that are wanted too, in the
// order of the catalogue, the unknown ones behind by name. It returns columns
// itself when nothing is new.
func (s selection) with(columns []metric.Column, header []string) []metric.Column {
	place := places(columns)
	all := slices.Clip(columns)
	for _, name := range header {
		if !s.wants(name) {
			continue
		}
		c := s.column(name)
		if _, there := place[c.Name]; !there {
			place[c.Name] = len(all)
			all = append(all, c)
		}
	}
	if len(all) > len(columns) {
		slices.SortFunc(all, compareColumns(catalogue.StatFields()))
	}
	return all
}

// places returns the numbers of columns by their names.
func places(columns []metric.Column) map[string]int {
	place := make(map[string]int, len(columns))
	for i, c := range columns {
		place[c.Name] = i
	}
	return place
}

// compareColumns orders by the place in the catalogue, then by name.
func compareColumns(fields []catalogue.Field) func(a, b metric.Column) int {
	place := make(map[string]int, len(fields))
	for i, f := range fields {
		place[columnName(f.Name)] = i - len(fields) // before 0, that of the unknown
	}
	return func(a, b metric.Column) int {
		return cmp.Or(cmp.Compare(place[a.Name], place[b.Name]), cmp.Compare(a.Name, b.Name))
	}
}

// column returns the column of a field of `show stat`.
func (s selection) column(name string) metric.Column {
	f, ok := catalogue.LookupStat(name)
	return column(name, f, ok, s.classic)
}

func infoColumn(name string, classic bool) metric.Column {
	f, ok := catalogue.LookupInfo(name)
	return column(name, f, ok, classic)
}

// columnName is the last component of the path of a field.
func columnName(field string) string { return pathName(field) }

func column(name string, f catalogue.Field, known, classic bool) metric.Column {
	c := metric.Column{Name: columnName(name)}
	if !known {
		c.Help = "Shown by HAProxy, and not known to this version of haproxystats"
		return c
	}
	c.Unit, c.Help, c.Combine = f.Unit, f.Help, combine[f.Rule(classic)]
	if f.IsCounter() {
		c.Kind = metric.Counter
	}
	return c
}

// combine has what becomes of the catalogue's rules in a table, to which only
// values come that count.
var combine = map[catalogue.Combine]metric.Combine{
	catalogue.Sum:          metric.Sum,
	catalogue.Mean:         metric.Mean,
	catalogue.MeanOfActive: metric.Mean,
	catalogue.MeanOfKnown:  metric.MeanKnown,
	catalogue.Largest:      metric.Max,
}
