package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/config"
)

// goldenValues is how many values README.md and docs/migrating.md say are compared.
const goldenValues = 53_953

// TestGolden runs haproxystats-process on the snapshots and configurations that
// the original was run on, and compares what arrives at Graphite path by path.
func TestGolden(t *testing.T) {
	configurations, err := filepath.Glob("../../testdata/golden/*/*.conf")
	if err != nil || len(configurations) == 0 {
		t.Fatal("no golden configurations", err)
	}
	for _, set := range []string{"all", "classic"} {
		total, ran := 0, 0
		for _, file := range configurations {
			name := strings.TrimSuffix(strings.TrimPrefix(file, "../../testdata/golden/"), ".conf")
			t.Run(set+"/"+name, func(t *testing.T) {
				ran++
				total += compareGolden(t, file, set)
			})
		}
		if ran == len(configurations) && total != goldenValues {
			t.Errorf("metric-set %s: %d values compared, want %d", set, total, goldenValues)
		}
	}
}

func compareGolden(t *testing.T, file, set string) (compared int) {
	base := t.TempDir()
	receiver := receive(t)
	// In place of the original's configuration, with our own option added.
	text := string(readFile(t, file))
	text = strings.NewReplacer("@BASE@", base, "@PORT@", receiver.port, "[process]\n", "[process]\nmetric-set = "+set+"\n").Replace(text)
	conf := filepath.Join(base, "haproxystats.conf")
	write(t, conf, []byte(text))
	for _, list := range []string{"exf", "exb"} {
		if data, err := os.ReadFile(strings.TrimSuffix(file, "conf") + list); err == nil {
			write(t, filepath.Join(base, list), data)
		}
	}
	snapshots, err := filepath.Glob(filepath.Dir(file) + "/snapshot/*")
	if err != nil || len(snapshots) != 1 {
		t.Fatal(snapshots, err)
	}
	incoming := filepath.Join(base, "incoming", filepath.Base(snapshots[0]))
	if err := os.CopyFS(incoming, os.DirFS(snapshots[0])); err != nil {
		t.Fatal(err)
	}

	loaded, err := config.Load(config.ForProcess, config.Files{File: conf, Required: true}, CheckPatterns)
	if err != nil {
		t.Fatal(err)
	}
	loaded.Config.Graphite.ConfirmHold = 0 // no proxy, and many connections
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- runProcess(ctx, loaded, named("lb-01.example.com"), release{version: "test"}, nil, nil, nil, nil, nil, Log{Logger: slog.New(slog.DiscardHandler)})
	}()
	got := receiver.next(t)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(incoming); !os.IsNotExist(err) {
		t.Errorf("the snapshot is still there: %v", err)
	}
	if stored := readFile(t, filepath.Join(base, "local-store", filepath.Base(incoming), "stats")); !bytes.Equal(stored, got) {
		t.Error("local-store holds other lines than Graphite has got")
	}

	// Of the same snapshot, haproxystats prints the same bytes.
	var printed bytes.Buffer
	if err := WritePaths(&printed, &loaded.Config, snapshots[0], PathsOptions{Format: "graphite", Hostname: "lb-01.example.com", Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	if want := withoutSelf(got); !bytes.Equal(printed.Bytes(), want) || len(want) == len(got) {
		t.Errorf("paths prints %d bytes, and Graphite has got %d of other content", printed.Len(), len(want))
	}

	have := parseLines(t, bytes.NewReader(got), true)
	golden, err := os.Open(strings.TrimSuffix(file, "conf") + "txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer golden.Close()
	z, err := gzip.NewReader(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := parseLines(t, z, false)
	for path, w := range want {
		switch {
		case strings.Contains(path, ".haproxystats."):
			if _, ok := have[path]; !ok {
				t.Errorf("%s is lacking", path)
			}
		case math.IsNaN(w.value):
			if h, ok := have[path]; ok {
				t.Errorf("%s = %v, want none", path, h)
			}
		case strings.Contains(file, "multi3") && strings.Contains(path, ".daemon.process.1."):
			// Three processes on one path; ours go by their sockets.
			if h, ok := have[path]; ok {
				t.Errorf("%s = %v, which hides two processes", path, h)
			}
			for _, socket := range []string{"admin1_sock", "admin2_sock", "admin3_sock"} {
				if p := strings.Replace(path, ".process.1.", ".process."+socket+".", 1); have[p].epoch != w.epoch {
					t.Errorf("%s is lacking", p)
				}
			}
		case strings.Contains(file, "c6a") && addedMean(path):
			// The original adds means that were not asked for.
			if h, ok := have[path]; ok {
				t.Errorf("%s = %v was not asked for", path, h)
			}
		default:
			h, ok := have[path]
			if !ok || math.Abs(h.value-w.value) > 1e-12*math.Abs(w.value) || h.epoch != w.epoch {
				t.Errorf("%s = %v (%v), want %v", path, h, ok, w)
			}
			compared++
		}
	}
	if set == "classic" {
		for path := range have {
			if _, ok := want[path]; !ok && !newInClassic(path) {
				t.Errorf("%s is not the original's", path)
			}
		}
	}
	return compared
}

// withoutSelf leaves the lines of haproxystats itself out.
func withoutSelf(lines []byte) []byte {
	var rest []byte
	for line := range bytes.Lines(lines) {
		if !bytes.Contains(line, []byte(".haproxy.haproxystats.")) {
			rest = append(rest, line...)
		}
	}
	return rest
}

// addedMean tells the means of backends and servers.
func addedMean(path string) bool {
	switch path[strings.LastIndex(path, ".")+1:] {
	case "act", "bck", "rtime", "ctime", "qtime", "ttime", "weight", "throttle":
		return true
	}
	return false
}

// newInClassic tells what ours adds to the original's metrics in any set.
func newInClassic(path string) bool {
	return strings.HasSuffix(path, ".daemon.CpuUsagePct") || strings.Contains(path, ".daemon.process.admin") ||
		strings.Contains(path, ".haproxystats.")
}

type sample struct {
	value float64
	epoch string
}

// parseLines reads Graphite's lines. With strict, a path must come once.
func parseLines(t *testing.T, r io.Reader, strict bool) map[string]sample {
	t.Helper()
	samples := make(map[string]sample)
	s := bufio.NewScanner(r)
	for s.Scan() {
		parts := strings.Split(s.Text(), " ")
		if len(parts) != 3 {
			t.Fatalf("no line of Graphite's: %q", s.Text())
		}
		v, err := strconv.ParseFloat(parts[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		if _, again := samples[parts[0]]; again && strict {
			t.Errorf("%s comes twice", parts[0])
		}
		samples[parts[0]] = sample{v, parts[2]}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return samples
}

// receiver is a Graphite that takes what is sent and confirms it.
type receiver struct {
	port     string
	received chan []byte
}

func receive(t *testing.T) receiver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	r := receiver{port, make(chan []byte, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			data, err := io.ReadAll(c)
			c.Close()
			if err == nil && len(data) > 0 {
				r.received <- data
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return r
}

// next returns what one connection has brought.
func (r receiver) next(t *testing.T) []byte {
	t.Helper()
	select {
	case data := <-r.received:
		return data
	case <-time.After(30 * time.Second):
		t.Fatal("nothing arrives at Graphite")
		return nil
	}
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
