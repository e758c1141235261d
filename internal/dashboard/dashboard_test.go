package dashboard

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/metric"
)

// bothDashboards returns the dashboards for Graphite and those for Prometheus, by the names of
// their files.
func bothDashboards(t *testing.T) (graphite, prometheus map[string][]byte) {
	t.Helper()
	graphite, err := Grafana(allMetrics(t))
	if err != nil {
		t.Fatal(err)
	}
	if prometheus, err = GrafanaPrometheus(allSeries(t)); err != nil {
		t.Fatal(err)
	}
	return graphite, prometheus
}

func allMetrics(t *testing.T) Catalogue {
	t.Helper()
	c, err := Metrics()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMetricsHasEveryField(t *testing.T) {
	c := allMetrics(t)
	for _, f := range catalogue.StatFields() {
		for scope, in := range map[metric.Scope]catalogue.Scopes{
			metric.Frontend: catalogue.Frontend, metric.Backend: catalogue.Backend, metric.Server: catalogue.Server,
		} {
			_, err := c.Lookup(scope, f.Name)
			if want := f.IsMetric(in); (err == nil) != want {
				t.Errorf("%s metric %s: got error %v, want it in the catalogue: %v", scope, f.Name, err, want)
			}
		}
	}
	for _, want := range []struct {
		scope metric.Scope
		name  string
		kind  metric.Nature
	}{
		{metric.Daemon, "Unstoppable_Jobs", metric.Gauge}, // its name in paths
		{metric.Daemon, "CpuUsagePct", metric.Gauge},
		{metric.Daemon, "ConnPercentage", metric.Gauge},
		{metric.Backend, "TotalServers", metric.Gauge},
		{metric.Backend, "percent_up", metric.Gauge},
		{metric.Server, "maint_reason", metric.State},
		{metric.Daemon, "OldWorkers", metric.Gauge},
		{metric.Daemon, "OldestWorkerSec", metric.Duration},
		{metric.Self, "QueueAge", metric.Gauge},
		{metric.Self, "GraphiteDroppedMetrics", metric.Counter},
	} {
		got, err := c.Lookup(want.scope, want.name)
		if err != nil || got.Nature != want.kind || got.Help == "" {
			t.Errorf("%s metric %s: got %+v, %v, want nature %v and a help", want.scope, want.name, got, err, want.kind)
		}
	}
}

func TestMistakesAreErrors(t *testing.T) {
	c := allMetrics(t)
	for name, tc := range map[string]struct {
		panel panel
		want  string
	}{
		"a field that is not there":       {panel{lines: []line{front("made_up")}}, "there is no frontend metric made_up"},
		"a field of another scope":        {panel{lines: []line{front("econ")}}, "there is no frontend metric econ"},
		"text":                            {panel{lines: []line{back("status")}}, "there is no backend metric status"},
		"a limit that is not there":       {panel{lines: []line{front("scur").percentOf("made_up")}}, "there is no frontend metric made_up"},
		"a counter in percent of a level": {panel{lines: []line{front("stot").percentOf("slim")}}, "slim is not a limit of stot"},
		"a level a minute":                {panel{lines: []line{back("qcur").in(perMinute)}}, "qcur is not a counter"},
		"a sum of different things":       {panel{lines: []line{back("qcur", "rtime")}}, "qcur and rtime differ in unit or nature"},
		"a sum of a level and a counter":  {panel{lines: []line{front("scur", "stot")}}, "scur and stot differ in unit or nature"},
		"two units":                       {panel{lines: []line{front("bin").total("a"), front("stot").total("b")}}, `stot is in "sessions per second", the others are in "bytes per second"`},
		"a metric of a host for clusters": {panel{lines: []line{windows("QueueAge")}}, "metric QueueAge"},
		"frontends compared as hosts":     {panel{lines: []line{front("bin").in(ofMean)}}, "bin is not compared between hosts"},
		"lines that can't be told apart":  {panel{lines: []line{front("bin"), front("bout")}}, "one of several lines has no name"},
		"a condition on nothing":          {panel{lines: []line{server("lastchg").when("bad", now("made_up", 1))}}, "there is no server metric made_up"},
		"nothing instead of a number":     {panel{lines: []line{server("lastchg").when("bad", condition{field: "state", or: "made_up"})}}, "there is no server metric made_up"},
		"a counter since the last":        {panel{lines: []line{back("chkdown").in(events)}}, "chkdown is a counter, and does not count since the snapshot before"},
		"states without words":            {panel{kind: states, lines: []line{back("state")}}, "only states have texts"},
		"words for a graph":               {panel{texts: serverStates, lines: []line{back("state")}}, "only states have texts"},
		"a ranking of one":                {panel{kind: ranking, lines: []line{front("bin").total("in")}}, "a ranking needs exactly one line, of many series"},
		"a ranking of levels":             {panel{kind: ranking, lines: []line{front("scur")}}, "scur is not a counter"},
		"a budget of a level":             {panel{lines: []line{front("scur").budgetOf("slim")}}, "scur does not count errors"},
		"processes of a frontend":         {panel{lines: []line{front("scur").orProcess()}}, "a frontend metric has none of processes"},
		"a number of many":                {panel{kind: number, lines: []line{front("bin")}}, "a number needs exactly one line, with a name"},
		"colors":                          {panel{colors: []string{red}, lines: []line{front("bin").total("a"), front("bout").total("b")}}, "1 colors for 2 lines"},
	} {
		if _, err := c.draw(tc.panel); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got error %v, want %q", name, err, tc.want)
		}
	}
	crowded := board{rows: []row{{panels: slices.Repeat([]panel{{lines: []line{front("bin")}}}, mostPanels+1)}}}
	if _, err := crowded.panels(&flavor{draw: c.draw, targets: func(drawn, board) []object { return nil }, help: drawn.help}); err == nil || !strings.Contains(err.Error(), "27 panels, at most 26 fit") {
		t.Errorf("too many panels: got %v, want an error with both numbers", err)
	}
	stranger := board{rows: []row{{panels: []panel{{title: "p", lines: []line{windows("NodesMissing")}}}}}}
	if _, err := stranger.panels(&flavor{draw: c.draw}); err == nil || !strings.Contains(err.Error(), "NodesMissing is not chosen by the dashboard's variables") {
		t.Errorf("clusters on a dashboard of hosts: got %v, want an error", err)
	}
	for _, r := range []rule{
		{name: "none", line: back("qcur")},
		{name: "low without the worst", line: daemon("Idle_pct"), levels: below(20, 0)},
	} {
		if _, err := r.query(c); err == nil || !strings.Contains(err.Error(), "no level") {
			t.Errorf("rule %s: got error %v, want one about its levels", r.name, err)
		}
	}
}

func TestTargets(t *testing.T) {
	c := allMetrics(t)
	n := names{hosts: "R", clusters: "C", centrals: "Z", frontend: "F", backend: "B", server: "S", objective: "O"}
	for want, l := range map[string]line{
		"groupByNode(R.frontend.F.scur, -2, 'sum')":                                                                                                       front("scur"),
		"groupByNode(perSecond(R.frontend.F.stot), -2, 'sum')":                                                                                            front("stot"),
		"groupByNode(perSecond(R.frontend.F.stot), -5, 'sum')":                                                                                            front("stot").per(hosts),
		"groupByNode(R.backend.B.rtime, -2, 'average')":                                                                                                   back("rtime"),
		"groupByNode(R.backend.B.rtime_max, -2, 'max')":                                                                                                   back("rtime_max"),
		"groupByNodes(R.backend.B.server.S.scur, 'sum', -4, -2)":                                                                                          server("scur"),
		"groupByNodes(R.backend.B.server.S.scur, 'sum', -7, -4, -2)":                                                                                      server("scur").per(where),
		"groupByNode(R.haproxystats.QueueAge, -4, 'max')":                                                                                                 program("QueueAge"),
		"alias(sumSeries(perSecond(R.frontend.F.bin)), 'in')":                                                                                             front("bin").total("in"),
		"alias(maxSeries(groupByNode(R.backend.B.rtime, -2, 'average')), 'slowest')":                                                                      back("rtime").highest("slowest"),
		"aliasByNode(scale(groupByNode(perSecond(R.backend.B.chkdown), -2, 'sum'), 60), 0)":                                                               back("chkdown").in(perMinute),
		"aliasByNode(asPercent(groupByNode(R.backend.B.{act,bck}, -2, 'sum'), groupByNode(R.backend.B.TotalServers, -2, 'sum'), 0), 0)":                   back("act", "bck").percentOf("TotalServers"),
		"aliasByNode(consolidateBy(groupByNode(R.haproxystats.Reloads, -4, 'sum'), 'sum'), 0)":                                                            program("Reloads").in(events),
		"alias(consolidateBy(sumSeries(R.haproxystats.SecondsUnaccounted), 'sum'), 's')":                                                                  program("SecondsUnaccounted").in(events).total("s"),
		"aliasByNode(consolidateBy(applyByNode(limit(filterSeries(R.backend.B.server.S.up, 'min', '<=', 0.5), 100), -2, '%.state'), 'last'), -7, -4, -2)": server("state").when("", condition{field: "up", over: lowest, most: 0.5}),
		"aliasSub(aliasByNode(consolidateBy(applyByNode(filterSeries(filterSeries(applyByNode(limit(filterSeries(R.backend.B.server.S.state, 'last', '=', 0), 100), -2, " +
			"'maxSeries(%.{check_result,state})', '%.check_result'), 'last', '>=', 4), 'last', '<=', 7), -2, '%.lastchg'), 'last'), -7, -4, -2), '$', ': bad')": server("lastchg").when("bad", now("state", 0), result(4, 7)),
		"highestCurrent(group(aliasByNode(offset(scale(groupByNode(R.daemon.Idle_pct, -4, 'average'), -1), 100), 0), " +
			"aliasByNode(offset(scale(groupByNodes(R.daemon.process.*.Idle_pct, 'average', -6, -2), -1), 100), 0, 1)), 1)": daemon("Idle_pct").in(rest).orProcess().worstNamed(),
		"alias(timeShift(sumSeries(perSecond(R.frontend.F.req_tot)), '7d'), 'before')": front("req_tot").weekBefore("before"),
		"aliasByNode(scale(asPercent(movingAverage(groupByNode(perSecond(R.frontend.F.hrsp_5xx), -2, 'sum'), '60min'), " +
			"movingAverage(groupByNode(perSecond(R.frontend.F.req_tot), -2, 'sum'), '60min'), 0), O), 0)": front("hrsp_5xx").burning(60, "req_tot"),
		"aliasByNode(offset(scale(scale(asPercent(summarize(groupByNode(perSecond(R.frontend.F.hrsp_5xx), -2, 'sum'), '31d', 'avg', true), " +
			"summarize(groupByNode(perSecond(R.frontend.F.req_tot), -2, 'sum'), '31d', 'avg', true), 0), O), -100), 100), 0)": front("hrsp_5xx").budgetOf("req_tot"),
		"aliasByNode(filterSeries(consolidateBy(movingMax(isNonNull(removeEmptySeries(R.haproxystats.SnapshotBytes)), '5min'), 'max'), 'last', '=', 0), -4)": program("SnapshotBytes").in(silent),
		"groupByNodes(R.certificate.*.days_left, 'min', -5, -2)":                                                                           certificate("days_left").per(where),
		"groupByNode(C.haproxystats.NodesMissing, -4, 'sum')":                                                                              windows("NodesMissing"),
		"groupByNode(C.haproxystats.WindowDelay, -4, 'max')":                                                                               windows("WindowDelay"),
		"groupByNode(perSecond(C.frontend.F.req_tot), -5, 'sum')":                                                                          front("req_tot").ofClusters(),
		"groupByNode(Z.haproxystats.CentralQueueAge, -4, 'max')":                                                                           central("CentralQueueAge"),
		"alias(countSeries(removeEmptySeries(C.haproxystats.NodesReporting)), 'clusters')":                                                 windows("NodesReporting").in(reporters).total("clusters"),
		"aliasByNode(asPercent(groupByNode(R.daemon.CurrConns, -4, 'sum'), averageSeries(groupByNode(R.daemon.CurrConns, -4, 'sum'))), 0)": daemon("CurrConns").in(ofMean),
		"alias(scale(multiplySeries(sumSeries(group(R.backend.B.TotalServers, scale(R.backend.B.act, 0))), " +
			"offset(asPercent(alias(sumSeries(R.backend.B.{act,bck}), 'of'), alias(sumSeries(group(R.backend.B.TotalServers, scale(R.backend.B.act, 0))), 'of'), 0), -100)), -0.01), 'down')": back("act", "bck").missingOf("TotalServers").total("down"),
	} {
		q, err := c.resolve(l)
		if err != nil {
			t.Error(err)
		} else if got := q.target(n); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestWorstAreDrawn checks which of many series a panel keeps.
func TestWorstAreDrawn(t *testing.T) {
	c := allMetrics(t)
	for want, p := range map[string]panel{
		"highestAverage(": {lines: []line{back("qcur")}, alarm: above(1, 100)},
		"lowestAverage(":  {lines: []line{back("act", "bck").percentOf("TotalServers")}, alarm: below(99.9, 50)},
		"alias(":          {lines: []line{back("qcur").total("all")}, alarm: below(1, 2)},
	} {
		d, err := c.draw(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.targets(wildcards, 7); len(got) != 1 || !strings.HasPrefix(got[0], want) || strings.HasSuffix(got[0], ", 7)") != (want != "alias(") {
			t.Errorf("got targets %q, want one that begins with %s", got, want)
		}
	}
}

// TestCountersAreRates checks in every file that no counter is drawn as a level, and no
// level as a rate.
func TestCountersAreRates(t *testing.T) {
	c := allMetrics(t)
	counters := make(map[string]bool)
	for _, columns := range c {
		for name, column := range columns {
			counters[name] = column.Nature.IsCounter()
		}
	}
	path := regexp.MustCompile(`(perSecond\()?[^\s(,"']+\.haproxy\.[\w.*$-]*\.(\w+)[,)]`)
	for what, files := range map[string]func(Catalogue) (map[string][]byte, error){"grafana": Grafana, "graphite-web": GraphiteWeb, "alerts": Alerts} {
		made, err := files(c)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, name := range slices.Sorted(maps.Keys(made)) {
			for _, m := range path.FindAllSubmatch(made[name], -1) {
				found++
				if rate := len(m[1]) > 0; rate != counters[string(m[2])] {
					t.Errorf("%s/%s: %s: got a rate: %v, want %v", what, name, m[0], rate, !rate)
				}
			}
			again, err := files(c)
			if err != nil || !bytes.Equal(again[name], made[name]) {
				t.Errorf("%s/%s differs when it is made again", what, name)
			}
		}
		if found < 50 {
			t.Errorf("%s: got %d metrics, want 50 or more", what, found)
		}
	}
}

func TestTitlesHaveTheWordsOfHAProxy(t *testing.T) {
	c := allMetrics(t)
	for want, p := range map[string]panel{
		"Response time (rtime)":         {title: "Response time", lines: []line{back("rtime")}},
		"Errors (hrsp_4xx, hrsp_5xx)":   {title: "Errors", lines: []line{front("hrsp_4xx").total("4xx"), front("hrsp_5xx").total("5xx")}},
		"Requests (req_tot)":            {title: "Requests", lines: []line{front("req_tot").total("now"), front("req_tot").weekBefore("before")}},
		"Connections (CurrConns)":       {title: "Connections", lines: []line{daemon("CurrConns")}},
		"Responses by status":           {title: "Responses by status", lines: byStatus(front)},
		"A number":                      {title: "A number", kind: number, lines: []line{back("rtime").highest("rtime")}},
		"Of haproxystats":               {title: "Of haproxystats", lines: []line{program("QueueAge")}},
		"Of stick tables, not of stats": {title: "Of stick tables, not of stats", lines: []line{table("used")}},
	} {
		if d, err := c.draw(p); err != nil || d.title != want {
			t.Errorf("got title %q, %v, want %q", d.title, err, want)
		}
	}
}

// TestFirstScreen checks that the overview names what is wrong without scrolling: a screen of
// 1080 lines has 23 rows of Grafana's grid.
func TestFirstScreen(t *testing.T) {
	graphite, prometheus := bothDashboards(t)
	for of, text := range map[string][]byte{"Graphite": graphite["overview.json"], "Prometheus": prometheus["overview.json"]} {
		var d struct {
			Panels []struct {
				Type, Title, TimeFrom string
				GridPos               struct{ Y, H int }
				Options               struct{ TextMode string }
				FieldConfig           struct {
					Overrides []struct {
						Matcher    struct{ Options string }
						Properties []struct{ ID string }
					}
				}
			}
		}
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		seen, named := make(map[string]int), 0
		shadow := false
		for _, p := range d.Panels {
			seen[p.Type+" "+p.Title] = p.GridPos.Y + p.GridPos.H
			if p.Options.TextMode == "value_and_name" && p.GridPos.Y+p.GridPos.H <= 23 {
				named++
			}
			if p.Title == "Silent hosts" && p.TimeFrom != "24h" {
				t.Errorf("%s: %s %s looks back for %q, want 24h", of, p.Type, p.Title, p.TimeFrom)
			}
			for _, o := range p.FieldConfig.Overrides {
				shadow = shadow || o.Matcher.Options == "a week before" && slices.ContainsFunc(o.Properties, func(p struct{ ID string }) bool { return p.ID == "custom.lineStyle" })
			}
		}
		for _, panel := range []string{"stat Silent hosts", "stat Servers not up", "stat 5xx", "stat Budget burns", "table Servers that are not up", "state-timeline Silent hosts"} {
			if end := seen[panel]; end == 0 || end > 23 {
				t.Errorf("%s: %s ends in row %d, want one of the first 23", of, panel, end)
			}
		}
		if named != 6 {
			t.Errorf("%s: got %d limits with a name on the first screen, want 6", of, named)
		}
		if !shadow {
			t.Errorf("%s: the week before is no shadow", of)
		}
	}
}
