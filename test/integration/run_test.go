package integration

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"haproxystats/test/real"
)

// pullOnce has one round made into NAME/incoming and returns its directory.
func (s *site) pullOnce(name string, f *fleet) (snapshot string) {
	s.t.Helper()
	conf := s.configure(name, pullSection(f, time.Hour))
	incoming := s.watch(s.path(name, "incoming"))
	p := s.start(pullProgram, conf)
	epoch := incoming.waitCame(0, 1)[0]
	p.end(syscall.SIGTERM)
	return filepath.Join(incoming.dir, epoch)
}

// rounds has a pull program make rounds on demand, stopping it in between: the
// seconds that name snapshots are each used once then, as they may not be by two
// programs one after the other.
type rounds struct {
	pull     *program
	incoming *dirWatch
	made     int
}

// make has n rounds made or some more, and returns them when they have been
// processed.
func (r *rounds) make(n int) (epochs []string) {
	s := r.pull.s
	s.t.Helper()
	s.must(r.pull.Signal(syscall.SIGCONT))
	r.incoming.waitCame(r.made, n)
	s.must(r.pull.Signal(syscall.SIGSTOP))
	epochs = r.incoming.names()[r.made:]
	r.made += len(epochs)
	r.incoming.waitLeft(epochs...)
	return epochs
}

// read returns the replies in a snapshot, and fails the test unless it holds
// both files of every member and nothing else.
func (s *site) read(snapshot string, f *fleet) map[string]replies {
	s.t.Helper()
	all := make(map[string]replies)
	var want []string
	for _, m := range f.members {
		want = append(want, m.name+"_info", m.name+"_stat")
		info, err := os.ReadFile(filepath.Join(snapshot, m.name+"_info"))
		s.must(err)
		stat, err := os.ReadFile(filepath.Join(snapshot, m.name+"_stat"))
		s.must(err)
		all[m.name] = replies{string(info), string(stat)}
	}
	slices.Sort(want)
	if got := s.listReplies(snapshot); !slices.Equal(got, want) {
		s.t.Errorf("the snapshot holds %q, want %q", got, want)
	}
	return all
}

// listReplies returns what a snapshot holds but for its manifest.
func (s *site) listReplies(snapshot string) []string {
	s.t.Helper()
	return slices.DeleteFunc(s.list(snapshot), func(name string) bool { return name == ".manifest" })
}

// hand puts copies of a snapshot into a spool, as pull does: by a rename.
func (s *site) hand(incoming, snapshot string, epochs ...int64) {
	s.t.Helper()
	for _, epoch := range epochs {
		name := strconv.FormatInt(epoch, 10)
		staged := s.mkdir("staged", name)
		s.must(os.CopyFS(staged, os.DirFS(snapshot)), os.MkdirAll(incoming, 0o750))
		s.must(os.Rename(staged, filepath.Join(incoming, name)))
	}
}

// processSection asks for all that the naive computation knows.
func processSection(set string) string {
	return "[process]\nmetric-set = " + set + "\nper-process-metrics = yes\ncalculate-percentages = yes\naggr-server-metrics = yes\n"
}

// process has snapshots processed in NAME and returns what arrives of each, by
// its time.
func (s *site) process(name, set string, snapshots ...string) map[int64]metrics {
	s.t.Helper()
	record, receiver := s.receiver()
	conf := s.configure(name, processSection(set)+graphiteSection(receiver.Port))
	incoming := s.watch(s.path(name, "incoming"))
	for _, snapshot := range snapshots {
		epoch, err := strconv.ParseInt(filepath.Base(snapshot), 10, 64)
		s.must(err)
		s.hand(incoming.dir, snapshot, epoch)
	}
	p := s.start(processProgram, conf)
	incoming.waitLeft(incoming.waitCame(0, len(snapshots))...)
	p.end(syscall.SIGTERM)
	return s.byTime(record.Points(), 1)
}

// receiver starts a Graphite that keeps all it gets, and checks the form of it.
func (s *site) receiver() (*real.Record, *real.Receiver) {
	s.t.Helper()
	record := new(real.Record)
	receiver, err := real.StartReceiver(record.Add)
	s.must(err)
	s.t.Cleanup(func() {
		if err := receiver.Stop(); err != nil {
			s.t.Error(err)
		}
		if bad := receiver.Bad(); len(bad) > 0 {
			s.t.Errorf("lines that are no metrics: %q", bad)
		}
	})
	return record, receiver
}

// byTime sorts points, and fails the test if a point comes more than most
// times, is outside the root, or has two values; those of the program itself
// tell of its work, and may differ when that is done again.
func (s *site) byTime(points []real.Point, most int) map[int64]metrics {
	s.t.Helper()
	all := make(map[int64]metrics)
	type key struct {
		path string
		time int64
	}
	times := make(map[key]int)
	for _, p := range points {
		path, ok := strings.CutPrefix(p.Path, root)
		if !ok {
			s.t.Fatalf("%s does not begin with %s", p.Path, root)
		}
		m := all[p.Time]
		if m == nil {
			m = make(metrics)
			all[p.Time] = m
		}
		k := key{path, p.Time}
		if times[k]++; times[k] > most {
			s.t.Fatalf("%s at %d comes %d times, want %d at most", path, p.Time, times[k], most)
		}
		if v, again := m[path]; again && v != p.Value && !strings.HasPrefix(path, "haproxystats.") {
			s.t.Fatalf("%s at %d is %v and %v", path, p.Time, v, p.Value)
		}
		m[path] = p.Value
	}
	return all
}

// equal reports whether two numbers are the same, but for the last digit that
// means and deviations are rounded to.
func equal(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Max(math.Abs(a), math.Abs(b)) }

// shown bounds how many differences a test shows.
const shown = 20

// compare wants the metrics to be those, and no others but the program's own.
func (s *site) compare(what string, got, want metrics) {
	s.t.Helper()
	var wrong []string
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if v, ok := got[path]; !ok || !equal(v, want[path]) {
			wrong = append(wrong, fmt.Sprintf("%s is %v (there: %v), want %v", path, v, ok, want[path]))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[path]; !ok && !strings.HasPrefix(path, "haproxystats.") {
			wrong = append(wrong, fmt.Sprintf("%s is %v, want none", path, got[path]))
		}
	}
	s.report(what, wrong)
}

// within wants every metric between what was counted before and after.
func (s *site) within(what string, got, before, after metrics, drifts func(string) bool) {
	s.t.Helper()
	var wrong []string
	for _, path := range slices.Sorted(maps.Keys(before)) {
		v, ok := got[path]
		low, high := math.Min(before[path], after[path]), math.Max(before[path], after[path])
		inside := low <= v && v <= high || equal(v, low) || equal(v, high)
		if !ok || !inside && !drifts(path) {
			wrong = append(wrong, fmt.Sprintf("%s is %v (there: %v), want %v to %v", path, v, ok, low, high))
		}
	}
	s.report(what, wrong)
}

func (s *site) report(what string, wrong []string) {
	s.t.Helper()
	if len(wrong) > 0 {
		s.t.Errorf("%s: %d metrics are wrong:\n%s", what, len(wrong), strings.Join(wrong[:min(shown, len(wrong))], "\n"))
	}
}

// The program's own metrics.
var (
	selfTimes = []string{
		"WallClockTimeHAProxy", "WallClockTimeFrontends", "WallClockTimeBackends",
		"WallClockTimeServers", "WallClockTimeAllStats", "TotalWallClockTime",
	}
	selfCounts = []string{"MetricsHAProxy", "MetricsFrontend", "MetricsBackend", "MetricsServer", "BadRows", "BadFiles"}
)

// checkSelf wants the program's own metrics to be true of the others.
func (s *site) checkSelf(got metrics) {
	s.t.Helper()
	want := make(metrics)
	for path := range got {
		switch {
		case strings.HasPrefix(path, "daemon."):
			want["MetricsHAProxy"]++
		case strings.HasPrefix(path, "frontend."):
			want["MetricsFrontend"]++
		case strings.HasPrefix(path, "server."), strings.Contains(path, ".server."):
			want["MetricsServer"]++
		case strings.HasPrefix(path, "backend."):
			want["MetricsBackend"]++
		}
	}
	var wrong []string
	for _, name := range selfCounts {
		if v, ok := got["haproxystats."+name]; !ok || v != want[name] {
			wrong = append(wrong, fmt.Sprintf("%s is %v (there: %v), want %v", name, v, ok, want[name]))
		}
	}
	for _, name := range selfTimes {
		if v, ok := got["haproxystats."+name]; !ok || v < 0 || v > deadline.Seconds() {
			wrong = append(wrong, fmt.Sprintf("%s is %v (there: %v)", name, v, ok))
		}
	}
	s.report("self metrics", wrong)
}

// naive is the naive computation of a snapshot.
func (s *site) naive(snapshot map[string]replies) metrics {
	s.t.Helper()
	m, err := naive(snapshot)
	s.must(err)
	return m
}

// only returns the one snapshot there is.
func (s *site) only(all map[int64]metrics) metrics {
	s.t.Helper()
	if len(all) != 1 {
		s.t.Fatalf("metrics of %d times, want 1", len(all))
	}
	for _, m := range all {
		return m
	}
	return nil
}
