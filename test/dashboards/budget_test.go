package dashboards

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"haproxystats/test/real"
)

// burnStory has the errors of a frontend, and the severities that fire at its end. Each of
// 100 requests a minute is on one of two hosts.
type burnStory struct {
	name string
	// minutes of traffic with a share of errors, one after the other.
	parts      []burnPart
	severities []string
}

type burnPart struct {
	minutes int
	share   float64
}

const day = 24 * 60

// budgetAlert is the alert that these stories are about. It looks back longer than those of
// all others.
const budgetAlert = "HaproxystatsErrorBudgetBurns"

var burnStories = []burnStory{
	{"as many errors as allowed", []burnPart{{4 * day, 0.0009}}, nil},
	{"15 times for an hour", []burnPart{{80, 0.0155}}, []string{"critical"}},
	{"15 times for ten minutes", []burnPart{{10, 0.015}}, nil},
	{"15 times for an hour, and it is over", []burnPart{{80, 0.0155}, {15, 0}}, nil},
	{"7 times for six hours", []burnPart{{370, 0.007}}, []string{"critical"}},
	{"4 times for a day", []burnPart{{day, 0.0035}}, []string{"warning"}},
	{"1.2 times for three days", []burnPart{{3*day + 60, 0.0012}}, []string{"warning"}},
	{"4 times for a day, and it is over", []burnPart{{day, 0.0035}, {7 * 60, 0}}, nil},
}

// values returns a counter of both, in the notation of promtool, with a sample each minute.
func (s burnStory) values() (requests, errors string) {
	const rate = 100.0
	var r, e []string
	all, bad := 0.0, 0.0
	for _, p := range s.parts {
		if p.minutes == 0 {
			continue
		}
		r = append(r, fmt.Sprintf("%g+%gx%d", all, rate, p.minutes-1))
		e = append(e, fmt.Sprintf("%g+%gx%d", bad, rate*p.share, p.minutes-1))
		all += rate * float64(p.minutes)
		bad += rate * p.share * float64(p.minutes)
	}
	return strings.Join(r, " "), strings.Join(e, " ")
}

// minutes returns how long the story is.
func (s burnStory) minutes() (all int) {
	for _, p := range s.parts {
		all += p.minutes
	}
	return all
}

// TestErrorBudget: the alerts of the budget of errors fire when they should, and what is
// recorded for thirty days is the share of all requests in error.
func TestErrorBudget(t *testing.T) {
	promtool := real.Need(t, "prometheus")
	file := filepath.Join(t.TempDir(), "budget.yml")
	writeBudgetRules(t, file)
	var b strings.Builder
	fmt.Fprintf(&b, "rule_files: [%q]\nevaluation_interval: 5m\ntests:\n", file)
	input := func(proxy string, s burnStory) {
		requests, errors := s.values()
		for _, host := range []string{"lb1", "lb2"} {
			labels := fmt.Sprintf(`job="j",instance=%q,proxy=%q`, host, proxy)
			fmt.Fprintf(&b, "  - {series: 'haproxy_frontend_http_requests_total{%s}', values: '%s'}\n", labels, requests)
			fmt.Fprintf(&b, "  - {series: 'haproxy_frontend_http_responses_total{%s,code=\"5xx\"}', values: '%s'}\n", labels, errors)
			fmt.Fprintf(&b, "  - {series: 'haproxy_frontend_http_responses_total{%s,code=\"2xx\"}', values: '%s'}\n", labels, requests)
		}
	}
	// One frontend for each story, all of which end at the same time.
	longest := 0
	for _, s := range burnStories {
		longest = max(longest, s.minutes())
	}
	b.WriteString("- interval: 1m\n  input_series:\n")
	fired := make(map[string]bool)
	var samples []string
	for i, s := range burnStories {
		s.parts = append([]burnPart{{longest - s.minutes(), 0}}, s.parts...)
		proxy := fmt.Sprintf("p%d", i)
		input(proxy, s)
		for _, severity := range s.severities {
			samples = append(samples, fmt.Sprintf("{labels: '{severity=%q, job=\"j\", proxy=%q}', value: 1}", severity, proxy))
			fired[severity] = true
		}
	}
	if !fired["critical"] || !fired["warning"] {
		t.Error("a severity has no story in which it fires")
	}
	fmt.Fprintf(&b, "  promql_expr_test:\n  - expr: min by (severity, job, proxy) (ALERTS{alertstate=\"firing\",alertname=%q})\n    eval_time: %dm\n    exp_samples: [%s]\n",
		budgetAlert, longest-1, strings.Join(samples, ", "))
	run := func() {
		test := filepath.Join(t.TempDir(), "test.yml")
		if err := os.WriteFile(test, []byte(b.String()), 0o640); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(promtool, "test", "rules", test).CombinedOutput(); err != nil {
			t.Errorf("promtool test rules: %v: %s", err, out)
		}
		b.Reset()
	}
	run()
	// Two of a thousand requests for ten days, and none for twenty: two thirds of a thousandth.
	fmt.Fprintf(&b, "rule_files: [%q]\nevaluation_interval: 30m\ntests:\n- interval: 1m\n  input_series:\n", file)
	month := burnStory{parts: []burnPart{{10 * day, 0.002}, {20*day + 60, 0}}}
	input("p", month)
	fmt.Fprintf(&b, "  promql_expr_test:\n  - expr: round(%s * 1e6, 10)\n    eval_time: %dm\n    exp_samples: [{labels: '{job=\"j\", proxy=\"p\"}', value: 670}]\n",
		"proxy:haproxy_frontend_http_5xx:ratio_rate30d", month.minutes()-60)
	run()
}

// writeBudgetRules writes the rules of the budget of errors to a file of their own: with all
// others, a month takes promtool long.
func writeBudgetRules(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile("../../contrib/prometheus/haproxystats.yml")
	if err != nil {
		t.Fatal(err)
	}
	type group struct {
		Name  string           `yaml:"name"`
		Rules []map[string]any `yaml:"rules"`
	}
	var rules struct {
		Groups []group `yaml:"groups"`
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	for i, g := range rules.Groups {
		rules.Groups[i].Rules = slices.DeleteFunc(g.Rules, func(r map[string]any) bool {
			return g.Name != "haproxystats-budget" && r["alert"] != budgetAlert
		})
	}
	rules.Groups = slices.DeleteFunc(rules.Groups, func(g group) bool { return len(g.Rules) == 0 })
	if text, err = yaml.Marshal(rules); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o640); err != nil {
		t.Fatal(err)
	}
}
