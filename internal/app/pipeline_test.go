package app

import (
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
