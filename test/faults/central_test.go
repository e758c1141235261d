package faults

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"haproxystats/internal/snapshot"
	"haproxystats/internal/status"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// clusterSite is two nodes of one cluster whose spools haproxystats-central reads, and
// what it sends.
type clusterSite struct {
	*harness.Site
	conf    string
	feeders []*harness.Feeder
	want    map[int64][2]float64 // sum and number of nodes, by window

	mu  sync.Mutex
	got map[string]map[int64]float64 // the last values, by path and time
}

// Paths of the cluster.
const (
	clusterSum   = "ft.clusters.eu.haproxy.frontend.www.stot"
	clusterNodes = "ft.clusters.eu.haproxy.haproxystats.NodesReporting"
)

func newClusterSite(t *testing.T) *clusterSite {
	t.Helper()
	s := &clusterSite{Site: harness.NewSite(t), want: make(map[int64][2]float64), got: make(map[string]map[int64]float64)}
	graphite, err := real.StartReceiver(s.take)
	s.Must(err)
	t.Cleanup(func() {
		if err := graphite.Stop(); err != nil {
			t.Error(err)
		}
	})
	set := harness.Options{
		"process":  {"frontend-metrics": "stot"},
		"graphite": {"cluster-namespace": "ft.clusters"},
		"cluster":  {"interval": "1", "grace": "1", "late": "600", "node-expiry": "60", "nodes": s.Path("nodes")},
	}
	s.Must(os.WriteFile(s.Path("nodes"), []byte("a\nb\n"), 0o640))
	for _, name := range []string{"a", "b"} {
		incoming := s.Mkdir(name, "incoming")
		set["node "+name] = map[string]string{"cluster": "eu", "src-dir": incoming}
		s.feeders = append(s.feeders, s.Feeder(harness.NewSource(harness.Shape{}), incoming))
	}
	s.conf = s.Configure(harness.Config{Port: graphite.Port, Set: set})
	return s
}

func (s *clusterSite) take(p real.Point) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.got[p.Path] == nil {
		s.got[p.Path] = make(map[int64]float64)
	}
	s.got[p.Path][p.Time] = p.Value
}

// has reports whether a metric with this end of its path has come.
func (s *clusterSite) has(end string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path := range s.got {
		if strings.HasSuffix(path, "."+end) {
			return true
		}
	}
	return false
}

// feed hands over a snapshot of the first nodes for the present window, unless there was
// one.
func (s *clusterSite) feed(nodes int) {
	s.T.Helper()
	s.feedAt(time.Now().Unix(), nodes)
}

// feedAt hands over a snapshot of the first nodes for a window, unless there was one.
func (s *clusterSite) feedAt(epoch int64, nodes int) {
	s.T.Helper()
	if _, ok := s.want[epoch]; ok {
		return
	}
	sum := 0.0
	for i, f := range s.feeders[:nodes] {
		value := epoch%100_000*10 + int64(i) + 1
		sum += float64(value)
		f.FeedFiles(epoch, map[string][]byte{
			"p.sock" + snapshot.InfoSuffix: []byte("Name: HAProxy\nProcess_num: 1\nPid: 1\nUptime_sec: 10\n\n"),
			"p.sock" + snapshot.StatSuffix: fmt.Appendf(nil, "# pxname,svname,stot,type,\nwww,FRONTEND,%d,0,\n\n", value),
		})
	}
	s.want[epoch] = [2]float64{sum, float64(nodes)}
}

// wrong returns the windows whose last values are wrong or missing.
func (s *clusterSite) wrong() (wrong, missing []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, epoch := range slices.Sorted(maps.Keys(s.want)) {
		want := s.want[epoch]
		sum, ok := s.got[clusterSum][epoch]
		nodes, told := s.got[clusterNodes][epoch]
		switch {
		case !ok || !told:
			missing = append(missing, epoch)
		case [2]float64{sum, nodes} != want:
			wrong = append(wrong, epoch)
		}
	}
	return wrong, missing
}

// settle waits until the last value of every window is right, ends the program, and
// reports what is wrong.
func (s *clusterSite) settle(row *harness.Row, p *harness.Program) {
	s.T.Helper()
	s.Within(time.Minute, func() bool { wrong, missing := s.wrong(); return len(wrong)+len(missing) == 0 })
	p.End(stopSignal)
	wrong, missing := s.wrong()
	if len(wrong)+len(missing) > 0 {
		s.T.Errorf("got windows %v with wrong values and %v without, want none of %d", wrong, missing, len(s.want))
	}
	row.Result("%d windows: %d wrong, %d missing", len(s.want), len(wrong), len(missing))
}

const lastValue = "the last value of every window is right: 0 wrong, 0 missing"

// TestKillCentral kills haproxystats-central at random times in the middle of windows.
func TestKillCentral(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "kill -9 of central", lastValue)
	random := harness.Random(t)
	s := newClusterSite(t)
	for range harness.Count(15, 500) {
		p := s.Start(harness.Central, s.conf)
		s.feed(2)
		s.Pause(time.Duration(random.Int64N(int64(time.Second))))
		s.feed(2)
		s.Pause(time.Duration(random.Int64N(int64(10 * time.Millisecond))))
		p.Kill()
		row.Inject(1)
	}
	s.settle(row, s.Start(harness.Central, s.conf))
}

// TestNodeStops has a node stop and come back.
func TestNodeStops(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "a node of a cluster stops and comes back", lastValue+"; NodesReporting counts the nodes")
	s := newClusterSite(t)
	p := s.Start(harness.Central, s.conf)
	for range harness.Count(2, 50) {
		for _, nodes := range []int{2, 1} {
			before := len(s.want)
			s.Until("two windows", harness.EndLimit, func() bool { s.feed(nodes); return len(s.want) >= before+2 })
		}
		row.Inject(1)
	}
	s.settle(row, p)
	if !s.has("haproxystats.CentralJournalBytes") {
		t.Error("got no metrics of haproxystats-central itself, want them")
	}
	if !p.Says("nodes of the cluster are missing", "nodes=b") {
		t.Error("got no message about node b, want one")
	}
}

// TestNodeSpoolMoved moves the spool of a node away and back.
func TestNodeSpoolMoved(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "the spool of a node is moved away and back", lastValue)
	s := newClusterSite(t)
	p := s.Start(harness.Central, s.conf)
	windows := func(nodes int) {
		before := len(s.want)
		s.Until("two windows", harness.EndLimit, func() bool { s.feed(nodes); return len(s.want) >= before+2 })
	}
	windows(2)
	p.WaitSays(harness.EndLimit, "snapshot processed", "snapshot=b/") // it has opened the spool, which it makes if there is none
	for range harness.Count(2, 50) {
		windows(2)
		s.Must(os.Rename(s.Path("b", "incoming"), s.Path("b", "away")))
		windows(1)
		s.Must(os.Rename(s.Path("b", "away"), s.Path("b", "incoming")))
		row.Inject(1)
	}
	windows(2)
	s.settle(row, p)
}

// TestNodeSpoolRemoved removes the spool of a node, when nothing waits there, and makes it
// again.
func TestNodeSpoolRemoved(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "the spool of a node is removed and made again", lastValue)
	s := newClusterSite(t)
	p := s.Start(harness.Central, s.conf)
	windows := func(nodes int) {
		before := len(s.want)
		s.Until("two windows", harness.EndLimit, func() bool { s.feed(nodes); return len(s.want) >= before+2 })
	}
	for range harness.Count(2, 50) {
		windows(2)
		s.Until("the windows of what was fed", time.Minute, func() bool {
			wrong, missing := s.wrong()
			left, err := os.ReadDir(s.Path("b", "incoming"))
			return len(wrong)+len(missing)+len(left) == 0 && err == nil
		})
		s.Must(os.RemoveAll(s.Path("b", "incoming")))
		windows(1)
		s.Must(os.Mkdir(s.Path("b", "incoming"), 0o750))
		row.Inject(1)
	}
	windows(2)
	s.settle(row, p)
	if !p.Says("spool can't be read", "node=b") {
		t.Error("got no message about the spool of node b, want one")
	}
}

// fullJournal is the size of a journal that some windows fill.
const fullJournal = 3000

// TestJournalFull gives haproxystats-central a journal that fills, and more room after
// the next start.
func TestJournalFull(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "the journal of central is full", lastValue+"; snapshots wait, and the check says why")
	s := newClusterSite(t)
	text, err := os.ReadFile(s.conf)
	s.Must(err)
	small := s.Path("small.conf")
	s.Must(os.WriteFile(small, fmt.Appendf(text, "[central]\njournal-max-bytes = %d\n", fullJournal), 0o640))
	socket := s.Path("base", "central.status")
	past := time.Now().Unix() - 300
	for n := range harness.Count(2, 20) {
		p := s.Start(harness.Central, small)
		for range 30 {
			s.feedAt(past, 2)
			past++
		}
		var d status.Document
		s.Until("a full journal", time.Minute, func() bool {
			d, err = status.Ask(s.Ctx, socket)
			return err == nil && d.Process != nil && d.Process.Waiting > 0 && p.Says("the journal is full")
		})
		if n == 0 && d.Central.JournalBytes > fullJournal || d.Process.Corrupt > 0 {
			t.Errorf("got %d bytes in the journal and %d snapshots given up, want at most %d and none", d.Central.JournalBytes, d.Process.Corrupt, fullJournal)
		}
		out, err := exec.CommandContext(s.Ctx, s.Binary("check_haproxystats"), "-f", small, "central").Output()
		if want := "raise journal-max-bytes in [central]"; err == nil || !strings.Contains(string(out), "CENTRAL CRITICAL") || !strings.Contains(string(out), want) {
			t.Errorf("got %v: %s, want a critical result that says %q", err, out, want)
		}
		row.Inject(1)
		p.End(stopSignal)
		p = s.Start(harness.Central, s.conf)
		s.Until("all windows", time.Minute, func() bool { wrong, missing := s.wrong(); return len(wrong)+len(missing) == 0 })
		p.End(stopSignal)
	}
	s.settle(row, s.Start(harness.Central, s.conf))
}
