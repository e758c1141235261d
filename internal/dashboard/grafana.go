package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// object is a JSON object; its keys are written in alphabetical order.
type object = map[string]any

const (
	// schemaVersion is the version of Grafana 10.4 and 11; later releases migrate it.
	schemaVersion = 39
	grafanaSince  = "10.4.0"
	// source is the variable that panels name as their data source. So a dashboard works
	// with any data source, whether it is imported, provisioned or fetched.
	source = "${DS_GRAPHITE}"
	// mostLines bounds the series of a line that stands for many.
	mostLines = 20
	// wide is the width of Grafana's grid.
	wide = 24
)

var datasource = object{"type": "graphite", "uid": source}

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

// Grafana returns the dashboards for Grafana, as files by name.
func Grafana(c Catalogue) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, b := range boards() {
		o, err := b.grafana(c)
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
		frontend: "*", backend: "*", server: "*",
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

func (b board) grafana(c Catalogue) (object, error) {
	panels, err := b.panels(c)
	if err != nil {
		return nil, err
	}
	variables := []object{{
		"name": "DS_GRAPHITE", "label": "Graphite", "type": "datasource", "query": "graphite", "regex": "",
		"hide": 0, "includeAll": false, "multi": false, "options": []object{}, "refresh": 1, "skipUrlSync": false,
		"current": object{},
	}}
	for _, v := range slices.Concat(subjects[b.of], b.vars) {
		variables = append(variables, v.grafana())
	}
	return object{
		"__requires": []object{
			{"type": "grafana", "id": "grafana", "name": "Grafana", "version": grafanaSince},
			{"type": "datasource", "id": "graphite", "name": "Graphite", "version": "1.0.0"},
			{"type": "panel", "id": "stat", "name": "Stat", "version": ""},
			{"type": "panel", "id": "timeseries", "name": "Time series", "version": ""},
		},
		"annotations":   object{"list": []object{}},
		"description":   b.about,
		"editable":      true,
		"graphTooltip":  1, // one cross-hair over all panels
		"id":            nil,
		"links":         []object{menu()},
		"panels":        panels,
		"refresh":       "30s",
		"schemaVersion": schemaVersion,
		"tags":          []string{"haproxy", "haproxystats"},
		"templating":    object{"list": variables},
		"time":          object{"from": "now-1h", "to": "now"},
		"timepicker":    object{},
		"timezone":      "",
		"title":         b.title,
		"uid":           "haproxystats-" + b.name,
		"version":       1,
	}, nil
}

// menu returns the link to the other dashboards, which keeps the variables and the
// time.
func menu() object {
	return object{
		"type": "dashboards", "title": "HAProxy", "tags": []string{"haproxystats"}, "icon": "external link",
		"asDropdown": false, "includeVars": true, "keepTime": true, "targetBlank": false, "tooltip": "", "url": "",
	}
}

func (v variable) grafana() object {
	o := object{
		"name": v.name, "label": v.label, "type": "query", "datasource": datasource,
		"definition": v.query, "query": object{"queryType": "Default", "refId": "GraphiteVariableQueryEditor-VariableQuery", "target": v.query},
		"regex": v.regex, "refresh": 2, "sort": 1, "hide": 0, "skipUrlSync": false, "options": []object{},
		"includeAll": !v.one, "multi": !v.one, "current": object{},
	}
	if !v.one {
		o["allValue"] = "*"
		o["current"] = object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}
	}
	return o
}

// panels returns the panels with their positions, row by row.
func (b board) panels(c Catalogue) ([]object, error) {
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
				d, err := c.draw(p)
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
				add(d.grafana(b.names()), i*w, w, p.height())
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

func (d drawn) grafana(n names) object {
	var targets []object
	for i, t := range d.targets(n, mostLines) {
		targets = append(targets, object{
			"datasource": datasource, "refId": string(rune('A' + i)), "target": t, "textEditor": true,
		})
	}
	o := object{
		"title": d.title, "description": d.help(), "datasource": datasource, "targets": targets, "transparent": false,
	}
	if d.kind == number {
		d.stat(o)
	} else {
		d.timeseries(o)
	}
	return o
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
	color := "value"
	if d.alarm != (alarm{}) {
		color = "background"
	}
	o["options"] = object{
		"colorMode": color, "graphMode": "area", "justifyMode": "auto", "orientation": "auto", "textMode": "value",
		"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
	}
}

func (d drawn) timeseries(o object) {
	stacking, fill, width := "none", 8, 1
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
			"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": width, "fillOpacity": fill, "gradientMode": "none",
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
