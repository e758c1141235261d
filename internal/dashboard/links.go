package dashboard

import (
	"slices"
	"strings"

	"haproxystats/internal/metric"
)

// drill is the dashboard that shows one of a panel's series alone, and the variables of the
// dashboard that choose it, with their labels in series of Prometheus.
type drill struct {
	board string
	by    []chosenBy
}

type chosenBy struct{ variable, label string }

var (
	byHost     = chosenBy{varHost.name, "instance"}
	byCluster  = chosenBy{varCluster.name, "cluster"}
	byFrontend = chosenBy{varFrontend.name, "proxy"}
	byBackend  = chosenBy{varBackend.name, "proxy"}
	byServer   = chosenBy{varServer.name, "server"}
)

// drillOf returns where a line leads to from a dashboard.
func drillOf(l line, from string) (drill, bool) {
	d := drill{}
	switch l.scope {
	case metric.Frontend:
		d = drill{frontends().name, []chosenBy{byFrontend}}
	case metric.Backend:
		d = drill{backends().name, []chosenBy{byBackend}}
		if from == d.board {
			d.board = servers().name // those of the backend
		}
	case metric.Server:
		d = drill{servers().name, []chosenBy{byBackend, byServer}}
	case metric.Daemon, metric.Process:
		d = drill{board: overview().name}
	case metric.Self:
		d = drill{board: self().name}
	case windowSelf:
		d = drill{board: clusters().name}
	}
	if l.about != aHost {
		d.by = nil
	}
	switch {
	case l.about == aCentral, d.board == "":
		return drill{}, false
	case l.about == aCluster:
		d = drill{clusters().name, []chosenBy{byCluster}}
	case l.by == hosts:
		d.by = []chosenBy{byHost}
	case l.by == where:
		d.by = append([]chosenBy{byHost}, d.by...)
	}
	return d, d.board != from || len(d.by) > 0 && d.by[0] != byFrontend && d.by[0] != byBackend
}

// address returns the address of a dashboard with the time and the choices of this one. The
// variables of the values are chosen by them instead.
func (b board) address(f *flavor, to board, values map[string]string) string {
	parts := []string{"${" + f.source + ":queryparam}"}
	has := make(map[string]bool)
	for _, v := range slices.Concat(f.subjects[b.of], b.vars) {
		has[v.name] = true
	}
	for _, v := range slices.Concat(f.subjects[to.of], to.vars) {
		switch value := values[v.name]; {
		case value != "":
			parts = append(parts, "var-"+v.name+"="+value)
		case has[v.name]:
			parts = append(parts, "${"+v.name+":queryparam}")
		}
	}
	return "/d/" + f.tag() + "-" + to.name + "?" + strings.Join(append(parts, "${__url_time_range}"), "&")
}

// link adds the links of a panel: its title leads to the dashboard of what it shows, and a
// line, bar or row of a table to that of the one that it shows.
func (d drawn) link(o object, f *flavor, b board) {
	to, ok := drillOf(d.lines[0], b.name)
	if !ok {
		return
	}
	at := slices.IndexFunc(f.boards, func(other board) bool { return other.name == to.board })
	if at < 0 {
		return
	}
	target := f.boards[at]
	if target.name != b.name {
		o["links"] = []object{{
			"title": target.title, "url": b.address(f, target, nil), "targetBlank": false,
			"type": "link", "icon": "dashboard", "tooltip": "", "tags": []string{}, "asDropdown": false, "includeVars": false, "keepTime": false,
		}}
	}
	q := d.queries[0]
	single := q.label != "" && q.form != chosen
	if single || len(d.queries) > 1 && d.kind != list {
		return
	}
	values, known := make(map[string]string), false
	for _, by := range to.by {
		label := by.label
		value := f.nameOf(q, label)
		if d.kind == list && f.columns {
			value = "${__data.fields." + columnNames[label] + "}"
		}
		name := by.variable
		if by == byHost {
			name = f.subjects[aHost][1].name
		}
		values[name] = value
		known = known || value != ""
	}
	if !known && target.name == b.name {
		return // it leads to where it is
	}
	links := []object{{"title": target.title, "url": b.address(f, target, values), "targetBlank": false}}
	o["fieldConfig"].(object)["defaults"].(object)["links"] = links
}
