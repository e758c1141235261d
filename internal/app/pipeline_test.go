package app

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/metric"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/snapshot"
)

type emptySpool struct{}

func (emptySpool) Waiting() int          { return 0 }
func (emptySpool) Oldest() time.Duration { return 0 }
func (emptySpool) Corrupt() int64        { return 0 }

// recording returns the files of a recorded snapshot and their size.
func recording(t *testing.T) (files fstest.MapFS, size int) {
	t.Helper()
	found, err := filepath.Glob("../../testdata/golden/2.6.12-multi3/snapshot/*/*")
	if err != nil || len(found) == 0 {
		t.Fatal("no recording", err)
	}
	files = fstest.MapFS{}
	for _, f := range found {
		data := readFile(t, f)
		files[filepath.Base(f)] = &fstest.MapFile{Data: data}
		size += len(data)
	}
	return files, size
}

// TestPipelineTellsOfTheSnapshot checks the self metrics that describe a snapshot and its
// round, for one snapshot after another.
func TestPipelineTellsOfTheSnapshot(t *testing.T) {
	files, size := recording(t)
	round := &snapshot.Round{SocketsFailed: 2, Duration: 1234 * time.Millisecond, Skew: 5 * time.Millisecond, Missed: 4, HandOver: 41 * time.Millisecond}
	without := map[string]float64{"SnapshotBytes": float64(size)}
	with := map[string]float64{
		"SnapshotBytes": float64(size), "SocketsFailed": 2, "RoundDuration": 1.234, "RoundSkew": 0.005,
		"RoundsMissed": 4, "HandOverDuration": 0.041,
	}
	p := NewPipeline(aggregate.Options{}, selfstat.Sources{
		Spool: emptySpool{}, Retries: func() int64 { return 0 },
	}, slog.New(slog.DiscardHandler))
	for _, test := range []struct {
		name  string
		round *snapshot.Round
		want  map[string]float64
	}{
		{"with a round", round, with},
		{"as the original's", nil, without},
		{"with a round again", round, with},
	} {
		t.Run(test.name, func(t *testing.T) {
			batch, err := p.Aggregate(snapshot.Snapshot{Epoch: 1795335122, Round: test.round, Files: files})
			if err != nil {
				t.Fatal(err)
			}
			got := selfMetrics(t, batch)
			for _, name := range []string{"SnapshotBytes", "SocketsFailed", "RoundDuration", "RoundSkew", "RoundsMissed", "HandOverDuration"} {
				v, ok := got[name]
				if w, wanted := test.want[name]; ok != wanted || v != w {
					t.Errorf("%s is %v (there: %v), want %v (%v)", name, v, ok, w, wanted)
				}
			}
		})
	}
}

// TestSumsWithoutAccounts has snapshots without accounts, of two processes of which one is
// restarted. With outputs that take a fall of a sum for a restart of all, sums do not fall.
func TestSumsWithoutAccounts(t *testing.T) {
	snap := func(epoch int64, processes map[string][3]int64) snapshot.Snapshot {
		files := fstest.MapFS{}
		for socket, p := range processes {
			files[socket+"_info"] = &fstest.MapFile{Data: fmt.Appendf(nil, "Name: HAProxy\nVersion: 2.6.12\nPid: %d\nStart_time_sec: %d\nUptime_sec: %d\nCumReq: %d\n\n", p[0], p[1], epoch-p[1], p[2])}
			files[socket+"_stat"] = &fstest.MapFile{Data: fmt.Appendf(nil, "# pxname,svname,stot,type,\nweb,FRONTEND,%d,0,\n\n", p[2])}
		}
		return snapshot.Snapshot{Epoch: epoch, Files: files}
	}
	snapshots := []snapshot.Snapshot{
		snap(1100, map[string][3]int64{"a": {1, 1000, 50}, "b": {2, 1000, 7}}),
		snap(1110, map[string][3]int64{"a": {3, 1105, 4}, "b": {2, 1000, 8}}),
		snap(1120, map[string][3]int64{"a": {3, 1105, 5}}),
	}
	for _, c := range []struct {
		name string
		opt  aggregate.Options
		want [3]int64
	}{
		{"Graphite alone", aggregate.Options{}, [3]int64{57, 12, 5}},
		{"series", aggregate.Options{Series: true}, [3]int64{57, 62, 63}},
		{"counters = raw", aggregate.Options{Series: true, Raw: true}, [3]int64{57, 12, 5}},
	} {
		ledger := newLedger(c.opt)
		for i, s := range snapshots {
			p := NewPipeline(c.opt, selfstat.Sources{}, slog.New(slog.DiscardHandler)) // each has a worker of its own
			p.reader.Ledger = ledger
			batch, _, err := p.Combine(s)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range []struct {
				scope metric.Scope
				field string
			}{{metric.Frontend, "stot"}, {metric.Daemon, "CumReq"}} {
				if got := batchValue(batch, w.scope, w.field); got != c.want[i] {
					t.Errorf("%s, snapshot %d: %s: got %d, want %d", c.name, s.Epoch, w.field, got, c.want[i])
				}
			}
			if got := batchValue(batch, metric.Daemon, "OldWorkers"); got != -1 {
				t.Errorf("%s: got %d old workers, want no word of them: nobody knows", c.name, got)
			}
		}
	}
}

// batchValue returns the value of a column in the first row of its scope, or -1.
func batchValue(b *metric.Batch, s metric.Scope, field string) int64 {
	for _, t := range b.Tables {
		if col := t.Column(field); t.Scope() == s && col >= 0 {
			for _, row := range t.Rows() {
				if v, ok := t.At(row, col); ok {
					return v.Int
				}
			}
		}
	}
	return -1
}

// selfMetrics returns the self metrics of the batch.
func selfMetrics(t *testing.T, b *metric.Batch) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	for _, table := range b.Tables {
		if table.Scope() != metric.Self {
			continue
		}
		for _, row := range table.Rows() {
			for col, c := range table.Columns() {
				if v, ok := table.At(row, col); ok {
					got[c.Name] = v.Number()
				}
			}
		}
	}
	return got
}
