package otlp

import (
	_ "embed"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"haproxystats/internal/encode"
	"haproxystats/internal/encode/encodetest"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/metric"
)

// collected are the metrics of the collector's receiver, by its documentation: name, unit, kind,
// type of the values, and the field whose value is the point.
//
//go:embed testdata/receiver.txt
var collected string

// pointsOf returns the points of a row as text, by the values of its fields.
func pointsOf(values map[string]metric.Value) (all []string) {
	for line := range strings.Lines(strings.TrimSpace(collected)) {
		words := strings.Fields(line)
		for _, field := range words[4:] {
			attributes := "map[]"
			if code, ok := strings.CutPrefix(field, "hrsp_"); ok {
				attributes = fmt.Sprintf("%q", map[string]string{"status_code": code})
			}
			sum, whole, known := 0.0, int64(0), true
			for part := range strings.SplitSeq(field, "+") {
				v, ok := values[part]
				known = known && ok
				sum += v.Number()
				whole += encode.Whole(v)
			}
			var value any = sum
			if words[3] == "int64" {
				value = whole
			}
			if known && !(words[3] == "float64" && math.IsInf(sum, 0)) {
				all = append(all, fmt.Sprintf("%s %s %s %T %s %v", words[0], words[1], words[2], value, attributes, value))
			}
		}
	}
	return all
}

// shown returns the point as pointsOf does.
func (p point) shown() string {
	kind := "gauge"
	if p.sum {
		kind = "sum"
	}
	return fmt.Sprintf("%s %s %s %T %s %v", p.name, p.unit, kind, p.value, p.attributes, p.value)
}

// TestReceiver: a row of each kind has the metrics of the collector's receiver.
func TestReceiver(t *testing.T) {
	var columns []metric.Column
	values := make(map[string]metric.Value)
	for line := range strings.Lines(strings.TrimSpace(collected)) {
		for _, field := range strings.Fields(strings.ReplaceAll(line, "+", " "))[4:] {
			values[field] = metric.Value{Int: int64(1000 + len(columns)), Exact: true}
			columns = append(columns, metric.Column{Name: field})
		}
	}
	if n := strings.Count(strings.TrimSpace(collected), "\n") + 1; n != 33 || len(columns) != 33+5+1 {
		t.Fatalf("got %d metrics of %d fields, want 33 of 39", n, len(columns))
	}
	rows := []struct {
		scope  metric.Scope
		entity metric.Entity
		want   string // resource
	}{
		{metric.Frontend, metric.Entity{Name: "www"}, "www FRONTEND"},
		{metric.Backend, metric.Entity{Name: "www"}, "www BACKEND"},
		{metric.Server, metric.Entity{Parent: "www", Name: "s 1"}, "www s 1"},
		{metric.Listener, metric.Entity{Parent: "www", Name: "sock-1"}, "www sock-1"},
		{metric.Daemon, metric.Entity{}, ""},
		{metric.Process, metric.Entity{Name: "1"}, ""},
		{metric.ServerName, metric.Entity{Name: "s1"}, ""},
		{metric.Self, metric.Entity{}, ""},
	}
	for _, r := range rows {
		b := metric.NewBuilder(r.scope, columns)
		row := b.Row(r.entity)
		b.Touch(row)
		for i, c := range columns {
			b.Add(row, i, values[c.Name].Int)
		}
		var want, got []string
		if r.want != "" {
			want = pointsOf(values)
		}
		o := Options{Host: encode.Host{Name: "lb1"}, Requests: &Requests{Receiver: true, Scopes: allScopes}}
		for _, m := range encodetest.Messages(t, New(o), &metric.Batch{Epoch: 9, Tables: []*metric.Table{b.Table()}}) {
			for _, p := range decode(t, m.Value) {
				got = append(got, p.shown())
				proxy, service, _ := strings.Cut(r.want, " ")
				if want := fmt.Sprintf("%q", map[string]string{
					"haproxy.addr": "lb1", "haproxy.proxy_name": proxy, "haproxy.service_name": service,
					"host.name": "lb1", "service.instance.id": "lb1", "service.name": "haproxy",
				}); p.resource != want {
					t.Errorf("%v: got the resource %s, want %s", r.scope, p.resource, want)
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%v: want -, got +\n%s", r.scope, d)
		}
	}
}

// TestReceiverDecodes: the reference decoder gives the values of the batch, in requests
// within the bound.
func TestReceiverDecodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var told samples.Result
		o := Requests{Receiver: true, Scopes: allScopes, Told: func(r samples.Result) { told = r }, MaxSeries: rapid.SampledFrom([]int{0, 0, 5, 1000}).Draw(t, "series")}
		most := rapid.SampledFrom([]int{0, 300, 1000}).Draw(t, "bytes")
		e := New(Options{Version: "1.2.3", MaxBytes: most, Requests: &o})
		for range 2 { // the second batch meets what the first has left
			b := encodetest.Batch(t)
			want := make(map[string]int)
			byScope := make(map[metric.Scope]int)
			type row struct {
				scope metric.Scope
				metric.Entity
			}
			rows := make(map[row]map[string]metric.Value)
			encodetest.Entities(b, func(s metric.Scope, n metric.Entity, cells []encodetest.Cell) {
				if _, ok := services[s]; !ok {
					return
				}
				// Of a column that two tables have, the first table counts.
				values := make(map[string]metric.Value)
				for _, c := range cells {
					if first := firstTable(b, s, c.Name); first != nil {
						for _, r := range first.Rows() {
							e := first.Entity(r)
							if v, ok := first.At(r, columnFor(first, c.Name)); ok && e.Parent == n.Parent && e.Name == n.Name {
								values[c.Name] = v
							}
						}
					}
				}
				rows[row{s, metric.Entity{Parent: n.Parent, Name: n.Name}}] = values
			})
			for r, values := range rows {
				service := r.Name
				if services[r.scope] != "" {
					service = services[r.scope]
				}
				for _, p := range pointsOf(values) {
					want[fmt.Sprintf("%q %q %s", encode.Proxy(r.scope, r.Entity), service, p)]++
					byScope[r.scope]++
				}
			}
			got, n := make(map[string]int), 0
			for _, m := range encodetest.Messages(t, e, b) {
				points := decode(t, m.Value)
				resources := make(map[string]bool)
				for _, p := range points {
					resources[p.resource] = true
					got[p.shown()]++
				}
				if most > 0 && len(resources) > 1 && len(m.Value) > most {
					t.Fatalf("a request has %d bytes, want at most %d", len(m.Value), most)
				}
				if n += m.Metrics; len(points) != m.Metrics {
					t.Fatalf("a request has %d points, and says %d", len(points), m.Metrics)
				}
			}
			all := 0
			for _, points := range byScope {
				all += points
			}
			if told.Series != n {
				t.Fatalf("got %d points, and %d are said to be there", n, told.Series)
			}
			if o.MaxSeries > 0 && all > o.MaxSeries {
				all -= byScope[metric.Listener]
				if all > o.MaxSeries {
					all -= byScope[metric.Server]
				}
				if n != all {
					t.Fatalf("got %d points with at most %d, want %d", n, o.MaxSeries, all)
				}
				continue
			}
			wanted := make(map[string]int) // without resources, which TestReceiver knows
			for id, n := range want {
				wanted[id[strings.Index(id, "haproxy."):]] += n
			}
			if d := cmp.Diff(wanted, got); d != "" {
				t.Fatalf("want -, got +\n%s", d)
			}
		}
	})
}

// firstTable returns the first table of a scope that has a column of a name.
func firstTable(b *metric.Batch, s metric.Scope, name string) *metric.Table {
	i := slices.IndexFunc(b.Tables, func(t *metric.Table) bool { return t.Scope() == s && columnFor(t, name) >= 0 })
	if i < 0 {
		return nil
	}
	return b.Tables[i]
}

// columnFor returns the number of a column that is not only for Graphite.
func columnFor(t *metric.Table, name string) int {
	return slices.IndexFunc(t.Columns(), func(c metric.Column) bool { return c.Name == name && c.Outputs.ForOthers() })
}

// TestReceiverOfOneScope: only the scopes that are wanted are there.
func TestReceiverOfOneScope(t *testing.T) {
	b := encodetest.OfGoldenFiles(t)
	services := make(map[string]bool)
	o := Options{Requests: &Requests{Receiver: true}}
	o.Requests.Scopes[metric.Frontend] = true
	for _, m := range encodetest.Messages(t, New(o), b) {
		for _, p := range decode(t, m.Value) {
			_, after, _ := strings.Cut(p.resource, `"haproxy.service_name":`)
			services[strings.Fields(after)[0]] = true
		}
	}
	if got := slices.Collect(maps.Keys(services)); len(got) != 1 || got[0] != `"FRONTEND"` {
		t.Errorf("got rows of %v, want of FRONTEND", got)
	}
}
