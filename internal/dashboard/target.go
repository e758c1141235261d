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
}

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
	if l.form == perMinute && !q.columns[0].Nature.IsCounter() {
		return query{}, fmt.Errorf("%s is not a counter", q.columns[0].Name)
	}
	return q, nil
}

// target returns the Graphite expression.
func (q query) target(n names) string {
	var t string
	switch q.form {
	case reporters:
		t = "countSeries(removeEmptySeries(" + n.path(q.line, q.fields[0]) + "))"
	case share:
		t = "asPercent(" + q.group(n, q.fields...) + ", " + q.group(n, q.of)
		for i := range nodes[q.scope][q.by] { // the name of a group has one component for each
			t += fmt.Sprintf(", %d", i)
		}
		t += ")"
	case ofMean:
		t = "asPercent(" + q.group(n, q.fields...) + ", averageSeries(" + q.group(n, q.fields...) + "))"
	case missing:
		t = "diffSeries(" + q.group(n, q.of) + ", " + q.group(n, q.fields...) + ")"
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
	if q.label != "" {
		return "alias(" + t + ", '" + q.label + "')"
	}
	if q.form == share || q.form == perMinute || q.form == ofMean || q.form == events {
		return "aliasByNode(" + t + ", " + strings.Join(counted(len(nodes[q.scope][q.by])), ", ") + ")"
	}
	return t
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
