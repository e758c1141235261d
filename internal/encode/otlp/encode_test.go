package otlp

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/encodetest"
	names "haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
)

// point is a decoded point with all that is said about it.
type point struct {
	resource, name, attributes string
	unit                       string
	sum                        bool
	start, time                uint64
	value                      any // an int64 or a float64
}

func texts(all []*common.KeyValue) string {
	m := make(map[string]string)
	for _, a := range all {
		m[a.Key] = encodetest.Original(a.Value.GetStringValue())
	}
	return fmt.Sprintf("%q", m)
}

// decode decodes a record with the types that are generated from OpenTelemetry's own
// definitions.
func decode(t interface{ Fatalf(string, ...any) }, record []byte) []point {
	var request collector.ExportMetricsServiceRequest
	if err := (proto.UnmarshalOptions{}).Unmarshal(record, &request); err != nil {
		t.Fatalf("%v: %x", err, record)
	}
	if again, err := proto.Marshal(&request); err != nil || len(again) != len(record) {
		t.Fatalf("got %d bytes, and %d (%v) when encoded by the library: something is unknown to it, or not canonical", len(record), len(again), err)
	}
	var points []point
	for _, r := range request.ResourceMetrics {
		for _, s := range r.ScopeMetrics {
			if s.Scope.Name != "haproxystats" {
				t.Fatalf("got the scope %q, want haproxystats", s.Scope.Name)
			}
			for _, m := range s.Metrics {
				p := point{resource: texts(r.Resource.Attributes), name: m.Name}
				all := m.GetGauge().GetDataPoints()
				if sum := m.GetSum(); sum != nil {
					if !sum.IsMonotonic || sum.AggregationTemporality != metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
						t.Fatalf("%s is not cumulative and monotonic: %v", m.Name, sum)
					}
					p.sum, all = true, sum.DataPoints
				}
				if len(all) == 0 || (m.Unit != "") != strings.HasPrefix(m.Name, "haproxy.") {
					t.Fatalf("%s has %d points and the unit %q", m.Name, len(all), m.Unit)
				}
				p.unit = m.Unit
				for _, d := range all {
					p.attributes, p.start, p.time = texts(d.Attributes), d.StartTimeUnixNano, d.TimeUnixNano
					switch v := d.Value.(type) {
					case *metrics.NumberDataPoint_AsInt:
						p.value = v.AsInt
					case *metrics.NumberDataPoint_AsDouble:
						p.value = v.AsDouble
					}
					points = append(points, p)
				}
			}
		}
	}
	return points
}

// wantAttributes returns the attributes of an entity.
func wantAttributes(s metric.Scope, e metric.Entity) map[string]string {
	switch s {
	case metric.Process:
		return map[string]string{"process": e.Name}
	case metric.Frontend, metric.Backend:
		return map[string]string{"proxy": e.Name}
	case metric.Server:
		return map[string]string{"proxy": e.Parent, "server": e.Name}
	case metric.Listener:
		return map[string]string{"proxy": e.Parent, "listener": e.Name}
	case metric.ServerName:
		return map[string]string{"server": e.Name}
	case metric.StickTable:
		return map[string]string{"type": e.Parent, "name": e.Name}
	case metric.Resolver:
		return map[string]string{"resolver": e.Parent, "nameserver": e.Name}
	case metric.Certificate:
		return map[string]string{"subject": e.Parent, "certificate": e.Name}
	case metric.ServerProcesses:
		return map[string]string{"proxy": e.Parent, "server": e.Name}
	case metric.Socket:
		return map[string]string{"socket": e.Name}
	case metric.Learned:
		return map[string]string{"rows": e.Parent, "field": e.Name}
	}
	return map[string]string{}
}

// wantValue returns what a point has for a cell.
func wantValue(s metric.Scope, c encodetest.Cell) any {
	series, ok := catalogue.LookupSeries(names.Catalogued(s), c.Name)
	if !ok {
		series.Scale = max(c.Scale, 1)
		if c.Scale == 0.001 {
			series.Scale = 0.001
		}
	}
	if isDouble(s, c.Column, series.Scale) {
		if series.Scale == 0.001 {
			return c.Value.Number() / 1000
		}
		return c.Value.Number() * series.Scale
	}
	n := c.Value.Int
	if f := c.Value.Float; !c.Value.Exact {
		n = math.MaxInt64
		if f < math.MaxInt64 {
			n = int64(math.Round(max(f, math.MinInt64)))
		}
	}
	if factor := int64(series.Scale); factor > 1 {
		n = min(max(n, math.MinInt64/factor), math.MaxInt64/factor) * factor
	}
	return n
}

// TestDecodes: the reference decoder gives the values of the batch, each series with one
// kind of numbers, in records within the bounds.
func TestDecodes(t *testing.T) {
	type kind struct {
		sum   bool
		value string
	}
	kinds := make(map[string]kind) // of all batches
	rapid.Check(t, func(t *rapid.T) {
		e := New(Options{
			Host: encode.Host{Name: "lb1"}, Version: "1.2.3",
			MaxPoints: rapid.SampledFrom([]int{0, 1, 7}).Draw(t, "points"),
			MaxBytes:  rapid.SampledFrom([]int{0, 300, 1000}).Draw(t, "bytes"),
		})
		for range 2 { // the second batch meets what the first has left
			b := encodetest.Batch(t)
			got := make(map[string]int)
			seen := make(map[string]bool)
			for _, m := range encodetest.Messages(t, e, b) {
				points := decode(t, m.Value)
				if e.opt.MaxPoints > 0 && len(points) > e.opt.MaxPoints {
					t.Fatalf("a record has %d points, want at most %d", len(points), e.opt.MaxPoints)
				}
				if e.opt.MaxBytes > 0 && len(points) > 1 && len(m.Value) > e.opt.MaxBytes {
					t.Fatalf("a record has %d bytes, want at most %d", len(m.Value), e.opt.MaxBytes)
				}
				for _, p := range points {
					if want := nanoseconds(b.Epoch); p.time != want {
						t.Fatalf("got the time %d, want %d", p.time, want)
					}
					id := p.name + p.attributes
					if seen[id] {
						t.Fatalf("two points of %s", id)
					}
					seen[id] = true
					k := kind{p.sum, fmt.Sprintf("%T", p.value)}
					if have, ok := kinds[p.name]; ok && have != k {
						t.Fatalf("%s: got %v, before it was %v", p.name, k, have)
					}
					kinds[p.name] = k
					got[fmt.Sprint(m.Scope, p.attributes, p.value)]++
				}
			}
			encodetest.Entities(b, func(s metric.Scope, n metric.Entity, cells []encodetest.Cell) {
				for _, c := range cells {
					want := wantValue(s, c)
					if f, ok := want.(float64); ok && math.IsInf(f, 0) || isOld(b, s, c.Name) {
						continue
					}
					attributes := wantAttributes(s, n)
					if series, ok := catalogue.LookupSeries(names.Catalogued(s), c.Name); ok && series.Label != "" {
						attributes[series.Label] = series.Value
					}
					id := fmt.Sprint(s, fmt.Sprintf("%q", attributes), want)
					if got[id]--; got[id] < 0 && repeated(b, s) == 0 {
						t.Fatalf("no point for %q with %+v: %s", c.Name, c.Value, id)
					}
				}
			})
			for id, n := range got {
				if n > 0 {
					t.Fatalf("%d points too many: %s", n, id)
				}
			}
		}
	})
}

// isOld reports whether the batch has the newer spelling of a field in the same scope.
func isOld(b *metric.Batch, s metric.Scope, name string) bool {
	return names.Catalogued(s) == catalogue.Daemon && name == "PoolUsed_MB" &&
		slices.ContainsFunc(b.Tables, func(t *metric.Table) bool { return t.Scope() == s && t.Column("PoolUsed_bytes") >= 0 })
}

// repeated returns how many columns of the scope have a name that an earlier table of the
// scope has. Only the first one of them is a series of the exporter.
func repeated(b *metric.Batch, s metric.Scope) int {
	n := 0
	seen := make(map[string]bool)
	for _, t := range b.Tables {
		if t.Scope() != s {
			continue
		}
		for _, c := range t.Columns() {
			if seen[c.Name] {
				n++
			}
			seen[c.Name] = true
		}
	}
	return n
}

// one returns the points of a batch with one value.
func one(t *testing.T, s metric.Scope, c metric.Column) []point {
	t.Helper()
	table := metric.NewBuilder(s, []metric.Column{c})
	row := table.Row(metric.Entity{Parent: "app", Name: "s1"})
	table.Touch(row)
	table.Add(row, 0, 35)
	var points []point
	for _, m := range encodetest.Messages(t, New(Options{}), &metric.Batch{Epoch: 9, Tables: []*metric.Table{table.Table()}}) {
		points = append(points, decode(t, m.Value)...)
	}
	return points
}

func TestNames(t *testing.T) {
	counter := metric.Counter
	for _, c := range []struct {
		scope  metric.Scope
		column metric.Column
		want   string
	}{
		{metric.Daemon, metric.Column{Name: "CumConns", Nature: metric.Counter32}, `haproxy_process_connections_total map[] true 35`},
		{metric.Process, metric.Column{Name: "CumConns", Nature: metric.Counter32}, `haproxystats_process_connections_total map["process":"s1"] true 35`},
		{metric.Frontend, metric.Column{Name: "hrsp_2xx", Nature: counter}, `haproxy_frontend_http_responses_total map["code":"2xx" "proxy":"s1"] true 35`},
		{metric.Backend, metric.Column{Name: "rtime", Combine: metric.MeanOfActive, Scale: 0.001}, `haproxy_backend_response_time_average_seconds map["proxy":"s1"] false 0.035`},
		{metric.Backend, metric.Column{Name: "rtime_max", Combine: metric.Max, Scale: 0.001}, `haproxy_backend_max_response_time_seconds map["proxy":"s1"] false 0.035`},
		{metric.Server, metric.Column{Name: "act", Combine: metric.Mean}, `haproxy_server_active map["proxy":"app" "server":"s1"] false 35`},
		{metric.ServerName, metric.Column{Name: "bin", Nature: counter}, `haproxystats_server_name_bytes_in_total map["server":"s1"] true 35`},
		{metric.Server, metric.Column{Name: "ssl_sess", Nature: counter}, `haproxy_server_ssl_sess map["mod":"ssl" "proxy":"app" "server":"s1"] true 35`},
		// A gauge that the exporter has as a counter, and the reverse.
		{metric.Daemon, metric.Column{Name: "PipesUsed", Nature: metric.Gauge}, `haproxy_process_pipes_used_total map[] false 35`},
		{metric.Daemon, metric.Column{Name: "PatternsAdded", Nature: counter}, `haproxy_process_patterns_added_total map[] true 35`},
		{metric.Backend, metric.Column{Name: "downtime", Nature: metric.Duration}, `haproxy_backend_downtime_seconds_total map["proxy":"s1"] true 35`},
		{metric.Daemon, metric.Column{Name: "Memmax_MB"}, `haproxy_process_max_memory_bytes map[] false 36700160`},
		// Not in the exporter.
		{metric.Backend, metric.Column{Name: "agg_server_status"}, ``},
		{metric.Daemon, metric.Column{Name: "CumStreams", Nature: counter}, `haproxy_process_cum_streams_total map[] true 35`},
		{metric.Daemon, metric.Column{Name: "BootTime_ms", Scale: 0.001}, `haproxy_process_boot_time_seconds map[] false 0.035`},
		{metric.Frontend, metric.Column{Name: "req_rate", Nature: metric.Rate}, `haproxy_frontend_req_rate map["proxy":"s1"] false 35`},
		{metric.Frontend, metric.Column{Name: "brand new"}, `haproxy_frontend_brand_new map["proxy":"s1"] false 35`},
		{metric.Self, metric.Column{Name: "QueueAge", Unit: "seconds"}, `haproxystats_queue_age_seconds map[] false 35`},
		{metric.Self, metric.Column{Name: "SentBytes", Nature: counter}, `haproxystats_sent_bytes_total map[] true 35`},
	} {
		got := ""
		for _, p := range one(t, c.scope, c.column) {
			got += fmt.Sprint(p.name, " ", p.attributes, " ", p.sum, " ", p.value)
		}
		if got != c.want {
			t.Errorf("%s of %v: got %s, want %s", c.column.Name, c.scope, got, c.want)
		}
	}
}

// TestNamesOfTheExporter: of a recording, the output has every series of HAProxy's exporter
// of that version that is a number.
func TestNamesOfTheExporter(t *testing.T) {
	// A key, which is not a metric, and what the recorded HAProxy leaves empty.
	const without = "haproxy_process_current_zlib_memory haproxy_process_max_zlib_memory " +
		"haproxy_process_relative_process_id haproxy_server_idle_connections_limit"
	got := make(map[string]bool)
	for _, m := range encodetest.Messages(t, New(Options{}), encodetest.Recorded(t, "recordings/3.4.0-single/1795335820")) {
		for _, p := range decode(t, m.Value) {
			got[p.name] = true
		}
	}
	missing := make(map[string]bool)
	for _, s := range catalogue.AllSeries() {
		if (s.Label == "" || s.Label == "code") && s.In != catalogue.Listener && s.Since != "3.5" && !got[s.Name] {
			missing[s.Name] = true
		}
	}
	if d := cmp.Diff(slices.Sorted(slices.Values(strings.Fields(without))), slices.Sorted(maps.Keys(missing))); d != "" {
		t.Errorf("missing series: want -, got +\n%s", d)
	}
}

func TestStartOfSums(t *testing.T) {
	table := metric.NewBuilder(metric.Daemon, []metric.Column{{Name: "CumConns", Nature: metric.Counter}, {Name: "Tasks"}})
	row := table.Row(metric.Entity{})
	table.Touch(row)
	table.Add(row, 0, 7)
	table.Add(row, 1, 7)
	for _, c := range []struct {
		began int64
		want  uint64
	}{{0, 0}, {50, 50e9}, {100, 100e9}, {101, 0}, {-1, 0}} {
		b := &metric.Batch{Epoch: 100, Began: c.began, Tables: []*metric.Table{table.Table()}}
		for _, m := range encodetest.Messages(t, New(Options{}), b) {
			for _, p := range decode(t, m.Value) {
				want := uint64(0)
				if p.sum {
					want = c.want
				}
				if p.start != want || p.time != 100e9 {
					t.Errorf("began %d: %s: got the start %d and the time %d, want %d and 100e9", c.began, p.name, p.start, p.time, want)
				}
			}
		}
	}
}

func TestResource(t *testing.T) {
	for _, c := range []struct {
		node, cluster, want string
	}{
		{"lb1.example.com", "eu1", `map["haproxy.cluster":"eu1" "host.name":"lb1.example.com" "service.instance.id":"lb1.example.com" "service.name":"haproxy"]`},
		{"", "", `map["host.name":"here" "service.instance.id":"here" "service.name":"haproxy"]`},
		{"", "eu1", `map["haproxy.cluster":"eu1" "service.instance.id":"eu1" "service.name":"haproxy-cluster"]`},
	} {
		table := metric.NewBuilder(metric.Daemon, []metric.Column{{Name: "Tasks"}})
		row := table.Row(metric.Entity{})
		table.Touch(row)
		table.Add(row, 0, 1)
		b := &metric.Batch{Node: c.node, Cluster: c.cluster, Tables: []*metric.Table{table.Table()}}
		m := encodetest.Messages(t, New(Options{Host: encode.Host{Name: "here", FQDN: true}}), b)
		if got := decode(t, m[0].Value)[0].resource; got != c.want {
			t.Errorf("node %q, cluster %q: got %s, want %s", c.node, c.cluster, got, c.want)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range encodetest.Hard {
		f.Add(name, name)
	}
	f.Fuzz(func(t *testing.T, name, column string) {
		table := metric.NewBuilder(metric.Server, []metric.Column{{Name: column}})
		row := table.Row(metric.Entity{Parent: name, Name: column})
		table.Touch(row)
		table.Add(row, 0, 7)
		b := &metric.Batch{Node: name, Tables: []*metric.Table{table.Table()}}
		for _, m := range encodetest.Messages(t, New(Options{Host: encode.Host{FQDN: true}}), b) {
			for _, p := range decode(t, m.Value) {
				want := map[string]string{"proxy": name, "server": column}
				if s, ok := catalogue.LookupSeries(catalogue.Server, column); ok && s.Label != "" {
					want[s.Label] = s.Value
				}
				if want := fmt.Sprintf("%q", want); p.attributes != want {
					t.Errorf("got the attributes %s, want %s", p.attributes, want)
				}
				for _, c := range p.name {
					if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
						t.Errorf("the name %q has the character %q", p.name, c)
					}
				}
			}
		}
	})
}

func TestGolden(t *testing.T) {
	var out bytes.Buffer
	for i, m := range encodetest.Messages(t, New(Options{Host: encode.Host{FQDN: true}, Version: "1.2.3", MaxPoints: 500}), encodetest.OfGoldenFiles(t)) {
		points := decode(t, m.Value)
		fmt.Fprintf(&out, "record %d: %s, %d bytes, %d points, %s\n", i, m.Scope, len(m.Value), len(points), points[0].resource)
		for _, p := range points {
			fmt.Fprintf(&out, "%s%s %T %v sum=%v start=%d time=%d\n", p.name, p.attributes[3:], p.value, p.value, p.sum, p.start, p.time)
		}
	}
	encodetest.Golden(t, "otlp", out.Bytes())
}

func TestStops(t *testing.T) { encodetest.Stops(t, New(Options{MaxPoints: 100})) }

func TestAllocations(t *testing.T) { encodetest.AllocatesNothing(t, New(Options{MaxPoints: 500})) }

func BenchmarkEncoder(b *testing.B) {
	b.Run("500points", func(b *testing.B) { encodetest.Bench(b, New(Options{MaxPoints: 500, MaxBytes: 64 << 10})) })
	b.Run("4MiB", func(b *testing.B) { encodetest.Bench(b, New(Options{MaxBytes: 4 << 20})) })
}
