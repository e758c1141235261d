package dashboards

import (
	"bytes"
	"context"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"haproxystats/test/dashboards/stage"
)

// provisioned is Grafana's file format for alert rules (its
// pkg/services/provisioning/alerting), as far as it is used.
type provisioned struct {
	APIVersion int `yaml:"apiVersion"`
	Groups     []struct {
		OrgID    int           `yaml:"orgId"`
		Name     string        `yaml:"name"`
		Folder   string        `yaml:"folder"`
		Interval string        `yaml:"interval"`
		Rules    []grafanaRule `yaml:"rules"`
	} `yaml:"groups"`
}

type grafanaRule struct {
	UID          string            `yaml:"uid"`
	Title        string            `yaml:"title"`
	Condition    string            `yaml:"condition"`
	For          string            `yaml:"for"`
	NoDataState  string            `yaml:"noDataState"`
	ExecErrState string            `yaml:"execErrState"`
	Labels       map[string]string `yaml:"labels"`
	Annotations  map[string]string `yaml:"annotations"`
	Data         []grafanaQuery    `yaml:"data"`
}

type grafanaQuery struct {
	RefID         string                 `yaml:"refId"`
	Range         struct{ From, To int } `yaml:"relativeTimeRange"`
	DatasourceUID string                 `yaml:"datasourceUid"`
	Model         struct {
		RefID      string            `yaml:"refId"`
		Datasource map[string]string `yaml:"datasource"`
		// Of a query to Graphite:
		Target        string `yaml:"target"`
		TextEditor    bool   `yaml:"textEditor"`
		IntervalMs    int    `yaml:"intervalMs"`
		MaxDataPoints int    `yaml:"maxDataPoints"`
		// Of an expression:
		Type       string            `yaml:"type"`
		Expression string            `yaml:"expression"`
		Reducer    string            `yaml:"reducer"`
		Settings   map[string]string `yaml:"settings"`
		Conditions []struct {
			Evaluator struct {
				Type   string
				Params []float64
			}
		} `yaml:"conditions"`
	} `yaml:"model"`
}

// readRules returns the rules by uid and fails the test if Grafana would not
// take one.
func readRules(t *testing.T) map[string]grafanaRule {
	t.Helper()
	text, err := os.ReadFile("../../contrib/alerts/grafana.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file provisioned
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]grafanaRule)
	for _, g := range file.Groups {
		if g.Name == "" || g.Folder == "" || g.Interval == "" || g.OrgID != 1 || file.APIVersion != 1 {
			t.Errorf("group %+v is not complete", g)
		}
		for _, r := range g.Rules {
			r.check(t)
			if _, ok := all[r.UID]; ok {
				t.Errorf("%s is there twice", r.UID)
			}
			all[r.UID] = r
		}
	}
	if len(all) == 0 {
		t.Fatal("no rules")
	}
	return all
}

// check wants the rule to be a query, a reduction and a threshold.
func (r grafanaRule) check(t *testing.T) {
	t.Helper()
	if r.UID == "" || len(r.UID) > 40 || r.Title == "" || r.For == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
		t.Errorf("rule %q is not complete", r.UID)
	}
	if !slices.Contains([]string{"OK", "Alerting"}, r.NoDataState) || r.ExecErrState != "Error" {
		t.Errorf("rule %s: states %s and %s", r.UID, r.NoDataState, r.ExecErrState)
	}
	if len(r.Data) != 3 || r.Condition != r.Data[2].RefID {
		t.Fatalf("rule %s: %d steps, condition %s", r.UID, len(r.Data), r.Condition)
	}
	query, reduce, threshold := r.Data[0], r.Data[1], r.Data[2]
	for _, d := range r.Data {
		if d.RefID != d.Model.RefID || d.Range.From <= 0 || d.Range.To != 0 {
			t.Errorf("rule %s: %+v", r.UID, d)
		}
	}
	if query.Model.Target == "" || query.DatasourceUID == "" ||
		reduce.DatasourceUID != "__expr__" || reduce.Model.Type != "reduce" || reduce.Model.Expression != query.RefID || reduce.Model.Settings["mode"] != "dropNN" ||
		threshold.DatasourceUID != "__expr__" || threshold.Model.Type != "threshold" || threshold.Model.Expression != reduce.RefID {
		t.Errorf("rule %s: its steps don't follow one another: %+v", r.UID, r.Data)
	}
	if c := threshold.Model.Conditions; len(c) != 1 || len(c[0].Evaluator.Params) != 1 {
		t.Fatalf("rule %s: conditions %+v", r.UID, c)
	}
}

// firing returns the names of the series that the rule fires for, and of all,
// as Grafana's expressions come to it.
func (r grafanaRule) firing(ctx context.Context, g *stage.Graphite, target string) (firing, all []string, err error) {
	series, err := g.Render(ctx, target, r.Data[0].Range.From)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range series {
		all = append(all, s.Target)
		if r.fires(s.Values()) {
			firing = append(firing, s.Target)
		}
	}
	return firing, all, nil
}

// fires reports whether numbers are beyond the threshold. What is nothing never
// is.
func (r grafanaRule) fires(values []float64) bool {
	reduced := math.NaN()
	if len(values) > 0 {
		switch r.Data[1].Model.Reducer {
		case "min":
			reduced = slices.Min(values)
		case "max":
			reduced = slices.Max(values)
		case "last":
			reduced = values[len(values)-1]
		case "mean":
			reduced = 0
			for _, v := range values {
				reduced += v / float64(len(values))
			}
		}
	}
	e := r.Data[2].Model.Conditions[0].Evaluator
	switch e.Type {
	case "gt":
		return reduced > e.Params[0]
	case "lt":
		return reduced < e.Params[0]
	}
	panic("a rule with a threshold of type " + e.Type)
}

// testUnasked wants no number of servers that are not up where nobody asks for servers.
func testUnasked(ctx context.Context, t *testing.T, g *stage.Graphite) {
	e := examples[slices.IndexFunc(examples, func(e example) bool { return e.rule == "servers" })]
	target := ""
	for _, p := range readGrafana(t)["overview.json"].Panels {
		if p.Title == "Servers not up" {
			target = p.Targets[0].Target
		}
	}
	for _, c := range []struct {
		kind, backend string
		want          float64 // the last number; -1 for none
	}{{calm, "b", 0}, {warns, "b", 1}, {fires, "b", 3}, {calm, "proxies", -1}, {calm, "switched", -1}} {
		of := strings.NewReplacer("$namespace.$host", e.path(c.kind), "backend.*", "backend."+c.backend).Replace(target)
		series, err := g.Render(ctx, of, 30)
		if err != nil {
			t.Errorf("%s of %s: %s: %v", c.backend, e.host(c.kind), of, err)
		}
		got := -1.0
		for _, s := range series {
			if v := s.Values(); len(v) > 0 {
				got = v[len(v)-1]
			}
		}
		if math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%s of %s: got %v servers that are not up, want %v: %s", c.backend, e.host(c.kind), got, c.want, of)
		}
	}
	// The alert takes it, and does not fire, where no backend at all has the number of servers.
	for level, r := range readRules(t) {
		if !strings.HasPrefix(level, "haproxystats-servers-") {
			continue
		}
		of := strings.NewReplacer("*.*.haproxy", e.path(calm)+".haproxy", "backend.*", "backend.proxies").Replace(r.Data[0].Model.Target)
		if firing, _, err := r.firing(ctx, g, of); err != nil || len(firing) > 0 {
			t.Errorf("%s: got %v, %v, want no alert: %s", level, firing, err, of)
		}
	}
}

// testRules wants every rule to have numbers of the real load balancers, and to
// fire on made-up hosts when it should.
func testRules(ctx context.Context, t *testing.T, g *stage.Graphite) {
	rules := readRules(t)
	for uid, r := range rules {
		target := strings.NewReplacer(
			"*.*.*.haproxy", stage.Namespace+".clusters.*.haproxy", "*.*.haproxy", stage.Namespace+".*.haproxy",
		).Replace(r.Data[0].Model.Target)
		series, err := answers(ctx, g, target)
		if err == nil {
			err = whole(ctx, g, target)
		}
		if err != nil {
			t.Errorf("%s: %s: %v", uid, target, err)
		}
		for _, s := range series {
			// Grafana makes a label of it, which tells one alert from the other.
			if _, ok := s.Tags["name"].(string); !ok {
				t.Errorf("%s: %s has no tag with a name: %v", uid, s.Target, s.Tags)
			}
		}
		if _, err := answers(ctx, g, madeUpFields(target)); err == nil {
			t.Errorf("%s has numbers of a field that is not there", uid)
		}
	}
	// One of the four servers of app refuses, one is in maintenance.
	r := rules["haproxystats-servers-warning"]
	firing, _, err := r.firing(ctx, g, r.Data[0].Model.Target)
	if err != nil || !slices.Contains(firing, "lb1.app") || slices.Contains(firing, "lb1.api") {
		t.Errorf("servers are not up in %v, %v", firing, err)
	}

	tested := make(map[string]bool)
	for _, e := range examples {
		for _, level := range []string{"warning", "critical"} {
			r, ok := rules["haproxystats-"+e.rule+"-"+level]
			if !ok {
				if e.has(level) {
					t.Errorf("there is no rule %s of level %s", e.rule, level)
				}
				continue
			}
			tested[r.UID] = true
			firing, all, err := r.firing(ctx, g, r.Data[0].Model.Target)
			if err != nil {
				t.Errorf("%s: %v", r.UID, err)
				continue
			}
			for host, want := range map[string]bool{
				e.host(calm): false, e.host(warns): level == "warning", e.host(fires): true,
			} {
				is := func(name string) bool { return name == host || strings.HasPrefix(name, host+".") }
				if host == e.host(warns) && e.warns == nil {
					continue
				}
				if !slices.ContainsFunc(all, is) {
					t.Errorf("%s does not look at %s, only at %v", r.UID, host, all)
				}
				if got := slices.ContainsFunc(firing, is); got != want {
					t.Errorf("%s fires for %s: %v, want %v", r.UID, host, got, want)
				}
			}
		}
	}
	if len(tested) != len(rules) {
		t.Errorf("rules with examples: %v of %v", slices.Sorted(maps.Keys(tested)), slices.Sorted(maps.Keys(rules)))
	}
}
