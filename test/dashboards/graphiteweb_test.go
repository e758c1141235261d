package dashboards

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"haproxystats/test/dashboards/stage"
)

// graphiteDashboard is what Graphite-web acts on. A graph is its name, parameters
// and an address.
type graphiteDashboard struct {
	Name   string               `json:"name"`
	Graphs [][3]json.RawMessage `json:"graphs"`
}

// targets returns the targets of each graph, by title.
func (d graphiteDashboard) targets(t *testing.T) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	for _, g := range d.Graphs {
		var params struct {
			Title  string
			Target []string
		}
		if err := json.Unmarshal(g[1], &params); err != nil {
			t.Fatal(err)
		}
		if params.Title == "" || len(params.Target) == 0 || all[params.Title] != nil {
			t.Errorf("graph %q has no title or no target, or is there twice", params.Title)
		}
		// Graphite-web tells a graph by its targets, which it has there a second time.
		var name string
		if err := json.Unmarshal(g[0], &name); err != nil || name != "target="+strings.Join(params.Target, "&target=") {
			t.Errorf("graph %q is called %q: %v", params.Title, name, err)
		}
		all[params.Title] = params.Target
	}
	return all
}

func testGraphiteWeb(ctx context.Context, t *testing.T, g *stage.Graphite) {
	files, err := filepath.Glob("../../contrib/graphite-web/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no dashboards", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var d graphiteDashboard
			if err := json.Unmarshal(text, &d); err != nil {
				t.Fatal(err)
			}
			if got := d.saved(ctx, t, g, "save/"+d.Name, "load/"+d.Name, string(text)); len(got.Graphs) != len(d.Graphs) || len(got.Graphs) == 0 {
				t.Errorf("Graphite-web has kept %d graphs, want %d", len(got.Graphs), len(d.Graphs))
			}
			// A template shows one host. Its key may hold no asterisk.
			pattern, one := stage.Namespace+".*", stage.Namespace+".lb1"
			switch d.Name {
			case "haproxy-cluster":
				pattern, one = stage.Namespace+".clusters.*", stage.Namespace+".clusters."+stage.Cluster
			case "haproxy-central":
				one = stage.Namespace + "." + stage.Central
			}
			for _, shown := range []graphiteDashboard{
				d, d.saved(ctx, t, g, "save_template/"+d.Name+"/HOST", "load_template/"+d.Name+"/"+one, strings.ReplaceAll(string(text), pattern, "HOST")),
			} {
				for title, targets := range shown.targets(t) {
					for _, target := range targets {
						// The one host is not silent.
						silent := shown.Name != d.Name && strings.Contains(target, "movingMax(")
						if _, err := answers(ctx, g, target); (err != nil) != silent {
							t.Errorf("%s, graph %q: %s: %v", shown.Name, title, target, err)
						}
						if err := whole(ctx, g, target); err != nil {
							t.Errorf("%s, graph %q: %v", shown.Name, title, err)
						}
						if want := map[bool]string{true: pattern, false: one}[shown.Name == d.Name]; !strings.Contains(target, want+".") {
							t.Errorf("%s, graph %q: %s is not about %s", shown.Name, title, target, want)
						}
					}
				}
			}
			drawn(ctx, t, g, d.Graphs[0][1])
		})
	}
}

// saving is held while Graphite-web writes to its database, which takes one writer at a
// time.
var saving sync.Mutex

// saved has Graphite-web save a dashboard or a template, and returns what it
// loads then.
func (d graphiteDashboard) saved(ctx context.Context, t *testing.T, g *stage.Graphite, save, load, text string) graphiteDashboard {
	t.Helper()
	saving.Lock()
	defer saving.Unlock()
	if body, err := g.Post(ctx, "/dashboard/"+save, url.Values{"state": {text}}); err != nil || !bytes.Contains(body, []byte(`"success": true`)) {
		t.Fatalf("%s: %v: %s", save, err, body)
	}
	body, err := g.Post(ctx, "/dashboard/"+load, nil)
	if err != nil {
		t.Fatal(err)
	}
	var loaded struct{ State graphiteDashboard }
	if err := json.Unmarshal(body, &loaded); err != nil {
		t.Fatal(err)
	}
	return loaded.State
}

// drawn wants a picture of a graph.
func drawn(ctx context.Context, t *testing.T, g *stage.Graphite, params json.RawMessage) {
	t.Helper()
	picture, err := g.Picture(ctx, params, stage.Size{Width: 400, Height: 200}, lookback)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(picture, []byte("\x89PNG\r\n")) || len(picture) < 5000 {
		t.Errorf("%d bytes are no picture: %.20q", len(picture), picture)
	}
}
