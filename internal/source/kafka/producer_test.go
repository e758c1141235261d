package kafka

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"

	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
)

// twoProxies returns a batch with two frontends, which are in different shards of eight.
func twoProxies(node string, epoch int64) *metric.Batch {
	b := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: "stot", Combine: metric.Sum}})
	for i, name := range []string{"api", "www"} {
		row := b.Row(metric.Entity{Name: name})
		b.Touch(row)
		b.Add(row, 0, int64(i+1))
	}
	return &metric.Batch{Node: node, Cluster: "eu", Epoch: epoch, Interval: time.Second, Tables: []*metric.Table{b.Table()}}
}

// TestProducer: what the producer writes becomes windows; each shard has a partition of
// its own.
func TestProducer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	p := NewProducer(ProducerOptions{
		Connection: w.options.Connection, Topic: topic, Host: "central", Timeout: 10 * time.Second,
		Shards: func(string) int { return 8 },
	})
	defer p.Close()
	sink := newBook()
	c := run(t, w.newTables(sink).Run)
	for n := range int32(4) {
		w.untilCommitted(n, 1)
	}
	epoch := time.Now().Unix() + 1
	if err := p.Deliver(t.Context(), &metric.Batch{Node: "of no cluster"}); err != nil {
		t.Error(err)
	}
	for _, node := range []string{"a", "b"} {
		if err := p.Deliver(t.Context(), twoProxies(node, epoch)); err != nil {
			t.Fatal(err)
		}
	}
	// Shards are emitted one by one.
	limit := time.After(time.Minute)
	for {
		sink.mu.Lock()
		came, done := sink.came, sink.said["api=2 "] && sink.said["www=4 "]
		sink.mu.Unlock()
		if done {
			break
		}
		select {
		case <-came:
		case <-limit:
			t.Fatalf("got %v, want the sums of both frontends", sink.said)
		}
	}
	ends, err := kadm.NewClient(w.client).ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	for shard := range 8 {
		n := wire.Partition(wire.Envelope{Kind: wire.Tables, Cluster: "eu", Shard: shard, Shards: 8}.Key(), 4)
		if end, _ := ends.Lookup(topic, int32(n)); end.Offset < 2 {
			t.Errorf("shard %d: partition %d has %d records, want those of two nodes", shard, n, end.Offset)
		}
	}
	c.end()
}

// TestProducerRefused: a delivery that fails names its cause within its time, and a later
// one succeeds when the cause is gone.
func TestProducerRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := NewProducer(ProducerOptions{
		Connection: w.options.Connection, Topic: "later", Host: "central", Timeout: 2 * time.Second, Shards: func(string) int { return 0 },
	})
	defer p.Close()
	begun := time.Now()
	err := p.Deliver(t.Context(), twoProxies("a", 1))
	if !errors.Is(err, kerr.UnknownTopicOrPartition) || !strings.Contains(err.Error(), "produce to topic later") || !strings.Contains(err.Error(), "--config message.timestamp.type=LogAppendTime") {
		t.Errorf("got %v, want that the topic is missing", err)
	}
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("the delivery took %v, want at most its time", d)
	}
	admin := kadm.NewClient(w.client)
	for range 2 { // the second is another topic of the name
		if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "later"); err != nil {
			t.Fatal(err)
		}
		deliver := func() error { return p.Deliver(t.Context(), twoProxies("a", 1)) }
		for limit := time.Now().Add(time.Minute); ; {
			err := deliver()
			if err == nil {
				break
			}
			if time.Now().After(limit) {
				t.Fatalf("the topic is there: got %v, want nil", err)
			}
		}
		if _, err := admin.DeleteTopics(t.Context(), "later"); err != nil {
			t.Fatal(err)
		}
	}
	w.cluster.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.Deliver(ctx, twoProxies("a", 1)); err == nil || !strings.Contains(fmt.Sprint(err), "reach the brokers") && !strings.Contains(err.Error(), "produce to topic") {
		t.Errorf("without brokers: got %v, want that they can't be reached", err)
	}
	p.Close()
	if err := p.Deliver(ctx, twoProxies("a", 1)); !errors.Is(err, errClosed) {
		t.Errorf("after Close: got %v, want %v", err, errClosed)
	}
}

// TestProducerSmallBatches: a topic that takes one of the largest records takes tables of
// several records, too.
func TestProducerSmallBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	limit := strconv.Itoa(tablesBatch)
	if _, err := kadm.NewClient(w.client).CreateTopic(t.Context(), 1, 1, map[string]*string{"max.message.bytes": &limit}, "small"); err != nil {
		t.Fatal(err)
	}
	p := NewProducer(ProducerOptions{
		Connection: w.options.Connection, Topic: "small", Host: "central", Timeout: time.Minute, Shards: func(string) int { return 1 },
	})
	defer p.Close()
	b := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: "stot", Combine: metric.Sum}})
	for range 30_000 { // of which about 900 KB remain after compression
		b.Touch(b.Row(metric.Entity{Name: rand.Text() + rand.Text()}))
	}
	err := p.Deliver(t.Context(), &metric.Batch{Node: "a", Cluster: "eu", Epoch: 1, Interval: time.Second, Tables: []*metric.Table{b.Table()}})
	if err != nil {
		t.Fatal(err)
	}
	ends, err := kadm.NewClient(w.client).ListEndOffsets(t.Context(), "small")
	if err != nil {
		t.Fatal(err)
	}
	if end, _ := ends.Lookup("small", 0); end.Offset < 2 {
		t.Errorf("got %d records in the topic, want at least 2", end.Offset)
	}
}

// TestDecompressionBomb: a batch that would take too much memory is skipped.
func TestDecompressionBomb(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "104857600"}))
	sink := newBook()
	c := run(t, w.newTables(sink).Run)
	w.untilCommitted(0, 1)
	w.bomb(0, 80<<20)
	now := time.Now().Unix()
	for i := range int64(3) {
		w.tables(0, "eu", "a", now+i+1, i)
	}
	sink.until(t, "eu", now+2, "www=1 ")
	w.out.until(t, "record of somebody else is put aside")
	c.end()
}

// TestProducerConflict: two machines of one name that send raw snapshots to this program
// are known by the tables that it makes.
func TestProducerConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	epoch := time.Now().Unix() + 1
	p := NewProducer(ProducerOptions{
		Connection: w.options.Connection, Topic: topic, Host: "central", Timeout: 10 * time.Second, Shards: func(string) int { return 1 },
		Instance: func(cluster, node string, at int64) string {
			if cluster != "eu" || node != "a" {
				t.Errorf("got %s in %s, want a in eu", node, cluster)
			}
			return []string{"1 lb1", "2 lb2"}[(at-epoch)%2]
		},
	})
	defer p.Close()
	tables := w.newTables(newBook())
	c := run(t, tables.Run)
	w.untilCommitted(0, 1)
	for i := range int64(6) {
		if err := p.Deliver(t.Context(), twoProxies("a", epoch+i)); err != nil {
			t.Fatal(err)
		}
	}
	w.out.until(t, "two machines use the name of a node")
	if got := w.out.String(); !strings.Contains(got, `"1 lb1"`) || !strings.Contains(got, `"2 lb2"`) {
		t.Errorf("the log does not name both machines:\n%s", got)
	}
	c.end()
}
