package dashboards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"haproxystats/test/dashboards/stage"
)

// grafanaDashboard is what Grafana acts on.
type grafanaDashboard struct {
	UID        string
	Title      string
	Templating struct{ List []grafanaVariable }
	Panels     []grafanaPanel
	// Annotations are queries by metrics, or by tags of events.
	Annotations struct{ List []grafanaAnnotation }
}

type grafanaAnnotation struct {
	Name       string
	Enable     bool
	Datasource struct{ Type string }
	Target     struct {
		Target, QueryType, Type     string
		Tags                        []string
		FromAnnotations, TextEditor bool
	}
}

type grafanaPanel struct {
	Type, Title, Description string
	Targets                  []struct{ RefID, Target string }
}

type grafanaVariable struct {
	Name, Type, Regex, AllValue string
	Query                       json.RawMessage // an object where Type is "query"
	Multi                       bool
	Current                     current
}

// current is the value of a variable, which several have as a list.
type current struct{ Value json.RawMessage }

// value returns the only value.
func (c current) value(t *testing.T) string {
	t.Helper()
	var word string
	if err := json.Unmarshal(c.Value, &word); err != nil || word == "" {
		t.Fatalf("got the value %s, %v, want a word", c.Value, err)
	}
	return word
}

func readGrafana(t *testing.T) map[string]grafanaDashboard {
	t.Helper()
	files, err := filepath.Glob("../../contrib/grafana/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no dashboards", err)
	}
	all := make(map[string]grafanaDashboard)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d grafanaDashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(file, err)
		}
		all[filepath.Base(file)] = d
	}
	return all
}

func testGrafana(ctx context.Context, t *testing.T, g *stage.Graphite) {
	uids := make(map[string]string)
	for name, d := range readGrafana(t) {
		if other, ok := uids[d.UID]; ok || d.UID == "" {
			t.Errorf("%s and %s have the uid %q", name, other, d.UID)
		}
		uids[d.UID] = name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testDashboard(ctx, t, g, d)
		})
	}
}

// testDashboard wants numbers for every target, whatever is chosen.
func testDashboard(ctx context.Context, t *testing.T, g *stage.Graphite, d grafanaDashboard) {
	// One by one, as many as there are, and the word for all.
	choices := map[string]choice{"first": {}, "each": {}, "all": {}}
	for _, v := range d.Templating.List {
		if v.Type == "custom" {
			for _, c := range choices {
				c[v.Name] = v.Current.value(t)
			}
		}
		if v.Type != "query" {
			continue
		}
		values, err := v.values(ctx, g, choices["all"])
		if err != nil {
			t.Fatalf("variable %s: %v", v.Name, err)
		}
		if len(values) == 0 {
			t.Fatalf("variable %s has no values", v.Name)
		}
		first, err := v.values(ctx, g, choices["first"])
		if err != nil || len(first) == 0 {
			t.Fatalf("variable %s has no values for the first of all others: %v", v.Name, err)
		}
		choices["first"][v.Name] = first[0]
		choices["each"][v.Name], choices["all"][v.Name] = values[0], values[0]
		if v.Multi {
			choices["each"][v.Name] = "{" + strings.Join(values, ",") + "}"
			choices["all"][v.Name] = v.AllValue
		}
	}
	asked := 0
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %q has no title, description or target", p.Title)
		}
		for _, target := range p.Targets {
			for how, c := range choices {
				asked++
				// The first server of all need not be one that meets a condition.
				picked := how == "first" && strings.Contains(target.Target, "filterSeries(")
				if _, err := answers(ctx, g, c.fill(target.Target)); err != nil && !(picked && errors.Is(err, errNoNumber)) {
					t.Errorf("panel %q, %s chosen: %s: %v", p.Title, how, c.fill(target.Target), err)
				}
			}
			all := choices["all"].fill(target.Target)
			if err := whole(ctx, g, all); err != nil {
				t.Errorf("panel %q: %v", p.Title, err)
			}
			// The same with fields that nobody has must not pass.
			wrong := madeUpFields(all)
			if series, err := answers(ctx, g, wrong); err == nil {
				t.Errorf("panel %q: %s has %d series, and should have none", p.Title, wrong, len(series))
			}
		}
	}
	if asked == 0 {
		t.Error("no panels")
	}
	testAnnotations(ctx, t, g, d, choices["all"])
}

// testAnnotations wants the dashboards of hosts to mark reloads. Events by tag are for
// those who send them.
func testAnnotations(ctx context.Context, t *testing.T, g *stage.Graphite, d grafanaDashboard, all choice) {
	_, ofHosts := all["host"]
	if got := len(d.Annotations.List) > 0; got != ofHosts {
		t.Errorf("got annotations: %v, want them: %v", got, ofHosts)
	}
	for _, a := range d.Annotations.List {
		if a.Datasource.Type == "grafana" {
			if a.Enable || a.Target.Type != "tags" || !slices.Equal(a.Target.Tags, []string{"haproxystats"}) {
				t.Errorf("got annotation %+v, want the tag haproxystats, off", a)
			}
			continue
		}
		byTag := a.Target.QueryType == "tags"
		if a.Name == "" || !a.Target.FromAnnotations || a.Enable == byTag || byTag != slices.Equal(a.Target.Tags, []string{"haproxystats"}) {
			t.Errorf("got annotation %+v, want one by metrics, or one by the tag haproxystats that is off", a)
		}
		if byTag {
			continue
		}
		target := all.fill(a.Target.Target)
		if _, err := answers(ctx, g, target); err != nil || !a.Target.TextEditor {
			t.Errorf("annotation %s: %s: %v", a.Name, target, err)
		}
		if err := whole(ctx, g, target); err != nil {
			t.Errorf("annotation %s: %v", a.Name, err)
		}
	}
}

// testStates wants each server that is not up to be listed once, with the time and the
// reason, whatever the state.
func testStates(ctx context.Context, t *testing.T, g *stage.Graphite) {
	since := make(map[string]float64)
	for _, p := range readGrafana(t)["states.json"].Panels {
		if p.Type != "table" {
			continue
		}
		for _, target := range p.Targets {
			all := choice{"namespace": stage.Namespace, "host": "*", "backend": "*", "server": "*"}
			series, err := answers(ctx, g, all.fill(target.Target))
			if err != nil {
				t.Error(err)
			}
			for _, s := range series {
				values := s.Values()
				if _, twice := since[s.Target]; twice || len(values) == 0 {
					t.Errorf("%s is listed twice, or with none of the numbers %v", s.Target, values)
					continue
				}
				since[s.Target] = values[len(values)-1]
			}
		}
	}
	for n, words := range slices.Sorted(maps.Keys(badServers)) {
		name := fmt.Sprintf("lb1.%s.s%d: %s", badBackend, n, words)
		if got, want := since[name], float64(1000+n); got != want {
			t.Errorf("%s: got %g seconds, want %g", name, got, want)
		}
		delete(since, name)
	}
	// One of the four servers of app refuses, one is disabled in the configuration, in each HAProxy.
	var real []string
	for _, name := range slices.Sorted(maps.Keys(since)) {
		if strings.HasPrefix(name, "lb1."+badBackend+".") {
			t.Errorf("%s is listed, too", name)
		}
		if server, ok := strings.CutPrefix(name, "lb1.app."); ok {
			_, words, _ := strings.Cut(server, ": ")
			real = append(real, words)
		}
	}
	if want := []string{"DOWN, no connection", "MAINT, by the configuration"}; !slices.Equal(real, want) {
		t.Errorf("got %q of app on lb1, want %q; of all: %v", real, want, since)
	}
}

// choice is a value for each variable.
type choice map[string]string

// fill puts the values in, longest names first, as Grafana does where a name
// ends with what can't be part of one.
func (c choice) fill(text string) string {
	return variableName.ReplaceAllStringFunc(text, func(name string) string {
		if value, ok := c[name[1:]]; ok {
			return value
		}
		return name
	})
}

var variableName = regexp.MustCompile(`\$\w+`)

// values returns what the variable can be, as Grafana finds it.
func (v grafanaVariable) values(ctx context.Context, g *stage.Graphite, c choice) ([]string, error) {
	var query struct{ Target string }
	if err := json.Unmarshal(v.Query, &query); err != nil {
		return nil, err
	}
	var texts []string
	var err error
	if pattern, ok := strings.CutPrefix(query.Target, "expand("); ok {
		texts, err = g.Expand(ctx, c.fill(strings.TrimSuffix(pattern, ")")))
	} else {
		texts, err = g.Find(ctx, c.fill(query.Target))
	}
	if err != nil {
		return nil, err
	}
	found := make(map[string]bool)
	for _, text := range texts {
		if v.Regex == "" {
			found[text] = true
			continue
		}
		re, err := regexp.Compile(strings.Trim(v.Regex, "/"))
		if err != nil {
			return nil, err
		}
		if m := re.FindStringSubmatch(text); m != nil {
			found[m[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}
