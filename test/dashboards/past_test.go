package dashboards

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haproxystats/test/dashboards/stage"
)

// gone is a host that has sent metrics, and sends no more.
const gone = "lb9"

const (
	week = 7 * 24 * time.Hour
	// around is how long before and after a time there are numbers, so that those who look
	// back find some for as long as the test lasts.
	around = time.Hour
)

// pastProxies are the frontends that have numbers of the past.
var pastProxies = []string{"web", "shop"}

// pastSeries returns what Prometheus has scraped a week ago, and of the host that is gone, in
// the format of OpenMetrics.
func pastSeries(now time.Time) string {
	var b strings.Builder
	begin := now.Add(-week - around)
	for host := range stage.Hosts {
		for _, proxy := range pastProxies {
			for at := begin; at.Before(begin.Add(2 * around)); at = at.Add(15 * time.Second) {
				fmt.Fprintf(&b, "haproxy_frontend_http_requests_total{job=%q,instance=%q,proxy=%q} %d %d\n", ofHosts, host, proxy, at.Unix()-begin.Unix(), at.Unix())
			}
		}
	}
	for at := now.Add(-3 * time.Hour); at.Before(now.Add(-2 * time.Hour)); at = at.Add(time.Minute) {
		fmt.Fprintf(&b, "haproxystats_snapshot_bytes{job=%q,instance=%q} 1 %d\n", ofHosts, gone, at.Unix())
	}
	b.WriteString("# EOF\n")
	return b.String()
}

// fillPast gives Prometheus that is yet to be started its past.
func fillPast(ctx context.Context, t *testing.T, promtool, dir string) {
	t.Helper()
	file := filepath.Join(dir, "past.om")
	if err := os.WriteFile(file, []byte(pastSeries(time.Now())), 0o640); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(ctx, promtool, "tsdb", "create-blocks-from", "openmetrics", file, filepath.Join(dir, "data")).CombinedOutput()
	if err != nil {
		t.Fatalf("create blocks of the past: %v: %s", err, out)
	}
}

// sendPast has Graphite take what the load balancers have sent a week ago and in the hours
// before the test, and of the host that is gone what it has sent until some minutes ago.
func sendPast(ctx context.Context, t *testing.T, g *stage.Graphite) {
	t.Helper()
	now := time.Now()
	var b strings.Builder
	for _, from := range []struct {
		begin, end time.Time
	}{
		{now.Add(-week - around), now.Add(-week + around)},
		// Places of a second are those of the half hour before now. What is there is real.
		{now.Add(-7 * time.Hour), now.Add(-32 * time.Minute)},
	} {
		for host := range stage.Hosts {
			for _, proxy := range pastProxies {
				path := stage.Namespace + "." + host + ".haproxy.frontend." + proxy
				for at := from.begin; at.Before(from.end); at = at.Add(time.Minute) {
					// Fewer requests than a real HAProxy counts soon, for a counter that falls has no rate.
					requests := at.Sub(from.begin).Seconds() / 1000
					fmt.Fprintf(&b, "%s.req_tot %g %d\n%s.hrsp_5xx %g %d\n", path, requests, at.Unix(), path, requests/10, at.Unix())
				}
			}
		}
	}
	if err := g.Send(ctx, b.String()); err != nil {
		t.Fatal(err)
	}
	const since = 330 // seconds: more than a silent host is given
	keepSending(ctx, t, g, 120, func(b *strings.Builder, second int, at int64) {
		for _, metric := range []string{"haproxystats.SnapshotBytes", "daemon.CurrConns"} {
			fmt.Fprintf(b, "%s.%s.haproxy.%s %d %d\n", stage.Namespace, gone, metric, second+1, at-since)
		}
	})
	awaitSeries(ctx, t, g, "timeShift("+stage.Namespace+".lb1.haproxy.frontend.shop.req_tot, '7d')")
}

// testSilent wants the host that is gone to be named, and no other.
func testSilent(ctx context.Context, t *testing.T, g *stage.Graphite) {
	all := choice{"namespace": stage.Namespace, "host": "*"}
	for _, p := range readGrafana(t)["overview.json"].Panels {
		if p.Title != "Silent hosts" {
			continue
		}
		for _, target := range p.Targets {
			series, err := answers(ctx, g, all.fill(target.Target))
			if err != nil || len(series) != 1 {
				t.Errorf("%s %s: got %d series, %v, want one", p.Type, target.Target, len(series), err)
				continue
			}
			values := series[0].Values()
			want := map[string]float64{"state-timeline": 0, "stat": 1}[p.Type]
			if len(values) == 0 || values[len(values)-1] != want || p.Type == "state-timeline" && series[0].Target != gone {
				t.Errorf("%s: got %s with %v, want %s of 1 host with %g at the end", p.Type, series[0].Target, values, gone, want)
			}
		}
	}
}
