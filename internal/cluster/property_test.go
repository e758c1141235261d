package cluster

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/encode/tables"
	"haproxystats/internal/metric"
	"haproxystats/internal/window"
)

// values is a sink that remembers the last value of each cell of each window.
type values struct{ last map[string]string }

func (s *values) Name() string { return "values" }

func (s *values) Deliver(_ context.Context, b *metric.Batch) error {
	for _, t := range b.Tables {
		if t.Scope() == metric.Self || t.Scope() == metric.Daemon {
			continue
		}
		for _, row := range t.Rows() {
			for i, c := range t.Columns() {
				if v, ok := t.At(row, i); ok {
					s.last[fmt.Sprintf("%d %v %+v %s", b.Epoch, t.Scope(), t.Entity(row), c.Name)] = fmt.Sprintf("%+v", v)
				}
			}
		}
	}
	return nil
}

// drawTables draws the tables of a node: cells of every kind in rows that nodes share.
func drawTables(t *rapid.T) []*metric.Table {
	var all []*metric.Table
	for _, scope := range []metric.Scope{metric.Frontend, metric.Server} {
		columns := []metric.Column{
			{Name: "sum", Combine: metric.Sum}, {Name: "max", Combine: metric.Max}, {Name: "mean", Combine: metric.MeanOfActive},
		}
		b := metric.NewBuilder(scope, columns)
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			e := metric.Entity{Name: rapid.SampledFrom([]string{"a", "b", "c", "d", "\xff"}).Draw(t, "name")}
			if scope == metric.Server {
				e.Parent = rapid.SampledFrom([]string{"be1", "be2", "be3"}).Draw(t, "backend")
			}
			row := b.Row(e)
			b.Touch(row)
			if rapid.Bool().Draw(t, "active") {
				b.TouchActive(row)
			}
			for i := range columns {
				switch rapid.IntRange(0, 3).Draw(t, "kind") {
				case 0:
					b.Add(row, i, rapid.Int64().Draw(t, "value"))
				case 1:
					b.AddRat(row, i, big.NewRat(rapid.Int64().Draw(t, "numerator"), rapid.Int64Range(1, 1000).Draw(t, "denominator")))
				case 2:
					wide := new(big.Int).Mul(big.NewInt(rapid.Int64().Draw(t, "factor")), big.NewInt(math.MaxInt64))
					b.AddRat(row, i, new(big.Rat).SetInt(wide))
				}
			}
		}
		all = append(all, b.Table())
	}
	return all
}

// TestShardsProperty: shards of nodes in any order, with duplicates, and read again after
// crashes, make windows that equal one aggregation of all nodes.
func TestShardsProperty(t *testing.T) {
	const begin = 1_700_000_000
	options := func(string) window.Options {
		return window.Options{
			Interval: 10 * time.Second, Grace: 5 * time.Second, Late: time.Minute, NodeExpiry: time.Minute,
			NewAggregator: func() window.Aggregator { return aggregate.New(aggregate.Options{}) },
		}
	}
	encoder := tables.NewEncoder()
	rapid.Check(t, func(t *rapid.T) {
		shards := rapid.IntRange(1, 5).Draw(t, "shards")
		want := &values{make(map[string]string)}
		var frames [][]byte
		for epoch := int64(begin); epoch < begin+30; epoch += 10 {
			one := aggregate.New(aggregate.Options{})
			one.Reset()
			for n := range rapid.IntRange(1, 4).Draw(t, "nodes") {
				node := fmt.Sprint("n", n)
				b := &metric.Batch{Node: node, Cluster: "eu", Epoch: epoch, Tables: drawTables(t)}
				for _, table := range b.Tables {
					one.AddTable(node, table)
				}
				for shard := range shards {
					frame, err := encoder.Encode(nil, tables.Head{Node: node, Cluster: "eu", Epoch: epoch, Shard: shard, Shards: shards}, b)
					if err != nil {
						t.Fatal(err)
					}
					for range rapid.SampledFrom([]int{1, 1, 2}).Draw(t, "times") {
						frames = append(frames, frame)
					}
				}
			}
			if err := want.Deliver(t.Context(), one.Batch(epoch)); err != nil {
				t.Fatal(err)
			}
		}
		frames = rapid.Permutation(frames).Draw(t, "order")
		got := &values{make(map[string]string)}
		committed, mark := 0, time.Unix(begin-1, 0)
		for crashes := 0; committed < len(frames); crashes++ {
			end := len(frames)
			if crashes < 3 {
				end = rapid.IntRange(committed, end).Draw(t, "crash")
			}
			stage := New(Options{Windows: options, Sinks: []Sink{got}, Mark: mark})
			released := make([]bool, len(frames))
			advance := func() {
				if err := stage.Advance(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for i := committed; i < end; i++ {
				// All come within the time in which the first window takes late nodes.
				at := time.Unix(begin, 0).Add(time.Minute * time.Duration(i) / time.Duration(len(frames)))
				if err := stage.Add(frames[i], at, func() { released[i] = true }); err != nil {
					t.Fatal(err)
				}
				advance()
			}
			if end == len(frames) {
				stage.Tick(time.Unix(begin+1000, 0))
				advance()
			}
			if end == len(frames) || rapid.Bool().Draw(t, "commit") {
				for committed < len(frames) && released[committed] {
					committed++
				}
				mark = stage.Mark()
			}
			stage.Close()
		}
		if diff := cmp.Diff(want.last, got.last); diff != "" {
			t.Errorf("cells of windows (-want +got):\n%s", diff)
		}
	})
}
