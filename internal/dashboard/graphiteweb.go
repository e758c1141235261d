package dashboard

import (
	"fmt"
	"strings"
)

// wildcards select all hosts and clusters of the default namespaces, because Graphite-web
// has no variables. Its templates can replace them with one.
var wildcards = names{
	hosts: "loadbalancers.*.haproxy", clusters: "loadbalancers.clusters.*.haproxy", centrals: "loadbalancers.*.haproxy",
	frontend: "*", backend: "*", server: "*", objective: usualObjective,
}

// The size of a graph, and the largest number of its lines: with more, Graphite-web
// leaves the legend out.
const (
	graphWidth  = 640
	graphHeight = 280
	mostLegends = 10
)

// palette has the colors of the lines of a panel whose colors have no meaning.
var palette = []string{
	"#5794f2", "#56a64b", "#ff9830", "#a352cc", "#e02f44", "#37bbc4", "#f2cc0c", "#c0689c", "#8e8e8e", "#8b6b4e",
}

// GraphiteWeb returns the dashboards for Graphite-web, as files by name. A file has
// the state that Graphite-web saves.
func GraphiteWeb(c Catalogue) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, b := range boards() {
		graphs, err := b.graphs(c)
		if err != nil {
			return nil, fmt.Errorf("dashboard %s: %w", b.name, err)
		}
		files[b.name+".json"], err = document(object{
			"name":               "haproxy-" + b.name,
			"graphs":             graphs,
			"graphSize":          object{"width": graphWidth, "height": graphHeight},
			"defaultGraphParams": object{"from": "-1hours", "until": "now", "width": graphWidth, "height": graphHeight},
			"refreshConfig":      object{"enabled": true, "interval": 60000},
			"timeConfig": object{
				"type": "relative", "relativeStartQuantity": "1", "relativeStartUnits": "hours",
				"relativeUntilQuantity": "", "relativeUntilUnits": "now",
				"startDate": "2024-01-01T00:00:00", "startTime": "9:00 AM", "endDate": "2024-01-01T00:00:00", "endTime": "5:00 PM",
			},
		})
		if err != nil {
			return nil, fmt.Errorf("dashboard %s: %w", b.name, err)
		}
	}
	return files, nil
}

// graphs returns the graphs of a dashboard. It leaves out single numbers, which
// Graphite-web can't show.
func (b board) graphs(c Catalogue) ([][]any, error) {
	var out [][]any
	for _, r := range b.rows {
		for _, p := range r.panels {
			if p.kind == number {
				continue
			}
			d, err := c.draw(p)
			if err != nil {
				return nil, err
			}
			params := d.graphite()
			targets := params["target"].([]string)
			if p.reloads {
				q, err := c.resolve(program("Reloads").in(events).total("reloads"))
				if err != nil {
					return nil, err
				}
				targets = append(targets, "drawAsInfinite("+q.target(wildcards)+")")
				params["target"] = targets
			}
			// A graph has a name, parameters, and an address that Graphite-web makes itself.
			out = append(out, []any{"target=" + strings.Join(targets, "&target="), params, ""})
		}
	}
	return out, nil
}

// graphite returns the parameters of a graph.
func (d drawn) graphite() object {
	o := object{
		"target": d.targets(wildcards, mostLegends), "title": d.title, "vtitle": d.unit.words,
		"yMin": 0, "lineMode": "connected", "connectedLimit": "60", "lineWidth": 2,
		"bgcolor": "#ffffff", "fgcolor": "#444444", "majorGridLineColor": "#d9d9d9", "minorGridLineColor": "#f2f2f2",
		"fontName": "DejaVu Sans", "fontSize": 9, "margin": 12, "colorList": strings.Join(palette, ","),
	}
	if len(d.colors) > 0 {
		o["colorList"] = strings.Join(d.colors, ",")
	}
	switch d.kind {
	case states:
		o["lineMode"], o["yMax"] = "staircase", len(d.texts)-1
	case list:
		o["hideLegend"] = "false"
	}
	if d.stacked {
		o["areaMode"], o["lineMode"] = "stacked", "slope"
	}
	if d.ceiling > 0 {
		o["yMax"] = d.ceiling * 1.02 // half of a line at the ceiling would be hidden
	}
	if strings.HasPrefix(d.unit.words, "bytes") {
		o["yUnitSystem"] = "binary"
	}
	return o
}
