package dashboard

import (
	"fmt"
	"slices"
	"strings"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/metric"
)

// board is one dashboard.
type board struct {
	name  string // of the file, and part of the address
	title string
	about string
	of    subject
	vars  []variable // those besides the ones of the subject
	rows  []row
}

// row is a heading and the panels below it.
type row struct {
	title  string
	panels []panel
}

// panel is a graph or a single number.
type panel struct {
	title   string
	why     string // what the help of the fields does not say
	lines   []line
	kind    kind
	stacked bool
	alarm   alarm
	colors  []string // one for each line if colors have a meaning, else nil
	ceiling float64  // the largest value of the scale; 0 for none
	texts   []text   // for states: what the numbers mean, from 0
	past    string   // the time that the panel looks back for, such as "24h"; "" for the time shown
	reloads bool     // reloads are marked where annotations can't do it
}

// text is what a number means, and its color.
type text struct{ words, color string }

// kind is the form of a panel.
type kind uint8

const (
	graph   kind = iota
	number       // the last value, or the sum of events
	bars         // a graph of events
	states       // stripes that change with the state
	list         // the last values, a line of text for each
	ranking      // bars of the highest means of the time shown, or of the lowest values
)

// alarm has the values from which on a panel is yellow and red; the zero value means
// never.
type alarm struct {
	warn, crit float64
	low        bool // small values are bad
}

func above(warn, crit float64) alarm { return alarm{warn: warn, crit: crit} }
func below(warn, crit float64) alarm { return alarm{warn: warn, crit: crit, low: true} }

// boards returns all dashboards in the order of their menu.
func boards() []board {
	return []board{overview(), frontends(), backends(), servers(), health(), reloads(), collected(), clusters(), side(), self(), centre()}
}

// mostPanels bounds a dashboard, so that it needs little scrolling.
const mostPanels = 26

// drawn is a panel with its queries and their unit.
type drawn struct {
	panel
	queries []query
	unit    unit
}

// draw finds the fields of a panel in the catalogue.
func (c Catalogue) draw(p panel) (drawn, error) {
	d := drawn{panel: p}
	for _, l := range p.lines {
		q, err := c.resolve(l)
		if err != nil {
			return drawn{}, fmt.Errorf("panel %q: %w", p.title, err)
		}
		u := q.unit()
		if len(d.queries) > 0 && u != d.unit {
			return drawn{}, fmt.Errorf("panel %q: %s is in %q, the others are in %q", p.title, q.fields[0], u.words, d.unit.words)
		}
		d.unit = u
		d.queries = append(d.queries, q)
	}
	named := !slices.ContainsFunc(p.lines, func(l line) bool { return l.label == "" })
	if len(p.lines) > 1 && !named {
		return drawn{}, fmt.Errorf("panel %q: one of several lines has no name", p.title)
	}
	if (p.kind == states) != (len(p.texts) > 0) {
		return drawn{}, fmt.Errorf("panel %q: only states have texts for their numbers, and all of them", p.title)
	}
	if len(p.colors) > 0 && len(p.colors) != len(p.lines) {
		return drawn{}, fmt.Errorf("panel %q: %d colors for %d lines", p.title, len(p.colors), len(p.lines))
	}
	if p.kind == number && (len(p.lines) != 1 || !named && p.lines[0].named == "") {
		return drawn{}, fmt.Errorf("panel %q: a number needs exactly one line, with a name", p.title)
	}
	if p.kind == ranking && (len(p.lines) != 1 || named) {
		return drawn{}, fmt.Errorf("panel %q: a ranking needs exactly one line, of many series", p.title)
	}
	if p.kind == ranking && !d.alarm.low && !d.queries[0].columns[0].Nature.IsCounter() {
		return drawn{}, fmt.Errorf("panel %q: %s is not a counter, so it has no mean of the time shown everywhere", p.title, d.queries[0].fields[0])
	}
	if words := d.words(); words != "" {
		d.title += " (" + words + ")"
	}
	return d, nil
}

// mostWords bounds the fields in a title.
const mostWords = 2

// words returns the names that HAProxy has for what a graph shows, to be found by them in its
// documentation; "" if they are too many, or not HAProxy's.
func (d drawn) words() string {
	if d.kind == number || d.kind == states || d.kind == list {
		return ""
	}
	var words []string
	for _, q := range d.queries {
		for i, name := range q.fields {
			if _, ok := catalogue.LookupStat(name); !ok && q.scope != metric.Daemon {
				return ""
			}
			if q.scope == metric.Self || q.scope == windowSelf || q.form == burn || q.form == budget {
				return ""
			}
			if name = q.columns[i].Name; !slices.Contains(words, name) {
				words = append(words, name)
			}
		}
	}
	if len(words) > mostWords {
		return ""
	}
	return strings.Join(words, ", ")
}

// targets returns the expressions of the lines. If a line stands for many series, the
// expression keeps only the highest ones, or the lowest if low values are bad.
func (d drawn) targets(n names, most int) []string {
	var out []string
	for _, q := range d.queries {
		t := q.target(n)
		switch {
		case q.label != "", q.named != "", q.form == silent:
		case d.kind == ranking && d.alarm.low:
			t = fmt.Sprintf("lowestCurrent(%s, %d)", t, mostRanks)
		case d.kind == ranking:
			t = fmt.Sprintf("highestAverage(%s, %d)", t, mostRanks)
		case d.alarm.low:
			t = fmt.Sprintf("lowestAverage(%s, %d)", t, most)
		default:
			t = fmt.Sprintf("highestAverage(%s, %d)", t, most)
		}
		out = append(out, t)
	}
	return out
}

// help returns the description of the panel, in Markdown.
func (d drawn) help() string {
	var parts []string
	if d.why != "" {
		parts = append(parts, d.why)
	}
	seen := map[string]bool{}
	for _, q := range d.queries {
		columns := slices.Clip(q.columns)
		for _, o := range q.only {
			columns = append(columns, q.chosenBy[o.field])
		}
		if q.of != "" {
			columns = append(columns, q.limit)
		}
		for _, c := range columns {
			if seen[c.Name] {
				continue
			}
			seen[c.Name] = true
			text := "`" + c.Name + "`: " + c.Help + "."
			if v := since(q.scope, c.Name); v != "" {
				text += " Since HAProxy " + v + "."
			}
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n\n")
}

// unit is a unit in words, and Grafana's name of the unit that formats it.
type unit struct{ words, grafana string }

// unit returns the unit of the numbers.
func (q query) unit() unit {
	c := q.columns[0]
	switch q.form {
	case share, rest, budget:
		return unit{"percent", "percent"}
	case burn:
		return unit{"times the budget", "none"}
	case silent:
		return unit{"", "none"}
	case silents:
		return unit{"hosts", "none"}
	case reporters:
		if q.about == aCluster {
			return unit{"clusters", "none"}
		}
		return unit{"hosts", "none"}
	case ofMean:
		return unit{"percent of the mean", "percent"}
	case reported:
		return unit{"", "none"}
	case perMinute:
		return unit{c.Unit + " per minute", "cpm"}
	}
	if c.Nature.IsCounter() {
		return rate(c.Unit)
	}
	if per, ok := strings.CutSuffix(c.Unit, " per second"); ok {
		return rate(per)
	}
	if known, ok := levels[c.Unit]; ok {
		return unit{c.Unit, known}
	}
	return unit{c.Unit, "short"}
}

// levels has Grafana's names of the units of levels.
var levels = map[string]string{
	"bytes": "bytes", "megabytes": "mbytes", "seconds": "s", "milliseconds": "ms", "percent": "percent", "days": "d",
}

// rate returns the unit of a counter that is drawn as a rate.
func rate(of string) unit {
	words := strings.TrimSpace(of + " per second")
	switch of {
	case "bytes":
		return unit{words, "Bps"}
	case "requests", "responses":
		return unit{words, "reqps"}
	}
	return unit{words, "cps"}
}
