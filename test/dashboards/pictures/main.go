// Command pictures draws the pictures of docs/images: graphs of the dashboards
// for Graphite-web, drawn by a real Graphite-web from what haproxystats has sent
// it of real HAProxy with traffic. It takes some minutes, as the curves shall
// have a shape: one backend has a bad time, and Graphite itself is away for a
// while.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"haproxystats/test/dashboards/stage"
	"haproxystats/test/real"
)

// pictures are the files by their graph. The lines of a graph that is chosen differ, so that
// none is hidden behind another.
var pictures = []struct{ file, dashboard, graph string }{
	{"requests", "nodes", "Requests (req_tot)"},
	{"responses", "overview", "Responses by status"},
	{"states", "states", "Servers by state"},
	{"sessions", "frontend", "Sessions of the limit (scur)"},
	{"total-time", "backend", "Total time (ttime)"},
	{"errors", "overview", "Share of errors (hrsp_4xx, hrsp_5xx)"},
	{"waiting", "haproxystats", "Metrics that wait"},
}

// overview has the graphs of one dashboard side by side, two in a row.
var overview = struct {
	file, dashboard string
	graphs          []string
}{"overview", "overview", []string{
	"Requests, and a week before (req_tot)", "Responses by status",
	"Share of errors (hrsp_4xx, hrsp_5xx)", "Response time (rtime)",
}}

// The files are seen from the module's directory.
const (
	dashboards = "contrib/graphite-web"
	images     = "docs/images"
)

const (
	// warm is how long it takes until all is as usual; shown is what comes then.
	warm  = 20 * time.Second
	shown = 8 * time.Minute
	// Graphite is away, and later one backend has a bad time.
	gone, back  = shown / 6, shown / 4
	upset, well = shown / 2, shown * 2 / 3
)

var (
	size  = stage.Size{Width: 640, Height: 300}
	small = stage.Size{Width: 440, Height: 230}
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	tools, err := stage.Named(func(component string) (string, error) { return real.Find(ctx, component) })
	if err != nil {
		return err
	}
	s, err := stage.Open(ctx, tools)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	fmt.Fprintf(os.Stderr, "pictures: collecting for %v\n", warm+shown)
	start := time.Now()
	for _, act := range []struct {
		at time.Duration
		do func() error
	}{
		{warm + gone, func() error { return s.Away(true) }},
		{warm + back, func() error { return s.Away(false) }},
		{warm + upset, func() error { s.Upset(true); return nil }},
		{warm + well, func() error { s.Upset(false); return nil }},
		{warm + shown, s.Alive},
	} {
		if err := wait(ctx, time.Until(start.Add(act.at))); err != nil {
			return err
		}
		if err := act.do(); err != nil {
			return err
		}
	}
	draw := func(dashboard, title string, size stage.Size) ([]byte, error) {
		params, err := graph(dashboard, title)
		if err != nil {
			return nil, err
		}
		return s.Graphite.Picture(ctx, params, size, int(shown.Seconds()))
	}
	for _, p := range pictures {
		picture, err := draw(p.dashboard, p.graph, size)
		if err != nil {
			return err
		}
		if err := store(p.file, picture); err != nil {
			return err
		}
	}
	var parts [][]byte
	for _, title := range overview.graphs {
		part, err := draw(overview.dashboard, title, small)
		if err != nil {
			return err
		}
		parts = append(parts, part)
	}
	whole, err := sideBySide(parts)
	if err != nil {
		return err
	}
	return store(overview.file, whole)
}

func store(file string, picture []byte) error {
	return os.WriteFile(filepath.Join(images, file+".png"), picture, 0o644)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// graph returns the parameters of a dashboard's graph.
func graph(dashboard, title string) (json.RawMessage, error) {
	text, err := os.ReadFile(filepath.Join(dashboards, dashboard+".json"))
	if err != nil {
		return nil, err
	}
	var d struct{ Graphs [][3]json.RawMessage }
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, err
	}
	for _, g := range d.Graphs {
		var params struct{ Title string }
		if err := json.Unmarshal(g[1], &params); err != nil {
			return nil, err
		}
		if params.Title == title {
			return g[1], nil
		}
	}
	return nil, fmt.Errorf("dashboard %s has no graph %q", dashboard, title)
}
