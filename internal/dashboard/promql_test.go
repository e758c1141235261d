package dashboard

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"haproxystats/internal/sink/scrape"
)

func allSeries(t *testing.T) Exported {
	t.Helper()
	x, err := Series()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestExpressions(t *testing.T) {
	x := allSeries(t)
	s := selection{hosts: "H", clusters: "C", centrals: "Z", frontend: "F", backend: "B", server: "S", rate: "1m", whole: "1h", jobs: "J", objective: "O"}
	apart := selection{rate: "5m", apart: true}
	for _, c := range []struct {
		want string
		of   selection
		line line
	}{
		{"sum by (proxy) (haproxy_frontend_current_sessions{H, F})", s, front("scur")},
		{"sum by (proxy) (rate(haproxy_frontend_sessions_total{H, F}[1m]))", s, front("stot")},
		{"sum by (instance) (rate(haproxy_frontend_sessions_total{H, F}[1m]))", s, front("stot").per(hosts)},
		{"avg by (proxy) (haproxy_backend_response_time_average_seconds{H, B})", s, back("rtime")},
		{"max by (proxy) (haproxy_backend_max_response_time_seconds{H, B})", s, back("rtime_max")},
		{"sum by (proxy, server) (haproxy_server_current_sessions{H, B, S})", s, server("scur")},
		{"sum by (instance, proxy, server) (haproxy_server_current_sessions{H, B, S})", s, server("scur").per(where)},
		{"max by (instance) (haproxystats_queue_age_seconds{H})", s, program("QueueAge")},
		{"min by (instance) (haproxy_process_uptime_seconds{H})", s, daemon("Uptime_sec")},
		{"sum(rate(haproxy_frontend_bytes_in_total{H, F}[1m]))", s, front("bin").total("in")},
		{"max(avg by (proxy) (haproxy_backend_response_time_average_seconds{H, B}))", s, back("rtime").highest("slowest")},
		{"60 * sum by (proxy) (rate(haproxy_backend_check_up_down_total{H, B}[1m]))", s, back("chkdown").in(perMinute)},
		{
			"100 * (sum by (proxy) (haproxy_backend_active_servers{H, B}) + sum by (proxy) (haproxy_backend_backup_servers{H, B})) / (sum by (proxy) (haproxy_backend_total_servers{H, B}) > 0)",
			s, back("act", "bck").percentOf("TotalServers"),
		},
		{"sum(haproxy_backend_total_servers{H, B} - haproxy_backend_active_servers{H, B} - haproxy_backend_backup_servers{H, B})", s, back("act", "bck").missingOf("TotalServers").total("down")},
		{"sum by (instance) ((increase(haproxystats_reloads_total{H}[1h]) or sum_over_time(haproxystats_reloads{H}[1h])))", s, program("Reloads").in(events)},
		{
			"max by (instance, proxy, server) (haproxy_server_state{H, B, S} and (min_over_time(haproxy_server_up{H, B, S}[1h]) <= 0.5))",
			s, server("state").when("", condition{field: "up", over: lowest, most: 0.5}),
		},
		{
			"max by (instance, proxy, server) (haproxy_server_check_last_change_seconds{H, B, S} and (haproxy_server_state{H, B, S} == 0) and " +
				"((haproxy_server_check_result{H, B, S} or haproxy_server_state{H, B, S}) >= 4 <= 7))",
			s, server("lastchg").when("bad", now("state", 0), result(4, 7)),
		},
		{
			"topk(1, 100 - avg by (instance) (haproxy_process_idle_time_percent{H}) or 100 - avg by (instance, process) (haproxystats_process_idle_time_percent{H}))",
			s, daemon("Idle_pct").in(rest).orProcess().worstNamed(),
		},
		{
			"topk(1, 100 * sum by (instance, proxy) (haproxy_frontend_current_sessions{H, F}) / (sum by (instance, proxy) (haproxy_frontend_limit_sessions{H, F}) > 0))",
			s, front("scur").percentOf("slim").worstNamed(),
		},
		{"sum(rate(haproxy_frontend_http_requests_total{H, F}[1m] offset 7d))", s, front("req_tot").weekBefore("before")},
		{"max(O * 100 * proxy:haproxy_frontend_http_5xx:ratio_rate6h{J, F})", s, front("hrsp_5xx").burning(360, "req_tot").highest("worst")},
		{"100 - 100 * O * 100 * proxy:haproxy_frontend_http_5xx:ratio_rate30d{J, F}", s, front("hrsp_5xx").budgetOf("req_tot")},
		{
			"(group by (instance) (last_over_time(haproxystats_snapshot_bytes{H}[5m])) or 0 * group by (instance) (last_over_time(haproxystats_snapshot_bytes{H}[1d]))) " +
				"unless on (instance) group by (instance) (last_over_time(haproxystats_snapshot_bytes{H}[5m] @ end()))",
			s, program("SnapshotBytes").in(silent),
		},
		{"min by (instance, certificate) (haproxystats_certificate_days_left{H})", s, certificate("days_left").per(where)},
		{"100 * sum by (name) (haproxy_sticktable_used{H}) / (sum by (name) (haproxy_sticktable_size{H}) > 0)", s, table("used").percentOf("size")},
		{"sum by (cluster) (haproxystats_nodes_missing{C})", s, windows("NodesMissing")},
		{"sum by (cluster) (rate(haproxy_frontend_http_requests_total{C, F}[1m]))", s, front("req_tot").ofClusters()},
		{"max by (instance) (haproxystats_central_queue_age_seconds{Z})", s, central("CentralQueueAge")},
		{"count(group by (cluster) (haproxystats_nodes_reporting{C}))", s, windows("NodesReporting").in(reporters).total("clusters")},
		{
			"100 * sum by (instance) (haproxy_process_current_connections{H}) / on() group_left() avg(sum by (instance) (haproxy_process_current_connections{H}))",
			s, daemon("CurrConns").in(ofMean),
		},
		{`sum by (instance) (haproxystats_sink_queue_metrics{H, sink="kafka"})`, s, program("KafkaQueueMetrics")},
		{"max by (instance, sink) (haproxystats_sink_queue_age_seconds{H})", s, sinkOf("QueueAge")},
		{"max(max by (instance, sink) (haproxystats_sink_queue_age_seconds{H}))", s, sinkOf("QueueAge").highest("age")},
		{"sum by (instance) (haproxystats_series{H})", s, endpoint("haproxystats_series")},
		{
			`100 * rate(haproxy_frontend_http_responses_total{code="5xx"}[5m]) / ignoring(code) (rate(haproxy_frontend_http_requests_total[5m]) > 0)`,
			apart, front("hrsp_5xx").percentOf("req_tot"),
		},
		{"100 * haproxy_process_current_connections / (haproxy_process_max_connections > 0)", apart, daemon("CurrConns").percentOf("Maxconn")},
	} {
		if got := x.expression(mustResolve(t, x, c.line), c.of); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func mustResolve(t *testing.T, x Exported, l line) query {
	t.Helper()
	q, err := x.resolve(l)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestMistakesForPrometheus(t *testing.T) {
	x := allSeries(t)
	for name, c := range map[string]struct {
		panel panel
		want  string
	}{
		"a field that is not there":     {panel{lines: []line{front("made_up")}}, "there is no frontend metric made_up"},
		"an alarm in another unit":      {panel{alarm: above(100, 200), lines: []line{back("rtime")}}, "its alarm is in milliseconds, and haproxy_backend_response_time_average_seconds is in seconds"},
		"what the endpoint has not":     {panel{lines: []line{endpoint("haproxystats_made_up")}}, "there is no scope"},
		"a sink's field that is not it": {panel{lines: []line{sinkOf("MadeUp")}}, "there is no self metric GraphiteMadeUp"},
	} {
		if _, err := x.draw(c.panel); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", name, err, c.want)
		}
	}
	if d, err := x.draw(panel{lines: []line{back("rtime")}}); err != nil || d.unit.words != "seconds" {
		t.Errorf("response time: got the unit %q, %v, want seconds", d.unit.words, err)
	}
}

// TestScrapedCountersAreRates checks in every dashboard for Prometheus that no counter is
// drawn as a level, and no level as a rate.
func TestScrapedCountersAreRates(t *testing.T) {
	x := allSeries(t)
	counters, summed := make(map[string]bool), make(map[string]bool)
	for scope, columns := range x.Catalogue {
		for name, c := range columns {
			n, column, err := x.series(line{scope: scope}, name)
			if err != nil {
				t.Fatal(err)
			}
			counters[n.Family] = column.Nature.IsCounter()
			total, ok := scrape.Total(c.Name)
			if ok && n.Family != total {
				t.Errorf("%s: got the series %s, want %s", c.Name, n.Family, total)
			}
			if ok {
				summed[x.names[scope][c.Name].Family] = true
			}
		}
	}
	made, err := GrafanaPrometheus(x)
	if err != nil {
		t.Fatal(err)
	}
	again, err := GrafanaPrometheus(x)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	series := regexp.MustCompile(`(rate\(|increase\(|sum_over_time\()?\b((?:haproxy|haproxystats|process)_\w+)\{`)
	for name, text := range made {
		if !bytes.Equal(again[name], text) {
			t.Errorf("%s differs when it is made again", name)
		}
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, `"expr": `) {
				continue
			}
			for _, m := range series.FindAllStringSubmatch(line, -1) {
				found++
				if m[1] == "sum_over_time(" {
					if _, ok := summed[m[2]]; !ok {
						t.Errorf("%s: %s is added up, and has all of each snapshot", name, m[2])
					}
					continue
				}
				counter, known := counters[m[2]]
				if rate := m[1] != ""; !known || rate != counter {
					t.Errorf("%s: %s: got a rate: %v, want %v; it is known: %v", name, m[0], rate, counter, known)
				}
			}
		}
	}
	if found < 300 {
		t.Errorf("got %d series, want 300 or more", found)
	}
}
