package dashboards

import (
	"context"
	"testing"
	"time"

	"haproxystats/internal/httpget"
	"haproxystats/internal/verify"
	"haproxystats/test/dashboards/stage"
)

// testVerify asks the real Graphite-web as haproxystats-process does.
func testVerify(ctx context.Context, t *testing.T, g *stage.Graphite) {
	ask := func(url, path string) (time.Time, error) {
		return verify.New(verify.Options{URL: url, Path: func() string { return path }, Get: httpget.New()}).Ask(ctx)
	}
	path := stage.Namespace + ".lb1.haproxy.haproxystats.MetricsFrontend"
	newest, err := ask(g.URL()+"/render", path)
	if err != nil || time.Since(newest) > deadline {
		t.Errorf("got newest value at %v, %v, want one of now", newest, err)
	}
	if newest, err := ask(g.URL()+"/render", path+".not.there"); err != nil || !newest.IsZero() {
		t.Errorf("a metric that does not exist: got %v, %v, want no value and no error", newest, err)
	}
	if _, err := ask(g.URL()+"/metrics/find", path); err == nil {
		t.Error("an address that is not the render's: got no error")
	}
}
