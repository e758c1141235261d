package aggregate

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
)

// aggregateFS is what package process's caller does, without sinks.
func aggregateFS(t testing.TB, opt Options, fsys fs.FS) *metric.Batch {
	t.Helper()
	a := New(opt)
	a.Reset()
	var r reply.Reader
	report, err := r.Read(fsys, a)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range report.BadFiles {
		t.Error(bad)
	}
	return a.Batch(0)
}

// paths returns every value of a batch by its path below the root, as Graphite
// gets it.
func paths(b *metric.Batch) map[string]float64 {
	var out strings.Builder
	if _, err := plaintext.New(plaintext.Paths{}).Encode(&out, b); err != nil {
		panic(err) // a builder takes everything
	}
	m := make(map[string]float64)
	for line := range strings.Lines(out.String()) {
		path, rest, _ := strings.Cut(strings.TrimPrefix(line, "haproxy."), " ")
		number, _, _ := strings.Cut(rest, " ")
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			panic(err)
		}
		m[path] = v
	}
	return m
}

func TestGoldenValues(t *testing.T) {
	dirs, err := filepath.Glob("../../testdata/golden/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, dir := range dirs {
		snapshots, err := filepath.Glob(dir + "/snapshot/*")
		if err != nil || len(snapshots) != 1 {
			t.Fatal(snapshots, err)
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			got := paths(aggregateFS(t, Options{ServerNames: true, PerProcess: true, Percentages: true}, os.DirFS(snapshots[0])))
			compared := 0
			for path, want := range goldenValues(t, dir+"/c2-all.txt.gz") {
				if strings.HasPrefix(path, "haproxystats.") || strings.HasPrefix(path, "daemon.process.1.") && strings.Contains(dir, "multi3") {
					continue
				}
				have, ok := got[path]
				if math.IsNaN(want) {
					if ok {
						t.Errorf("%s = %v, want none", path, have)
					}
					continue
				}
				if !ok || math.Abs(have-want) > 1e-12*math.Abs(want) {
					t.Errorf("%s = %v (%v), want %v", path, have, ok, want)
				}
				compared++
			}
			t.Logf("%d values compared", compared)
		})
	}
}

// goldenValues reads the lines that the original sent.
func goldenValues(t *testing.T, file string) map[string]float64 {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	m := make(map[string]float64)
	for s := bufio.NewScanner(z); s.Scan(); {
		var path, value string
		var epoch int64
		if _, err := fmt.Sscan(s.Text(), &path, &value, &epoch); err != nil {
			t.Fatal(s.Text(), err)
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(s.Text(), err)
		}
		_, below, _ := strings.Cut(path, ".haproxy.")
		m[below] = v
	}
	return m
}
