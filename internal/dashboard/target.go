package dashboard

import (
	"fmt"
	"strings"

	"haproxystats/internal/metric"
)

// aggregation combines several values to one. Its text is Graphite's name of it.
type aggregation string

const (
	sum     aggregation = "sum"
	average aggregation = "average"
	highest aggregation = "max"
	lowest  aggregation = "min"
	latest  aggregation = "last" // of values that follow one another
)

// names has the components of paths that differ between hosts, proxies and servers:
// patterns, or variables of the program that reads the target.
type names struct {
	// The paths up to and including "haproxy" of hosts, clusters and hosts of
	// haproxystats-central.
	hosts, clusters, centrals string
	frontend, backend, server string
	// objective multiplies the percentage of requests in error to how many times faster than
	// allowed they use their budget.
	objective string
}

// usualObjective is that of 99.9 percent of requests without an error, of which 0.1 percent
// may be in error.
const usualObjective = "10"

// root returns the path of a subject up to and including "haproxy".
func (n names) root(of subject) string {
	switch of {
	case aCluster:
		return n.clusters
	case aCentral:
		return n.centrals
	}
	return n.hosts
}

// path returns the path of a metric.
func (n names) path(l line, field string) string {
	root := n.root(l.about)
	switch l.scope {
	case metric.Daemon:
		return root + ".daemon." + field
	case metric.Process:
		return root + ".daemon.process.*." + field
	case metric.StickTable:
		return root + ".sticktable.*." + field
	case metric.Resolver:
		return root + ".resolver.*.nameserver.*." + field
	case metric.Certificate:
		return root + ".certificate.*." + field
	case metric.Frontend:
		return root + ".frontend." + n.frontend + "." + field
	case metric.Backend:
		return root + ".backend." + n.backend + "." + field
	case metric.Server:
		return root + ".backend." + n.backend + ".server." + n.server + "." + field
	case metric.Self, windowSelf:
		return root + ".haproxystats." + field
	}
	panic("unreachable: " + l.scope.String() + " is in no table")
}

// nodes has the components of a path by which series are grouped. They are counted from
// the end, because a namespace may have several components.
var nodes = map[metric.Scope]map[grouping][]string{
	metric.Daemon:   {hosts: {"-4"}, where: {"-4"}},
	metric.Frontend: {each: {"-2"}, hosts: {"-5"}, where: {"-5", "-2"}},
	metric.Backend:  {each: {"-2"}, hosts: {"-5"}, where: {"-5", "-2"}},
	metric.Server:   {each: {"-4", "-2"}, hosts: {"-7"}, where: {"-7", "-4", "-2"}},
	metric.Self:     {hosts: {"-4"}, where: {"-4"}},
	windowSelf:      {hosts: {"-4"}, where: {"-4"}},
	ofEndpoint:      {}, // has no paths

	metric.Process:     {hosts: {"-6"}, where: {"-6", "-2"}},
	metric.StickTable:  {each: {"-2"}, hosts: {"-5"}, where: {"-5", "-2"}},
	metric.Certificate: {each: {"-2"}, hosts: {"-5"}, where: {"-5", "-2"}},
	metric.Resolver:    {each: {"-4", "-2"}, hosts: {"-7"}, where: {"-7", "-4", "-2"}},
}

// query is a line with the metrics of its fields.
type query struct {
	line
	columns []metric.Column
	limit   metric.Column // of line.of
	// chosenBy has the columns of the conditions.
	chosenBy map[string]metric.Column
}

// resolve finds the fields of a line in the catalogue.
func (c Catalogue) resolve(l line) (query, error) {
	if _, placed := nodes[l.scope]; !placed {
		return query{}, fmt.Errorf("the dashboards do not read paths of scope %s", l.scope)
	}
	q := query{line: l, chosenBy: make(map[string]metric.Column)}
	for _, f := range l.fields {
		column, err := c.Lookup(l.scope, f)
		if err != nil {
			return query{}, err
		}
		q.columns = append(q.columns, column)
	}
	for _, column := range q.columns {
		if column.Nature.IsCounter() != q.columns[0].Nature.IsCounter() || column.Unit != q.columns[0].Unit {
			return query{}, fmt.Errorf("%s and %s differ in unit or nature", q.columns[0].Name, column.Name)
		}
	}
	if l.of != "" {
		limit, err := c.Lookup(l.scope, l.of)
		if err != nil {
			return query{}, err
		}
		if limit.Nature.IsCounter() != q.columns[0].Nature.IsCounter() {
			return query{}, fmt.Errorf("%s is not a limit of %s", l.of, q.columns[0].Name)
		}
		q.limit = limit
	}
	for _, o := range l.only {
		for _, f := range []string{o.field, o.or} {
			if f == "" {
				continue
			}
			column, err := c.Lookup(l.scope, f)
			if err != nil {
				return query{}, err
			}
			q.chosenBy[f] = column
		}
	}
	if l.form == events && q.columns[0].Nature.IsCounter() {
		return query{}, fmt.Errorf("%s is a counter, and does not count since the snapshot before", q.columns[0].Name)
	}
	if l.form == ofMean && l.by != hosts {
		return query{}, fmt.Errorf("%s is not compared between hosts", q.columns[0].Name)
	}
	if (l.form == burn || l.form == budget) && !q.columns[0].Nature.IsCounter() {
		return query{}, fmt.Errorf("%s does not count errors", q.columns[0].Name)
	}
	if l.processes {
		if l.scope != metric.Daemon {
			return query{}, fmt.Errorf("a %s metric has none of processes", l.scope)
		}
		if _, err := c.resolve(l.ofProcess()); err != nil {
			return query{}, err
		}
	}
	if l.form == perMinute && !q.columns[0].Nature.IsCounter() {
		return query{}, fmt.Errorf("%s is not a counter", q.columns[0].Name)
	}
	return q, nil
}

// ofProcess returns the line of each process instead of those of hosts.
func (l line) ofProcess() line {
	l.scope, l.processes, l.named, l.by = metric.Process, false, "", where
	return l
}

// target returns the Graphite expression.
func (q query) target(n names) string {
	var t string
	if q.named != "" {
		every := q
		every.named, every.processes = "", false
		t = every.target(n)
		if q.processes {
			each := every
			each.line = q.ofProcess()
			t = "group(" + t + ", " + each.target(n) + ")"
		}
		return fmt.Sprintf("%sCurrent(%s, 1)", map[aggregation]string{highest: "highest", lowest: "lowest"}[q.named], t)
	}
	switch q.form {
	case reporters:
		t = "countSeries(removeEmptySeries(" + n.path(q.line, q.fields[0]) + "))"
	case share:
		t = q.share(n)
	case burn:
		t = "scale(" + q.share(n) + ", " + n.objective + ")"
	case budget:
		t = "offset(scale(scale(" + q.share(n) + ", " + n.objective + "), -100), 100)"
	case rest:
		t = "offset(scale(" + q.group(n, q.fields...) + ", -1), 100)"
	case silent:
		t = "aliasByNode(filterSeries(" + q.sends(n) + ", 'last', '=', 0), " + strings.Join(nodes[q.scope][hosts], ", ") + ")"
	case silents:
		t = "sumSeries(offset(scale(" + q.sends(n) + ", -1), 1))"
	case ofMean:
		t = "asPercent(" + q.group(n, q.fields...) + ", averageSeries(" + q.group(n, q.fields...) + "))"
	case missing:
		t = q.difference(n)
	case perMinute:
		t = "scale(" + q.group(n, q.fields...) + ", 60)"
	case events:
		t = "consolidateBy(" + q.group(n, q.fields...) + ", 'sum')"
	case chosen:
		return q.choice(n)
	default:
		t = q.group(n, q.fields...)
	}
	if q.worst != "" {
		t = string(q.worst) + "Series(" + t + ")"
	}
	if q.before {
		t = "timeShift(" + t + ", '7d')"
	}
	if q.label != "" {
		return "alias(" + t + ", '" + q.label + "')"
	}
	switch q.form {
	case share, perMinute, ofMean, events, rest, burn, budget:
		return "aliasByNode(" + t + ", " + strings.Join(counted(len(nodes[q.scope][q.by])), ", ") + ")"
	}
	return t
}

// difference returns an expression for what is missing of another field. It has no value where
// that has none: diffSeries would show the fields there.
func (q query) difference(n names) string {
	of := q.groupOfSome(n)
	return fmt.Sprintf("scale(multiplySeries(%s, offset(asPercent(alias(%s, 'of'), alias(%s, 'of'), 0), -100)), -0.01)", of, q.group(n, q.fields...), of)
}

// share returns an expression for the percentage of another field.
func (q query) share(n names) string {
	of := q.group(n, q.of)
	if q.sparse {
		of = q.groupOfSome(n)
	}
	t := "asPercent(" + q.group(n, q.fields...) + ", " + of
	for i := range nodes[q.scope][q.by] { // the name of a group has one component for each
		t += fmt.Sprintf(", %d", i)
	}
	return t + ")"
}

// groupOfSome returns an expression for the groups of the other field, which some do not have.
// Graphite-web can fail for those. A limit of 0 is none.
func (q query) groupOfSome(n names) string {
	with := fmt.Sprintf("group(%s, scale(%s, 0))", n.path(q.line, q.of), n.path(q.line, q.fields[0]))
	return strings.Replace(q.group(n, q.of), n.path(q.line, q.of), with, 1)
}

// silentAfter is how long a host sends nothing until it is silent.
const silentAfter = 5 // minutes

// sends returns an expression of 1 for each host while it sends, and of 0 when it has sent
// nothing for some minutes.
func (q query) sends(n names) string {
	return fmt.Sprintf("consolidateBy(movingMax(isNonNull(removeEmptySeries(%s)), '%dmin'), 'max')", n.path(q.line, q.fields[0]), silentAfter)
}

// mostChosen bounds the series that meet a condition, because Graphite evaluates each one
// apart.
const mostChosen = 100

// choice returns an expression for the field of those that meet all conditions.
func (q query) choice(n names) string {
	t := ""
	for i, o := range q.only {
		switch {
		case i == 0:
			t = n.path(q.line, o.field)
		case o.or != "":
			t = fmt.Sprintf("applyByNode(%s, -2, 'maxSeries(%%.{%s,%s})', '%%.%s')", t, o.field, o.or, o.field)
		default:
			t = fmt.Sprintf("applyByNode(%s, -2, '%%.%s')", t, o.field)
		}
		t = o.filter(t)
		if i == 0 {
			t = fmt.Sprintf("limit(%s, %d)", t, mostChosen)
		}
	}
	t = fmt.Sprintf("consolidateBy(applyByNode(%s, -2, '%%.%s'), 'last')", t, q.fields[0])
	t = "aliasByNode(" + t + ", " + strings.Join(nodes[q.scope][where], ", ") + ")"
	if q.label != "" {
		t = "aliasSub(" + t + ", '$', ': " + q.label + "')"
	}
	return t
}

// filter returns an expression for the series that meet the condition.
func (o condition) filter(t string) string {
	bound := func(operator string, value float64) {
		t = fmt.Sprintf("filterSeries(%s, '%s', '%s', %s)", t, o.over, operator, decimal(value))
	}
	switch {
	case o.least == o.most:
		bound("=", o.least)
		return t
	case o.least > 0:
		bound(">=", o.least)
	}
	bound("<=", o.most)
	return t
}

// group returns an expression for the sums of the fields, one series for each group.
func (q query) group(n names, fields ...string) string {
	field := fields[0]
	if len(fields) > 1 {
		field = "{" + strings.Join(fields, ",") + "}"
	}
	t := n.path(q.line, field)
	switch {
	case q.form == reported:
		t = "isNonNull(" + t + ")"
	case q.columns[0].Nature.IsCounter():
		t = "perSecond(" + t + ")"
	}
	if q.by == all {
		return string(q.aggregation()) + "Series(" + t + ")"
	}
	at := nodes[q.scope][q.by]
	if len(at) == 1 {
		t = fmt.Sprintf("groupByNode(%s, %s, '%s')", t, at[0], q.aggregation())
	} else {
		t = fmt.Sprintf("groupByNodes(%s, '%s', %s)", t, q.aggregation(), strings.Join(at, ", "))
	}
	if q.form == budget {
		t = "summarize(" + t + ", '31d', 'avg', true)"
	}
	if q.window > 0 {
		t = fmt.Sprintf("movingAverage(%s, '%dmin')", t, q.window)
	}
	return t
}

// aggregation returns the rule that combines the values of several hosts or fields. It
// is the rule for several processes, except that the longest of our own times counts.
func (q query) aggregation() aggregation {
	c := q.columns[0]
	switch {
	case len(q.fields) > 1, q.form == events:
		return sum
	case (q.scope == metric.Self || q.scope == windowSelf) && c.Unit == "seconds", c.Combine == metric.Max:
		return highest
	case c.Combine == metric.Min:
		return lowest
	case c.Combine.IsMean():
		return average
	}
	return sum
}

// counted returns the numbers from 0 to n-1.
func counted(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}
