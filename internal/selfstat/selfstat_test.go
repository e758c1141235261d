package selfstat

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/snapshot"
)

type spool struct{}

func (spool) Waiting() int          { return 6 }
func (spool) Oldest() time.Duration { return 12345600 * time.Microsecond }
func (spool) Corrupt() int64        { return 7 }

var (
	retries = func() int64 { return 8 }
	stored  = Sink{Name: "local-store", Status: func() sink.Status {
		return sink.Status{Batches: 31, Metrics: 32, Bytes: 33, Failures: 34, Skipped: 35}
	}}
)

// values returns what a table holds.
func values(t *testing.T, table *metric.Table) map[string]float64 {
	t.Helper()
	rows := table.Rows()
	if table.Scope() != metric.Self || len(rows) != 1 {
		t.Fatalf("%d rows of scope %v", len(rows), table.Scope())
	}
	got := map[string]float64{}
	for col, c := range table.Columns() {
		if _, ok := got[c.Name]; ok {
			t.Errorf("%s is there twice", c.Name)
		}
		if v, ok := table.At(rows[0], col); ok {
			got[c.Name] = v.Number()
		}
	}
	return got
}

// batch holds 4 frontend metrics, a process's, a server's and an aggregated
// server's.
func batch() *metric.Batch {
	frontends := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: "bin"}, {Name: "bout"}})
	for _, name := range []string{"a", "b"} {
		row := frontends.Row(metric.Entity{Name: name})
		frontends.Touch(row)
		frontends.Add(row, 0, 1)
		frontends.Add(row, 1, 1)
	}
	one := func(s metric.Scope) *metric.Table {
		t := metric.NewBuilder(s, []metric.Column{{Name: "scur"}})
		row := t.Row(metric.Entity{Parent: "p", Name: "s"})
		t.Touch(row)
		t.Add(row, 0, 7)
		return t.Table()
	}
	return &metric.Batch{Tables: []*metric.Table{frontends.Table(), one(metric.Server), one(metric.ServerName), one(metric.Process)}}
}

func TestTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Sources{Spool: spool{}, Retries: retries, LogDropped: func() int64 { return 17 }, Sinks: []Sink{
			{Name: "graphite", Queued: true, Status: func() sink.Status {
				return sink.Status{
					Batches: 11, Metrics: 12, Bytes: 13, Failures: 14, Skipped: 15, Resent: 24,
					Queue: &sink.QueueStats{
						Batches: 21, Metrics: 22, Bytes: 23, DroppedMetrics: 25, DamagedBatches: 26, Refused: 27, Unreadable: 28,
						OldestEpoch: time.Now().Unix() - 27,
					},
				}
			}},
			stored,
			{Name: "otlp", Limited: true, Status: func() sink.Status { return sink.Status{SeriesDropped: 51} }},
		}})
		time.Sleep(250 * time.Millisecond) // so that ages have decimals
		got := values(t, m.Table(Work{
			HAProxy:   1499 * time.Microsecond,
			Frontends: 2 * time.Millisecond,
			Backends:  3 * time.Millisecond,
			Servers:   1500 * time.Millisecond,
			AllStats:  time.Minute,
			Total:     time.Hour,
			Bytes:     1 << 33,
			BadRows:   4,
			BadFiles:  5,
			Round: &snapshot.Round{
				SocketsFailed: 2, Duration: 1234567 * time.Microsecond, Skew: time.Millisecond,
				Missed: 16, HandOver: 41 * time.Millisecond,
				Workers: snapshot.Workers{Reloads: 41, Restarts: 42, Crashes: 47, FailedReloads: 46, SecondsUnaccounted: 43, RequestsUnaccounted: 44, AccountsFailed: 45},
			},

			DuplicateSockets: 9, ProcessesMissing: 10,
		}, batch()))
		want := map[string]float64{
			"WallClockTimeHAProxy": 0.001, "WallClockTimeFrontends": 0.002, "WallClockTimeBackends": 0.003,
			"WallClockTimeServers": 1.5, "WallClockTimeAllStats": 60, "TotalWallClockTime": 3600,
			"MetricsHAProxy": 1, "MetricsFrontend": 4, "MetricsBackend": 0, "MetricsServer": 2, "MetricsLeftOut": 0,
			"BadRows": 4, "BadFiles": 5, "DuplicateSockets": 9, "ProcessesMissing": 10, "SnapshotBytes": 1 << 33,
			"RoundDuration": 1.235, "RoundSkew": 0.001, "SocketsFailed": 2, "RoundsMissed": 16, "HandOverDuration": 0.041,
			"Reloads": 41, "Restarts": 42, "Crashes": 47, "FailedReloads": 46, "SecondsUnaccounted": 43, "RequestsUnaccounted": 44, "AccountsFailed": 45,
			"QueueLength": 6, "QueueAge": 12.346, "CorruptSnapshots": 7, "SnapshotRetries": 8,
			"LogMessagesDropped":       17,
			"GraphiteConfirmedBatches": 11, "GraphiteSentMetrics": 12, "GraphiteSentBytes": 13,
			"GraphiteFailures": 14, "GraphiteSkippedMetrics": 15,
			"GraphiteQueueBatches": 21, "GraphiteQueueMetrics": 22, "GraphiteQueueBytes": 23,
			"GraphiteResentBatches": 24, "GraphiteDroppedMetrics": 25, "GraphiteCorruptBatches": 26,
			"GraphiteRefusedBatches": 27, "GraphiteUnreadableFiles": 28,
			"GraphiteQueueAge":           27.25,
			"LocalStoreConfirmedBatches": 31, "LocalStoreSentMetrics": 32, "LocalStoreSentBytes": 33,
			"LocalStoreFailures": 34, "LocalStoreSkippedMetrics": 35,
			"OtlpConfirmedBatches": 0, "OtlpSentMetrics": 0, "OtlpSentBytes": 0, "OtlpFailures": 0, "OtlpSkippedMetrics": 0,
			"OtlpSeriesDropped": 51,
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("want -, got +:\n%s", d)
		}
	})
}

// TestCentral has the metrics of haproxystats-central, none of which has a name that
// haproxystats-process sends below the same path.
func TestCentral(t *testing.T) {
	m := NewCentral(CentralSources{
		Sources: Sources{
			Spool: spool{}, Retries: retries, LogDropped: func() int64 { return 17 },
			Sinks: []Sink{stored},
		},
		Done: func() int64 { return 18 }, OpenWindows: func() int { return 19 },
		JournalBytes: func() int64 { return 20 }, JournalMaxBytes: 21,
		AddressesHidden: func() int64 { return 22 },
	})
	want := map[string]float64{
		"CentralSnapshotsDone": 18, "CentralSnapshotRetries": 8,
		"CentralQueueLength": 6, "CentralQueueAge": 12.346, "CentralCorruptSnapshots": 7,
		"CentralOpenWindows": 19, "CentralJournalBytes": 20, "CentralJournalLimit": 21,
		"CentralAddressesHidden":            22,
		"CentralLogMessagesDropped":         17,
		"CentralLocalStoreConfirmedBatches": 31, "CentralLocalStoreSentMetrics": 32, "CentralLocalStoreSentBytes": 33,
		"CentralLocalStoreFailures": 34, "CentralLocalStoreSkippedMetrics": 35,
	}
	for range 2 {
		if d := cmp.Diff(want, values(t, m.Table())); d != "" {
			t.Errorf("want -, got +:\n%s", d)
		}
	}
	sent := make(map[string]bool)
	for _, c := range append(Columns(), stored.Columns()...) {
		sent[c.Name] = true
	}
	for _, c := range append(CentralColumns(), stored.CentralColumns()...) {
		if sent[c.Name] || c.Unit == "" || c.Help == "" {
			t.Errorf("got %+v, want a name of its own, a unit and a help", c)
		}
	}
}

// TestNodeOfCentral has a snapshot of one of several nodes, which does not tell of the
// program that reads all of them.
func TestNodeOfCentral(t *testing.T) {
	got := values(t, New(Sources{}).Table(Work{BadRows: 1}, batch()))
	for _, name := range []string{"QueueLength", "QueueAge", "CorruptSnapshots", "SnapshotRetries", "LogMessagesDropped"} {
		if v, ok := got[name]; ok {
			t.Errorf("%s is %v, want none", name, v)
		}
	}
	if got["BadRows"] != 1 || got["MetricsFrontend"] != 4 {
		t.Errorf("got %v, want the metrics of the snapshot", got)
	}
}

// TestNext has a second snapshot, which says nothing of its round, no log, and a queue
// that is empty or holds a snapshot from the future.
func TestNext(t *testing.T) {
	oldest := int64(0)
	m := New(Sources{Spool: spool{}, Retries: retries, Sinks: []Sink{
		{Name: "graphite", Queued: true, Status: func() sink.Status { return sink.Status{Queue: &sink.QueueStats{OldestEpoch: oldest}} }},
	}})
	m.Table(Work{Total: time.Second, BadRows: 9, Round: &snapshot.Round{SocketsFailed: 1}}, batch())
	oldest = time.Now().Unix() + 3600
	got := values(t, m.Table(Work{BadRows: 1}, &metric.Batch{}))
	for _, name := range []string{"RoundDuration", "RoundSkew", "SocketsFailed", "RoundsMissed", "HandOverDuration", "LogMessagesDropped"} {
		if v, ok := got[name]; ok {
			t.Errorf("%s is %v, want none", name, v)
		}
	}
	for name, want := range map[string]float64{
		"BadRows": 1, "TotalWallClockTime": 0, "MetricsFrontend": 0, "GraphiteQueueAge": 0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (there: %v), want %v", name, v, ok, want)
		}
	}
}

// TestColumns wants every metric to be described and those that only grow to be
// counters.
func TestColumns(t *testing.T) {
	counters := map[string]bool{"SnapshotRetries": true, "CorruptSnapshots": true, "LogMessagesDropped": true}
	for _, name := range []string{
		"SentMetrics", "SentBytes", "ConfirmedBatches", "Failures", "SkippedMetrics",
		"ResentBatches", "DroppedMetrics", "CorruptBatches", "SeriesDropped",
	} {
		counters["Kafka"+name] = true
	}
	for _, c := range append(Columns(), Sink{Name: "kafka", Queued: true, Limited: true}.Columns()...) {
		if c.Unit == "" || c.Help == "" {
			t.Errorf("%s has unit %q and help %q", c.Name, c.Unit, c.Help)
		}
		if counter := c.Nature.IsCounter(); counter != counters[c.Name] {
			t.Errorf("%s is a counter: %v", c.Name, counter)
		}
		delete(counters, c.Name)
	}
	if len(counters) > 0 {
		t.Errorf("not there: %v", counters)
	}
}

func BenchmarkTable(b *testing.B) {
	graphite := stored
	graphite.Name, graphite.Queued = "graphite", true
	m := New(Sources{Spool: spool{}, Retries: retries, Sinks: []Sink{graphite, stored}})
	work := Work{Total: 1234567 * time.Microsecond, Round: &snapshot.Round{Duration: time.Second}}
	snapshot := batch()
	b.ReportAllocs()
	for b.Loop() {
		m.Table(work, snapshot)
	}
}
