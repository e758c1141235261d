package kafka

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/bench/workload"
	envelope "haproxystats/internal/kafka/wire"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/status"
	"haproxystats/test/faults/harness"
)

// chunkBytes is the default of chunk-bytes.
const chunkBytes = 512 << 10

// TestMemoryOfRawNodes has large nodes send raw snapshots, all at once and mixed in one
// partition: haproxystats-central assembles them, and makes metrics of them.
func TestMemoryOfRawNodes(t *testing.T) {
	const nodes = 8
	size, most := workload.M, int64(128<<20)
	if harness.Full() {
		size, most = workload.L, 256<<20
	}
	row := harness.Begin(t, fmt.Sprintf("%d nodes of size %s send raw snapshots at once", nodes, size.Name), fmt.Sprintf("at most %d MB of memory; every window is right", most>>20))
	f := newFleet(t, 1, nodes)
	f.snapshots = createTopic(t, broker(t), 1, 1, map[string]string{"message.timestamp.type": "LogAppendTime"})
	conf := f.configure("a", "a")
	socket := f.Path("a", "status")
	text, err := os.ReadFile(conf)
	f.Must(err)
	var names []string
	for n := range nodes {
		names = append(names, fmt.Sprint("n", n))
	}
	f.Must(os.WriteFile(f.Path("nodes"), []byte(strings.Join(names, "\n")), 0o640))
	f.Must(os.WriteFile(conf, []byte(strings.NewReplacer(
		"interval = 1\n", "interval = 10\n", "grace = 1\n", "grace = 29\n", "status-socket = \n", "status-socket = "+socket+"\n",
		"late = 15\n", "late = 3600\nnodes = "+f.Path("nodes")+"\n", "node-expiry = 15\n", "node-expiry = 60\n",
	).Replace(string(text))), 0o640))
	p := f.Start(harness.Central, conf)
	p.WaitSays(time.Minute, "nothing is committed for the partition", f.snapshots)
	g, err := workload.New(size, 1)
	f.Must(err)
	files := make(snapshot.Memory)
	for _, file := range g.Files(0) {
		files[file.Name] = file.Data
	}
	epoch := (time.Now().Unix()/10 + 1) * 10 // a window that begins after the log
	c := envelope.NewCompressor()
	all := make([][]*kgo.Record, nodes)
	sent := int64(0)
	for n := range nodes {
		e := envelope.Envelope{Kind: envelope.Snapshot, Cluster: "c0", Node: names[n], Epoch: epoch, Attempt: f.attempts.Next(), Instance: names[n]}
		f.Must(snapshot.Encode(snapshot.Snapshot{Node: names[n], Cluster: "c0", Epoch: epoch, Files: files}, chunkBytes, func(record []byte) error {
			all[n] = append(all[n], f.record(e, f.snapshots, 1, c.Append(nil, record)))
			return nil
		}))
	}
	last := len(all[0]) - 1
	for i := range last {
		for n := range nodes {
			f.produce(all[n][i])
			sent += int64(len(all[n][i].Value))
		}
	}
	f.Until("all but the last records are read", time.Minute, func() bool {
		d, err := status.Ask(f.Ctx, socket)
		return err == nil && d.Central != nil && d.Central.AssemblyBytes+d.Central.AssemblyFileBytes == sent
	})
	_, assembling := p.Memory()
	for n := range nodes {
		f.produce(all[n][last])
	}
	reporting := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.got["ft.clusters.c0.haproxy.haproxystats.NodesReporting"][epoch] == nodes
	}
	f.Within(2*time.Minute, reporting)
	_, peak := p.Memory()
	row.Inject(nodes)
	if p.End(syscall.SIGTERM); !reporting() {
		t.Errorf("got no window of %d nodes, want one", nodes)
	}
	if peak > most {
		t.Errorf("got %d MB of memory, want at most %d", peak>>20, most>>20)
	}
	row.Result("%d MB, compressed: %d MB of memory while they were assembled, %d MB at most", sent>>20, assembling>>20, peak>>20)
}
