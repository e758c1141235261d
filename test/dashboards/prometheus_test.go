package dashboards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/selfstat"
	"haproxystats/test/dashboards/stage"
	"haproxystats/test/real"
)

// The jobs of Prometheus.
const (
	ofHosts   = "haproxy"
	ofCentral = "haproxystats-central"
)

// startPrometheus has Debian's Prometheus scrape all programs of the stage, and beside them
// series that the stage has no cause for.
func startPrometheus(ctx context.Context, t *testing.T, s *stage.Stage, promtool string) *real.Prometheus {
	t.Helper()
	others := otherSeries()
	madeUp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, others)
	}))
	t.Cleanup(madeUp.Close)
	var b strings.Builder
	rules, err := filepath.Abs("../../contrib/prometheus/haproxystats.yml")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}\nrule_files: [%q]\nscrape_configs:\n", rules)
	fmt.Fprintf(&b, "- job_name: %s\n  static_configs:\n", ofHosts)
	for host := range stage.Hosts {
		fmt.Fprintf(&b, "  - {targets: [%q], labels: {instance: %s}}\n", s.Endpoint(host), host)
	}
	fmt.Fprintf(&b, "- job_name: %s\n  static_configs: [{targets: [%q], labels: {instance: %s}}]\n", ofCentral, s.Endpoint(stage.Central), stage.Central)
	fmt.Fprintf(&b, "- job_name: made-up\n  honor_labels: true\n  static_configs: [{targets: [%q]}]\n", madeUp.Listener.Addr())
	dir := t.TempDir()
	fillPast(ctx, t, promtool, dir)
	p, err := real.StartPrometheus(ctx, real.PrometheusConfig{Promtool: promtool, Dir: dir, Config: b.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// seriesOf has the series of the metrics of badServers.
var seriesOf = map[string]string{
	"state": "haproxy_server_state", "check_ok": "haproxy_server_check_ok", "check_result": "haproxy_server_check_result",
	"up": "haproxy_server_up", "maint_reason": "haproxy_server_maint_reason", "lastchg": "haproxy_server_check_last_change_seconds",
}

// otherSeries returns the series of badServers, and those of a haproxystats-central that
// reads Kafka.
func otherSeries() string {
	var b strings.Builder
	for n, words := range slices.Sorted(maps.Keys(badServers)) {
		metrics := maps.Clone(badServers[words])
		metrics["lastchg"] = float64(1000 + n)
		for name, value := range metrics {
			fmt.Fprintf(&b, "%s{job=%q,instance=\"lb1\",proxy=%q,server=\"s%d\"} %g\n", seriesOf[name], ofHosts, badBackend, n, value)
		}
	}
	// The variables find servers and backends by these.
	fmt.Fprintf(&b, "haproxy_backend_status{job=%q,instance=\"lb1\",proxy=%q,state=\"UP\"} 1\n", ofHosts, badBackend)
	for n := range len(badServers) {
		fmt.Fprintf(&b, "haproxy_server_status{job=%q,instance=\"lb1\",proxy=%q,server=\"s%d\",state=\"DOWN\"} 1\n", ofHosts, badBackend, n)
	}
	for _, c := range selfstat.TopicColumns() {
		var name strings.Builder
		for _, r := range c.Name {
			if 'A' <= r && r <= 'Z' {
				name.WriteByte('_')
			}
			name.WriteRune(r)
		}
		series := "haproxystats" + strings.ToLower(name.String())
		if c.Nature.IsCounter() {
			series += "_total"
		}
		fmt.Fprintf(&b, "%s{job=%q,instance=%q} 1\n", series, ofCentral, stage.Central)
	}
	return b.String()
}

// scrapedDashboard is what Grafana acts on.
type scrapedDashboard struct {
	UID         string
	Tags        []string
	Templating  struct{ List []grafanaVariable }
	Annotations struct {
		List []struct {
			Name, Expr string
			Datasource struct{ Type string }
		}
	}
	Panels []struct {
		Type, Title, Description string
		Datasource               struct{ Type, UID string }
		Targets                  []struct{ RefID, Expr, LegendFormat string }
	}
}

func readScraped(t *testing.T) map[string]scrapedDashboard {
	t.Helper()
	files, err := filepath.Glob("../../contrib/prometheus/grafana/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no dashboards", err)
	}
	all := make(map[string]scrapedDashboard)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d scrapedDashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(file, err)
		}
		all[filepath.Base(file)] = d
	}
	return all
}

// testPrometheus wants values for each expression of each dashboard, whatever is chosen.
func testPrometheus(ctx context.Context, t *testing.T, p *real.Prometheus) {
	eventually(ctx, t, p, `min(count_over_time(haproxystats_series[5m])) >= 5 and count(haproxystats_series) == 3 and on() haproxystats_nodes_reporting`)
	uids := make(map[string]string)
	for name, d := range readScraped(t) {
		if other, ok := uids[d.UID]; ok || !strings.HasPrefix(d.UID, "haproxystats-prometheus-") {
			t.Errorf("%s and %s have the uid %q", name, other, d.UID)
		}
		uids[d.UID] = name
		t.Run(name, func(t *testing.T) { testScraped(ctx, t, p, d) })
	}
	if len(uids) != len(readGrafana(t)) {
		t.Errorf("got %d dashboards for Prometheus, want one for each of Graphite", len(uids))
	}
	t.Run("list of servers", func(t *testing.T) { testScrapedStates(ctx, t, p) })
	t.Run("silent hosts", func(t *testing.T) { testScrapedSilent(ctx, t, p) })
}

// eventually returns when an expression has a value.
func eventually(ctx context.Context, t *testing.T, p *real.Prometheus, expression string) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := p.Query(ctx, expression, time.Now())
		if err == nil && len(found) > 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("wait for %s: %v: %v", expression, err, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// durations are what Grafana puts in place of its own variables.
var durations = choice{"__rate_interval": "1m", "__range": "5m"}

// seriesName is the name of a series in an expression.
// One that is recorded has colons in it.
var seriesName = regexp.MustCompile(`\b(?:proxy:)?(haproxy|haproxystats|process)_[\w:]+`)

// has returns the samples of an expression that are numbers, which must be some.
func has(ctx context.Context, p *real.Prometheus, expression string) ([]real.PrometheusSample, error) {
	found, err := p.Query(ctx, expression, time.Now())
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(s real.PrometheusSample) bool { return math.IsNaN(s.Value) })
	if len(found) == 0 {
		return nil, errNoNumber
	}
	return found, nil
}

// hasSoon returns nil if an expression has a number. After a scrape that has failed, as they do
// on a busy machine, there is none until the next one: patient waits for some.
func hasSoon(ctx context.Context, p *real.Prometheus, expression string, patient bool) error {
	_, err := has(ctx, p, expression)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range 30 {
		if !patient || !errors.Is(err, errNoNumber) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			_, err = has(ctx, p, expression)
		}
	}
	return err
}

func testScraped(ctx context.Context, t *testing.T, p *real.Prometheus, d scrapedDashboard) {
	choices := map[string]choice{}
	for _, how := range []string{"first", "each", "all"} {
		choices[how] = maps.Clone(durations)
	}
	for _, v := range d.Templating.List {
		if v.Type == "custom" {
			for _, c := range choices {
				c[v.Name] = v.Current.value(t)
			}
		}
		if v.Type != "query" {
			continue
		}
		var query struct{ Query string }
		if err := json.Unmarshal(v.Query, &query); err != nil {
			t.Fatal(err)
		}
		for how, c := range choices {
			inner, ok := strings.CutPrefix(c.fill(query.Query), "label_values(")
			end := strings.LastIndex(inner, ", ")
			if !ok || end < 0 {
				t.Fatalf("variable %s: got the query %q", v.Name, query.Query)
			}
			values, err := p.LabelValues(ctx, inner[:end], strings.TrimSuffix(inner[end+2:], ")"))
			if err != nil || len(values) == 0 {
				t.Fatalf("variable %s, %s chosen: got the values %q, %v", v.Name, how, values, err)
			}
			switch {
			case how == "all" && v.Multi:
				c[v.Name] = v.AllValue
			case how == "each" && v.Multi:
				c[v.Name] = "(" + strings.Join(values, "|") + ")"
			default:
				c[v.Name] = values[0]
			}
		}
	}
	asked := 0
	ask := func(where, expression string) {
		for how, c := range choices {
			asked++
			filled := c.fill(expression)
			// The first server of all need not be one that meets a condition, and the first proxy
			// need not be one of HTTP, or one that has a limit.
			err := hasSoon(ctx, p, filled, how != "first")
			if err != nil && (how != "first" || !errors.Is(err, errNoNumber)) {
				t.Errorf("%s, %s chosen: %s: %v", where, how, filled, err)
			}
		}
		all := choices["all"].fill(expression)
		for _, name := range seriesName.FindAllString(all, -1) {
			if err := hasSoon(ctx, p, name, true); err != nil {
				t.Errorf("%s: %s: %v", where, name, err)
			}
		}
		if found, err := has(ctx, p, seriesName.ReplaceAllString(all, "made_up")); err == nil {
			t.Errorf("%s: got %d samples of series that there are not", where, len(found))
		}
	}
	for _, panel := range d.Panels {
		if panel.Type == "row" {
			continue
		}
		if panel.Title == "" || panel.Description == "" || len(panel.Targets) == 0 || panel.Datasource.Type != "prometheus" || panel.Datasource.UID != "${DS_PROMETHEUS}" {
			t.Errorf("panel %q is not complete: %+v", panel.Title, panel)
		}
		for _, target := range panel.Targets {
			if target.LegendFormat == "" && len(panel.Targets) > 1 {
				t.Errorf("panel %q: %s has no legend", panel.Title, target.Expr)
			}
			ask("panel "+panel.Title, target.Expr)
		}
	}
	if asked == 0 {
		t.Error("no panels")
	}
	for _, a := range d.Annotations.List {
		if a.Datasource.Type == "grafana" {
			continue
		}
		expression, ok := strings.CutSuffix(a.Expr, " > 0")
		if !ok {
			t.Errorf("annotation %s: %s, want one that is above 0", a.Name, a.Expr)
		}
		ask("annotation "+a.Name, expression)
	}
}

// testScrapedSilent wants the host that is gone to be named, and no other.
func testScrapedSilent(ctx context.Context, t *testing.T, p *real.Prometheus) {
	all := maps.Clone(durations)
	all["job"], all["instance"] = ofHosts, ".*"
	for _, panel := range readScraped(t)["overview.json"].Panels {
		if panel.Title != "Silent hosts" {
			continue
		}
		want := map[string]string{"state-timeline": gone + " 0", "stat": " 1"}[panel.Type]
		for _, target := range panel.Targets {
			found, err := has(ctx, p, all.fill(target.Expr))
			if err != nil || len(found) != 1 || fmt.Sprintf("%s %g", found[0].Labels["instance"], found[0].Value) != want {
				t.Errorf("%s: %s: got %v, %v, want one of %q", panel.Type, target.Expr, found, err, want)
			}
		}
	}
}

// testScrapedStates wants each server that is not up to be listed once, with the time and
// the reason, whatever the state.
func testScrapedStates(ctx context.Context, t *testing.T, p *real.Prometheus) {
	got := make(map[string]string)
	for _, panel := range readScraped(t)["states.json"].Panels {
		if panel.Type != "table" {
			continue
		}
		for _, target := range panel.Targets {
			all := choice{"job": ofHosts, "instance": ".*", "backend": badBackend, "server": ".*"}
			found, err := has(ctx, p, all.fill(target.Expr))
			if err != nil {
				t.Errorf("%s: %v", target.Expr, err)
			}
			for _, s := range found {
				server := s.Labels["instance"] + " " + s.Labels["proxy"] + " " + s.Labels["server"]
				words := target.LegendFormat
				if _, twice := got[server]; twice {
					t.Errorf("%s is listed twice", server)
				}
				got[server] = fmt.Sprintf("%s %g", words, s.Value)
			}
		}
	}
	want := make(map[string]string)
	for n, words := range slices.Sorted(maps.Keys(badServers)) {
		want[fmt.Sprintf("lb1 %s s%d", badBackend, n)] = fmt.Sprintf("%s %d", words, 1000+n)
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
