package remotewrite

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/encodetest"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/encode/prometheus"
	"haproxystats/internal/encode/remotewrite/writetest"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/sinktest"
)

func everything() samples.Selection {
	s := samples.Selection{ExtraCounters: true}
	for i := range s.Scopes {
		s.Scopes[i] = true
	}
	return s
}

var versions = map[string]Version{"1.0": V1, "2.0": V2}

// constant labels come before, between and behind the others.
var constant = []samples.Label{
	{Name: "zone", Value: "b"}, {Name: "Upper", Value: "x"}, {Name: "job", Value: "haproxy"}, {Name: "empty"}, {Name: "pz", Value: "\xff\""},
}

func options(v Version) Options {
	return Options{Version: v, Selection: everything(), Labels: constant, Stale: true, Metadata: true, MaxSamples: 50}
}

// texts returns what Prometheus' parser makes of the text of a batch: the values by their
// series, and the types and texts of families.
func texts(t fataler, o Options, part samples.Part) (values map[string]float64, kinds map[string]int64, helps map[string]string) {
	var out bytes.Buffer
	encoder := prometheus.New(prometheus.Options{Options: o.Options, Labels: o.Labels})
	if _, err := encoder.Encode(&out, []samples.Part{part}, &o.Selection, nil); err != nil {
		t.Fatalf("%v", err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&out)
	if err != nil {
		t.Fatalf("%v", err)
	}
	values, kinds, helps = make(map[string]float64), make(map[string]int64), make(map[string]string)
	for name, f := range families {
		kinds[name], helps[name] = typeGauge, f.GetHelp()
		if f.GetType() == dto.MetricType_COUNTER {
			kinds[name] = typeCounter
		}
		for _, m := range f.Metric {
			s := writetest.Sample{Name: name, Labels: [][2]string{{nameLabel, name}}, Value: m.Gauge.GetValue()}
			if m.Counter != nil {
				s.Value = m.Counter.GetValue()
			}
			for _, l := range m.Label {
				if l.GetValue() != "" {
					s.Labels = append(s.Labels, [2]string{l.GetName(), l.GetValue()})
				}
			}
			slices.SortFunc(s.Labels, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
			values[s.ID()] = s.Value
		}
	}
	return values, kinds, helps
}

type fataler interface{ Fatalf(string, ...any) }

func decode(t fataler, v Version, request []byte) writetest.Request {
	d, err := writetest.Decode(v == V2, request)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return d
}

// request is a request with its number of samples.
type request struct {
	metrics int
	body    []byte
}

func encodeAll(t fataler, e *Encoder, b *metric.Batch) (all []request) {
	err := e.Encode(b, func(m encode.Message) error {
		all = append(all, request{m.Metrics, bytes.Clone(m.Value)})
		return nil
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return all
}

// TestSameAsText: requests have the series that Prometheus' text has, with its values, types
// and texts, and a marker for each series that the batch before had.
func TestSameAsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom([]Version{V1, V2}).Draw(t, "version")
		o := options(v)
		o.CheckStates = series.CheckStates(rapid.IntRange(0, 2).Draw(t, "check-states"))
		o.MaxSeries = rapid.SampledFrom([]int{0, 0, 5, 40}).Draw(t, "max-series")
		o.Clusters = rapid.Bool().Draw(t, "clusters")
		e := New(o)
		var before map[string]float64
		epoch := rapid.Int64Range(-1000, 1<<33).Draw(t, "epoch")
		for i := range 4 {
			b := encodetest.Batch(t)
			b.Node, b.Cluster, b.Epoch = "n", "c", epoch+int64(i)*40
			b.Began = rapid.SampledFrom([]int64{0, b.Epoch - 100, b.Epoch + 1}).Draw(t, "began")
			if rapid.Bool().Draw(t, "texts") {
				b.Texts = []metric.Text{{Field: "Version", Value: rapid.SampledFrom(encodetest.Names).Draw(t, "version")}}
			}
			part := samples.Part{Batch: b, Labels: e.labelsOf(b)}
			values, kinds, helps := texts(t, o, part)
			all := encodeAll(t, e, b)
			if again := encodeAll(t, e, b); !slices.EqualFunc(all, again, func(a, b request) bool { return bytes.Equal(a.body, b.body) }) {
				t.Fatalf("a batch that comes again has other bytes")
			}
			if late := *b; i > 0 {
				late.Epoch -= 39
				for _, r := range encodeAll(t, e, &late) {
					for _, s := range decode(t, v, r.body).Samples {
						if s.Stale {
							t.Fatalf("a late batch ends %s", s.ID())
						}
					}
				}
			}
			check(t, o, b, all, values, before, kinds, helps)
			before = values
		}
	})
}

// check compares requests with the values, those of the batch before, and what families are.
func check(t fataler, o Options, b *metric.Batch, all []request, values, before map[string]float64, kinds map[string]int64, helps map[string]string) {
	seen := make(map[string]bool)
	described := false
	for i, r := range all {
		d := decode(t, o.Version, r.body)
		if len(d.Samples) != r.metrics || r.metrics > o.MaxSamples || r.metrics == 0 {
			t.Fatalf("got %d samples, want %d, at least 1 and at most %d", len(d.Samples), r.metrics, o.MaxSamples)
		}
		if len(d.Types) > 0 {
			if described = true; i > 0 {
				t.Fatalf("request %d describes families, want only the first", i)
			}
			for name, kind := range kinds {
				if d.Types[name] != kind || d.Helps[name] != helps[name] {
					t.Fatalf("%s: got the type %d and the text %q, want %d and %q", name, d.Types[name], d.Helps[name], kind, helps[name])
				}
			}
		}
		for _, s := range d.Samples {
			if seen[s.ID()] {
				t.Fatalf("two samples of %s", s.ID())
			}
			seen[s.ID()] = true
			if s.Time != b.Epoch*1000 {
				t.Fatalf("got the time %d, want %d", s.Time, b.Epoch*1000)
			}
			if _, ok := values[s.ID()]; s.Stale {
				if _, was := before[s.ID()]; ok || !was {
					t.Fatalf("%s ends: it is here: %t, it was: %t", s.ID(), ok, was)
				}
				continue
			}
			if want, ok := values[s.ID()]; !ok || s.Value != want {
				t.Fatalf("%s: got %v, want %v (%t)", s.ID(), s.Value, want, ok)
			}
			start := int64(0)
			if o.Version == V2 {
				if s.Type != kinds[s.Name] || s.Help != helps[s.Name] {
					t.Fatalf("%s: got the type %d and the text %q, want %d and %q", s.Name, s.Type, s.Help, kinds[s.Name], helps[s.Name])
				}
				if kinds[s.Name] == typeCounter && b.Began > 0 && b.Began <= b.Epoch {
					start = b.Began * 1000
				}
			}
			if s.Start != start {
				t.Fatalf("%s: got the start %d, want %d", s.Name, s.Start, start)
			}
		}
	}
	for _, of := range []map[string]float64{values, before} {
		for id := range of {
			if !seen[id] {
				t.Fatalf("%s is missing", id)
			}
		}
	}
	if o.Version == V1 && before == nil && len(all) > 0 && !described {
		t.Fatalf("the first batch describes no families")
	}
}

func batchAt(epoch int64, scope metric.Scope, names ...string) *metric.Batch {
	table := metric.NewBuilder(scope, []metric.Column{{Name: "scur"}})
	for _, name := range names {
		row := table.Row(metric.Entity{Parent: "app", Name: name})
		table.Touch(row)
		table.Add(row, 0, 7)
	}
	return &metric.Batch{Epoch: epoch, Tables: []*metric.Table{table.Table()}}
}

// ended returns the values of a label of the series that end with a batch.
func ended(t *testing.T, e *Encoder, b *metric.Batch, label string) (all []string) {
	t.Helper()
	for _, r := range encodeAll(t, e, b) {
		for _, s := range decode(t, e.opt.Version, r.body).Samples {
			for _, l := range s.Labels {
				if s.Stale && l[0] == label {
					all = append(all, l[1])
				}
			}
		}
	}
	return all
}

// FuzzNames: labels say what names and constant labels are, whatever bytes these have, and so
// they do in a request that was cut.
func FuzzNames(f *testing.F) {
	for _, name := range encodetest.Hard {
		f.Add(name, name)
	}
	f.Fuzz(func(t *testing.T, name, other string) {
		for _, v := range versions {
			o := options(v)
			o.Labels = []samples.Label{{Name: "env", Value: name}}
			table := metric.NewBuilder(metric.Server, []metric.Column{{Name: "scur"}, {Name: "smax"}})
			row := table.Row(metric.Entity{Parent: name, Name: other})
			table.Touch(row)
			table.Add(row, 0, 7)
			table.Add(row, 1, 7)
			all := encodeAll(t, New(o), &metric.Batch{Epoch: 1000, Tables: []*metric.Table{table.Table()}})
			bodies := [][]byte{all[0].body}
			if first, second, _, ok := v.Split(all[0].body); ok {
				bodies = append(bodies, first, second)
			}
			want := map[string]string{"proxy": name, "server": other, "env": name}
			maps.DeleteFunc(want, func(_, value string) bool { return value == "" })
			for _, body := range bodies {
				for _, s := range decode(t, v, body).Samples {
					got := make(map[string]string)
					for _, l := range s.Labels {
						if l[0] != nameLabel {
							got[l[0]] = encodetest.Original(l[1])
						}
					}
					if !maps.Equal(got, want) || s.Value != 7 {
						t.Errorf("got %v with the labels %q, want 7 with %q", s.Value, got, want)
					}
				}
			}
		}
	})
}

// TestEnds: a series ends once, and again after it was there again.
func TestEnds(t *testing.T) {
	for name, v := range versions {
		e := New(options(v))
		for i, c := range []struct{ names, want []string }{
			{[]string{"a", "b", "c"}, nil},
			{[]string{"a", "c"}, []string{"b"}},
			{[]string{"a", "c"}, nil},
			{[]string{"a", "b", "d"}, []string{"c"}},
			{nil, []string{"a", "b", "d"}},
			{[]string{"b"}, nil},
		} {
			if got := ended(t, e, batchAt(int64(1000+i), metric.Server, c.names...), "server"); !slices.Equal(got, c.want) {
				t.Errorf("%s, batch %d: got the end of %q, want %q", name, i, got, c.want)
			}
		}
	}
}

// TestEndsOfAnUnfinishedBatch: a batch that was not encoded to its end has no series.
func TestEndsOfAnUnfinishedBatch(t *testing.T) {
	e := New(options(V1))
	encodeAll(t, e, batchAt(1000, metric.Server, "a", "b"))
	stop := fmt.Errorf("stop")
	if err := e.Encode(batchAt(1010, metric.Server, "a", "x"), func(encode.Message) error { return stop }); err != stop {
		t.Fatalf("got the error %v, want %v", err, stop)
	}
	if got, want := ended(t, e, batchAt(1020, metric.Server, "a"), "server"), []string{"b"}; !slices.Equal(got, want) {
		t.Errorf("got the end of %q, want %q", got, want)
	}
}

// TestRevert: the series that a batch ended, and the texts of the families, come with the next
// one if no receiver got it.
func TestRevert(t *testing.T) {
	for name, v := range versions {
		e := New(options(v))
		encodeAll(t, e, batchAt(1000, metric.Server, "a", "b"))
		for _, epoch := range []int64{1060, 1060, 1070} { // it is delivered again, and then given up
			if got, want := ended(t, e, batchAt(epoch, metric.Server, "a", "x"), "server"), []string{"b"}; !slices.Equal(got, want) {
				t.Errorf("%s, batch %d: got the end of %q, want %q", name, epoch, got, want)
			}
			e.Revert()
		}
		all := encodeAll(t, e, batchAt(1080, metric.Server, "a"))
		if got, want := ended(t, e, batchAt(1080, metric.Server, "a"), "server"), []string{"b"}; !slices.Equal(got, want) {
			t.Errorf("%s: got the end of %q after the batch that was given up, want %q", name, got, want)
		}
		if len(decode(t, v, all[0].body).Types) == 0 && v == V1 {
			t.Errorf("%s: got no types of families after the batch that had them was given up", name)
		}
	}
}

// TestNodesEndApart: a batch of one node ends no series of another, and a node that is away
// for an hour is forgotten.
func TestNodesEndApart(t *testing.T) {
	o := options(V2)
	o.Clusters = true
	e := New(o)
	at := func(epoch int64, node string, names ...string) *metric.Batch {
		b := batchAt(epoch, metric.Server, names...)
		b.Cluster, b.Node = "eu", node
		return b
	}
	for i, c := range []struct {
		batch *metric.Batch
		want  []string
	}{
		{at(1000, "n1", "a"), nil},
		{at(1000, "n2", "b"), nil},
		{at(1010, "n2"), []string{"b"}},
		{at(1010, "n1", "c"), []string{"a"}},
	} {
		if got := ended(t, e, c.batch, "server"); !slices.Equal(got, c.want) {
			t.Errorf("batch %d: got the end of %q, want %q", i, got, c.want)
		}
	}
	for _, name := range []string{"n3", "n4", "n5"} {
		encodeAll(t, e, at(1011+forgotten, name))
	}
	if len(e.past) != 3 {
		t.Errorf("%d nodes are remembered, want 3", len(e.past))
	}
}

// TestClockOfAnotherNode: a node that comes with a clock that is wrong ends no series too late.
func TestClockOfAnotherNode(t *testing.T) {
	for _, wrong := range []int64{1000 + 5*forgotten, 0} {
		o := options(V1)
		o.Clusters = true
		e := New(o)
		at := func(epoch int64, node string, names ...string) *metric.Batch {
			b := batchAt(epoch, metric.Server, names...)
			b.Cluster, b.Node = "eu", node
			return b
		}
		encodeAll(t, e, at(100_000, "n1", "a", "b"))
		encodeAll(t, e, at(100_000, "n2", "c", "d"))
		encodeAll(t, e, at(100_000+wrong-1000, "n3", "e"))
		for node, want := range map[string]string{"n1": "b", "n2": "d"} {
			if got := ended(t, e, at(100_010, node, map[string]string{"n1": "a", "n2": "c"}[node]), "server"); !slices.Equal(got, []string{want}) {
				t.Errorf("a clock is wrong by %d s: got the end of %q at %s, want %q", wrong-1000, got, node, want)
			}
		}
	}
}

// TestShardsEndApart: a batch with a part of the rows of a cluster ends no series of the other
// parts.
func TestShardsEndApart(t *testing.T) {
	o := options(V1)
	o.Clusters = true
	e := New(o)
	at := func(epoch int64, shard int, names ...string) *metric.Batch {
		b := batchAt(epoch, metric.Server, names...)
		b.Cluster, b.Shard, b.Shards = "eu", shard, 2
		return b
	}
	for i, c := range []struct {
		batch *metric.Batch
		want  []string
	}{
		{at(1000, 0, "a", "b"), nil},
		{at(1000, 1, "x", "y"), nil},
		{at(1010, 0, "a"), []string{"b"}},
		{at(1010, 1, "x"), []string{"y"}},
	} {
		if got := ended(t, e, c.batch, "server"); !slices.Equal(got, c.want) {
			t.Errorf("batch %d: got the end of %q, want %q", i, got, c.want)
		}
	}
}

// TestClockThatWasWrong: after a clock was set back by hours, series end again.
func TestClockThatWasWrong(t *testing.T) {
	e := New(options(V1))
	encodeAll(t, e, batchAt(100_000, metric.Server, "a"))
	if got := ended(t, e, batchAt(1000, metric.Server, "b"), "server"); got != nil {
		t.Errorf("got the end of %q, want none", got)
	}
	if got, want := ended(t, e, batchAt(1010, metric.Server), "server"), []string{"b"}; !slices.Equal(got, want) {
		t.Errorf("got the end of %q, want %q", got, want)
	}
}

func TestWithoutMarkers(t *testing.T) {
	o := options(V1)
	o.Stale = false
	e := New(o)
	encodeAll(t, e, batchAt(1000, metric.Server, "a", "b"))
	if got := ended(t, e, batchAt(1010, metric.Server, "a"), "server"); got != nil {
		t.Errorf("got the end of %q, want none", got)
	}
}

// TestMetadataOnceAMinute: 1.0 describes families once a minute of the batches' time.
func TestMetadataOnceAMinute(t *testing.T) {
	for _, metadata := range []bool{true, false} {
		o := options(V1)
		o.Metadata = metadata
		e := New(o)
		var got []int64
		for epoch := int64(1000); epoch < 1130; epoch += 10 {
			for _, r := range encodeAll(t, e, batchAt(epoch, metric.Server, "a")) {
				if len(decode(t, V1, r.body).Types) > 0 {
					got = append(got, epoch)
				}
			}
		}
		want := []int64{1000, 1060, 1120}
		if !metadata {
			want = nil
		}
		if !slices.Equal(got, want) {
			t.Errorf("metadata %t: families are described at %d, want %d", metadata, got, want)
		}
	}
	o := options(V2)
	o.Metadata = false
	for _, s := range decode(t, V2, encodeAll(t, New(o), batchAt(1000, metric.Server, "a"))[0].body).Samples {
		if s.Type != 0 || s.Help != "" {
			t.Errorf("%s has the type %d and the text %q, want none", s.Name, s.Type, s.Help)
		}
	}
}

// TestExactTimes: milliseconds of any size are the nearest float64.
func TestExactTimes(t *testing.T) {
	for _, v := range []int64{1, -1, 999, 1 << 53, 1<<53 + 1, math.MaxInt64, math.MinInt64, 9007199254740995} {
		table := metric.NewBuilder(metric.Server, []metric.Column{{Name: "rtime", Combine: metric.MeanOfActive}})
		row := table.Row(metric.Entity{Parent: "app", Name: "s"})
		table.TouchActive(row)
		table.Add(row, 0, v)
		b := &metric.Batch{Epoch: 1000, Tables: []*metric.Table{table.Table()}}
		o := options(V1)
		values, kinds, helps := texts(t, o, samples.Part{Batch: b})
		check(t, o, b, encodeAll(t, New(o), b), values, nil, kinds, helps)
	}
}

// TestRequestsAreBounded: a request is emitted when it is large, however few samples it has.
func TestRequestsAreBounded(t *testing.T) {
	for name, v := range versions {
		o := options(v)
		o.MaxSamples = 0
		long := strings.Repeat("x", 64<<10)
		var names []string
		for i := range 200 {
			names = append(names, fmt.Sprintf("%s%03d", long, i))
		}
		all := encodeAll(t, New(o), batchAt(1000, metric.Server, names...))
		n := 0
		for _, r := range all {
			n += r.metrics
			if len(r.body) > maxBytes+100<<10 {
				t.Errorf("%s: a request has %d bytes, want at most %d and a sample", name, len(r.body), maxBytes)
			}
		}
		if len(all) < 3 || n != 200 {
			t.Errorf("%s: got %d requests with %d samples, want several with 200", name, len(all), n)
		}
	}
}

// TestSymbolsOfBothKinds: a name that is that of a label or a family is one symbol.
func TestSymbolsOfBothKinds(t *testing.T) {
	all := encodeAll(t, New(options(V2)), batchAt(1000, metric.Server, "proxy", "haproxy_server_current_sessions", "haproxy", "é"))
	if n := len(decode(t, V2, all[0].body).Samples); n != 4 {
		t.Errorf("got %d samples, want 4", n)
	}
}

// TestDropIsTold: what max-series leaves out is told, and ends.
func TestDropIsTold(t *testing.T) {
	o := options(V1)
	o.MaxSeries = 2
	var got samples.Result
	o.Told = func(r samples.Result) { got = r }
	e := New(o)
	encodeAll(t, e, batchAt(1000, metric.Server, "a", "b"))
	ends := ended(t, e, batchAt(1010, metric.Server, "a", "b", "c"), "server")
	want := samples.Result{Dropped: series.Dropped{series.AllServers: 3}}
	if got != want || !slices.Equal(ends, []string{"a", "b"}) {
		t.Errorf("got %+v and the end of %q, want %+v and that of a and b", got, ends, want)
	}
}

// TestSplit: two halves of a request, and their halves, say together what it says, and each
// is shorter.
func TestSplit(t *testing.T) {
	b := encodetest.OfGoldenFiles(t)
	for name, v := range versions {
		o := options(v)
		o.MaxSamples = 0
		all := encodeAll(t, New(o), b)
		if len(all) != 1 {
			t.Fatalf("%s: got %d requests, want 1", name, len(all))
		}
		var got writetest.Request
		got.Types, got.Helps = make(map[string]int64), make(map[string]string)
		parts := 0
		var walk func(body []byte, metrics int)
		walk = func(body []byte, metrics int) {
			first, second, n, ok := v.Split(body)
			if !ok {
				parts++
				d := decode(t, v, body)
				if len(d.Samples) != metrics || metrics+len(d.Types) != 1 {
					t.Fatalf("%s: a part with %d samples, %d by count, and %d families can't be cut", name, len(d.Samples), metrics, len(d.Types))
				}
				got.Samples = append(got.Samples, d.Samples...)
				maps.Copy(got.Types, d.Types)
				maps.Copy(got.Helps, d.Helps)
				return
			}
			if len(first) >= len(body) || len(second) >= len(body) {
				t.Fatalf("%s: got parts of %d and %d bytes, want less than %d", name, len(first), len(second), len(body))
			}
			walk(first, n)
			walk(second, metrics-n)
		}
		walk(all[0].body, all[0].metrics)
		if d := cmp.Diff(decode(t, v, all[0].body), got); d != "" || parts < 100 {
			t.Errorf("%s: %d parts: want -, got +\n%s", name, parts, d)
		}
	}
}

// TestTranslate: a request says the same in the other version, but for what only one of them
// has, and is as it is in its own.
func TestTranslate(t *testing.T) {
	b := encodetest.OfGoldenFiles(t)
	b.Texts = []metric.Text{{Field: "Version", Value: "2.8.1"}}
	for name, from := range versions {
		to := V1 + V2 - from
		e := New(options(from))
		all := append(encodeAll(t, e, b), encodeAll(t, e, batchAt(b.Epoch+10, metric.Server, "a"))...) // with markers
		for i, r := range all {
			sent := Compress(nil, r.body)
			if _, ok := from.Translate(sent); ok {
				t.Fatalf("%s, request %d is translated to its own version", name, i)
			}
			translated, ok := to.Translate(sent)
			if !ok {
				t.Fatalf("%s, request %d is not translated", name, i)
			}
			want, got := decode(t, from, r.body).Samples, decode(t, to, translated).Samples
			for k := range want {
				want[k].Start, want[k].Type, want[k].Help = 0, 0, ""
			}
			if fmt.Sprint(got) != fmt.Sprint(want) || len(got) == 0 {
				t.Fatalf("%s, request %d: got -, want +\n%s", name, i, cmp.Diff(got, want))
			}
		}
	}
	for _, junk := range []string{"", "\x01", "\x05\x10hello", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x02\x04\x22\x09", "\x02\x04\x0a\x09", "\x40\xf0"} {
		for name, v := range versions {
			if got, ok := v.Translate([]byte(junk)); ok {
				t.Errorf("%s: %q is translated to %q", name, junk, got)
			}
		}
	}
}

// FuzzSplit: whatever can be cut says the same before and after, and nothing panics.
func FuzzSplit(f *testing.F) {
	for _, v := range versions {
		o := options(v)
		o.MaxSamples = 5
		for i, r := range encodeAll(f, New(o), encodetest.OfGoldenFiles(f)) {
			if i < 4 {
				f.Add(v == V2, r.body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, two bool, body []byte) {
		v := V1
		if two {
			v = V2
		}
		first, second, n, ok := v.Split(body)
		whole, err := writetest.Decode(v == V2, body)
		if !ok || err != nil {
			return
		}
		a, b := decode(t, v, first), decode(t, v, second)
		if len(a.Samples) != n {
			t.Errorf("got %d series in the first half, want %d", n, len(a.Samples))
		}
		maps.Copy(a.Types, b.Types)
		maps.Copy(a.Helps, b.Helps)
		a.Samples = append(a.Samples, b.Samples...)
		if got, want := fmt.Sprint(a), fmt.Sprint(whole); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// TestCompress: what is compressed is as it was, after what was there, and a limit holds.
func TestCompress(t *testing.T) {
	for _, body := range [][]byte{nil, []byte("a"), bytes.Repeat([]byte("abc"), 100_000)} {
		sent := Compress([]byte("before"), body)
		after, ok := bytes.CutPrefix(sent, []byte("before"))
		if !ok {
			t.Fatalf("got %q, want the beginning kept", sent[:10])
		}
		got, err := Expand(after, len(body))
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("got %d bytes (%v), want %d", len(got), err, len(body))
		}
		if _, err := Expand(after, len(body)-1); err == nil {
			t.Errorf("a limit of %d is not kept", len(body)-1)
		}
	}
	for _, junk := range []string{"", "\xff\xff\xff\xff\xff\xff", "\x05abc"} {
		if got, err := Expand([]byte(junk), 1000); err == nil {
			t.Errorf("%q: got %q, want an error", junk, got)
		}
	}
}

// TestGolden has the samples of both versions, which are the same but for what only 2.0 has.
func TestGolden(t *testing.T) {
	var text bytes.Buffer
	for _, v := range []Version{V1, V2} {
		o := options(v)
		o.Labels = []samples.Label{{Name: "job", Value: "haproxy"}, {Name: "instance", Value: "lb1"}}
		b := encodetest.OfGoldenFiles(t)
		b.Began = b.Epoch - 1000
		for _, r := range encodeAll(t, New(o), b) {
			d := decode(t, v, r.body)
			for _, name := range slices.Sorted(maps.Keys(d.Types)) {
				fmt.Fprintln(&text, name, d.Types[name], d.Helps[name])
			}
			for _, s := range d.Samples {
				fmt.Fprintln(&text, s, s.Start, s.Type, s.Help)
			}
		}
	}
	encodetest.Golden(t, "remote-write", text.Bytes())
}

func TestStops(t *testing.T) {
	encodetest.Stops(t, New(Options{Selection: everything(), MaxSamples: 20}))
}

func TestAllocations(t *testing.T) {
	for _, v := range versions {
		o := options(v)
		o.MaxSamples = 2000
		encodetest.AllocatesNothing(t, New(o))
	}
}

// TestSeriesOfTheExporter: the names of families are those of the exporter.
func TestSeriesOfTheExporter(t *testing.T) {
	names := make(map[string]bool)
	for _, s := range catalogue.AllSeries() {
		names[s.Name] = true
	}
	found := 0
	for _, r := range encodeAll(t, New(options(V1)), encodetest.Recorded(t, "recordings/3.4.0-single/1795335820")) {
		for _, s := range decode(t, V1, r.body).Samples {
			if names[s.Name] {
				found++
			}
		}
	}
	if found < 500 {
		t.Errorf("got %d samples of the exporter's series, want hundreds", found)
	}
}

func BenchmarkEncoder(b *testing.B) {
	for name, v := range versions {
		b.Run(name, func(b *testing.B) {
			o := options(v)
			o.MaxSamples = 2000
			encodetest.Bench(b, New(o))
		})
	}
}

// BenchmarkRatio measures the time for a batch of 20,000 servers with its compression, as a
// multiple of the time that Graphite's lines of it take, in turns.
func BenchmarkRatio(b *testing.B) {
	batch := sinktest.Load(500, 1000, 20000, 8)
	for name, v := range versions {
		b.Run(name, func(b *testing.B) {
			o := options(v)
			o.MaxSamples = 2000
			e := New(o)
			lines := plaintext.New(plaintext.Paths{Namespace: "loadbalancers", Hostname: "lb1"})
			var ours, theirs time.Duration
			var sent []byte
			count, size := 0, 0
			for b.Loop() {
				begun := time.Now()
				count, size = 0, 0
				_ = e.Encode(batch, func(m encode.Message) error {
					sent = Compress(sent[:0], m.Value)
					count += m.Metrics
					size += len(sent)
					return nil
				})
				between := time.Now()
				_, _ = lines.Encode(io.Discard, batch)
				ours, theirs = ours+between.Sub(begun), theirs+time.Since(between)
			}
			b.ReportMetric(float64(ours)/float64(theirs), "ratio")
			b.ReportMetric(float64(count)*float64(b.N)/ours.Seconds()/1e6, "Msamples/s")
			b.ReportMetric(float64(size)/1e6, "MB")
		})
	}
}
