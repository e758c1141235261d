package kafka

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/cluster"
	"haproxystats/internal/encode/tables"
	"haproxystats/internal/kafka"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/internal/window"
)

// book is a sink that remembers the last value of each window.
type book struct {
	mu      sync.Mutex
	last    map[string]map[int64]string // by cluster and window
	refuse  map[string]bool             // clusters of which nothing is accepted
	came    chan struct{}               // closed and replaced at each batch
	batches int
	said    map[string]bool // the values of all batches
}

func newBook() *book {
	return &book{last: make(map[string]map[int64]string), refuse: make(map[string]bool), came: make(chan struct{}), said: make(map[string]bool)}
}

func (s *book) Name() string { return "book" }

func (s *book) Deliver(ctx context.Context, b *metric.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if s.refuse[b.Cluster] {
		return fmt.Errorf("nothing of %s", b.Cluster)
	}
	text := ""
	for _, t := range b.Tables {
		if t.Scope() != metric.Frontend {
			continue
		}
		c := t.Column("stot")
		for _, row := range t.Rows() {
			v, _ := t.At(row, c)
			text += fmt.Sprintf("%s=%d ", t.Entity(row).Name, v.Int)
		}
	}
	if s.last[b.Cluster] == nil {
		s.last[b.Cluster] = make(map[int64]string)
	}
	s.last[b.Cluster][b.Epoch] = text
	s.said[text] = true
	s.batches++
	close(s.came)
	s.came = make(chan struct{})
	return nil
}

func (s *book) get(cluster string, epoch int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[cluster][epoch]
}

// until waits until the last value of a window is what is wanted.
func (s *book) until(t testing.TB, cluster string, epoch int64, want string) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		s.mu.Lock()
		came, got := s.came, s.last[cluster][epoch]
		s.mu.Unlock()
		if got == want {
			return
		}
		select {
		case <-came:
		case <-limit:
			t.Fatalf("window %d of %s: got %q, want %q", epoch, cluster, got, want)
		}
	}
}

// shardBatch returns the batch of a node, with the same value for each of two frontends.
func shardBatch(node, cluster string, epoch int64, interval time.Duration, v int64) *metric.Batch {
	b := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: "stot", Combine: metric.Sum}})
	row := b.Row(metric.Entity{Name: "www"})
	b.Touch(row)
	b.Add(row, 0, v)
	return &metric.Batch{Node: node, Cluster: cluster, Epoch: epoch, Interval: interval, Tables: []*metric.Table{b.Table()}}
}

// tablesRecords returns the records of a node's tables.
func tablesRecords(t interface{ Fatal(...any) }, node, cluster string, epoch int64, interval time.Duration, v int64) []*kgo.Record {
	attemptMu.Lock()
	attempts++
	e := wire.Envelope{Kind: wire.Tables, Cluster: cluster, Node: node, Epoch: epoch, Attempt: attempts, Instance: node, Shards: 1}
	attemptMu.Unlock()
	frame, err := tables.NewEncoder().Encode(nil, tables.Head{
		Node: node, Cluster: cluster, Epoch: epoch, Interval: interval, Shards: 1, Instance: node,
	}, shardBatch(node, cluster, epoch, interval, v))
	if err != nil {
		t.Fatal(err)
	}
	var records []*kgo.Record
	if err := wire.EncodeTables(e, frame, func(value []byte) error {
		records = append(records, &kgo.Record{Key: e.Key(), Value: slices.Clone(value), Headers: kafka.Headers(e.Headers())})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return records
}

var attemptMu sync.Mutex

func windowsOf(interval, grace, late time.Duration) func(string) window.Options {
	return func(string) window.Options {
		return window.Options{
			Interval: interval, Grace: grace, Late: late, NodeExpiry: late,
			NewAggregator: func() window.Aggregator { return aggregate.New(aggregate.Options{}) },
		}
	}
}

// TestLogProperty: whoever reads partitions again from what was committed, however often
// and whoever has them, makes at last the exact combination of the nodes of each window.
func TestLogProperty(t *testing.T) {
	store := memory(t, 1<<20)
	letters, err := OpenDeadLetters(DeadLetterOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer letters.Close()
	rapid.Check(t, func(t *rapid.T) {
		const base = 1_800_000_000
		partitions := rapid.IntRange(1, 3).Draw(t, "partitions")
		nodes := rapid.IntRange(1, 4).Draw(t, "nodes")
		logs := make([][]*kgo.Record, partitions)
		want := make(map[string]map[int64]int64)
		type arrival struct {
			at        float64
			partition int
			records   []*kgo.Record
		}
		var arrivals []arrival
		for i := range 12 {
			for c := range partitions {
				name := fmt.Sprint("c", c)
				if want[name] == nil {
					want[name] = make(map[int64]int64)
				}
				arrivals = append(arrivals, arrival{base + float64(i)*10, c, []*kgo.Record{{Headers: kafka.Headers(wire.Envelope{Kind: wire.Tick}.Headers())}}})
				for n := range nodes {
					if rapid.IntRange(0, 9).Draw(t, "away") == 0 {
						continue
					}
					epoch := base + int64(i)*10 + int64(n)
					late := rapid.SampledFrom([]float64{0.2, 0.2, 0.2, 4, 17, 55}).Draw(t, "late")
					want[name][epoch/10*10] += 1 << (8 * n)
					for range rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "times") {
						records := tablesRecords(t, fmt.Sprint("n", n), name, epoch, 10*time.Second, 1<<(8*n))
						arrivals = append(arrivals, arrival{float64(epoch) + late, c, records})
						late++
					}
				}
			}
		}
		for c := range partitions {
			arrivals = append(arrivals, arrival{base + 500, c, []*kgo.Record{{Headers: kafka.Headers(wire.Envelope{Kind: wire.Tick}.Headers())}}})
		}
		slices.SortStableFunc(arrivals, func(a, b arrival) int { return int(min(max((a.at-b.at)*10, -1), 1)) })
		for _, a := range arrivals {
			for _, r := range a.records {
				r.Offset, r.Partition, r.Timestamp = int64(len(logs[a.partition])), int32(a.partition), time.UnixMilli(int64(a.at*1000))
				logs[a.partition] = append(logs[a.partition], r)
			}
		}

		sink := newBook()
		for n, records := range logs {
			committed, metadata := int64(-1), ""
			for crashes := 0; committed < int64(len(records)); crashes++ {
				tabs := NewTables(TablesOptions{
					Options: Options{Topic: "t", Store: store, DeadLetters: letters, SessionTimeout: time.Hour},
					Windows: windowsOf(10*time.Second, 5*time.Second, time.Minute), Sinks: []cluster.Sink{sink},
				})
				p := newPartition(tabs.group, int32(n))
				if committed >= 0 {
					mark, err := parseMark(metadata)
					if err != nil {
						t.Fatal(err)
					}
					p.begin(committed, mark)
				} else {
					// The whole log is known.
					p.begin(0, time.Unix(base-1, 0))
				}
				from := max(committed, 0)
				end := int64(len(records))
				if crashes < 5 {
					end = rapid.Int64Range(from, end).Draw(t, "crash")
				}
				for from < end {
					batch := rapid.Int64Range(1, 5).Draw(t, "batch")
					for _, r := range records[from:min(from+batch, end)] {
						p.add(r)
						from++
					}
					if err := p.reader.advance(p.ctx); err != nil {
						t.Fatal(err)
					}
					p.publish()
					if rapid.IntRange(0, 4).Draw(t, "commit") == 0 || from == int64(len(records)) {
						at, _ := p.committable()
						committed, metadata = at.offset, markText(at.mark)
					}
				}
				p.cancel()
				if p.reader != nil {
					p.reader.close()
				}
			}
		}
		for name, windows := range want {
			for epoch, v := range windows {
				if got, want := sink.get(name, epoch), fmt.Sprintf("www=%d ", v); got != want {
					t.Errorf("%s, window %d: the last emission is %q, want %q", name, epoch-base, got, want)
				}
			}
			if got := len(sink.last[name]); got != len(windows) {
				t.Errorf("%s: got %d windows, want %d", name, got, len(windows))
			}
		}
	})
}
