package selfstat

import (
	"testing"
	"time"

	"haproxystats/internal/metric"
)

func TestTable(t *testing.T) {
	frontends := metric.NewTable(metric.Frontend, []metric.Column{{Name: "bin"}, {Name: "bout"}})
	for _, name := range []string{"a", "b"} {
		row := frontends.Row(metric.Entity{Name: name})
		frontends.Touch(row)
		frontends.Add(row, 0, 1)
	}
	server := func(s metric.Scope) *metric.Table {
		st := metric.NewTable(s, []metric.Column{{Name: "scur"}})
		row := st.Row(metric.Entity{Parent: "p", Name: "s"})
		st.Touch(row)
		st.Add(row, 0, 7)
		return st
	}
	b := &metric.Batch{Tables: []*metric.Table{frontends, server(metric.Server), server(metric.ServerName), server(metric.Process)}}

	got := map[string]float64{}
	table := Snapshot{
		HAProxy:   1499 * time.Microsecond,
		Frontends: 2 * time.Millisecond,
		Backends:  3 * time.Millisecond,
		Servers:   1500 * time.Millisecond,
		AllStats:  time.Minute,
		Total:     time.Hour,
		BadRows:   4,
		BadFiles:  5,
	}.Table(b)
	for col, c := range table.Columns() {
		v, ok := table.At(table.Rows()[0], col)
		if !ok {
			t.Errorf("%s has no value", c.Name)
		}
		got[c.Name] = v.Number()
	}
	for name, want := range map[string]float64{
		"WallClockTimeHAProxy": 0.001, "WallClockTimeFrontends": 0.002, "WallClockTimeBackends": 0.003,
		"WallClockTimeServers": 1.5, "WallClockTimeAllStats": 60, "TotalWallClockTime": 3600,
		"MetricsHAProxy": 1, "MetricsFrontend": 2, "MetricsBackend": 0, "MetricsServer": 2,
		"BadRows": 4, "BadFiles": 5,
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) != 0 {
		t.Errorf("not expected: %v", got)
	}
}
