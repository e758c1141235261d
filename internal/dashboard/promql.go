package dashboard

import (
	"fmt"
	"slices"
	"strings"

	"haproxystats/internal/encode/samples"
	"haproxystats/internal/metric"
)

// selection says which series an expression of Prometheus is about.
type selection struct {
	// The matchers of hosts, clusters and hosts of haproxystats-central, of frontends, backends
	// and servers; empty for any.
	hosts, clusters, centrals string
	frontend, backend, server string
	// jobs matches what is recorded for all hosts of a job, and objective is as in names.
	jobs, objective string
	// rate is the range of rates and growth, and whole that of the time shown.
	rate, whole string
	// apart keeps every series with all its labels instead of combining them.
	apart bool
}

// matchers returns the matchers of a line's series.
func (s selection) matchers(l line, own samples.Label) string {
	all := []string{s.hosts}
	switch {
	case l.about == aCluster:
		all[0] = s.clusters
	case l.about == aCentral:
		all[0] = s.centrals
	}
	switch l.scope {
	case metric.Frontend:
		all = append(all, s.frontend)
	case metric.Backend:
		all = append(all, s.backend)
	case metric.Server:
		all = append(all, s.backend, s.server)
	}
	if own.Name != "" {
		all = append(all, fmt.Sprintf("%s=%q", own.Name, own.Value))
	}
	return strings.Join(slices.DeleteFunc(all, func(m string) bool { return m == "" }), ", ")
}

// entityLabels has the labels of what the rows of a scope are about.
var entityLabels = map[metric.Scope][]string{
	metric.Frontend: {"proxy"}, metric.Backend: {"proxy"}, metric.Server: {"proxy", "server"},
	metric.Process: {"process"}, metric.StickTable: {"name"}, metric.Resolver: {"resolver", "nameserver"}, metric.Certificate: {"certificate"},
}

// labels returns the labels by which a line is grouped.
func (q query) labels() []string {
	host := "instance"
	if q.about == aCluster {
		host = "cluster"
	}
	var names []string
	switch q.by {
	case each:
		names = entityLabels[q.scope]
	case hosts:
		names = []string{host}
	case where:
		names = append([]string{host}, entityLabels[q.scope]...)
	}
	if q.sinks && q.by != all {
		names = append(slices.Clip(names), "sink")
	}
	return names
}

// legend returns the name of a line's series, as a template of Grafana.
func (q query) legend() string {
	if q.label != "" {
		return q.label
	}
	var words []string
	for _, l := range q.labels() {
		words = append(words, "{{"+l+"}}")
	}
	if q.processes {
		words = append(words, "{{process}}")
	}
	return strings.Join(words, " ")
}

// sample returns the expression of a field's series: a level as it is, a counter as growth
// a second, and an event as growth.
func (x Exported) sample(q query, s selection, field string) string {
	n, c, err := x.series(q.line, field)
	if err != nil {
		panic("unreachable: " + err.Error()) // draw has found it
	}
	m := s.matchers(q.line, n.Label)
	if m != "" {
		m = "{" + m + "}"
	}
	t := n.Family + m
	before := ""
	if q.before {
		before = " offset 7d"
	}
	switch {
	case q.form == events && n.Family != x.names[q.scope][field].Family && q.scope == metric.Self && !q.sinks:
		// Remote write has no counter, and each snapshot once.
		return "(increase(" + t + "[" + s.whole + "]) or sum_over_time(" + x.names[q.scope][field].Family + m + "[" + s.whole + "]))"
	case q.form == events:
		return "increase(" + t + "[" + s.whole + "])"
	case c.Nature.IsCounter():
		return "rate(" + t + "[" + s.rate + "]" + before + ")"
	}
	return t + before
}

// combination returns Prometheus' name of the rule that combines the values of several hosts.
func (q query) combination() string {
	switch c := q.columns[0]; {
	case len(q.fields) > 1, q.form == events:
		return "sum"
	case c.Combine == metric.Min, c.Combine == metric.MinKnown:
		return "min"
	case q.aggregation() == average:
		return "avg"
	case q.aggregation() == highest:
		return "max"
	}
	return "sum"
}

// summed returns an expression for the sums of the fields, one series for each group.
func (x Exported) summed(q query, s selection, fields ...string) string {
	var terms []string
	for _, f := range fields {
		t := x.sample(q, s, f)
		if !s.apart {
			by := ""
			if labels := q.labels(); len(labels) > 0 {
				by = " by (" + strings.Join(labels, ", ") + ") "
			}
			t = q.combination() + by + "(" + t + ")"
		}
		terms = append(terms, t)
	}
	if len(terms) == 1 {
		return terms[0]
	}
	return "(" + strings.Join(terms, " + ") + ")"
}

// difference returns an expression for what is missing of another field, over those that have
// it.
func (x Exported) difference(q query, s selection) string {
	t := x.sample(q, s, q.of)
	for _, f := range q.fields {
		t += " - " + x.sample(q, s, f)
	}
	if s.apart {
		return t
	}
	by := ""
	if labels := q.labels(); len(labels) > 0 {
		by = " by (" + strings.Join(labels, ", ") + ") "
	}
	return q.combination() + by + "(" + t + ")"
}

// expression returns the expression of Prometheus.
func (x Exported) expression(q query, s selection) string {
	of := func() string { return x.summed(q, s, q.fields...) }
	var t string
	if q.named != "" {
		every := q
		every.named, every.processes = "", false
		t = x.expression(every, s)
		if q.processes {
			every.line = q.ofProcess()
			t += " or " + x.expression(every, s)
		}
		return map[aggregation]string{highest: "topk", lowest: "bottomk"}[q.named] + "(1, " + t + ")"
	}
	switch q.form {
	case reporters:
		n, _, _ := x.series(q.line, q.fields[0])
		labels := strings.Join(query{line: line{about: q.about, by: hosts}}.labels(), ", ")
		t = fmt.Sprintf("count(group by (%s) (%s{%s}))", labels, n.Family, s.matchers(q.line, n.Label))
	case share:
		match := ""
		if n, _, _ := x.series(q.line, q.fields[0]); s.apart && n.Label.Name != "" {
			match = " ignoring(" + n.Label.Name + ")"
		}
		t = "100 * " + of() + " /" + match + " (" + x.summed(q, s, q.of) + " > 0)"
	case ofMean:
		t = "100 * " + of() + " / on() group_left() avg(" + of() + ")"
	case burn:
		t = s.objective + " * 100 * " + recordedRatio(q.window) + s.ofFrontends()
	case budget:
		t = "100 - 100 * " + s.objective + " * 100 * " + recordedRatio(budgetMinutes) + s.ofFrontends()
	case rest:
		t = "100 - " + of()
	case silent:
		lately, ever := x.sends(q, s, "")
		at, _ := x.sends(q, s, " @ end()")
		return "(" + lately + " or 0 * " + ever + ") unless on (instance) " + at
	case silents:
		lately, ever := x.sends(q, s, "")
		return "count(" + ever + ") - (count(" + lately + ") or 0 * count(" + ever + "))"
	case missing:
		t = x.difference(q, s)
	case perMinute:
		t = "60 * " + of()
	case chosen:
		return x.choice(q, s)
	default:
		t = of()
	}
	switch q.worst {
	case highest:
		t = "max(" + t + ")"
	case lowest:
		t = "min(" + t + ")"
	}
	return t
}

// ofFrontends returns the matchers of what is recorded for each frontend.
func (s selection) ofFrontends() string {
	all := slices.DeleteFunc([]string{s.jobs, s.frontend}, func(m string) bool { return m == "" })
	if len(all) == 0 {
		return ""
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// sends returns expressions of 1 for each host that has sent in the last minutes, and of 1 for
// each one that has sent in the last day.
func (x Exported) sends(q query, s selection, at string) (lately, ever string) {
	n, _, _ := x.series(q.line, q.fields[0])
	of := func(over string) string {
		return fmt.Sprintf("group by (instance) (last_over_time(%s{%s}[%s]%s))", n.Family, s.matchers(q.line, n.Label), over, at)
	}
	return of(fmt.Sprintf("%dm", silentAfter)), of("1d")
}

// choice returns an expression for the field of those that meet all conditions.
func (x Exported) choice(q query, s selection) string {
	level := q.line
	level.form = asIs
	of := func(field string, over aggregation) string {
		t := x.sample(query{line: level}, s, field)
		if over == lowest {
			t = "min_over_time(" + t + "[" + s.whole + "])"
		}
		return t
	}
	t := of(q.fields[0], latest)
	for _, o := range q.only {
		value := of(o.field, o.over)
		if o.or != "" {
			value = "(" + value + " or " + of(o.or, o.over) + ")"
		}
		switch {
		case o.least == o.most:
			value += " == " + decimal(o.least)
		case o.least > 0:
			value += " >= " + decimal(o.least) + " <= " + decimal(o.most)
		default:
			value += " <= " + decimal(o.most)
		}
		t += " and (" + value + ")"
	}
	return "max by (" + strings.Join(q.labels(), ", ") + ") (" + t + ")"
}

// promTargets returns the queries of the panel. If a line stands for many series, at each
// time the expression keeps only the highest ones, or the lowest if low values are bad.
func (x Exported) promTargets(d drawn, s selection) []object {
	switch d.kind {
	case bars:
		s.whole = s.rate
	case ranking:
		s.rate = s.whole
	}
	var all []object
	for _, q := range d.queries {
		t := x.expression(q, s)
		last := d.kind == list || d.kind == ranking || d.kind == number && (q.form == events || q.named != "")
		switch {
		case q.form == chosen, q.label != "", d.kind == states, q.named != "":
		case d.kind == ranking && d.alarm.low:
			t = fmt.Sprintf("sort(bottomk(%d, %s))", mostRanks, t)
		case d.kind == ranking:
			t = fmt.Sprintf("topk(%d, %s)", mostRanks, t)
		case d.alarm.low:
			t = fmt.Sprintf("bottomk(%d, %s)", mostLines, t)
		default:
			t = fmt.Sprintf("topk(%d, %s)", mostLines, t)
		}
		all = append(all, object{"expr": t, "legendFormat": q.legend(), "editorMode": "code", "format": "time_series", "instant": last, "range": !last})
	}
	return all
}
