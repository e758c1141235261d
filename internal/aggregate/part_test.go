package aggregate

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"haproxystats/bench/workload"
	"haproxystats/internal/encode/tables"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
)

// TestNodesEqualWhole: the tables of nodes, encoded and decoded or not, in any order and
// divided into any shards, give what one aggregation of all processes gives.
func TestNodesEqualWhole(t *testing.T) {
	encoder, decoder := tables.NewEncoder(), tables.NewDecoder()
	rapid.Check(t, func(t *rapid.T) {
		opt := anyOptions(t)
		opt.PerProcess = false      // they have other labels
		opt.Servers = Wanted{}      // the centre can't count servers that no node sends, see TestNodeTotals
		parts := anyProcesses(t, 0) // for a node without others, one that stops tells the state
		whole := New(opt)
		feed(t, whole, parts...)
		want := dump(whole.Batch(1))

		shards := rapid.IntRange(1, 3).Draw(t, "shards")
		got := make([]*Aggregator, shards)
		for i := range got {
			got[i] = New(opt)
		}
		opt.Processes = true
		encoded := rapid.Bool().Draw(t, "encoded")
		for i, part := range rapid.Permutation(parts).Draw(t, "order") {
			node := New(opt)
			feed(t, node, part)
			b := node.Batch(1)
			name := fmt.Sprint("node", i)
			if !encoded {
				addBatch(got[0], name, b)
				continue
			}
			for shard := range shards {
				frame, err := encoder.Encode(nil, tables.Head{Epoch: 1, Shard: shard, Shards: shards}, b)
				if err != nil {
					t.Fatal(err)
				}
				p, err := decoder.Decode(frame)
				if err != nil {
					t.Fatal(err)
				}
				if p.Epoch != 1 || p.Shard != shard || p.Shards != shards {
					t.Fatalf("got epoch %d, shard %d of %d, want 1, %d of %d", p.Epoch, p.Shard, p.Shards, shard, shards)
				}
				for i := range p.Tables {
					got[shard].AddTable(name, &p.Tables[i])
				}
			}
		}
		for _, a := range got[1:] {
			got[0].Merge(a)
		}
		if diff := cmp.Diff(want, dump(got[0].Batch(1))); diff != "" {
			t.Errorf("the batch of the nodes (-want +got):\n%s", diff)
		}
	})
}

func addBatch(a *Aggregator, node string, b *metric.Batch) {
	a.AddTable(node, b.Processes)
	for _, t := range b.Tables {
		a.AddTable(node, t)
	}
}

// TestNodeTotals: servers that nodes leave out count for the backends of the centre, too, as
// far as one node knows them.
func TestNodeTotals(t *testing.T) {
	opt := Options{Servers: Wanted{Exclude: names("/./")}, Backends: Wanted{Exclude: names("gone")}}
	a := New(opt)
	for i, text := range []string{"b,s1,2,1\nb,s2,2,1\ngone,s1,2,1\n", "b,s3,2,1\n"} {
		node := New(Options{Servers: opt.Servers, Processes: true})
		var r reply.Reader
		if _, err := r.Read(files(map[string]string{"a_stat": "# pxname,svname,type,scur\n" + text}), node); err != nil {
			t.Fatal(err)
		}
		addBatch(a, fmt.Sprint("node", i), node.Batch(1))
	}
	for range 2 {
		if got, want := dump(a.Batch(1)), "backend { b } TotalServers {2 0 true}\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	a.Reset()
	if got := dump(a.Batch(1)); got != "" {
		t.Errorf("after Reset: got %q", got)
	}
}

// TestNodeRules: a field that only the node knows is combined by the rule that came with
// it; for a field that both know, this version's rule counts, and the field is told.
func TestNodeRules(t *testing.T) {
	b := metric.NewBuilder(metric.Frontend, []metric.Column{
		{Name: "novel", Combine: metric.Max, Nature: metric.Gauge, Unit: "bytes"},
		{Name: "scur", Combine: metric.Max},
	})
	a := New(Options{})
	for _, v := range []int64{3, 5} {
		b.Reset()
		row := b.Row(metric.Entity{Name: "www"})
		b.Touch(row)
		b.Add(row, 0, v)
		b.Add(row, 1, v)
		a.AddTable(fmt.Sprint("node", v), b.Table())
	}
	got := dump(a.Batch(1))
	for _, want := range []string{"frontend { www } novel {5 0 true}\n", "frontend { www } scur {8 0 true}\n"} {
		if !containsLine(got, want) {
			t.Errorf("got\n%swant a line %q", got, want)
		}
	}
	if d := a.Disputed(); len(d) != 1 || d[0] != "scur" {
		t.Errorf("Disputed: got %q, want scur alone", d)
	}
	if d := a.Disputed(); d != nil {
		t.Errorf("Disputed for the second time: got %q, want nothing", d)
	}
}

func containsLine(text, line string) bool {
	for l := range strings.Lines(text) {
		if l == line {
			return true
		}
	}
	return false
}

// BenchmarkNode measures what the tables of a node cost: to encode them, and to add
// them to a cluster's.
func BenchmarkNode(b *testing.B) {
	for _, size := range workload.Sizes() {
		g, err := workload.New(size, 1)
		if err != nil {
			b.Fatal(err)
		}
		a := New(Options{Processes: true})
		batch := aggregated(b, a, g.Snapshot(0))
		e, d := tables.NewEncoder(), tables.NewDecoder()
		var frame []byte
		b.Run(size.Name+"/encode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if frame, err = e.Encode(frame[:0], tables.Head{Shards: 1}, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(frame)), "bytes")
		})
		b.Run(size.Name+"/merge", func(b *testing.B) {
			b.ReportAllocs()
			cluster := New(Options{})
			for b.Loop() {
				cluster.Reset()
				p, err := d.Decode(frame)
				if err != nil {
					b.Fatal(err)
				}
				for i := range p.Tables {
					cluster.AddTable("node", &p.Tables[i])
				}
			}
		})
	}
}

func aggregated(tb testing.TB, a *Aggregator, fsys fs.FS) *metric.Batch {
	a.Reset()
	var r reply.Reader
	if _, err := r.Read(fsys, a); err != nil {
		tb.Fatal(err)
	}
	return a.Batch(1)
}
