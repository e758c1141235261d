package dashboards

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"haproxystats/test/dashboards/stage"
	"haproxystats/test/real"
)

const (
	// deadline bounds the test: it is reached only where something is broken.
	deadline = 10 * time.Minute
	// lookback is how many seconds a target is asked for.
	lookback = 300
	// enough is how many numbers each load balancer has sent before anything is
	// asked, so that every rate is one.
	enough = 6
)

// TestOnStage has all that asks the one Graphite.
func TestOnStage(t *testing.T) {
	tools, err := stage.Named(func(component string) (string, error) { return real.Need(t, component), nil })
	if err != nil {
		t.Fatal(err)
	}
	plugin, promtool := real.Need(t, "monitoring-plugins-contrib"), real.Need(t, "prometheus")
	ctx, cancel := context.WithTimeout(t.Context(), real.Loaded(deadline))
	t.Cleanup(cancel)
	s, err := stage.Open(ctx, tools)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	p := startPrometheus(ctx, t, s, promtool)
	await(ctx, t, s)
	sendOthers(ctx, t, s.Graphite)
	sendStates(ctx, t, s.Graphite)
	sendPast(ctx, t, s.Graphite)
	t.Run("grafana", func(t *testing.T) { testGrafana(ctx, t, s.Graphite) })
	t.Run("graphite-web", func(t *testing.T) { testGraphiteWeb(ctx, t, s.Graphite) })
	t.Run("silent hosts", func(t *testing.T) { testSilent(ctx, t, s.Graphite) })
	t.Run("states", func(t *testing.T) { testStates(ctx, t, s.Graphite) })
	t.Run("prometheus", func(t *testing.T) { testPrometheus(ctx, t, p) })
	sendExamples(ctx, t, s.Graphite)
	t.Run("rules", func(t *testing.T) { testRules(ctx, t, s.Graphite) })
	t.Run("servers that nobody asks for", func(t *testing.T) { testUnasked(ctx, t, s.Graphite) })
	t.Run("verify-url", func(t *testing.T) { testVerify(ctx, t, s.Graphite) })
	t.Run("plugin", func(t *testing.T) { testPlugin(ctx, t, s.Graphite, plugin) })
	if err := s.Alive(); err != nil {
		t.Error(err)
	}
}

// await returns when every load balancer and the cluster have sent enough.
func await(ctx context.Context, t *testing.T, s *stage.Stage) {
	t.Helper()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		// Graphite-web may come upon a file that carbon has only begun: then it fails.
		series, failure := s.Graphite.Render(ctx, stage.Namespace+".*.haproxy.backend.shop.rtime", lookback)
		ready := 0
		for _, line := range series {
			if len(line.Values()) >= enough {
				ready++
			}
		}
		windows, err := s.Graphite.Render(ctx, stage.Namespace+".clusters."+stage.Cluster+".haproxy.haproxystats.NodesReporting", lookback)
		failure = errors.Join(failure, err)
		if ready == len(stage.Hosts) && len(windows) == 1 && len(windows[0].Values()) >= enough {
			return
		}
		if err := s.Alive(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("wait for the metrics of %d load balancers and a cluster, there are those of %d and %d: %v: %v", len(stage.Hosts), ready, len(windows), context.Cause(ctx), failure)
		case <-ticker.C:
		}
	}
}

// awaitSeries returns when a target has numbers.
func awaitSeries(ctx context.Context, t *testing.T, g *stage.Graphite, target string) {
	t.Helper()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		_, err := answers(ctx, g, target)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("wait for %s: %v: %v", target, err, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

var errNoNumber = errors.New("none with a number")

// answers returns the series of a target that has a number, or why it is not
// good for a panel.
func answers(ctx context.Context, g *stage.Graphite, target string) ([]stage.Series, error) {
	series, err := g.Render(ctx, target, lookback)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	numbers := 0
	for _, s := range series {
		if seen[s.Target] {
			return nil, fmt.Errorf("two series are called %s", s.Target)
		}
		seen[s.Target] = true
		values := s.Values()
		if strings.Contains(target, "countSeries(") { // of nothing that is 0
			values = slices.DeleteFunc(values, func(v float64) bool { return v == 0 })
		}
		numbers += len(values)
	}
	if numbers == 0 {
		return nil, fmt.Errorf("%d series, %w", len(series), errNoNumber)
	}
	return series, nil
}

// aPath is a path of metrics in a target; its last part may be several, in
// braces.
var aPath = regexp.MustCompile(`[^\s(,]+\.haproxy\.(?:[\w*.-]|\{[^}]*\})+`)

// whole returns an error unless every metric that a target names has numbers:
// a value that is missing from a sum does not show in it.
func whole(ctx context.Context, g *stage.Graphite, target string) error {
	paths := aPath.FindAllString(target, -1)
	if len(paths) == 0 {
		return fmt.Errorf("%s: no paths", target)
	}
	for _, path := range paths {
		end := strings.LastIndex(path, ".") + 1
		for field := range strings.SplitSeq(strings.Trim(path[end:], "{}"), ",") {
			if _, err := answers(ctx, g, path[:end]+field); err != nil {
				return fmt.Errorf("%s: %s: %w", target, path[:end]+field, err)
			}
		}
	}
	return nil
}

// madeUpFields puts a field that is not there in the place of every one.
func madeUpFields(target string) string {
	return aPath.ReplaceAllStringFunc(target, func(path string) string { return path[:strings.LastIndex(path, ".")+1] + "made_up" })
}
