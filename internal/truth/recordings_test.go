package truth

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

	"haproxystats/internal/haproxy"
)

// recording is a scenario: its steps with the replies.
type recording struct {
	version, scenario string
	steps             []step
}

// step is one moment of a scenario.
type step struct {
	name  string // NN-label
	time  float64
	files map[string][]byte
	want  expected
}

// expected is what a correct account says after a step.
type expected struct {
	Step   string
	Alive  struct{ Current *string }
	Totals map[string]map[string]int64
	Gauges map[string]map[string]int64
	Info   map[string]int64
}

// recordings reads all scenarios of all versions, or those of one name.
func recordings(t *testing.T, scenario string) []recording {
	t.Helper()
	archives, err := filepath.Glob("testdata/recordings/*.tar.gz")
	if err != nil || len(archives) == 0 {
		t.Fatalf("got %d archives, error %v", len(archives), err)
	}
	var found []recording
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
	slices.SortFunc(found, func(a, b recording) int {
		return strings.Compare(a.version+"/"+a.scenario, b.version+"/"+b.scenario)
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

func newRecording(t *testing.T, dir string, files map[string][]byte) recording {
	t.Helper()
	r := recording{version: path.Dir(dir), scenario: path.Base(dir)}
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
	var want []expected
	if err := json.Unmarshal(files["expected.json"], &want); err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	for _, w := range want {
		s := step{name: w.Step, want: w, files: make(map[string][]byte)}
		_, label, _ := strings.Cut(w.Step, "-")
		s.time = times[label]
		for name, data := range files {
			if rest, ok := strings.CutPrefix(name, w.Step+"/"); ok {
				s.files[rest] = data
			}
		}
		r.steps = append(r.steps, s)
	}
	return r
}

// words returns what the instances say in a step. A reply without a byte is none: the
// worker has crashed.
func (s step) words(t *testing.T) []Word {
	t.Helper()
	var words []Word
	for _, name := range slices.Sorted(mapsKeys(s.files)) {
		socket, ok := strings.CutSuffix(name, "_info")
		if !ok {
			continue
		}
		info, err := ReadInfo(bytes.NewReader(s.files[name]), int64(s.time))
		if err != nil {
			t.Fatalf("%s/%s: %v", s.name, name, err)
		}
		w := Word{Info: info, Current: socket == "haproxy.sock" && !info.Stopping}
		if stat, ok := s.files[socket+"_stat"]; ok {
			if w.Stat, err = ReadStat(bytes.NewReader(stat)); err != nil && len(stat) > 0 {
				t.Fatalf("%s/%s: %v", s.name, name, err)
			}
		}
		words = append(words, w)
	}
	return words
}

func mapsKeys(m map[string][]byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// ended returns the members that do not answer in a step in which somebody does.
func ended(a *Account, words []Word) []Instance {
	var gone []Instance
	for _, m := range a.Members {
		if len(words) > 0 && !slices.ContainsFunc(words, func(w Word) bool { return m.Instance.IsSame(w.Info) }) {
			gone = append(gone, m.Instance)
		}
	}
	return gone
}

// keyed returns the key of a name in expected.json.
func keyed(name string) Key {
	proxy, service, _ := strings.Cut(name, "/")
	switch service {
	case "FRONTEND":
		return Key{haproxy.FrontendRow, proxy, service}
	case "BACKEND":
		return Key{haproxy.BackendRow, proxy, service}
	}
	return Key{haproxy.ServerRow, proxy, service}
}

func TestRecordings(t *testing.T) {
	values := 0
	for _, r := range recordings(t, "") {
		t.Run(r.version+"/"+r.scenario, func(t *testing.T) {
			a := &Account{}
			seen := make(map[string]int64)
			for _, s := range r.steps {
				words := s.words(t)
				a.Step(words, ended(a, words), int64(s.time))
				for name, columns := range s.want.Totals {
					for column, want := range columns {
						got, ok := a.Total(keyed(name), column)
						if !ok || got != want {
							t.Errorf("%s: %s %s: got %d, %t, want %d", s.name, name, column, got, ok, want)
						}
						if id := name + " " + column; got < seen[id] {
							t.Errorf("%s: %s: got %d after %d: a total fell", s.name, id, got, seen[id])
						} else {
							seen[id] = got
						}
						values++
					}
				}
				for name, want := range s.want.Info {
					if name == "CurrConns" {
						continue
					}
					if got, ok := a.InfoTotal(name); !ok || got != want {
						t.Errorf("%s: %s: got %d, %t, want %d", s.name, name, got, ok, want)
					}
					values++
				}
			}
		})
	}
	if values < 20_000 {
		t.Errorf("got %d values compared, want at least 20,000", values)
	}
}
