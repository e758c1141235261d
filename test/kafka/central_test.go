package kafka

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/encode/tables"
	envelope "haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/internal/snapshot"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// fleet is nodes that send to a real broker, and what haproxystats-central makes of it.
type fleet struct {
	*harness.Site
	client            *kgo.Client
	admin             *kadm.Client
	tables, snapshots string // topics
	group             string
	late              string // options late and node-expiry, in seconds
	graphite          *real.Receiver
	brokers           string
	clusters          []string
	nodes             int // of each cluster; the last one of the first cluster sends raw snapshots
	attempts          *envelope.Attempts
	encoder           *tables.Encoder
	first, sent       int64             // the first window that counts, and the last one that was sent
	feed              func(epoch int64) // sends a window of all nodes; nil for [fleet.sendAll]

	want map[string]map[int64][2]float64 // sum and number of nodes, by cluster and window
	free map[int64]bool                  // windows of which nothing is wanted

	mu  sync.Mutex
	got map[string]map[int64]float64 // the last values, by path and time
}

const lastValues = "the last value of every window is right: 0 wrong, 0 missing, 0 invented"

func newFleet(t *testing.T, clusters, nodes int) *fleet {
	t.Helper()
	k := broker(t)
	return newFleetAt(t, k, k.Addr, clusters, nodes)
}

// newFleetAt returns a fleet of a broker that programs reach at an address.
func newFleetAt(t *testing.T, k *real.Kafka, addr string, clusters, nodes int) *fleet {
	t.Helper()
	f := &fleet{
		Site: harness.NewSite(t), brokers: addr, late: "15", nodes: nodes, attempts: envelope.NewAttempts(), encoder: tables.NewEncoder(),
		want: make(map[string]map[int64][2]float64), free: make(map[int64]bool), got: make(map[string]map[int64]float64),
	}
	settings := map[string]string{"message.timestamp.type": "LogAppendTime"}
	f.tables = createTopic(t, k, 3, 1, settings)
	f.snapshots = createTopic(t, k, 2, 1, settings)
	f.group = "g" + strings.TrimPrefix(f.tables, "t")
	for i := range clusters {
		f.clusters = append(f.clusters, fmt.Sprint("c", i))
		f.want[f.clusters[i]] = make(map[int64][2]float64)
	}
	f.client = client(t, options(k.Addr), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	f.admin = kadm.NewClient(f.client)
	var err error
	f.graphite, err = real.StartReceiver(f.take)
	f.Must(err)
	t.Cleanup(func() {
		if err := f.graphite.Stop(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// configure writes the configuration of one haproxystats-central.
func (f *fleet) configure(name, instance string) (conf string) {
	f.T.Helper()
	base := f.Mkdir(name)
	old := f.Configure(harness.Config{Base: base, Port: f.graphite.Port, Set: harness.Options{
		"process":  {"frontend-metrics": "stot", "backend-metrics": "stot", "server-metrics": "stot", "workers": "2"},
		"graphite": {"cluster-namespace": "ft.clusters"},
		"kafka":    {"brokers": f.brokers},
		"central": {
			"kafka": "true", "tables-topic": f.tables, "snapshots-topic": f.snapshots, "group": f.group, "instance": instance,
			"session-timeout": "6", "commit-interval": "0.5", "status-socket": "",
		},
		"cluster": {"interval": "1", "grace": "1", "late": f.late, "node-expiry": f.late},
	}})
	conf = filepath.Join(base, "haproxystats.conf")
	f.Must(os.Rename(old, conf))
	return conf
}

func (f *fleet) take(p real.Point) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.got[p.Path] == nil {
		f.got[p.Path] = make(map[int64]float64)
	}
	f.got[p.Path][p.Time] = p.Value
}

func value(node int, epoch int64) int64 { return epoch%100_000*100 + int64(node) + 1 }

// record returns the headers and the value of a record.
func (f *fleet) record(e envelope.Envelope, topic string, partitions int, value []byte) *kgo.Record {
	r := &kgo.Record{Topic: topic, Partition: int32(envelope.Partition(e.Key(), partitions)), Key: e.Key(), Value: slices.Clone(value)}
	for key, value := range e.Headers() {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: key, Value: value})
	}
	return r
}

// tablesOf returns the records of a node's tables.
func (f *fleet) tablesOf(cluster, node, instance string, epoch, v int64) []*kgo.Record {
	f.T.Helper()
	b := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: "stot", Combine: metric.Sum}})
	row := b.Row(metric.Entity{Name: "www"})
	b.Touch(row)
	b.Add(row, 0, v)
	e := envelope.Envelope{Kind: envelope.Tables, Cluster: cluster, Node: node, Epoch: epoch, Attempt: f.attempts.Next(), Instance: instance, Shards: 1}
	frame, err := f.encoder.Encode(nil, tables.Head{
		Node: node, Cluster: cluster, Epoch: epoch, Interval: time.Second, Instance: instance, Shards: 1,
	}, &metric.Batch{Epoch: epoch, Tables: []*metric.Table{b.Table()}})
	f.Must(err)
	var records []*kgo.Record
	f.Must(envelope.EncodeTables(e, frame, func(value []byte) error {
		records = append(records, f.record(e, f.tables, 3, value))
		return nil
	}))
	return records
}

// rawOf returns the records of a node's raw snapshot.
func (f *fleet) rawOf(cluster, node string, epoch, v int64) []*kgo.Record {
	f.T.Helper()
	return f.rawFrom(cluster, node, node, epoch, v)
}

// rawFrom returns the records of a raw snapshot that a machine sends.
func (f *fleet) rawFrom(cluster, node, instance string, epoch, v int64) []*kgo.Record {
	f.T.Helper()
	files := snapshot.Memory{
		"p.sock" + snapshot.InfoSuffix: []byte("Name: HAProxy\nProcess_num: 1\nPid: 1\nUptime_sec: 10\n\n"),
		"p.sock" + snapshot.StatSuffix: fmt.Appendf(nil, "# pxname,svname,stot,type,\n%swww,FRONTEND,%d,0,\n\n", strings.Repeat("x,BACKEND,1,1,\n", 1000), v),
	}
	e := envelope.Envelope{Kind: envelope.Snapshot, Cluster: cluster, Node: node, Epoch: epoch, Attempt: f.attempts.Next(), Instance: instance}
	c := envelope.NewCompressor()
	var records []*kgo.Record
	f.Must(snapshot.Encode(snapshot.Snapshot{Node: node, Cluster: cluster, Epoch: epoch, Files: files}, snapshot.MinRecord, func(record []byte) error {
		records = append(records, f.record(e, f.snapshots, 2, c.Append(nil, record)))
		return nil
	}))
	return records
}

func (f *fleet) produce(records ...*kgo.Record) {
	f.T.Helper()
	f.Must(f.client.ProduceSync(f.Ctx, records...).FirstErr())
}

// expect notes that a node is in a window.
func (f *fleet) expect(cluster string, epoch, v int64) {
	w := f.want[cluster][epoch]
	f.want[cluster][epoch] = [2]float64{w[0] + float64(v), w[1] + 1}
}

// send sends a window of all nodes, some of them twice, unless it was sent.
func (f *fleet) send() {
	f.T.Helper()
	epoch := time.Now().Unix()
	if epoch <= f.sent {
		return
	}
	f.sent = epoch
	if f.feed != nil {
		f.feed(epoch)
		return
	}
	f.sendAll(epoch)
}

// sendAll produces the records of all nodes.
func (f *fleet) sendAll(epoch int64) {
	f.T.Helper()
	var records []*kgo.Record
	for i, cluster := range f.clusters {
		for n := range f.nodes {
			name, v := fmt.Sprint("n", n), value(n, epoch)
			f.expect(cluster, epoch, v)
			if i == 0 && n == f.nodes-1 {
				records = append(records, f.rawOf(cluster, name, epoch, v)...)
				continue
			}
			records = append(records, f.tablesOf(cluster, name, name, epoch, v)...)
			if (int(epoch)+n)%7 == 0 { // again, as after a lost acknowledgement
				records = append(records, f.tablesOf(cluster, name, name, epoch, v)...)
			}
		}
	}
	f.produce(records...)
}

// windows sends that many windows.
func (f *fleet) windows(n int) {
	f.T.Helper()
	for range n {
		before := f.sent
		f.Until("the next window", harness.EndLimit, func() bool { f.send(); return f.sent > before })
	}
}

// begin waits until the first window is right, so that the log has begun, and forgets
// what came before.
func (f *fleet) begin() {
	f.T.Helper()
	f.Until("the first window", 2*time.Minute, func() bool {
		f.send()
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, c := range f.clusters {
			full := false
			for epoch, want := range f.want[c] {
				full = full || f.got["ft.clusters."+c+".haproxy.haproxystats.NodesReporting"][epoch] == want[1]
			}
			if !full {
				return false
			}
		}
		return true
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.clusters {
		f.want[c] = make(map[int64][2]float64)
	}
	clear(f.got)
	f.sent++ // the windows around now may be known in part
	f.first = f.sent + 1
}

// wrong returns the windows whose last values are wrong or missing, and those that nobody
// sent.
func (f *fleet) wrong() (wrong, missing []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.clusters {
		for _, epoch := range slices.Sorted(maps.Keys(f.want[c])) {
			want := f.want[c][epoch]
			sum, ok := f.got["ft.clusters."+c+".haproxy.frontend.www.stot"][epoch]
			nodes, told := f.got["ft.clusters."+c+".haproxy.haproxystats.NodesReporting"][epoch]
			name := c + "/" + strconv.FormatInt(epoch, 10)
			switch {
			case !ok || !told:
				missing = append(missing, name)
			case [2]float64{sum, nodes} != want:
				wrong = append(wrong, fmt.Sprintf("%s: %v of %v nodes, want %v of %v", name, sum, nodes, want[0], want[1]))
			}
		}
		for epoch, sum := range f.got["ft.clusters."+c+".haproxy.frontend.www.stot"] {
			if _, sent := f.want[c][epoch]; !sent && epoch >= f.first && !f.free[epoch] {
				wrong = append(wrong, fmt.Sprintf("%s/%d: %v, want nothing", c, epoch, sum))
			}
		}
	}
	return wrong, missing
}

func (f *fleet) count() (n int) {
	for _, c := range f.clusters {
		n += len(f.want[c])
	}
	return n
}

// settle waits until the last value of every window is right, ends the programs, and
// reports what is wrong.
func (f *fleet) settle(row *harness.Row, programs ...*harness.Program) {
	f.T.Helper()
	f.Within(2*time.Minute, func() bool { wrong, missing := f.wrong(); return len(wrong)+len(missing) == 0 })
	for _, p := range programs {
		if d := p.End(syscall.SIGTERM); d > 6*time.Second {
			f.T.Errorf("%s took %v to end, want at most 5 s", p.Name, d)
		}
	}
	wrong, missing := f.wrong()
	if len(wrong)+len(missing) > 0 {
		f.T.Errorf("got wrong values %q and windows %q without, want none of %d", wrong, missing, f.count())
	}
	row.Result("%d windows: %d wrong, %d missing", f.count(), len(wrong), len(missing))
}

// TestKillCentral kills one of two haproxystats-central in the middle of windows, where
// they have names in the group and where they have none.
func TestKillCentral(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		kills      int
	}{{"static members", "a", "b", 6}, {"dynamic members", "", "", 2}} {
		t.Run(c.name, func(t *testing.T) {
			row := harness.Begin(t, "kill -9 of central reading Kafka, "+c.name, lastValues)
			random := harness.Random(t)
			f := newFleet(t, 3, 3)
			confA := f.configure("a", c.a)
			b := f.Start(harness.Central, f.configure("b", c.b))
			a := f.Start(harness.Central, confA)
			f.begin()
			for range harness.Count(c.kills, 200) {
				f.windows(2)
				f.Pause(time.Duration(random.Int64N(int64(time.Second))))
				a.Kill()
				row.Inject(1)
				f.send()
				a = f.Start(harness.Central, confA)
			}
			f.windows(2)
			f.settle(row, a, b)
		})
	}
}

// TestZombieCentral stops one of two haproxystats-central for longer than its session,
// so that it goes on when the other has its partitions.
func TestZombieCentral(t *testing.T) {
	row := harness.Begin(t, "central stands still for longer than its session", lastValues)
	f := newFleet(t, 3, 2)
	a := f.Start(harness.Central, f.configure("a", "a"))
	b := f.Start(harness.Central, f.configure("b", "b"))
	f.begin()
	for range harness.Count(1, 30) {
		f.windows(2)
		a.Freeze()
		row.Inject(1)
		f.windows(9) // the session has 6 seconds
		a.Thaw()
		f.windows(3)
	}
	f.settle(row, a, b)
}

// TestTwoCentralsOfOneName starts a program with the name of one that runs: that one ends
// and says why, and nothing is lost.
func TestTwoCentralsOfOneName(t *testing.T) {
	row := harness.Begin(t, "two centrals have one instance name", "the first ends and says why; "+lastValues)
	f := newFleet(t, 2, 2)
	p := f.Start(harness.Central, f.configure("0", "same"))
	f.begin()
	for i := range harness.Count(2, 50) {
		f.windows(2)
		p.ExpectEnd()
		next := f.Start(harness.Central, f.configure(strconv.Itoa(i+1), "same"))
		row.Inject(1)
		select {
		case <-p.Done():
		case <-f.Ctx.Done():
			t.Fatal("the first has not ended when another has its name")
		}
		if !p.Says("two programs have the instance name", "same") {
			t.Errorf("the first does not say why it ended:\n%s", p.Output())
		}
		p = next
	}
	f.windows(2)
	f.settle(row, p)
}

// TestBadRecords has records in the topics that nobody can use, between those of nodes.
func TestBadRecords(t *testing.T) {
	row := harness.Begin(t, "records that are damaged, foreign, newer, incomplete or doubled", "each is counted and put aside; "+lastValues)
	f := newFleet(t, 2, 3)
	p := f.Start(harness.Central, f.configure("a", "a"))
	f.begin()
	for i := range harness.Count(2, 200) {
		f.windows(1)
		now := time.Now().Unix()
		var bad []*kgo.Record
		for n := range int32(3) {
			bad = append(bad,
				&kgo.Record{Topic: f.tables, Partition: n, Value: []byte("of somebody else")},
				&kgo.Record{Topic: f.tables, Partition: n},
				&kgo.Record{Topic: f.snapshots, Partition: n % 2, Value: []byte("of somebody else")})
		}
		for _, cluster := range f.clusters {
			newer := f.tablesOf(cluster, "x", "x", now, 1)
			newer[0].Headers[0].Value = []byte("9")
			damaged := f.tablesOf(cluster, "x", "x", now, 1)
			damaged[0].Value[len(damaged[0].Value)/2] ^= 1
			lie := f.tablesOf(cluster, "x", "x", now, 1)
			lie[0].Headers[3].Value = []byte("y")
			incomplete := f.rawOf(cluster, "x", now, 1)
			unusable := f.rawOf(cluster, "z", now, 1)
			unusable[0].Value = unusable[0].Value[:len(unusable[0].Value)-3]
			bad = slices.Concat(bad, newer, damaged, lie, incomplete[:1], incomplete[2:], unusable, f.rawOf(cluster, "w", 7, 1)) // of 1970
			// Of nodes whose clocks are an hour off.
			bad = slices.Concat(bad, f.tablesOf(cluster, "late", "late", now-3600, 1), f.tablesOf(cluster, "early", "early", now+3600, 1))
		}
		f.produce(bad...)
		row.Inject(len(bad))
		f.windows(1)
		if i > 0 {
			continue // the output of a long run is not kept
		}
		for _, says := range []string{
			"record of somebody else is put aside", "record of a newer version is put aside", "record can't be used and is put aside",
			"snapshot has not come completely and is dropped",
		} {
			p.WaitSays(time.Minute, says, "topic=", "partition=", "offset=")
		}
	}
	f.windows(2)
	f.settle(row, p)
	if aside, _ := filepath.Glob(f.Path("a", "central", "corrupt", "*.record")); len(aside) == 0 {
		t.Error("got no records in the directory corrupt, want some")
	}
}

// TestReplay reads everything again from the beginning, as after an operator has reset
// the groups: the values stay.
func TestReplay(t *testing.T) {
	row := harness.Begin(t, "the groups are reset to the beginning", "all windows come again; "+lastValues)
	f := newFleet(t, 3, 2)
	conf := f.configure("a", "")
	p := f.Start(harness.Central, conf)
	f.begin()
	for range harness.Count(1, 20) {
		f.windows(4)
		f.Within(time.Minute, func() bool { wrong, missing := f.wrong(); return len(wrong)+len(missing) == 0 })
		p.End(syscall.SIGTERM)
		for _, group := range []string{f.group + ".tables", f.group + ".snapshots"} {
			f.Until("the group is empty", time.Minute, func() bool {
				_, err := f.admin.DeleteGroup(f.Ctx, group)
				return err == nil
			})
		}
		f.mu.Lock()
		clear(f.got)
		f.mu.Unlock()
		row.Inject(1)
		p = f.Start(harness.Central, conf)
	}
	f.windows(1)
	f.settle(row, p)
}

// TestTwoNodesOfOneName has second machines send under the names of two nodes, always
// after them and of the same times: the first snapshot in a window counts, and the log
// names both machines, of tables and of raw snapshots.
func TestTwoNodesOfOneName(t *testing.T) {
	row := harness.Begin(t, "two nodes of a cluster have one name", lastValues)
	f := newFleet(t, 1, 2)
	p := f.Start(harness.Central, f.configure("a", "a"))
	f.begin()
	for range harness.Count(5, 100) {
		f.windows(1)
		f.produce(f.tablesOf("c0", "n0", "another machine", f.sent, 1)...)
		f.produce(f.rawFrom("c0", "n1", "another one", f.sent, 1)...)
		row.Inject(2)
	}
	f.windows(1)
	for _, machines := range [][]string{{`instance="another machine"`, "other=n0"}, {`instance="another one"`, "other=n1"}} {
		p.WaitSays(time.Minute, append(machines, "two machines use the name of a node")...)
	}
	f.settle(row, p)
}

// TestRemovedRecords removes records that a stopped haproxystats-central has not read:
// no window gets values of a part of its nodes, and what follows is right.
func TestRemovedRecords(t *testing.T) {
	row := harness.Begin(t, "the topic's retention removes records that were not read", "windows of that time are left out or right; "+lastValues+" after it")
	f := newFleet(t, 3, 2)
	conf := f.configure("a", "a")
	p := f.Start(harness.Central, conf)
	f.begin()
	for range harness.Count(1, 20) {
		f.windows(2)
		f.Within(time.Minute, func() bool { wrong, missing := f.wrong(); return len(wrong)+len(missing) == 0 })
		p.End(syscall.SIGTERM)
		f.windows(2)
		lost := f.sent
		ends, err := f.admin.ListEndOffsets(f.Ctx, f.tables, f.snapshots)
		f.Must(err)
		_, err = f.admin.DeleteRecords(f.Ctx, ends.Offsets())
		f.Must(err)
		row.Inject(1)
		p = f.Start(harness.Central, conf)
		p.WaitSays(time.Minute, "records were removed before they were read")
		f.windows(1) // may have begun before the first record that is left
		for _, c := range f.clusters {
			for epoch := range f.want[c] {
				if epoch >= lost-1 && epoch <= f.sent {
					f.mu.Lock()
					sum, ok := f.got["ft.clusters."+c+".haproxy.frontend.www.stot"][epoch]
					f.mu.Unlock()
					if ok && sum > f.want[c][epoch][0] {
						t.Errorf("%s/%d: got %v, want at most %v", c, epoch, sum, f.want[c][epoch][0])
					}
					delete(f.want[c], epoch)
					f.free[epoch] = true
				}
			}
		}
		f.windows(2)
	}
	f.settle(row, p)
}

// TestPartitionAdded adds partitions while the nodes pause for an interval.
func TestPartitionAdded(t *testing.T) {
	row := harness.Begin(t, "partitions are added to the topic of raw snapshots", lastValues)
	f := newFleet(t, 2, 2)
	p := f.Start(harness.Central, f.configure("a", "a"))
	f.begin()
	f.windows(2)
	_, err := f.admin.CreatePartitions(f.Ctx, 2, f.snapshots)
	f.Must(err)
	row.Inject(1)
	f.windows(4)
	f.settle(row, p)
}

// TestLag starts haproxystats-central an hour behind: it catches up within its memory,
// and every window of the hour is right.
func TestLag(t *testing.T) {
	const interval, windows, nodes, rows = 10, 360, 10, 1500
	row := harness.Begin(t, "central is an hour behind", "at most 70 MB of memory; "+lastValues)
	f := newFleet(t, 1, nodes)
	f.tables = createTopic(t, broker(t), 3, 1, nil) // of the records' own time
	end := time.Now().Unix() / interval * interval
	first := end - windows*interval
	f.first = first
	var bytes int64
	for epoch := first; epoch < end; epoch += interval {
		var records []*kgo.Record
		for n := range nodes {
			b := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: "stot", Combine: metric.Sum}, {Name: "bin", Combine: metric.Sum}, {Name: "bout", Combine: metric.Sum}})
			for i := range rows {
				name, v := fmt.Sprint("other", i), epoch*7919*int64(i+n+1)%1_000_003
				if i == 0 {
					name, v = "www", value(n, epoch)
				}
				r := b.Row(metric.Entity{Name: name})
				b.Touch(r)
				for c := range 3 {
					b.Add(r, c, v*int64(c*c*c*31+1))
				}
			}
			node := fmt.Sprint("n", n)
			e := envelope.Envelope{Kind: envelope.Tables, Cluster: "c0", Node: node, Epoch: epoch, Attempt: f.attempts.Next(), Instance: node, Shards: 1}
			frame, err := f.encoder.Encode(nil, tables.Head{
				Node: node, Cluster: "c0", Epoch: epoch, Interval: interval * time.Second, Instance: node, Shards: 1,
			}, &metric.Batch{Epoch: epoch, Tables: []*metric.Table{b.Table()}})
			f.Must(err)
			bytes += int64(len(frame))
			f.Must(envelope.EncodeTables(e, frame, func(value []byte) error {
				r := f.record(e, f.tables, 3, value)
				r.Timestamp = time.Unix(epoch, 5e8)
				records = append(records, r)
				return nil
			}))
			f.expect("c0", epoch, value(n, epoch))
		}
		f.produce(records...)
	}
	// The first window may have begun before the log.
	delete(f.want["c0"], first)
	conf := f.configure("a", "a")
	text, err := os.ReadFile(conf)
	f.Must(err)
	f.Must(os.WriteFile(conf, []byte(strings.NewReplacer("interval = 1\n", "interval = 10\n", "grace = 1\n", "grace = 5\n", "late = 15\n", "late = 60\n", "node-expiry = 15\n", "node-expiry = 60\n").Replace(string(text))), 0o640))
	begun := time.Now()
	p := f.Start(harness.Central, conf)
	row.Inject(1)
	f.Within(2*time.Minute, func() bool { wrong, missing := f.wrong(); return len(wrong)+len(missing) == 0 })
	took := time.Since(begun)
	_, peak := p.Memory()
	if peak > 70<<20 {
		t.Errorf("got %d MB of memory, want at most 70", peak>>20)
	}
	p.End(syscall.SIGTERM)
	wrong, missing := f.wrong()
	if len(wrong)+len(missing) > 0 {
		t.Errorf("got wrong values %q and windows %q without, want none of %d", wrong, missing, f.count())
	}
	row.Result("%d windows of %d MB in %.1f s with %d MB of memory: %d wrong, %d missing", f.count(), bytes>>20, took.Seconds(), peak>>20, len(wrong), len(missing))
}

// recordingOf returns the files of a recorded snapshot.
func (f *fleet) recordingOf(name string) snapshot.Memory {
	f.T.Helper()
	files := make(snapshot.Memory)
	found, err := filepath.Glob(filepath.Join("..", "..", "testdata", "recordings", name, "*", "*"))
	f.Must(err)
	for _, path := range found {
		data, err := os.ReadFile(path)
		f.Must(err)
		files[filepath.Base(path)] = data
	}
	if len(files) == 0 {
		f.T.Fatalf("no recording %s", name)
	}
	return files
}

// TestOneNodeIsItsCluster: a cluster of one node that travels raw through Kafka has the
// node's own numbers, and four nodes of one process each have those of one node with four.
func TestOneNodeIsItsCluster(t *testing.T) {
	f := newFleet(t, 1, 2)
	base := f.Mkdir("a")
	conf := filepath.Join(base, "haproxystats.conf")
	f.Must(os.WriteFile(conf, fmt.Appendf(nil, `[paths]
base-dir = %s
[process]
workers = 2
calculate-percentages = true
aggr-server-metrics = true
[graphite]
server = 127.0.0.1
port = %d
namespace = ft
cluster-namespace = ft.clusters
confirm-hold = 0
[kafka]
brokers = %s
[central]
kafka = true
tables-topic = %s
snapshots-topic = %s
group = %s
instance = one
node-metrics = true
status-socket =
[cluster]
interval = 1
grace = 1
late = 15
node-expiry = 15
shards = 3
`, base, f.graphite.Port, f.brokers, f.tables, f.snapshots, f.group), 0o640))
	p := f.Start(harness.Central, conf)
	p.WaitSays(time.Minute, "nothing is committed for the partition", f.tables, "partition=2")
	f.Until("a whole window has passed", time.Minute, func() bool {
		return p.Says("nothing is committed", "partition=1") && p.Says("nothing is committed", "partition=0")
	})
	f.Pause(2 * time.Second)
	epoch := time.Now().Unix()
	c := envelope.NewCompressor()
	send := func(cluster, node string, files snapshot.Memory) {
		e := envelope.Envelope{Kind: envelope.Snapshot, Cluster: cluster, Node: node, Epoch: epoch, Attempt: f.attempts.Next(), Instance: node}
		var records []*kgo.Record
		f.Must(snapshot.Encode(snapshot.Snapshot{Node: node, Cluster: cluster, Epoch: epoch, Files: files}, envelope.MaxChunk/64, func(record []byte) error {
			records = append(records, f.record(e, f.snapshots, 2, c.Append(nil, record)))
			return nil
		}))
		f.produce(records...)
	}
	rich, four := f.recordingOf("3.2.0-zlib-rich"), f.recordingOf("1.6.0-nbproc4")
	send("alone", "rich", rich)
	send("whole", "four", four)
	for _, number := range []string{"1", "2", "3", "4"} {
		own := make(snapshot.Memory)
		for name, data := range four {
			if strings.HasPrefix(name, "admin"+number+".") {
				own[name] = data
			}
		}
		send("parts", "part"+number, own)
	}
	// values returns what has come below a path.
	values := func(root string) map[string]float64 {
		f.mu.Lock()
		defer f.mu.Unlock()
		found := make(map[string]float64)
		for path, at := range f.got {
			if rest, ok := strings.CutPrefix(path, root+".haproxy."); ok && !strings.HasPrefix(rest, "haproxystats.") {
				if v, ok := at[epoch]; ok {
					found[rest] = v
				}
			}
		}
		return found
	}
	same := []struct{ node, cluster string }{{"ft.rich", "ft.clusters.alone"}, {"ft.four", "ft.clusters.whole"}, {"ft.four", "ft.clusters.parts"}}
	f.Within(time.Minute, func() bool {
		for _, s := range same {
			if want := values(s.node); len(want) == 0 || !maps.Equal(values(s.cluster), want) {
				return false
			}
		}
		return true
	})
	for _, s := range same {
		want, got := values(s.node), values(s.cluster)
		if len(want) < 100 {
			t.Errorf("%s: got %d values, want those of the recording", s.node, len(want))
		}
		wrong := 0
		for path, v := range want {
			if g, ok := got[path]; (!ok || g != v) && wrong < 5 {
				wrong++
				t.Errorf("%s: %s is %v (%t), want %v", s.cluster, path, g, ok, v)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: got %d values, want %d", s.cluster, len(got), len(want))
		}
	}
	p.End(syscall.SIGTERM)
}
