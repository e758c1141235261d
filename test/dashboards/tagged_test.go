package dashboards

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/httpget"
	"haproxystats/internal/verify"
	"haproxystats/test/dashboards/stage"
	"haproxystats/test/programs"
	"haproxystats/test/real"
)

// taggedConfig sends to one carbon-cache in both forms.
const taggedConfig = `[paths]
base-dir = %[1]s/base
[process]
aggr-server-metrics = true
frontend-metrics = scur hrsp_5xx
backend-metrics = scur hrsp_5xx
server-metrics = scur
[graphite]
port = %[2]d
confirm-hold = 0
path-style = tagged
tags = dc=ams, role=edge
group-namespace = grp
group-namespace-double-writes = true
[graphite:dotted]
path-style = dotted
namespace = tree
tags = dc=fra
[backend-groups]
some = .
`

// TestTagged sends tagged series to a real carbon-cache, and asks Graphite-web's database of
// tags for them.
func TestTagged(t *testing.T) {
	tools, err := stage.Named(func(component string) (string, error) { return real.Need(t, component), nil })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), real.Loaded(deadline))
	t.Cleanup(cancel)
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(programs.Build(ctx, dir, "haproxystats-process"))
	web, err := real.StartGraphiteWeb(ctx, real.GraphiteWebConfig{
		Manage: tools.GraphiteManage, Gunicorn: tools.Gunicorn, Dir: filepath.Join(dir, "web"), CarbonDir: filepath.Join(dir, "carbon"),
	})
	must(err)
	t.Cleanup(func() { web.Process.Kill() })
	carbon, err := real.StartCarbon(ctx, real.CarbonConfig{Binary: tools.Carbon, Dir: filepath.Join(dir, "carbon"), Retention: "1s:30m", Tags: web.URL})
	must(err)
	t.Cleanup(func() { carbon.Process.Kill() })
	g := stage.NewGraphite(web.URL, carbon.Addr)

	conf, incoming := filepath.Join(dir, "haproxystats.conf"), filepath.Join(dir, "base", "incoming")
	must(os.WriteFile(conf, []byte(fmt.Sprintf(taggedConfig, dir, carbon.Port)), 0o640))
	must(os.MkdirAll(incoming, 0o750))
	must(os.CopyFS(filepath.Join(dir, "made"), os.DirFS("../../testdata/recordings/3.4.0-single/1795335820")))
	must(os.Rename(filepath.Join(dir, "made"), filepath.Join(incoming, strconv.FormatInt(time.Now().Unix(), 10))))
	process, err := real.StartProcess(real.Command{Name: "haproxystats-process", Path: filepath.Join(dir, "haproxystats-process"), Args: []string{"-f", conf}, Dir: dir})
	must(err)
	t.Cleanup(func() {
		process.Kill()
		if t.Failed() {
			t.Log(process.Output())
		}
	})

	host, err := os.Hostname()
	must(err)
	paths := plaintext.Paths{Namespace: "loadbalancers", Tagged: true, Tags: []plaintext.Tag{{Name: "dc", Value: "ams"}, {Name: "role", Value: "edge"}}}
	paths.SetHostname(host, true)
	var failure error // a busy machine may answer late, or not in time
	ask := func(p plaintext.Paths) (newest time.Time) {
		newest, failure = verify.New(verify.Options{URL: web.URL + "/render", Path: func() string { return p.Self(host, "MetricsFrontend") }, Get: httpget.New()}).Ask(ctx)
		return newest
	}
	// Carbon tells Graphite-web of new series at intervals: the metrics of haproxystats itself
	// come last.
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	dotted := plaintext.Paths{Namespace: "tree", Tags: []plaintext.Tag{{Name: "dc", Value: "fra"}}}
	dotted.SetHostname(host, true)
	want := written(ctx, t, g)
	for ask(paths).IsZero() || ask(dotted).IsZero() || !want() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatal("the series do not appear: ", ctx.Err(), failure)
		}
	}

	all, err := g.FindSeries(ctx, "dc=ams", "host="+host)
	must(err)
	for _, path := range all {
		if !strings.HasPrefix(path, "loadbalancers.haproxy.") || !strings.Contains(path, ";role=edge;") || !strings.Contains(path, ";type=") {
			t.Errorf("got series %q, want one of haproxystats with its tags", path)
		}
	}
	for _, c := range []struct {
		expressions []string
		want        int // -1 for any number
	}{
		{[]string{"name=loadbalancers.haproxy.backend.hrsp_5xx", "type=backend"}, -1},
		{[]string{"name=loadbalancers.haproxy.grp.backend.hrsp_5xx", "group=some"}, -1},
		{[]string{"name=loadbalancers.haproxy.backend.server.scur", "server=~."}, -1},
		{[]string{"name=~^tree\\.", "dc=fra"}, -1},
		{[]string{"type=haproxystats", "dc=fra"}, 0},
		{[]string{"dc=none"}, 0},
	} {
		got, err := g.FindSeries(ctx, c.expressions...)
		must(err)
		if c.want == 0 && len(got) > 0 || c.want < 0 && len(got) == 0 {
			t.Errorf("%q: got %d series", c.expressions, len(got))
		}
	}
	tags, err := g.CompleteTags(ctx, "type=server")
	must(err)
	for _, tag := range []string{"dc", "host", "proxy", "role", "server", "name"} {
		if !slices.Contains(tags, tag) {
			t.Errorf("got tags %q, want %q among them", tags, tag)
		}
	}
	types, err := g.CompleteValues(ctx, "type")
	must(err)
	for _, kind := range []string{"backend", "daemon", "frontend", "haproxystats", "server", "server-name"} {
		if !slices.Contains(types, kind) {
			t.Errorf("got types %q, want %q among them", types, kind)
		}
	}
	proxies, err := g.CompleteValues(ctx, "proxy", "type=backend", "host="+host)
	must(err)
	if len(proxies) == 0 {
		t.Fatal("no proxy is completed")
	}
	// What Grafana asks for: one line for each backend, named by its tag.
	series, err := g.Render(ctx, `aliasByTags(seriesByTag("name=loadbalancers.haproxy.backend.scur","host=`+host+`"),"proxy")`, lookback)
	must(err)
	var named []string
	for _, s := range series {
		if len(s.Values()) != 1 {
			t.Errorf("%s has %d values, want 1", s.Target, len(s.Values()))
		}
		named = append(named, s.Target)
	}
	slices.Sort(named)
	slices.Sort(proxies)
	if !slices.Equal(named, proxies) {
		t.Errorf("got lines %q, want one for each of %q", named, proxies)
	}
	sum, err := g.Render(ctx, `groupByTags(seriesByTag("name=loadbalancers.haproxy.backend.server.scur"),"sum","proxy")`, lookback)
	must(err)
	if len(sum) == 0 {
		t.Error("servers can't be summed by the tag proxy")
	}
}

// written returns what reports whether Graphite-web knows as many series as carbon has files,
// and more than in an earlier call: carbon writes its tags in the background.
func written(ctx context.Context, t *testing.T, g *stage.Graphite) func() bool {
	before := 0
	return func() bool {
		found, err := g.FindSeries(ctx, "dc=~.")
		if err != nil {
			t.Fatal(err)
		}
		steady := len(found) > 0 && len(found) == before
		before = len(found)
		return steady
	}
}
