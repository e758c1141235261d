package dashboard

// The variables of dashboards for Prometheus. Those of the subjects are found by what only
// haproxystats-process, windows of clusters, and haproxystats-central have.
var (
	varJob      = variable{name: "job", label: "Job", query: "label_values(haproxystats_snapshot_bytes, job)", one: true}
	varInstance = variable{name: "instance", label: "Host", query: `label_values(haproxystats_snapshot_bytes{job="$job"}, instance)`}

	varClusterJob    = variable{name: "job", label: "Job", query: "label_values(haproxystats_nodes_reporting, job)", one: true}
	varScrapedGroup  = variable{name: "cluster", label: "Cluster", query: `label_values(haproxystats_nodes_reporting{job="$job"}, cluster)`}
	varCentralJob    = variable{name: "job", label: "Job", query: "label_values(haproxystats_central_open_windows, job)", one: true}
	varCentralServer = variable{name: "instance", label: "Host", query: `label_values(haproxystats_central_open_windows{job="$job"}, instance)`}

	scrapedSubjects = map[subject][]variable{
		aHost:    {varJob, varInstance},
		aCluster: {varClusterJob, varScrapedGroup},
		aCentral: {varCentralJob, varCentralServer},
	}
	scrapedVariables = map[string]variable{
		varFrontend.name: {name: "frontend", label: "Frontend", query: `label_values(haproxy_frontend_status{job="$job", instance=~"$instance"}, proxy)`},
		varBackend.name:  {name: "backend", label: "Backend", query: `label_values(haproxy_backend_status{job="$job", instance=~"$instance"}, proxy)`},
		varServer.name:   {name: "server", label: "Server", query: `label_values(haproxy_server_status{job="$job", instance=~"$instance", proxy=~"$backend"}, server)`},
	}
)

// selection returns the dashboard's variables as matchers.
func (b board) selection() selection {
	s := selection{
		hosts: `job="$job", instance=~"$instance"`, centrals: `job="$job", instance=~"$instance"`,
		// A cluster has series of its own beside those of its nodes.
		clusters: `job="$job", cluster=~"$cluster", node=""`,
		jobs:     `job="$job"`, objective: "$" + objective,
		rate: "$__rate_interval", whole: "$__range",
	}
	for _, v := range b.vars {
		switch v.name {
		case varFrontend.name:
			s.frontend = `proxy=~"$frontend"`
		case varBackend.name:
			s.backend = `proxy=~"$backend"`
		case varServer.name:
			s.server = `server=~"$server"`
		}
	}
	return s
}

// GrafanaPrometheus returns the dashboards for Grafana with Prometheus, as files by name.
func GrafanaPrometheus(x Exported) (map[string][]byte, error) {
	f := &flavor{
		id: "prometheus", name: "Prometheus", source: "DS_PROMETHEUS", mark: "-prometheus",
		boards: scraped(), subjects: scrapedSubjects, renamed: scrapedVariables, all: ".*",
		query:   func(text string) object { return object{"query": text, "refId": "StandardVariableQuery"} },
		targets: func(d drawn, b board) []object { return x.promTargets(d, b.selection()) },
		help:    x.help,
		draw:    x.draw,
		nameOf:  func(_ query, label string) string { return "${__field.labels." + label + "}" },
		columns: true,
	}
	f.annotations = func(b board) ([]object, error) { return b.scrapedAnnotations(x, f) }
	return f.files()
}

// scrapedAnnotations returns what marks events over all panels.
func (b board) scrapedAnnotations(x Exported, f *flavor) ([]object, error) {
	list := []object{}
	if b.of != aHost {
		return list, nil
	}
	s := b.selection()
	s.whole = s.rate
	for _, t := range timelines {
		q, err := x.resolve(t.line)
		if err != nil {
			return nil, err
		}
		expression := x.expression(q, s) + " > 0"
		list = append(list, object{
			"name": t.name, "iconColor": t.color, "enable": true, "hide": false, "datasource": f.datasource(),
			"expr": expression, "step": "1m", "titleFormat": t.name, "textFormat": q.legend(),
			"target": object{"expr": expression, "refId": "Anno", "fromAnnotations": true},
		})
	}
	return append(list, ownEvents()), nil
}
