package aggregate

import (
	"cmp"
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/metric"
)

// selection selects the fields of `show stat` that are metrics in one scope.
type selection struct {
	scope   catalogue.Scopes
	only    catalogue.List // nil: all of the metric set
	classic bool
	series  bool // with what outputs other than Graphite need
	learned Learned
}

// wants reports whether a field is a metric in this scope.
func (s selection) wants(name string) bool {
	if s.only != nil {
		return s.only.Takes(name, isMetric(name, s.scope, s.classic, s.learned), isMetric(name, s.scope, false, s.learned))
	}
	return isMetric(name, s.scope, s.classic, s.learned)
}

// isMetric reports whether a field is a metric: the catalogue says so or, of a field that it
// lacks, HAProxy.
func isMetric(name string, scope catalogue.Scopes, classic bool, learned Learned) bool {
	if !catalogue.IsMetric(name, scope, classic) {
		return false
	}
	f, ok := lookup(name, scope, learned)
	return !ok || f.Combine != catalogue.Never
}

// lookup finds a field in the catalogue, or in what was learned.
func lookup(name string, scope catalogue.Scopes, learned Learned) (catalogue.Field, bool) {
	find := catalogue.LookupStat
	if scope == catalogue.Daemon {
		find = catalogue.LookupInfo
	}
	f, ok := find(name)
	if !ok && learned != nil {
		f, ok = learned.Lookup(scope, name)
	}
	return f, ok
}

// initial returns the columns that exist whatever HAProxy shows.
func (s selection) initial() []metric.Column {
	var columns []metric.Column
	for _, f := range catalogue.StatFields() {
		if f.IsClassic(s.scope) && s.wants(f.Name) {
			columns = append(columns, s.columns(f.Name)...)
		}
	}
	return columns
}

// with returns columns plus the wanted ones of the header, in the order of the
// catalogue, the unknown ones at the end by name. It returns columns itself if
// nothing is new.
func (s selection) with(columns []metric.Column, header []string) []metric.Column {
	all := slices.Clip(columns)
	for _, name := range withStates(header) {
		if s.wants(name) {
			all = add(all, s.columns(name)...)
		}
		if c, ok := stateColumn(s.scope, name); ok && s.wantsState(name) {
			all = add(all, c)
		}
	}
	if len(all) > len(columns) {
		slices.SortFunc(all, compareColumns(catalogue.RowFields()))
	}
	return all
}

// add adds the columns that are not there.
func add(all []metric.Column, columns ...metric.Column) []metric.Column {
	for _, c := range columns {
		if !slices.ContainsFunc(all, func(o metric.Column) bool { return sameColumn(c, o) }) {
			all = append(all, c)
		}
	}
	return all
}

// sameColumn reports whether both are the same column, of different tables.
func sameColumn(a, b metric.Column) bool { return a.Name == b.Name && a.Outputs == b.Outputs }

// places returns the numbers of columns by their names, but for those that are not for
// Graphite.
func places(columns []metric.Column) map[string]int {
	return placesOf(columns, metric.Outputs.ForGraphite)
}

// otherPlaces is places for the columns that are not for Graphite.
func otherPlaces(columns []metric.Column) map[string]int {
	return placesOf(columns, func(o metric.Outputs) bool { return o == metric.ExceptGraphite })
}

func placesOf(columns []metric.Column, wanted func(metric.Outputs) bool) map[string]int {
	place := make(map[string]int, len(columns))
	for i, c := range columns {
		if wanted(c.Outputs) {
			place[c.Name] = i
		}
	}
	return place
}

// places returns the numbers of the columns of fields by their names.
func (s selection) places(columns []metric.Column) map[string]int {
	if s.scope == catalogue.Listener {
		return otherPlaces(columns)
	}
	return places(columns)
}

// wantsState reports whether the state in a text is a metric.
func (s selection) wantsState(text string) bool {
	return s.series && (s.only == nil || s.only.Takes(text, true, true))
}

// compareColumns orders by position in the catalogue, then by name and outputs.
func compareColumns(fields []catalogue.Field) func(a, b metric.Column) int {
	place := make(map[string]int, len(fields))
	for i, f := range fields {
		place[f.Name] = i - len(fields) // below 0, the position of unknown fields
	}
	return func(a, b metric.Column) int {
		return cmp.Or(cmp.Compare(place[a.Name], place[b.Name]), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Outputs, b.Outputs))
	}
}

// column returns the column of a field of `show stat`.
func (s selection) column(name string) metric.Column {
	f, ok := lookup(name, s.scope, s.learned)
	c := column(name, f, ok, s.classic)
	c.EmptyIsZero = ok && f.IsClassic(s.scope)
	return c
}

// columns returns the columns of a field of `show stat`: two if other outputs than Graphite
// combine its values by another rule.
func (s selection) columns(name string) []metric.Column {
	c := s.column(name)
	if !s.series {
		return []metric.Column{c}
	}
	f, known := lookup(name, s.scope, s.learned)
	all := split(c, f, known, s.classic)
	if s.scope != catalogue.Listener {
		return all
	}
	c = all[len(all)-1] // Graphite has no listeners
	c.Outputs, c.EmptyIsZero = metric.ExceptGraphite, false
	return []metric.Column{c}
}

// infoColumns returns the columns of a field of `show info`.
func infoColumns(name string, opt Options) []metric.Column {
	c := infoColumn(name, opt)
	if !opt.Series {
		return []metric.Column{c}
	}
	f, known := lookup(name, catalogue.Daemon, opt.Learned)
	return split(c, f, known, opt.Classic)
}

func infoColumn(name string, opt Options) metric.Column {
	if c, ok := workerColumns[name]; ok {
		return c
	}
	f, ok := lookup(name, catalogue.Daemon, opt.Learned)
	return column(name, f, ok, opt.Classic)
}

func column(name string, f catalogue.Field, known, classic bool) metric.Column {
	c := metric.Column{Name: name}
	if !known {
		c.Help = "Shown by HAProxy, and not known to this version of haproxystats"
		return c
	}
	c.Combine, c.Nature, c.Unit, c.Scale, c.Help = combine[f.Rule(classic)], natures[f.Nature], f.Unit, f.Scale(), f.Help
	return c
}

// combine has the table's rule for each rule of the catalogue.
var combine = map[catalogue.Combine]metric.Combine{
	catalogue.Sum:          metric.Sum,
	catalogue.Mean:         metric.Mean,
	catalogue.MeanOfActive: metric.MeanOfActive,
	catalogue.MeanOfKnown:  metric.MeanKnown,
	catalogue.Largest:      metric.Max,
	catalogue.Smallest:     metric.Min,

	catalogue.SmallestOfKnown: metric.MinKnown,
	catalogue.Processes:       metric.Sum, // of ones
}

// natures has the table's nature for each nature of a metric in the catalogue.
var natures = map[catalogue.Nature]metric.Nature{
	catalogue.Gauge:     metric.Gauge,
	catalogue.Counter:   metric.Counter,
	catalogue.Counter32: metric.Counter32,
	catalogue.Limit:     metric.Limit,
	catalogue.Maximum:   metric.Maximum,
	catalogue.Minimum:   metric.Minimum,
	catalogue.Rate:      metric.Rate,
	catalogue.Age:       metric.Age,
	catalogue.Average:   metric.Average,
	catalogue.Duration:  metric.Duration,
	catalogue.State:     metric.State,
}
