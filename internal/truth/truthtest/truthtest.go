// Package truthtest reads recordings of HAProxy's workers over reloads; tests only.
package truthtest

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Recording is a scenario: its steps with the replies.
type Recording struct {
	Version, Scenario string
	Steps             []Step
}

// Step is one moment of a scenario.
type Step struct {
	Name  string // NN-label
	Time  float64
	Files map[string][]byte
	Want  Expected
}

// Expected is what a correct account says after a step.
type Expected struct {
	Step   string
	Alive  struct{ Current *string }
	Totals map[string]map[string]int64
	Gauges map[string]map[string]int64
	Info   map[string]int64
}

// Recordings reads all scenarios of all versions from the archives of a directory, or
// those of one name.
func Recordings(t *testing.T, dir, scenario string) []Recording {
	t.Helper()
	archives, err := filepath.Glob(filepath.Join(dir, "*.tar.gz"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("got %d archives, error %v", len(archives), err)
	}
	var found []Recording
	for _, name := range archives {
		byDir := make(map[string]map[string][]byte)
		for name, data := range untar(t, name) {
			dir := strings.Join(strings.SplitN(name, "/", 3)[:2], "/")
			if byDir[dir] == nil {
				byDir[dir] = make(map[string][]byte)
			}
			byDir[dir][strings.TrimPrefix(name, dir+"/")] = data
		}
		for dir, files := range byDir {
			if scenario == "" || path.Base(dir) == scenario {
				found = append(found, newRecording(t, dir, files))
			}
		}
	}
	slices.SortFunc(found, func(a, b Recording) int {
		return strings.Compare(a.Version+"/"+a.Scenario, b.Version+"/"+b.Scenario)
	})
	return found
}

func untar(t *testing.T, name string) map[string][]byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func newRecording(t *testing.T, dir string, files map[string][]byte) Recording {
	t.Helper()
	r := Recording{Version: path.Dir(dir), Scenario: path.Base(dir)}
	times := make(map[string]float64)
	lines := bufio.NewScanner(bytes.NewReader(files["steps.jsonl"]))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s struct {
			Label string
			Time  float64
		}
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		times[s.Label] = s.Time
	}
	var want []Expected
	if err := json.Unmarshal(files["expected.json"], &want); err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	for _, w := range want {
		s := Step{Name: w.Step, Want: w, Files: make(map[string][]byte)}
		_, label, _ := strings.Cut(w.Step, "-")
		s.Time = times[label]
		for name, data := range files {
			if rest, ok := strings.CutPrefix(name, w.Step+"/"); ok {
				s.Files[rest] = data
			}
		}
		r.Steps = append(r.Steps, s)
	}
	return r
}
