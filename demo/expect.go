package main

import (
	"context"
	"slices"
	"strings"

	"haproxystats/internal/catalogue"
	"haproxystats/test/real"
)

// Metrics that are computed, and not read from a field of the catalogue.
var (
	processComputed = []string{"CpuUsagePct", "ConnPercentage", "ConnRatePercentage", "SslConnPercentage", "SslRatePercentage"}
	nodeComputed    = append([]string{
		"25PercentileCpuUsagePct", "50PercentileCpuUsagePct", "75PercentileCpuUsagePct",
		"95PercentileCpuUsagePct", "99PercentileCpuUsagePct", "StdCpuUsagePct",
	}, processComputed...)
	selfMetrics = []string{
		"WallClockTimeHAProxy", "WallClockTimeFrontends", "WallClockTimeBackends", "WallClockTimeServers",
		"WallClockTimeAllStats", "TotalWallClockTime", "MetricsHAProxy", "MetricsFrontend", "MetricsBackend", "MetricsServer",
	}
)

// paths is a set of metric paths.
type paths map[string]bool

// accounted asks the instances themselves for their statistics, and returns the paths
// that every later snapshot must have.
func accounted(ctx context.Context, balancers []*real.HAProxy) (paths, error) {
	want := make(paths)
	want.add(root+".haproxystats", selfMetrics...)
	want.add(root+".daemon", nodeComputed...)
	for _, h := range balancers {
		info, err := h.Info(ctx)
		if err != nil {
			return nil, err
		}
		want.add(root+".daemon", infoMetrics(info)...)
		want.add(root+".daemon.process."+h.Name, processComputed...)
		want.add(root+".daemon.process."+h.Name, infoMetrics(info)...)
		rows, err := h.Stat(ctx)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			want.addRow(row)
		}
	}
	return want, nil
}

// infoMetrics returns the metrics of one process, for the keys it has.
func infoMetrics(info map[string]string) []string {
	var names []string
	for _, f := range catalogue.InfoFields() {
		if _, ok := info[f.Name]; ok && f.IsClassic(catalogue.Daemon) {
			names = append(names, f.Name)
		}
	}
	return names
}

// addRow adds the metrics of one row of `show stat`.
func (p paths) addRow(row real.Row) {
	proxy, server := row["pxname"], row["svname"]
	switch row["type"] {
	case "0":
		p.add(root+".frontend."+proxy, rowMetrics(row, catalogue.Frontend)...)
	case "1":
		p.add(root+".backend."+proxy, rowMetrics(row, catalogue.Backend)...)
	case "2":
		names := rowMetrics(row, catalogue.Server)
		p.add(root+".backend."+proxy, "TotalServers")
		p.add(root+".backend."+proxy+".server."+server, names...)
		p.add(root+".server."+server, names...)
	}
}

// rowMetrics returns the classic metrics of a row. The mean times exist only
// once the row has taken a connection.
func rowMetrics(row real.Row, scope catalogue.Scopes) []string {
	idle := row["lbtot"] == "" || row["lbtot"] == "0"
	var names []string
	for _, f := range catalogue.StatFields() {
		if !f.IsClassic(scope) || (f.Combine == catalogue.MeanOfActive && idle) {
			continue
		}
		names = append(names, f.Name)
	}
	return names
}

func (p paths) add(prefix string, names ...string) {
	for _, name := range names {
		p[prefix+"."+strings.ReplaceAll(name, ".", "_")] = true
	}
}

// audit compares snapshots with the paths that the instances report.
type audit struct {
	want    paths
	after   int64 // snapshots later than this must have all paths
	checked int
	missing []string // of all the snapshots checked, sorted
}

// expect sets the paths that snapshots later than the time must have.
func (a *audit) expect(want paths, epoch int64) { a.want, a.after = want, epoch }

// pending reports whether a snapshot is awaited.
func (a *audit) pending() bool { return a.want != nil }

// check compares a snapshot if it is the awaited one.
func (a *audit) check(s *snapshot) {
	if a.want == nil || s.epoch <= a.after {
		return
	}
	for path := range a.want {
		if _, ok := s.values[path]; !ok && !slices.Contains(a.missing, path) {
			a.missing = append(a.missing, path)
		}
	}
	slices.Sort(a.missing)
	a.checked++
	a.want = nil
}
