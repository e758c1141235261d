// Package selfstat turns what haproxystats knows of its own work into metrics.
// It measures nothing itself.
package selfstat

import (
	"math/big"
	"time"

	"haproxystats/internal/metric"
)

// Snapshot is the work that one snapshot made.
type Snapshot struct {
	// HAProxy is the time for `show info`; Frontends, Backends and Servers are
	// the shares in the time for `show stat`, which is read once for all of
	// them, by their numbers of rows.
	HAProxy, Frontends, Backends, Servers time.Duration
	// AllStats is the time for both.
	AllStats time.Duration
	// Total is the time from taking the snapshot to handing it to the sinks.
	Total time.Duration
	// BadRows and BadFiles count what could not be used.
	BadRows, BadFiles int
}

// columns of the table, in its order.
var columns = []metric.Column{
	{Name: "WallClockTimeHAProxy", Unit: "seconds", Help: "Time to read and combine show info"},
	{Name: "WallClockTimeFrontends", Unit: "seconds", Help: "Share of the frontends in the time to read and combine show stat"},
	{Name: "WallClockTimeBackends", Unit: "seconds", Help: "Share of the backends in the time to read and combine show stat"},
	{Name: "WallClockTimeServers", Unit: "seconds", Help: "Share of the servers in the time to read and combine show stat"},
	{Name: "WallClockTimeAllStats", Unit: "seconds", Help: "Time to read and combine all replies"},
	{Name: "TotalWallClockTime", Unit: "seconds", Help: "Time from taking the snapshot to handing it to the sinks"},
	{Name: "MetricsHAProxy", Unit: "metrics", Help: "Number of metrics of the HAProxy processes"},
	{Name: "MetricsFrontend", Unit: "metrics", Help: "Number of metrics of frontends"},
	{Name: "MetricsBackend", Unit: "metrics", Help: "Number of metrics of backends"},
	{Name: "MetricsServer", Unit: "metrics", Help: "Number of metrics of servers"},
	{Name: "BadRows", Unit: "rows", Help: "Rows and lines of the snapshot that could not be used"},
	{Name: "BadFiles", Unit: "files", Help: "Files of the snapshot that could not be used, or not in whole"},
}

// Table returns the metrics of the work s on the snapshot that became b.
func (s Snapshot) Table(b *metric.Batch) *metric.Table {
	t := metric.NewTable(metric.Self, columns)
	row := t.Row(metric.Entity{})
	t.Touch(row)
	column := 0
	for _, d := range []time.Duration{s.HAProxy, s.Frontends, s.Backends, s.Servers, s.AllStats, s.Total} {
		t.AddRat(row, column, big.NewRat(d.Round(time.Millisecond).Milliseconds(), 1000))
		column++
	}
	var points [metric.Self + 1]int
	for _, t := range b.Tables {
		points[t.Scope()] += t.Points()
	}
	for _, n := range []int{
		points[metric.Daemon] + points[metric.Process],
		points[metric.Frontend],
		points[metric.Backend],
		points[metric.Server] + points[metric.ServerName],
		s.BadRows,
		s.BadFiles,
	} {
		t.Add(row, column, int64(n))
		column++
	}
	return t
}
