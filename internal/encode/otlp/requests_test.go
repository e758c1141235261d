package otlp

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/encodetest"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/encode/samples"
	names "haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/sinktest"
)

// allScopes has every scope.
var allScopes = func() (all [metric.NumScopes]bool) {
	for i := range all {
		all[i] = true
	}
	return all
}()

// plain is a style that makes nothing.
type plain struct{}

func (plain) Head(*samples.Family) []byte { return nil }
func (plain) Label(samples.Label) []byte  { return nil }
func (plain) Text(samples.Label) []byte   { return nil }

// TestRequests: the points of requests are the samples of HAProxy's exporter, each series
// with one kind of numbers, in requests within the bound.
func TestRequests(t *testing.T) {
	type kind struct {
		sum   bool
		value string
	}
	kinds := make(map[string]kind) // of all batches
	rapid.Check(t, func(t *rapid.T) {
		var told samples.Result
		o := Requests{
			Scopes:        allScopes,
			ExtraCounters: rapid.Bool().Draw(t, "extra"),
			CheckStates:   rapid.SampledFrom([]names.CheckStates{names.AllStates, names.CurrentState, names.NoStates}).Draw(t, "check states"),
			MaxSeries:     rapid.SampledFrom([]int{0, 0, 20}).Draw(t, "series"),
			Own:           map[string]samples.Own{"scur": {Field: "Metrics", Sink: "kafka"}},
			Told:          func(r samples.Result) { told = r },
		}
		if rapid.Bool().Draw(t, "some scopes") {
			for i := range o.Scopes {
				o.Scopes[i] = rapid.Bool().Draw(t, "scope")
			}
		}
		most := rapid.SampledFrom([]int{0, 300, 1000}).Draw(t, "bytes")
		e := New(Options{Host: encode.Host{Name: "lb1"}, Version: "1.2.3", MaxBytes: most, Requests: &o})
		for range 2 { // the second batch meets what the first has left
			b := encodetest.Batch(t)
			b.Texts = []metric.Text{{Field: "Version", Value: "2.8.1"}, {Field: "node", Value: "\xff"}}[:rapid.IntRange(0, 2).Draw(t, "texts")]
			want := make(map[string]int)
			walk := samples.New(samples.Options{CheckStates: o.CheckStates, MaxSeries: o.MaxSeries, Own: o.Own}, plain{})
			walk.Take([]samples.Part{{Batch: b}}, &samples.Selection{Scopes: o.Scopes, ExtraCounters: o.ExtraCounters})
			result, _ := walk.Each(func(s *samples.Sample) error {
				attributes := make(map[string]string)
				if s.Rows.Table != nil {
					attributes = wantAttributes(s.Rows.Scope, s.Rows.Entity(s.At))
				}
				if s.Tag != nil {
					attributes[s.Tag.Name] = s.Tag.Value
				}
				v := s.Number()
				if !familyOf(style{}.Head(s.Family)).double {
					v = math.Round(v)
				}
				want[fmt.Sprintf("%s %q %s", s.Family.Name, attributes, digits(v))]++
				return nil
			})
			got := make(map[string]int)
			n := 0
			for _, m := range encodetest.Messages(t, e, b) {
				points := decode(t, m.Value)
				if most > 0 && len(points) > 1 && len(m.Value) > most {
					t.Fatalf("a request has %d bytes, want at most %d", len(m.Value), most)
				}
				if len(points) != m.Metrics {
					t.Fatalf("a request has %d points, and says %d", len(points), m.Metrics)
				}
				n += m.Metrics
				for _, p := range points {
					v, _ := p.value.(float64)
					if i, ok := p.value.(int64); ok {
						v = float64(i)
					}
					got[fmt.Sprintf("%s %s %s", p.name, p.attributes, digits(v))]++
					k := kind{p.sum, fmt.Sprintf("%T", p.value)}
					if have, ok := kinds[p.name]; ok && have != k {
						t.Fatalf("%s: got %v, before it was %v", p.name, k, have)
					}
					kinds[p.name] = k
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("want -, got +\n%s", d)
			}
			if told != result {
				t.Fatalf("got %+v, want %+v", told, result)
			}
		}
	})
}

// digits returns a number with six digits; one that is not an int64 is capped.
func digits(f float64) string {
	return fmt.Sprintf("%.6g", min(max(f, math.MinInt64), math.MaxInt64)+0) // 0 also for -0
}

// stateColumn is the column of a text with states.
func stateColumn(name string) metric.Column {
	return metric.Column{Name: name, Combine: metric.Max, Nature: metric.State, Outputs: metric.ExceptGraphite}
}

func rankOf(scope catalogue.Scopes, field, state string) int64 {
	return int64(slices.Index(catalogue.States(scope, field), state))
}

// withStates returns a batch with a frontend, a listener, a backend and two servers.
func withStates() *metric.Batch {
	add := func(b *metric.Builder, e metric.Entity, values ...int64) {
		row := b.Row(e)
		b.Touch(row)
		for col, v := range values {
			b.Add(row, col, v)
		}
	}
	daemon := metric.NewBuilder(metric.Daemon, []metric.Column{{Name: "CumReq", Nature: metric.Counter32}})
	add(daemon, metric.Entity{}, 7)
	self := metric.NewBuilder(metric.Self, []metric.Column{{Name: "KafkaSent", Nature: metric.Counter}})
	add(self, metric.Entity{}, 3)
	listeners := metric.NewBuilder(metric.Listener, []metric.Column{{Name: "scur"}})
	add(listeners, metric.Entity{Parent: "www", Name: "sock-1"}, 5)
	backends := metric.NewBuilder(metric.Backend, []metric.Column{stateColumn("status"), {Name: "ssl_sess", Nature: metric.Counter}})
	add(backends, metric.Entity{Name: "app"}, rankOf(catalogue.Backend, "status", "UP"), 4)
	servers := metric.NewBuilder(metric.Server, []metric.Column{stateColumn("status"), stateColumn("check_status"), {Name: "scur"}})
	add(servers, metric.Entity{Parent: "app", Name: "s1"}, rankOf(catalogue.Server, "status", "UP"), rankOf(catalogue.Server, "check_status", "L7OK"), 9)
	add(servers, metric.Entity{Parent: "app", Name: "s2"}, rankOf(catalogue.Server, "status", "DOWN"), rankOf(catalogue.Server, "check_status", "L4CON"), 8)
	return &metric.Batch{
		Epoch:  100,
		Tables: []*metric.Table{daemon.Table(), listeners.Table(), backends.Table(), servers.Table(), self.Table()},
		Texts:  []metric.Text{{Field: "Version", Value: "2.8.1"}, {Field: "Version", Value: "3.0.2"}, {Field: "description", Value: "edge"}, {Field: "node", Value: "n1"}},
	}
}

// lines returns the points of all requests of a batch that are not 0, as text.
func lines(t *testing.T, b *metric.Batch, o Requests) (all []string, n int) {
	t.Helper()
	for _, m := range encodetest.Messages(t, New(Options{Requests: &o}), b) {
		for _, p := range decode(t, m.Value) {
			if n++; fmt.Sprint(p.value) != "0" {
				all = append(all, fmt.Sprintf("%s%s %v", p.name, strings.ReplaceAll(p.attributes[3:], `"`, ""), p.value))
			}
		}
	}
	return all, n
}

func TestWhatRequestsHave(t *testing.T) {
	o := Requests{Scopes: allScopes, ExtraCounters: true, Own: map[string]samples.Own{"KafkaSent": {Field: "SentMetrics", Sink: "kafka"}}}
	got, n := lines(t, withStates(), o)
	want := []string{
		"haproxy_process_requests_total[] 7",
		"haproxy_process_node[node:n1] 1",
		"haproxy_process_description[desc:edge] 1",
		"haproxy_process_build_info[version:2.8.1] 1",
		"haproxy_process_build_info[version:3.0.2] 1",
		"haproxy_listener_current_sessions[listener:sock-1 proxy:www] 5",
		"haproxy_backend_status[proxy:app state:UP] 1",
		"haproxy_backend_agg_server_check_status[proxy:app state:DOWN] 1",
		"haproxy_backend_agg_server_check_status[proxy:app state:UP] 1",
		"haproxy_backend_agg_server_status[proxy:app state:DOWN] 1",
		"haproxy_backend_agg_server_status[proxy:app state:UP] 1",
		"haproxy_backend_agg_check_status[proxy:app state:L4CON] 1",
		"haproxy_backend_agg_check_status[proxy:app state:L7OK] 1",
		"haproxy_backend_ssl_sess[mod:ssl proxy:app] 4",
		"haproxy_server_current_sessions[proxy:app server:s1] 9",
		"haproxy_server_current_sessions[proxy:app server:s2] 8",
		"haproxy_server_status[proxy:app server:s1 state:UP] 1",
		"haproxy_server_status[proxy:app server:s2 state:DOWN] 1",
		"haproxy_server_check_status[proxy:app server:s1 state:L7OK] 1",
		"haproxy_server_check_status[proxy:app server:s2 state:L4CON] 1",
		"haproxystats_sink_sent_metrics_total[sink:kafka] 3",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
	for _, c := range []struct {
		name   string
		change func(*Requests)
		less   int
	}{
		{"no extra counters", func(o *Requests) { o.ExtraCounters = false }, 1},
		{"the states of now", func(o *Requests) { o.CheckStates = names.CurrentState }, 2 * 15},
		{"no states", func(o *Requests) { o.CheckStates = names.NoStates }, 2 * 16},
		{"no servers", func(o *Requests) { o.Scopes[metric.Server] = false }, 2 + 2*5 + 2*16},
		{"bounded", func(o *Requests) { o.MaxSeries = n - 2 }, 1}, // our own do not count
		{"more bounded", func(o *Requests) { o.MaxSeries = n - 4 }, 1 + 1 + 2*16},
		{"most bounded", func(o *Requests) { o.MaxSeries = 1 }, 1 + 1 + 2*16 + 2 + 2*5},
	} {
		changed := o
		c.change(&changed)
		if _, got := lines(t, withStates(), changed); got != n-c.less {
			t.Errorf("%s: got %d points, want %d", c.name, got, n-c.less)
		}
	}
}

// TestResourceOfRequests: resources say more than those of records, and what the operator
// says goes first.
func TestResourceOfRequests(t *testing.T) {
	for _, c := range []struct {
		name          string
		node, cluster string
		attributes    []Attribute
		want          string
	}{
		{"a host", "", "", nil, `map["haproxy.node":"n1" "haproxy.version":"3.0.2" "host.name":"here" "service.instance.id":"here" "service.name":"haproxy"]`},
		{
			"the operator's", "", "",
			[]Attribute{{"service.name", "edge"}, {"deployment.environment.name", "prod"}, {"host.name", ""}},
			`map["deployment.environment.name":"prod" "haproxy.node":"n1" "haproxy.version":"3.0.2" "service.instance.id":"here" "service.name":"edge"]`,
		},
		{"a cluster", "", "eu", nil, `map["haproxy.cluster":"eu" "haproxy.node":"n1" "haproxy.version":"3.0.2" "service.instance.id":"eu" "service.name":"haproxy-cluster"]`},
	} {
		b := withStates()
		b.Node, b.Cluster = c.node, c.cluster
		m := encodetest.Messages(t, New(Options{Host: encode.Host{Name: "here"}, Requests: &Requests{Scopes: allScopes, Attributes: c.attributes}}), b)
		if got := decode(t, m[0].Value)[0].resource; got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// TestGoldenRequests compares what both names make of the batch of all golden files.
func TestGoldenRequests(t *testing.T) {
	for name, o := range map[string]Requests{"otlp-requests": {Scopes: allScopes, ExtraCounters: true}, "otlp-receiver": {Scopes: allScopes, Receiver: true}} {
		var out bytes.Buffer
		for i, m := range encodetest.Messages(t, New(Options{Host: encode.Host{FQDN: true}, Version: "1.2.3", MaxBytes: 100_000, Requests: &o}), encodetest.OfGoldenFiles(t)) {
			fmt.Fprintf(&out, "request %d: %d bytes, %d points\n", i, len(m.Value), m.Metrics)
			before := ""
			for _, p := range decode(t, m.Value) {
				if p.resource != before {
					before = p.resource
					fmt.Fprintln(&out, before)
				}
				fmt.Fprintf(&out, "%s%s %T %v%s sum=%v start=%d time=%d\n", p.name, p.attributes[3:], p.value, p.value, p.unit, p.sum, p.start, p.time)
			}
		}
		encodetest.Golden(t, name, out.Bytes())
	}
}

func TestRequestsStop(t *testing.T) {
	encodetest.Stops(t, New(Options{MaxBytes: 10_000, Requests: &Requests{Scopes: allScopes}}))
	encodetest.Stops(t, New(Options{MaxBytes: 10_000, Requests: &Requests{Scopes: allScopes, Receiver: true}}))
}

func TestAllocationsOfRequests(t *testing.T) {
	encodetest.AllocatesNothing(t, New(Options{MaxBytes: 1 << 20, Requests: &Requests{Scopes: allScopes, MaxSeries: 1 << 30}}))
	encodetest.AllocatesNothing(t, New(Options{MaxBytes: 1 << 20, Requests: &Requests{Scopes: allScopes, MaxSeries: 1 << 30, Receiver: true}}))
}

func BenchmarkRequests(b *testing.B) {
	b.Run("prometheus", func(b *testing.B) {
		encodetest.Bench(b, New(Options{MaxBytes: 4 << 20, Requests: &Requests{Scopes: allScopes}}))
	})
	b.Run("receiver", func(b *testing.B) {
		encodetest.Bench(b, New(Options{MaxBytes: 4 << 20, Requests: &Requests{Scopes: allScopes, Receiver: true}}))
	})
}

// BenchmarkRatio measures the time for the requests of 20,000 servers, with and without
// compression, as a multiple of the time that Graphite's lines of them take, in turns.
func BenchmarkRatio(b *testing.B) {
	batch := sinktest.Load(500, 1000, 20000, 8)
	e := New(Options{MaxBytes: 4 << 20, Requests: &Requests{Scopes: allScopes}})
	graphite := plaintext.New(plaintext.Paths{Namespace: "loadbalancers", Hostname: "lb1"})
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	var encoding, compressing, theirs time.Duration
	for b.Loop() {
		begun := time.Now()
		_ = e.Encode(batch, func(m encode.Message) error {
			before := time.Now()
			out.Reset()
			z.Reset(&out)
			_, _ = z.Write(m.Value)
			_ = z.Close()
			compressing += time.Since(before)
			return nil
		})
		between := time.Now()
		_, _ = graphite.Encode(io.Discard, batch)
		encoding, theirs = encoding+between.Sub(begun), theirs+time.Since(between)
	}
	b.ReportMetric(float64(encoding-compressing)/float64(theirs), "ratio")
	b.ReportMetric(float64(encoding)/float64(theirs), "gzip-ratio")
	b.ReportMetric(encoding.Seconds()/float64(b.N), "s-with-gzip")
}
