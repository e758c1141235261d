package dashboards

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"haproxystats/internal/dashboard"
	"haproxystats/internal/metric"
	"haproxystats/test/real"
)

// alerting is a file of rules for Prometheus, as far as it is used.
type alerting struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Record, Alert, Expr, For string
			Labels, Annotations      map[string]string
		}
	}
}

// asAlert has the alerts of Prometheus whose names are not those of the rules for Graphite:
// they are about all sinks, or about scrapes. Those without a name are among others there.
var asAlert = map[string]string{
	"lag": "HaproxystatsSinkLag", "kafka-lag": "HaproxystatsSinkLag", "central-lag": "HaproxystatsSinkLag",
	"lost": "HaproxystatsSinkLost", "kafka-lost": "HaproxystatsSinkLost", "events-lost": "HaproxystatsSinkSkipped", "central-lost": "HaproxystatsSinkLost",
	"damaged": "HaproxystatsSinkDamaged", "too-long": "HaproxystatsSinkSkipped", "refused": "HaproxystatsSinkRefused", "unreadable": "HaproxystatsSinkUnreadable",
	"silent": "", "cluster-silent": "", "central-silent": "", // HaproxystatsSilent, HaproxystatsDown and HaproxyNotSeen
}

// alertOf returns the name of the alert of a rule.
func alertOf(rule string) string {
	if name, ok := asAlert[rule]; ok {
		return name
	}
	name := "Haproxystats"
	for word := range strings.SplitSeq(rule, "-") {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return name
}

// story has what Prometheus has scraped, and the severities of the alert that fire then.
type story struct {
	name, alert string
	series      map[string]numbers
	severities  []string
}

// until is one value before a second, and another one from it on.
func until(second int, before, after float64) numbers {
	return func(s int) float64 {
		if s < second {
			return before
		}
		return after
	}
}

// once is 1 at one second, and otherwise 0.
func once(second int) numbers {
	return func(s int) float64 {
		if s == second {
			return 1
		}
		return 0
	}
}

// scrapeStories are about the alerts that only Prometheus has.
var scrapeStories = []story{
	{"is there", "HaproxystatsDown", map[string]numbers{`up{job="j",instance="i"}`: at(1), `haproxy_up{job="j",instance="i"}`: at(1)}, nil},
	{"has gone", "HaproxystatsDown", map[string]numbers{`up{job="j",instance="i"}`: until(300, 1, 0), `haproxy_up{job="j",instance="i"}`: stops(300, 1)}, []string{"critical"}},
	{"another job has gone", "HaproxystatsDown", map[string]numbers{`up{job="node",instance="i"}`: at(0), `haproxy_up{job="j",instance="i"}`: at(1)}, nil},
	{"fresh", "HaproxyNotSeen", map[string]numbers{`haproxy_up{instance="i"}`: at(1)}, nil},
	{"now and then", "HaproxyNotSeen", map[string]numbers{`haproxy_up{instance="i"}`: every(20)}, nil},
	{"not seen", "HaproxyNotSeen", map[string]numbers{`haproxy_up{instance="i"}`: until(300, 1, 0)}, []string{"critical"}},
	{"a node", "HaproxyNotSeen", map[string]numbers{`haproxy_up{cluster="c"}`: at(1), `haproxy_up{cluster="c",node="n"}`: at(0)}, []string{"critical"}},
	{"sends", "HaproxystatsSilent", map[string]numbers{`haproxystats_snapshot_bytes{job="j",instance="i"}`: at(9)}, nil},
	{"has stopped", "HaproxystatsSilent", map[string]numbers{`haproxystats_snapshot_bytes{job="j",instance="i"}`: stops(300, 9), `haproxystats_snapshot_bytes{job="j",instance="k"}`: at(9)}, []string{"critical"}},
	{"not asked for", "HaproxystatsServers", map[string]numbers{`haproxy_backend_active_servers{proxy="b"}`: at(0), `haproxy_backend_backup_servers{proxy="b"}`: at(0)}, nil},
	{"not asked for any more", "HaproxystatsServers", map[string]numbers{
		`haproxy_backend_active_servers{proxy="b"}`: until(300, 4, 0), `haproxy_backend_backup_servers{proxy="b"}`: at(0),
		`haproxy_backend_total_servers{proxy="b"}`: stops(300, 4),
	}, nil},
	{"none", "HaproxystatsSeriesDropped", map[string]numbers{`haproxystats_series_dropped{reason="servers"}`: at(0)}, nil},
	{"some", "HaproxystatsSeriesDropped", map[string]numbers{`haproxystats_series_dropped{reason="servers"}`: at(9), `haproxystats_series_dropped{reason="listeners"}`: at(1)}, []string{"warning"}},
	{"none is posted", "HaproxystatsSeriesDropped", map[string]numbers{`haproxystats_sink_series_dropped_total{sink="otlp"}`: at(7)}, nil},
	{"some are posted", "HaproxystatsSeriesDropped", map[string]numbers{`haproxystats_sink_series_dropped_total{sink="otlp"}`: by(1)}, []string{"warning"}},
	{"waits", "HaproxystatsQueueGrows", map[string]numbers{"haproxystats_queue_snapshots": at(5)}, nil},
	{"empties", "HaproxystatsQueueGrows", map[string]numbers{"haproxystats_queue_snapshots": func(s int) float64 { return float64(2000 - s) }}, nil},
	{"now and then", "HaproxystatsQueueGrows", map[string]numbers{"haproxystats_queue_snapshots": every(20)}, nil},
	{"grows", "HaproxystatsQueueGrows", map[string]numbers{"haproxystats_queue_snapshots": sumOf(at(1), by(0.1))}, []string{"warning"}},
	{"empties", "HaproxystatsSinkQueueGrows", map[string]numbers{`haproxystats_sink_queue_metrics{sink="s"}`: func(s int) float64 { return float64(2000 - s) }}, nil},
	{"grows", "HaproxystatsSinkQueueGrows", map[string]numbers{`haproxystats_sink_queue_metrics{sink="s"}`: sumOf(at(1), by(9)), `haproxystats_sink_queue_metrics{sink="t"}`: at(0)}, []string{"warning"}},
	{"valid for long", "HaproxystatsCertificateExpires", map[string]numbers{`haproxystats_certificate_days_left{certificate="/a.pem"}`: at(14)}, nil},
	{"expires soon", "HaproxystatsCertificateExpires", map[string]numbers{`haproxystats_certificate_days_left{certificate="/a.pem"}`: at(13)}, []string{"warning"}},
	{"has expired", "HaproxystatsCertificateExpires", map[string]numbers{`haproxystats_certificate_days_left{certificate="/a.pem"}`: at(-1)}, []string{"warning", "critical"}},
}

// evaluated is how many seconds there are between evaluations. What happens every tenth or
// twentieth second is met by some of them only.
const evaluated = 25

// pushedStories are about what remote write sends, which has no counters of events.
var pushedStories = []story{
	{"remote write, none", "HaproxystatsCrash", map[string]numbers{`haproxystats_crashes{instance="i"}`: at(0)}, nil},
	{"remote write, one", "HaproxystatsCrash", map[string]numbers{`haproxystats_crashes{instance="i"}`: once(600)}, []string{"critical"}},
}

// absent is where there is no sample.
const absent = -1e300

// stops stays at a value, and has none from a second on.
func stops(second int, v float64) numbers { return until(second, v, absent) }

// ruleStories returns those of the rules that Graphite has, too.
func ruleStories(t *testing.T) []story {
	t.Helper()
	x, err := dashboard.Series()
	if err != nil {
		t.Fatal(err)
	}
	var all []story
	for _, e := range examples {
		alert := alertOf(e.rule)
		if alert == "" {
			continue
		}
		for kind, metrics := range e.hosts() {
			s := story{name: e.host(kind), alert: alert, series: make(map[string]numbers)}
			for path, values := range metrics {
				series, total := seriesOfPath(t, x, path)
				if total {
					values = summed(values)
				}
				s.series[series] = values
			}
			for _, level := range []string{"critical", "warning"} {
				if e.has(level) && (kind == fires || kind == warns && level == "warning") {
					s.severities = append(s.severities, level)
				}
			}
			all = append(all, s)
		}
	}
	return all
}

// summed adds up what has happened since the second before.
func summed(values numbers) numbers {
	return func(s int) float64 {
		total := 0.0
		for i := range s {
			total += values(i)
		}
		return total
	}
}

// seriesOfPath returns the series of a metric in an example, and whether it adds up.
func seriesOfPath(t *testing.T, x dashboard.Exported, path string) (string, bool) {
	t.Helper()
	parts := strings.Split(path, ".")
	field := parts[len(parts)-1]
	labels := []string{`instance="i"`}
	scope := metric.Self
	switch parts[0] {
	case "daemon":
		scope = metric.Daemon
	case "frontend":
		scope = metric.Frontend
		labels = append(labels, `proxy="`+parts[1]+`"`)
	case "backend":
		scope = metric.Backend
		labels = append(labels, `proxy="`+parts[1]+`"`)
	}
	n, total, err := x.NameOf(scope, field)
	if err != nil {
		t.Fatal(err)
	}
	if n.Label.Name != "" {
		labels = append(labels, fmt.Sprintf("%s=%q", n.Label.Name, n.Label.Value))
	}
	return n.Family + "{" + strings.Join(labels, ",") + "}", total
}

// TestPrometheusRules: Prometheus takes the rules, and each alert fires when it should, and
// only then.
func TestPrometheusRules(t *testing.T) {
	promtool := real.Need(t, "prometheus")
	file, err := filepath.Abs("../../contrib/prometheus/haproxystats.yml")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Fatalf("promtool check rules: %v: %s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rules alerting
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	untested := make(map[string]bool)
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Alert == budgetAlert {
				continue
			}
			untested[r.Alert+" "+r.Labels["severity"]+" calm"], untested[r.Alert+" "+r.Labels["severity"]] = true, true
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s has no summary or description", r.Alert)
			}
		}
	}

	// Alerts about sinks share their stories with Graphite's rules, some of which have another
	// name for them.
	stories := slices.Concat(ruleStories(t), scrapeStories, pushedStories)
	var b strings.Builder
	fmt.Fprintf(&b, "rule_files: [%q]\nevaluation_interval: %ds\ntests:\n", file, evaluated)
	for _, s := range stories {
		fmt.Fprintf(&b, "- name: %q\n  interval: 5s\n  input_series:\n", s.alert+": "+s.name)
		for _, series := range slices.Sorted(maps.Keys(s.series)) {
			fmt.Fprintf(&b, "  - series: %q\n    values: %q\n", series, values(s.series[series]))
		}
		fmt.Fprintf(&b, "  promql_expr_test:\n  - expr: count by (alertname, severity) (ALERTS{alertstate=\"firing\", alertname!=%q})\n    eval_time: %ds\n", budgetAlert, length/evaluated*evaluated)
		if len(s.severities) == 0 {
			b.WriteString("    exp_samples: []\n")
		} else {
			b.WriteString("    exp_samples:\n")
		}
		for _, severity := range s.severities {
			fmt.Fprintf(&b, "    - {labels: '{alertname=%q, severity=%q}', value: 1}\n", s.alert, severity)
			delete(untested, s.alert+" "+severity)
		}
		if len(s.severities) == 0 {
			delete(untested, s.alert+" warning calm")
			delete(untested, s.alert+" critical calm")
		}
	}
	// One of them with all it says.
	fmt.Fprintf(&b, `- name: annotations
  interval: 15s
  input_series: [{series: 'haproxy_backend_current_queue{instance="lb1",proxy="app"}', values: '7x60'}]
  alert_rule_test:
  - eval_time: 10m
    alertname: HaproxystatsQueue
    exp_alerts:
    - exp_labels: {severity: warning, instance: lb1, proxy: app}
      exp_annotations:
        summary: "Requests queue for servers: lb1 app (7.0 requests)"
        description: %q
`, descriptionOf(rules, "HaproxystatsQueue"))
	test := filepath.Join(t.TempDir(), "test.yml")
	if err := os.WriteFile(test, []byte(b.String()), 0o640); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "test", "rules", test).CombinedOutput(); err != nil {
		t.Errorf("promtool test rules: %v: %s", err, out)
	}
	if len(untested) > 0 {
		t.Errorf("got no story of %q", slices.Sorted(maps.Keys(untested)))
	}
}

func descriptionOf(rules alerting, alert string) string {
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert == alert {
				return r.Annotations["description"]
			}
		}
	}
	return ""
}

// values returns the values of a series every five seconds, in the words of promtool.
func values(n numbers) string {
	var words []string
	for second := 0; second <= length; second += 5 {
		if v := n(second); v == absent {
			words = append(words, "stale")
		} else {
			words = append(words, strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
	return strings.Join(words, " ")
}
