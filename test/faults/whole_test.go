package faults

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/snapshot"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// wholeSite is everything between the spools of two nodes and Graphite: haproxystats-process
// on each node, one of which forwards tables and the other raw snapshots, a real broker,
// and haproxystats-central. Beside it, one more haproxystats-process gets the files of both
// nodes as those of one: what it makes of them is what the cluster has to show.
type wholeSite struct {
	*harness.Site
	broker   *real.Kafka
	src      *harness.Source
	feeders  []*harness.Feeder // of the nodes, and of both together
	nodes    []string          // their configurations
	central  string
	together *harness.Program
	first    int64   // the first window that counts
	fed      []int64 // the windows that count

	mu  sync.Mutex
	got map[string]map[int64]float64 // of the cluster, by path and time
	all map[string]map[int64]float64 // of both nodes as one
}

const (
	clusterRoot = "ft.clusters.eu.haproxy."
	// nodeSockets is the number of HAProxy processes of each node.
	nodeSockets = 2
)

func newWholeSite(t *testing.T) *wholeSite {
	t.Helper()
	s := &wholeSite{
		Site: harness.NewSite(t), got: make(map[string]map[int64]float64), all: make(map[string]map[int64]float64),
		src: harness.NewSource(harness.Shape{Sockets: 2 * nodeSockets}),
	}
	var err error
	s.broker, err = real.StartKafka(s.Ctx, real.KafkaConfig{Jars: real.Need(t, "kafka"), Dir: s.Mkdir("kafka")})
	s.Must(err)
	t.Cleanup(s.broker.Kill)
	for topic, partitions := range map[string]int32{"haproxystats.tables": 3, "haproxystats.snapshots": 2} {
		s.create(topic, partitions)
	}
	graphite := s.receiver(s.got, clusterRoot)
	kafka := map[string]string{"brokers": s.broker.Addr, "delivery-timeout": "3"}
	for i, mode := range []string{"tables", "snapshots"} {
		base := s.Mkdir(fmt.Sprint("node", i))
		forward := map[string]string{"mode": mode, "cluster": "eu", "node": fmt.Sprint("node", i)}
		s.nodes = append(s.nodes, s.Configure(harness.Config{Base: base, Set: harness.Options{
			"graphite": {"enabled": "no"}, "kafka": kafka, "forward": forward,
		}}))
		s.feeders = append(s.feeders, s.Feeder(s.src, s.Mkdir(fmt.Sprint("node", i), "incoming")))
	}
	s.central = s.Configure(harness.Config{Base: s.Mkdir("central"), Port: graphite, Set: harness.Options{
		"kafka":    kafka,
		"graphite": {"cluster-namespace": "ft.clusters"},
		"central":  {"kafka": "yes", "instance": "one", "session-timeout": "6", "commit-interval": "0.5"},
		"cluster":  {"interval": "1", "grace": "1", "late": "600", "node-expiry": "600"},
	}})
	both := s.Configure(harness.Config{Base: s.Mkdir("both"), Port: s.receiver(s.all, harness.Root)})
	s.feeders = append(s.feeders, s.Feeder(s.src, s.Mkdir("both", "incoming")))
	s.together = s.Start(harness.Process, both)
	return s
}

// create makes a topic.
func (s *wholeSite) create(topic string, partitions int32) {
	s.T.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(s.broker.Addr))
	s.Must(err)
	defer c.Close()
	answer, err := kadm.NewClient(c).CreateTopic(s.Ctx, partitions, 1, map[string]*string{"message.timestamp.type": kadm.StringPtr("LogAppendTime")}, topic)
	s.Must(err, answer.Err)
}

// receiver starts a Graphite that notes the last values of frontends, backends and servers
// below a root, and returns its port.
func (s *wholeSite) receiver(values map[string]map[int64]float64, root string) (port int) {
	s.T.Helper()
	r, err := real.StartReceiver(func(p real.Point) {
		path, ok := strings.CutPrefix(p.Path, root)
		if scope, _, _ := strings.Cut(path, "."); !ok || scope != "frontend" && scope != "backend" {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if values[path] == nil {
			values[path] = make(map[int64]float64)
		}
		values[path][p.Time] = p.Value
	})
	s.Must(err)
	s.T.Cleanup(func() {
		if err := r.Stop(); err != nil {
			s.T.Error(err)
		}
	})
	return r.Port
}

// feed hands over a snapshot of each node for the present window, unless there was one.
func (s *wholeSite) feed() {
	s.T.Helper()
	epoch := time.Now().Unix()
	if n := len(s.fed); epoch < s.first || n > 0 && s.fed[n-1] >= epoch {
		return
	}
	files := []map[string][]byte{{}, {}, {}}
	for n := range 2 * nodeSockets {
		name := filepath.Base(s.src.Socket(n).Path)
		info, stat := s.src.Shape.Replies(n, epoch)
		for _, f := range []map[string][]byte{files[n/nodeSockets], files[2]} {
			f[name+snapshot.InfoSuffix], f[name+snapshot.StatSuffix] = info, stat
		}
	}
	for i, f := range s.feeders {
		f.FeedFiles(epoch, files[i])
	}
	s.fed = append(s.fed, epoch)
}

// begin waits until the cluster has its first values, and forgets the windows up to then:
// one that began before the log is not promised.
func (s *wholeSite) begin() {
	s.T.Helper()
	s.Until("the first window", 2*time.Minute, func() bool {
		s.feed()
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.got) > 0
	})
	s.first = s.fed[len(s.fed)-1] + 1
	s.fed = nil
}

// windows hands over that many.
func (s *wholeSite) windows(n int) {
	s.T.Helper()
	want := len(s.fed) + n
	s.Until("the next windows", time.Duration(n+5)*time.Second, func() bool { s.feed(); return len(s.fed) >= want })
}

// compare returns the values of the cluster that are missing, or are not those of one
// aggregation, and their number.
func (s *wholeSite) compare() (wrong []string, values int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, times := range s.all {
		for _, epoch := range s.fed {
			want, made := times[epoch]
			got, ok := s.got[path][epoch]
			values++
			if !made || !ok || got != want {
				wrong = append(wrong, fmt.Sprintf("%s at %d: %v (%t), want %v (%t)", path, epoch, got, ok, want, made))
			}
		}
	}
	for path, times := range s.got {
		for epoch := range times {
			if _, ok := s.all[path][epoch]; !ok && epoch >= s.first {
				wrong = append(wrong, fmt.Sprintf("%s at %d: got a value, want none", path, epoch))
			}
		}
	}
	return wrong, values
}

// TestWhole kills each program and the broker between the spools of two nodes and Graphite,
// in the middle of windows.
func TestWhole(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "kill -9 of process on two nodes, Kafka and central, one after another", "the cluster's values are those of one aggregation of both nodes: 0 wrong, 0 missing, 0 invented")
	random := harness.Random(t)
	s := newWholeSite(t)
	central := s.Start(harness.Central, s.central)
	processes := []*harness.Program{s.Start(harness.Process, s.nodes[0]), s.Start(harness.Process, s.nodes[1])}
	moment := func() { s.Pause(time.Duration(random.Int64N(int64(time.Second)))) }
	s.begin()
	for range harness.Count(1, 30) {
		for i := range processes {
			moment()
			processes[i].Kill()
			s.windows(1)
			processes[i] = s.Start(harness.Process, s.nodes[i])
			s.windows(1)
		}
		moment()
		central.Kill()
		s.windows(1)
		central = s.Start(harness.Central, s.central)
		s.windows(1)
		moment()
		s.broker.Kill()
		s.windows(1)
		s.Must(s.broker.Start(s.Ctx))
		s.windows(1)
		row.Inject(4)
	}
	s.Within(3*time.Minute, func() bool {
		wrong, values := s.compare()
		return values > 0 && len(wrong) == 0
	})
	for _, p := range append(processes, central, s.together) {
		p.End(stopSignal)
	}
	wrong, values := s.compare()
	if len(wrong) > 0 || values == 0 {
		t.Errorf("got %d wrong values of %d, want none of some: %q", len(wrong), values, wrong[:min(len(wrong), 5)])
	}
	row.Result("%d windows, %d values: 0 wrong, 0 missing, 0 invented", len(s.fed), values)
}
