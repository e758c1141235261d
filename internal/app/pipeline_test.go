package app

import (
	"bytes"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/metric"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/spool"
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

// TestPipelineTellsOfTheSnapshot has what a snapshot and its manifest say among
// the metrics, one snapshot after another.
func TestPipelineTellsOfTheSnapshot(t *testing.T) {
	files, size := recording(t)
	manifest := spool.Manifest{
		SocketsFailed: 2, RoundDuration: 1234 * time.Millisecond, RoundSkew: 5 * time.Millisecond,
	}.Append(nil)
	without := map[string]float64{"SnapshotBytes": float64(size)}
	with := map[string]float64{
		"SnapshotBytes": float64(size), "SocketsFailed": 2, "RoundDuration": 1.234, "RoundSkew": 0.005,
	}
	var log bytes.Buffer
	p := NewPipeline(aggregate.Options{}, selfstat.Sources{
		Spool: emptySpool{}, Retries: func() int64 { return 0 },
	}, slog.New(slog.NewTextHandler(&log, nil)))
	for _, test := range []struct {
		name     string
		manifest *fstest.MapFile
		want     map[string]float64
		log      string
	}{
		{"with a manifest", &fstest.MapFile{Data: manifest}, with, ""},
		{"as the original's", nil, without, ""},
		{"of a later version", &fstest.MapFile{Data: []byte("haproxystats manifest 99\n")}, without, ""},
		{"with a directory in its place", &fstest.MapFile{Mode: fs.ModeDir | 0o750}, without, "manifest can't be used"},
		{"with a manifest again", &fstest.MapFile{Data: manifest}, with, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			delete(files, spool.ManifestName)
			if test.manifest != nil {
				files[spool.ManifestName] = test.manifest
			}
			log.Reset()
			batch, err := p.Aggregate(1795335122, files)
			if err != nil {
				t.Fatal(err)
			}
			got := selfMetrics(t, batch)
			for _, name := range []string{"SnapshotBytes", "SocketsFailed", "RoundDuration", "RoundSkew"} {
				v, ok := got[name]
				if w, wanted := test.want[name]; ok != wanted || v != w {
					t.Errorf("%s is %v (there: %v), want %v (%v)", name, v, ok, w, wanted)
				}
			}
			if test.log == "" && log.Len() > 0 || !strings.Contains(log.String(), test.log) {
				t.Errorf("log:\n%s", log.String())
			}
		})
	}
}

// selfMetrics returns what the batch says of ourselves.
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
