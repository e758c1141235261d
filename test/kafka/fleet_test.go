package kafka

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	simulated "haproxystats/bench/fleet"
	"haproxystats/bench/workload"
	"haproxystats/internal/encode/plaintext"
	envelope "haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/test/faults/harness"
)

// TestFleet sends the tables of a simulated fleet through the broker: nodes that are late,
// too late, away, or send twice. Every value of every window is that of one aggregation.
func TestFleet(t *testing.T) {
	plan := simulated.Plan{Size: workload.S, Nodes: 60, Shards: 2, Windows: 3, Seed: 1, Progress: t.Output()}
	if harness.Full() {
		plan.Nodes, plan.Windows = 1000, 12
	}
	row := harness.Begin(t, fmt.Sprintf("%d nodes of size %s, some of them late, away or doubled", plan.Nodes, plan.Size.Name), "every value of every window is that of one aggregation")
	f := newFleet(t, 1, plan.Nodes)
	// The fleet's time is its own, and not that of the broker.
	f.tables = createTopic(t, broker(t), plan.Shards, 1, map[string]string{
		"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": "9223372036854775807",
	})
	want := make(map[string]map[int64]float64)
	encoder := plaintext.New(plaintext.Paths{Namespace: "ft", ClusterNamespace: "ft.clusters"})
	windows, nodes := 0, 0
	var sent int64
	var records []*kgo.Record
	flush := func() error {
		err := f.client.ProduceSync(f.Ctx, records...).FirstErr()
		records = records[:0]
		return err
	}
	f.Must(simulated.Stream(plan, func(r simulated.Record) error {
		e := envelope.Envelope{Kind: envelope.Tick}
		if r.Node != "" {
			e = envelope.Envelope{
				Kind: envelope.Tables, Cluster: simulated.Cluster, Node: r.Node, Epoch: r.Epoch, Attempt: f.attempts.Next(),
				Instance: "1", Shard: r.Shard, Shards: plan.Shards,
			}
			nodes++
		}
		put := func(value []byte) error {
			record := f.record(e, f.tables, plan.Shards, value)
			record.Partition, record.Timestamp = int32(r.Shard), r.At
			sent += int64(len(value))
			records = append(records, record)
			return nil
		}
		if r.Node == "" {
			f.Must(put(nil))
		} else if err := envelope.EncodeTables(e, r.Frame, put); err != nil {
			return err
		}
		if len(records) < 500 {
			return nil
		}
		return flush()
	}, func(b *metric.Batch) error {
		var lines bytes.Buffer
		if _, err := encoder.Encode(&lines, b); err != nil {
			return err
		}
		windows++
		for line := range bytes.Lines(lines.Bytes()) {
			p, err := harness.ParseLine(bytes.TrimSuffix(line, []byte("\n")))
			if err != nil {
				return err
			}
			path := string(p.Path)
			if want[path] == nil {
				want[path] = make(map[int64]float64)
			}
			want[path][p.Time] = p.Value
		}
		return nil
	}))
	f.Must(flush())
	base := f.Mkdir("a")
	conf := filepath.Join(base, "haproxystats.conf")
	f.Must(os.WriteFile(conf, fmt.Appendf(nil, `[paths]
base-dir = %s
[process]
calculate-percentages = true
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
snapshots-topic =
group = %s
instance = one
status-socket =
[cluster]
shards = %d
`, base, f.graphite.Port, f.brokers, f.tables, f.group, plan.Shards), 0o640))
	// right returns the number of values, and some that are wrong or missing.
	right := func() (values int, wrong []string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		for path, times := range want {
			for epoch, v := range times {
				values++
				if got, ok := f.got[path][epoch]; (!ok || got != v) && len(wrong) < 5 {
					wrong = append(wrong, fmt.Sprintf("%s at %d: got %v (%t), want %v", path, epoch, got, ok, v))
				}
			}
		}
		return values, wrong
	}
	begun := time.Now()
	p := f.Start(harness.Central, conf)
	row.Inject(nodes)
	look := time.NewTicker(500 * time.Millisecond)
	defer look.Stop()
	f.Within(5*time.Minute, func() bool {
		<-look.C
		_, wrong := right()
		return len(wrong) == 0
	})
	took := time.Since(begun)
	_, peak := p.Memory()
	cpu := p.CPU()
	p.End(syscall.SIGTERM)
	values, wrong := right()
	if len(wrong) > 0 || windows != plan.Windows {
		t.Errorf("got wrong values of %d: %q", values, wrong)
	}
	row.Result("%d windows, %d values, %.1f MB in %.1f s, %.2f s of CPU a window, %d MB of memory: 0 wrong",
		windows, values, float64(sent)/1e6, took.Seconds(), cpu.Seconds()/float64(windows), peak>>20)
}
