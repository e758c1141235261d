package integration

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"haproxystats/test/real"
)

// TestRoundTrip pulls every recording from the simulator, wants the same bytes
// in the spool, and what the original made of them at Graphite.
func TestRoundTrip(t *testing.T) {
	var snapshots []string
	for _, pattern := range []string{"recordings/*/*", "golden/*/snapshot/*"} {
		found, err := filepath.Glob(filepath.Join(testdata, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no recordings %s: %v", pattern, err)
		}
		snapshots = append(snapshots, found...)
	}
	for _, recorded := range snapshots {
		name, err := filepath.Rel(testdata, recorded)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Dir(name), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			f, _ := simUnix(s, recordings(s, name))
			pulled := s.pullOnce("pull", f)
			s.sameFiles(pulled, recorded)
			configurations, err := filepath.Glob(filepath.Join(recorded, "../../*.conf"))
			s.must(err)
			if strings.HasPrefix(name, "golden") && len(configurations) == 0 {
				t.Fatal("no golden configurations for", recorded)
			}
			for _, c := range configurations {
				s.compareGolden(f, pulled, filepath.Base(recorded), c)
			}
		})
	}
}

// sameFiles wants one directory's files byte by byte in the other.
func (s *site) sameFiles(got, want string) {
	s.t.Helper()
	names := s.list(want)
	if found := s.listReplies(got); !slices.Equal(found, names) {
		s.t.Errorf("spooled are %q, want %q", found, names)
	}
	for _, name := range names {
		a, err := os.ReadFile(filepath.Join(got, name))
		s.must(err)
		b, err := os.ReadFile(filepath.Join(want, name))
		s.must(err)
		if !bytes.Equal(a, b) {
			s.t.Errorf("%s is not what the socket has sent: %d bytes, want %d", name, len(a), len(b))
		}
	}
}

// point is a value and its time.
type point struct {
	value float64
	time  int64
}

// compareGolden has a snapshot processed with the configuration of a golden
// file, under the time of its recording, and compares the lines.
func (s *site) compareGolden(f *fleet, pulled, epoch, file string) {
	s.t.Helper()
	name := strings.TrimSuffix(filepath.Base(file), ".conf")
	record, receiver := s.receiver()
	text, err := os.ReadFile(file)
	s.must(err)
	base := s.mkdir(name)
	conf := filepath.Join(base, "haproxystats.conf")
	replaced := strings.NewReplacer("@BASE@", base, "@PORT@", strconv.Itoa(receiver.Port)).Replace(string(text))
	s.must(os.WriteFile(conf, []byte(replaced), 0o640))
	for _, list := range []string{"exf", "exb"} {
		if names, err := os.ReadFile(strings.TrimSuffix(file, "conf") + list); err == nil {
			s.must(os.WriteFile(filepath.Join(base, list), names, 0o640))
		}
	}
	incoming := s.watch(filepath.Join(base, "incoming"))
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	s.must(err)
	s.hand(incoming.dir, pulled, seconds)
	p := s.start(processProgram, conf)
	incoming.waitLeft(epoch)
	p.end(syscall.SIGTERM)

	got := make(map[string]point)
	for _, p := range record.Points() {
		path := belowRoot(p.Path)
		if _, twice := got[path]; twice {
			s.t.Errorf("%s: %s comes twice", name, path)
		}
		got[path] = point{p.Value, p.Time}
	}
	golden, err := os.Open(strings.TrimSuffix(file, "conf") + "txt.gz")
	s.must(err)
	defer golden.Close()
	want := goldenLines(s, golden)
	if strings.Contains(file, "multi3") {
		want = tellApart(want, f)
	}
	s.report(name, differences(got, want, name == "c6a-metrics"))
}

// tellApart gives the processes that the original has on one path the paths of
// their sockets, with any value: which of them it shows is chance.
func tellApart(lines map[string]point, f *fleet) map[string]point {
	apart := make(map[string]point)
	for path, p := range lines {
		metric, process := strings.CutPrefix(path, "daemon.process.1.")
		if !process {
			apart[path] = p
			continue
		}
		for _, m := range f.members {
			apart["daemon.process."+component(m.name)+"."+metric] = point{anyValue, p.time}
		}
	}
	return apart
}

// anyValue stands for a value that is not compared.
var anyValue = math.Inf(1)

// belowRoot leaves the root out, which has the name of the host in it.
func belowRoot(path string) string {
	_, rest, _ := strings.Cut(path, ".haproxy.")
	return rest
}

func goldenLines(s *site, r io.Reader) map[string]point {
	s.t.Helper()
	z, err := gzip.NewReader(r)
	s.must(err)
	lines := make(map[string]point)
	for scanner := bufio.NewScanner(z); ; {
		if !scanner.Scan() {
			s.must(scanner.Err())
			return lines
		}
		p, err := real.ParsePoint(scanner.Text() + "\n")
		s.must(err)
		lines[belowRoot(p.Path)] = point{p.Value, p.Time}
	}
}

// differences compares what arrived with the original's lines. Its times of
// work and numbers of metrics are its own; it sends means of nothing as NaN, and
// with a list of metrics (listed) means that are not on it.
func differences(got, want map[string]point, listed bool) []string {
	var wrong []string
	for _, path := range slices.Sorted(maps.Keys(want)) {
		g, there := got[path]
		w := want[path]
		last := path[strings.LastIndex(path, ".")+1:]
		mean := slices.Contains(slices.Concat(backendMeans, serverMeans, times), last)
		var ok bool
		switch {
		case strings.HasPrefix(path, "haproxystats."), w.value == anyValue:
			ok = there && g.time == w.time
		case math.IsNaN(w.value), listed && mean:
			ok = !there
		default:
			ok = there && equal(g.value, w.value) && g.time == w.time
		}
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s is %v (there: %v), the original says %v", path, g, there, w))
		}
	}
	return wrong
}
