// Command gen writes the dashboards and alert rules below contrib/. `go generate
// ./internal/dashboard` runs it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"haproxystats/internal/dashboard"
)

// contrib is relative to the directory that go generate runs in.
const contrib = "../../contrib"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	c, err := dashboard.Metrics()
	if err != nil {
		return err
	}
	x, err := dashboard.Series()
	if err != nil {
		return err
	}
	for dir, files := range map[string]func() (map[string][]byte, error){
		"grafana":            func() (map[string][]byte, error) { return dashboard.Grafana(c) },
		"graphite-web":       func() (map[string][]byte, error) { return dashboard.GraphiteWeb(c) },
		"alerts":             func() (map[string][]byte, error) { return dashboard.Alerts(c) },
		"prometheus/grafana": func() (map[string][]byte, error) { return dashboard.GrafanaPrometheus(x) },
		"prometheus":         func() (map[string][]byte, error) { return dashboard.PrometheusRules(x) },
		// A chart has its files below its own directory.
		"helm/haproxystats/files": func() (map[string][]byte, error) { return dashboard.PrometheusRules(x) },
	} {
		made, err := files()
		if err != nil {
			return err
		}
		dir = filepath.Join(contrib, dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for name, text := range made {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
