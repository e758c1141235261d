package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object; its keys are written in alphabetical order.
type object = map[string]any

const (
	// schemaVersion is the version of Grafana 10.4 and 11; later releases migrate it.
	schemaVersion = 39
	grafanaSince  = "10.4.0"
	// mostLines bounds the series of a line that stands for many.
	mostLines = 20
	// mostRanks bounds those of a ranking.
	mostRanks = 10
	// wide is the width of Grafana's grid.
	wide = 24
)

// flavor is what dashboards of one kind of data source have of their own.
type flavor struct {
	id, name string // of the kind, as Grafana has them
	// source is the variable that panels name as their data source. So a dashboard works
	// with any data source, whether it is imported, provisioned or fetched.
	source string
	// mark distinguishes the addresses and the tag of the dashboards from others.
	mark     string
	boards   []board
	subjects map[subject][]variable
	// renamed has the variables that are found in another way than boards say.
	renamed map[string]variable
	// query is the query of a variable, and all the value that stands for each one.
	query func(text string) object
	all   string
	// targets are the queries of a panel without their data source, help is its description.
	targets     func(d drawn, b board) []object
	help        func(d drawn) string
	draw        func(p panel) (drawn, error)
	annotations func(b board) ([]object, error)
	// nameOf returns what stands for a label of a series in a link, and "" if only the names of
	// several labels together are known. columns has the labels of series as columns of tables.
	nameOf  func(q query, label string) string
	columns bool
}

func (f *flavor) datasource() object { return object{"type": f.id, "uid": "${" + f.source + "}"} }

// variable is a choice at the top of a dashboard. A metric query finds its values.
type variable struct {
	name, label, query, regex string
	one                       bool // exactly one value is chosen; otherwise several or all
}

// The variables. Those of the subjects find the metrics of haproxystats among all others
// of a Graphite server: hosts by what HAProxy says, clusters and haproxystats-central by
// what only they send.
var (
	varNamespace = variable{name: "namespace", label: "Namespace", query: "expand(*.*.haproxy)", regex: `/^(.+)\.[^.]+\.haproxy$/`, one: true}
	varHost      = variable{name: "host", label: "Host", query: "expand($namespace.*.haproxy.daemon)", regex: `/([^.]+)\.haproxy\.daemon$/`}
	varClusters  = variable{name: "clusters", label: "Namespace", query: "expand(*.*.*.haproxy.haproxystats.NodesReporting)", regex: `/^(.+)\.[^.]+\.haproxy\.haproxystats\./`, one: true}
	varCluster   = variable{name: "cluster", label: "Cluster", query: "expand($clusters.*.haproxy.haproxystats.NodesReporting)", regex: `/([^.]+)\.haproxy\.haproxystats\./`}
	varCentral   = variable{name: "central", label: "Host", query: "expand($namespace.*.haproxy.haproxystats.CentralQueueAge)", regex: `/([^.]+)\.haproxy\.haproxystats\./`}
	varFrontend  = variable{name: "frontend", label: "Frontend", query: "$namespace.$host.haproxy.frontend.*"}
	varBackend   = variable{name: "backend", label: "Backend", query: "$namespace.$host.haproxy.backend.*"}
	varServer    = variable{name: "server", label: "Server", query: "$namespace.$host.haproxy.backend.$backend.server.*"}
)

// Grafana returns the dashboards for Grafana with Graphite, as files by name.
func Grafana(c Catalogue) (map[string][]byte, error) {
	f := &flavor{
		id: "graphite", name: "Graphite", source: "DS_GRAPHITE",
		boards: boards(), subjects: subjects, all: "*",
		query: func(text string) object {
			return object{"queryType": "Default", "refId": "GraphiteVariableQueryEditor-VariableQuery", "target": text}
		},
		targets: func(d drawn, b board) (all []object) {
			for _, t := range d.targets(b.names(), mostLines) {
				all = append(all, object{"target": t, "textEditor": true})
			}
			return all
		},
		help: drawn.help,
		draw: c.draw,
		nameOf: func(q query, _ string) string {
			if q.by == where || len(nodes[q.scope][q.by]) != 1 {
				return ""
			}
			return "${__field.name}"
		},
	}
	f.annotations = func(b board) ([]object, error) { return b.annotations(c, f) }
	return f.files()
}

func (f *flavor) files() (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, b := range f.boards {
		o, err := b.grafana(f)
		if err != nil {
			return nil, fmt.Errorf("dashboard %s: %w", b.name, err)
		}
		if files[b.name+".json"], err = document(o); err != nil {
			return nil, fmt.Errorf("dashboard %s: %w", b.name, err)
		}
	}
	return files, nil
}

// document returns indented JSON.
func document(o object) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(o)
	return out.Bytes(), err
}

// subjects has the variables by which the metrics of a subject are chosen.
var subjects = map[subject][]variable{
	aHost:    {varNamespace, varHost},
	aCluster: {varClusters, varCluster},
	aCentral: {varNamespace, varCentral},
}

// names returns the dashboard's variables, and patterns for names without one.
func (b board) names() names {
	n := names{
		hosts: "$namespace.$host.haproxy", clusters: "$clusters.$cluster.haproxy", centrals: "$namespace.$central.haproxy",
		frontend: "*", backend: "*", server: "*", objective: "$" + objective,
	}
	for _, v := range b.vars {
		switch v.name {
		case varFrontend.name:
			n.frontend = "$frontend"
		case varBackend.name:
			n.backend = "$backend"
		case varServer.name:
			n.server = "$server"
		}
	}
	return n
}

func (b board) grafana(f *flavor) (object, error) {
	panels, err := b.panels(f)
	if err != nil {
		return nil, err
	}
	kinds := make(map[string]string)
	for _, p := range panels {
		kind := p["type"].(string)
		if name, ok := plugins[kind]; ok {
			kinds[kind] = name
		}
	}
	requires := []object{
		{"type": "grafana", "id": "grafana", "name": "Grafana", "version": grafanaSince},
		{"type": "datasource", "id": f.id, "name": f.name, "version": "1.0.0"},
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		requires = append(requires, object{"type": "panel", "id": kind, "name": kinds[kind], "version": ""})
	}
	annotations, err := f.annotations(b)
	if err != nil {
		return nil, err
	}
	variables := []object{{
		"name": f.source, "label": f.name, "type": "datasource", "query": f.id, "regex": "",
		"hide": 0, "includeAll": false, "multi": false, "options": []object{}, "refresh": 1, "skipUrlSync": false,
	}}
	for _, v := range slices.Concat(f.subjects[b.of], b.vars) {
		variables = append(variables, v.grafana(f))
	}
	if b.hasObjective() {
		variables = append(variables, objectiveVariable())
	}
	return object{
		"__requires":    requires,
		"annotations":   object{"list": annotations},
		"description":   b.about,
		"editable":      true,
		"graphTooltip":  1, // one cross-hair over all panels
		"id":            nil,
		"links":         []object{menu(f)},
		"panels":        panels,
		"refresh":       "30s",
		"schemaVersion": schemaVersion,
		"tags":          []string{"haproxy", f.tag()},
		"templating":    object{"list": variables},
		"time":          object{"from": "now-1h", "to": "now"},
		"timepicker":    object{},
		"timezone":      "",
		"title":         b.title,
		"uid":           f.tag() + "-" + b.name,
		"version":       1,
	}, nil
}

// tag is the tag of the dashboards, which tells them from those with another data source.
func (f *flavor) tag() string { return "haproxystats" + f.mark }

// menu returns the link to the other dashboards, which keeps the variables and the
// time.
func menu(f *flavor) object {
	return object{
		"type": "dashboards", "title": "HAProxy", "tags": []string{f.tag()}, "icon": "external link",
		"asDropdown": false, "includeVars": true, "keepTime": true, "targetBlank": false, "tooltip": "", "url": "",
	}
}

func (v variable) grafana(f *flavor) object {
	if other, ok := f.renamed[v.name]; ok {
		v = other
	}
	o := object{
		"name": v.name, "label": v.label, "type": "query", "datasource": f.datasource(),
		"definition": v.query, "query": f.query(v.query),
		"regex": v.regex, "refresh": 2, "sort": 1, "hide": 0, "skipUrlSync": false, "options": []object{},
		"includeAll": !v.one, "multi": !v.one,
	}
	if !v.one {
		o["allValue"] = f.all
		o["current"] = object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}
	}
	return o
}

// plugins has the names of the kinds of panels.
var plugins = map[string]string{
	"stat": "Stat", "timeseries": "Time series", "state-timeline": "State timeline", "table": "Table", "bargauge": "Bar gauge",
}

// hasObjective reports whether a panel is about the budget of errors.
func (b board) hasObjective() bool {
	for _, r := range b.rows {
		for _, p := range r.panels {
			for _, l := range p.lines {
				if l.form == burn || l.form == budget {
					return true
				}
			}
		}
	}
	return false
}

// objectiveVariable returns the variable of the objective.
func objectiveVariable() object {
	var words []string
	options := []object{}
	for i, o := range objectives {
		words = append(words, o.words+" : "+o.factor)
		options = append(options, object{"selected": i == 0, "text": o.words, "value": o.factor})
	}
	return object{
		"name": objective, "label": "Objective", "type": "custom", "query": strings.Join(words, ", "), "options": options,
		"current": options[0], "hide": 0, "includeAll": false, "multi": false, "skipUrlSync": false,
	}
}

// panels returns the panels with their positions, row by row.
func (b board) panels(f *flavor) ([]object, error) {
	var out []object
	y, count := 0, 0
	add := func(o object, x, w, h int) {
		o["id"] = len(out) + 1
		o["gridPos"] = object{"x": x, "y": y, "w": w, "h": h}
		out = append(out, o)
	}
	for _, r := range b.rows {
		add(object{"type": "row", "title": r.title, "collapsed": false, "panels": []object{}}, 0, wide, 1)
		y++
		for _, line := range r.lines() {
			height := 0
			for i, p := range line {
				d, err := f.draw(p)
				if err != nil {
					return nil, err
				}
				for _, q := range d.queries {
					if q.about != b.of {
						return nil, fmt.Errorf("panel %q: %s is not chosen by the dashboard's variables", p.title, q.fields[0])
					}
				}
				w := wide / len(line)
				height = max(height, p.height())
				add(d.grafana(f, b), i*w, w, p.height())
				count++
			}
			y += height
		}
	}
	if count > mostPanels {
		return nil, fmt.Errorf("%d panels, at most %d fit", count, mostPanels)
	}
	return out, nil
}

// lines returns groups of panels that stand side by side: all numbers together, and
// two or three graphs.
func (r row) lines() [][]panel {
	across := 2
	switch n := len(r.panels); {
	case r.panels[0].kind == number:
		across = n
	case n == 1:
		across = 1
	case n%3 == 0:
		across = 3
	case n == 5:
		return [][]panel{r.panels[:2], r.panels[2:]}
	}
	var out [][]panel
	for rest := r.panels; len(rest) > 0; {
		n := min(across, len(rest))
		out, rest = append(out, rest[:n]), rest[n:]
	}
	return out
}

func (p panel) height() int {
	if p.kind == number {
		return 4
	}
	return 8
}

func (d drawn) grafana(f *flavor, b board) object {
	targets := f.targets(d, b)
	for i, t := range targets {
		t["datasource"], t["refId"] = f.datasource(), string(rune('A'+i))
	}
	o := object{
		"title": d.title, "description": f.help(d), "datasource": f.datasource(), "targets": targets, "transparent": false,
	}
	switch d.kind {
	case number:
		d.stat(o)
	case states:
		d.timeline(o)
	case list:
		d.table(o, f)
	case ranking:
		d.ranking(o)
	default:
		d.timeseries(o)
	}
	if d.past != "" {
		o["timeFrom"] = d.past
	}
	d.link(o, f, b)
	return o
}

// ranking shows bars, the longest at the top.
func (d drawn) ranking(o object) {
	o["type"] = "bargauge"
	color := object{"mode": "palette-classic"}
	if d.alarm != (alarm{}) {
		color = object{"mode": "thresholds"}
	}
	defaults := object{"color": color, "unit": d.unit.grafana, "min": 0, "thresholds": d.alarm.grafana(), "mappings": []object{}, "noValue": "–"}
	if d.ceiling > 0 {
		defaults["max"] = d.ceiling
	}
	o["fieldConfig"] = object{"defaults": defaults, "overrides": []object{}}
	calc := "mean"
	if d.alarm.low {
		calc = "lastNotNull"
	}
	o["options"] = object{
		"displayMode": "basic", "orientation": "horizontal", "valueMode": "color", "namePlacement": "left", "sizing": "auto",
		"showUnfilled": true, "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
		"legend":        object{"displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": []string{}},
		"reduceOptions": object{"calcs": []string{calc}, "fields": "", "values": false},
	}
}

// timeline shows states as stripes.
func (d drawn) timeline(o object) {
	meanings := object{}
	for i, t := range d.texts {
		meanings[strconv.Itoa(i)] = object{"text": t.words, "color": t.color, "index": i}
	}
	o["type"] = "state-timeline"
	o["fieldConfig"] = object{
		"defaults": object{
			"color": object{"mode": "thresholds"}, "thresholds": alarm{}.grafana(),
			"mappings": []object{{"type": "value", "options": meanings}},
			"custom":   object{"lineWidth": 0, "fillOpacity": 80, "spanNulls": 60000, "insertNulls": false},
		},
		"overrides": []object{},
	}
	o["options"] = object{
		"mergeValues": true, "showValue": "auto", "alignValue": "left", "rowHeight": 0.9,
		"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
		"tooltip": object{"mode": "single", "sort": "none"},
	}
}

// table shows the last value of each series. It looks back for a short time only, so that
// what is no longer there is not listed.
func (d drawn) table(o object, f *flavor) {
	o["type"] = "table"
	o["timeFrom"] = "5m"
	last, words := "for", durations
	if !slices.ContainsFunc(d.queries, func(q query) bool { return q.form == chosen }) {
		last, words = d.unit.words, d.unit.grafana
	}
	renamed := object{"Field": "state", "Last *": last}
	reduced := object{"reducers": []string{"lastNotNull"}, "mode": "seriesToRows", "includeTimeField": false, "labelsToFields": false}
	if f.columns {
		reduced["labelsToFields"] = true
		for label, name := range columnNames {
			renamed[label] = name
		}
	}
	hidden, order := object{}, object{"Last *": len(columnNames) + 1, "Field": len(columnNames)}
	if q := d.queries[0]; f.columns && q.form != chosen {
		hidden["Field"] = true // the labels tell it all
	}
	for i, label := range []string{"instance", "proxy", "server", "certificate"} {
		order[label] = i
	}
	o["transformations"] = []object{
		{"id": "reduce", "options": reduced},
		{"id": "organize", "options": object{"excludeByName": hidden, "indexByName": order, "renameByName": renamed}},
	}
	overrides := []object{}
	if d.alarm != (alarm{}) {
		overrides = append(overrides, object{
			"matcher":    object{"id": "byName", "options": last},
			"properties": []object{{"id": "custom.cellOptions", "value": object{"type": "color-text"}}},
		})
	}
	o["fieldConfig"] = object{
		"defaults": object{
			"color": object{"mode": "thresholds"}, "unit": words, "thresholds": d.alarm.grafana(), "mappings": []object{}, "noValue": "None",
			"custom": object{"align": "left", "cellOptions": object{"type": "auto"}, "filterable": true, "inspect": false},
		},
		"overrides": overrides,
	}
	o["options"] = object{
		"showHeader": true, "cellHeight": "sm", "frameIndex": 0, "sortBy": []object{{"displayName": last, "desc": false}},
	}
}

// columnNames has the names of labels as columns of tables.
var columnNames = map[string]string{"instance": "host", "proxy": "backend", "server": "server", "certificate": "certificate"}

// durations is Grafana's name of the unit of seconds that are shown as days, hours,
// minutes and seconds.
const durations = "dtdurations"

// timelines are the annotations of the dashboards of hosts: what has happened to HAProxy.
var timelines = []struct {
	name, color string
	line        line
}{
	{"Reloads", blue, program("Reloads").in(events)},
	{"Restarts", orange, program("Restarts").in(events)},
	{"Failed reloads", red, program("FailedReloads").in(events)},
	{"Crashes", red, program("Crashes").in(events)},
	{"Backends down", purple, back("chkdown").per(where)},
}

// eventTag is the tag of the events that haproxystats sends to Graphite-web.
const eventTag = "haproxystats"

// annotations returns what marks events over all panels: by metrics, and by the events of
// Graphite-web, which are shown where somebody sends them and chooses to see them.
func (b board) annotations(c Catalogue, f *flavor) ([]object, error) {
	list := []object{}
	if b.of != aHost {
		return list, nil
	}
	add := func(name, color string, shown bool, target object) {
		target["fromAnnotations"], target["refId"] = true, "Anno"
		list = append(list, object{"name": name, "iconColor": color, "enable": shown, "hide": false, "datasource": f.datasource(), "target": target})
	}
	for _, t := range timelines {
		q, err := c.resolve(t.line)
		if err != nil {
			return nil, err
		}
		add(t.name, t.color, true, object{"target": q.target(b.names()), "textEditor": true})
	}
	add("Events", gray, false, object{"queryType": "tags", "tags": []string{eventTag}})
	return append(list, ownEvents()), nil
}

// ownEvents returns the annotations that haproxystats writes to Grafana itself. They are shown
// where somebody sends them and chooses to see them.
func ownEvents() object {
	return object{
		"name": "Events in Grafana", "iconColor": gray, "enable": false, "hide": false,
		"datasource": object{"type": "grafana", "uid": "-- Grafana --"},
		"target":     object{"type": "tags", "tags": []string{eventTag}, "limit": 100, "matchAny": false, "refId": "Anno"},
	}
}

func (d drawn) stat(o object) {
	o["type"] = "stat"
	o["fieldConfig"] = object{
		"defaults": object{
			"color": object{"mode": "thresholds"}, "unit": d.unit.grafana, "thresholds": d.alarm.grafana(), "mappings": []object{},
			"noValue": "–",
		},
		"overrides": []object{},
	}
	calc := "lastNotNull"
	if d.queries[0].form == events {
		calc = "sum"
	}
	color := "value"
	if d.alarm != (alarm{}) {
		color = "background"
	}
	text := "value"
	if d.queries[0].named != "" {
		text = "value_and_name"
	}
	o["options"] = object{
		"colorMode": color, "graphMode": "area", "justifyMode": "auto", "orientation": "auto", "textMode": text,
		"wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard",
		"reduceOptions": object{"calcs": []string{calc}, "fields": "", "values": false},
	}
}

func (d drawn) timeseries(o object) {
	style, stacking, fill, width := "line", "none", 8, 2
	if d.kind == bars {
		style, fill = "bars", 80
	}
	if d.stacked {
		stacking, fill = "normal", 60
	}
	lines := "off"
	if d.alarm != (alarm{}) {
		lines = "dashed"
	}
	defaults := object{
		"color": object{"mode": "palette-classic"}, "unit": d.unit.grafana, "min": 0, "thresholds": d.alarm.grafana(),
		"mappings": []object{},
		"custom": object{
			"axisLabel": d.unit.axis(), "axisPlacement": "auto", "axisCenteredZero": false, "axisColorMode": "text",
			"drawStyle": style, "lineInterpolation": "linear", "lineWidth": width, "fillOpacity": fill, "gradientMode": "none",
			"showPoints": "never", "pointSize": 4, "barAlignment": 0, "insertNulls": false,
			// A line has a gap after a minute without values, but not after a missing round.
			"spanNulls":         60000,
			"scaleDistribution": object{"type": "linear"},
			"stacking":          object{"group": "A", "mode": stacking},
			"thresholdsStyle":   object{"mode": lines},
			"hideFrom":          object{"legend": false, "tooltip": false, "viz": false},
		},
	}
	if d.ceiling > 0 {
		defaults["max"] = d.ceiling
	}
	overrides := []object{}
	for i, color := range d.colors {
		overrides = append(overrides, object{
			"matcher":    object{"id": "byName", "options": d.queries[i].label},
			"properties": []object{{"id": "color", "value": object{"mode": "fixed", "fixedColor": color}}},
		})
	}
	for _, q := range d.queries {
		if q.before {
			overrides = append(overrides, object{
				"matcher": object{"id": "byName", "options": q.label},
				"properties": []object{
					{"id": "color", "value": object{"mode": "fixed", "fixedColor": gray}},
					{"id": "custom.fillOpacity", "value": 0},
					{"id": "custom.lineStyle", "value": object{"fill": "dash", "dash": []int{6, 4}}},
				},
			})
		}
	}
	o["type"] = "timeseries"
	o["fieldConfig"] = object{"defaults": defaults, "overrides": overrides}
	o["options"] = object{
		"legend":  object{"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": []string{"mean", "max", "lastNotNull"}},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}
}

// axis returns the unit in words, or "" if Grafana shows it with each number.
func (u unit) axis() string {
	switch u.grafana {
	case "short", "cps", "cpm":
		return u.words
	}
	return ""
}

func (a alarm) grafana() object {
	steps := []object{{"color": green, "value": nil}}
	switch {
	case a == alarm{}:
	case a.low: // the steps from below are red, yellow, green
		steps = []object{{"color": red, "value": nil}, {"color": yellow, "value": a.crit}, {"color": green, "value": a.warn}}
	default:
		steps = append(steps, object{"color": yellow, "value": a.warn}, object{"color": red, "value": a.crit})
	}
	return object{"mode": "absolute", "steps": steps}
}
