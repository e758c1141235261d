package kafka

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"haproxystats/internal/snapshot"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// node is a node whose haproxystats-process forwards what its spool has.
type node struct {
	fleet         *fleet
	cluster, name string
	conf          string
	feeder        *harness.Feeder
}

// node makes a node that forwards to a topic, with further options of [forward].
func (f *fleet) node(cluster, name, mode, topic string, more map[string]string) *node {
	f.T.Helper()
	forward := map[string]string{"mode": mode, "cluster": cluster, "node": name, "topic": topic}
	for option, value := range more {
		forward[option] = value
	}
	base := f.Mkdir(name)
	return &node{
		fleet: f, cluster: cluster, name: name,
		conf: f.Configure(harness.Config{Base: base, Set: harness.Options{
			// What the snapshots have besides stot is random, which no counter is.
			"process":  {"frontend-metrics": "stot " + strings.Join(columns, " "), "counters": "raw"},
			"graphite": {"enabled": "no"}, "kafka": {"brokers": f.brokers, "delivery-timeout": "10", "interval": "0.5", "backoff": "1"}, "forward": forward,
		}}),
		feeder: f.Feeder(harness.NewSource(harness.Shape{}), f.Mkdir(name, "incoming")),
	}
}

// hand puts a snapshot into the spool, in which frontend www has a value and rows more
// frontends have others.
func (n *node) hand(epoch, v int64, rows int) {
	n.fleet.T.Helper()
	n.feeder.FeedFiles(epoch, map[string][]byte{
		"p.sock" + snapshot.InfoSuffix: []byte("Name: HAProxy\nProcess_num: 1\nPid: 1\nUptime_sec: 10\n\n"),
		"p.sock" + snapshot.StatSuffix: statOf(epoch, v, rows),
	})
}

// columns are those of large snapshots, besides stot.
var columns = []string{
	"scur", "smax", "slim", "bin", "bout", "dreq", "dresp", "ereq", "req_rate", "req_rate_max", "req_tot",
	"hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other", "comp_in", "comp_out", "comp_byp", "comp_rsp",
	"rate", "rate_max", "conn_rate", "conn_rate_max", "conn_tot",
}

// statOf returns a reply to "show stat". What it has besides www can't be compressed.
func statOf(epoch, v int64, rows int) []byte {
	random := rand.New(rand.NewPCG(uint64(epoch), 1))
	b := []byte("# pxname,svname,type,stot,")
	for _, name := range columns {
		b = append(append(b, name...), ',')
	}
	b = append(b, '\n')
	for i := range rows + 1 {
		name := "www"
		if i > 0 {
			name = fmt.Sprint("other", i)
		}
		b = fmt.Appendf(b, "%s,FRONTEND,0,%d,", name, v+int64(i))
		for range columns {
			b = append(strconv.AppendInt(b, random.Int64N(1<<30), 10), ',')
		}
		b = append(b, '\n')
	}
	return append(b, '\n')
}

// TestForwardKafka39: both modes of [forward], and haproxystats-central, with the last
// version that is asked by the names of topics, which is killed once.
func TestForwardKafka39(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "Kafka 3.9 killed between nodes and central", lastValues)
	k := start(t, real.KafkaConfig{Jars: real.Need(t, "kafka-3.9")})
	f := newFleetAt(t, k, k.Addr, 1, 2)
	f.late = "600" // the queues of nodes wait
	nodes := []*node{
		f.node("c0", "n0", "tables", f.tables, map[string]string{"shards": "1"}),
		f.node("c0", "n1", "snapshots", f.snapshots, map[string]string{"chunk-bytes": "65536"}),
	}
	programs := []*harness.Program{f.Start(harness.Central, f.configure("a", "a"))}
	for _, n := range nodes {
		programs = append(programs, f.Start(harness.Process, n.conf))
	}
	f.feed = func(epoch int64) {
		for i, n := range nodes {
			n.hand(epoch, value(i, epoch), 500)
			f.expect("c0", epoch, value(i, epoch))
		}
	}
	f.begin()
	for range harness.Count(1, 20) {
		f.windows(2)
		k.Kill()
		row.Inject(1)
		f.windows(1)
		f.Must(k.Start(f.Ctx))
		f.windows(2)
	}
	f.settle(row, programs...)
}
