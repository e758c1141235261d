package json

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"haproxystats/internal/encode"
	"haproxystats/internal/encode/encodetest"
	"haproxystats/internal/metric"
)

// decode decodes a record with the standard library, and fails if it is not one flat
// object whose members have different names.
func decode(t interface{ Fatalf(string, ...any) }, record []byte) map[string]any {
	if !utf8.Valid(record) || bytes.ContainsAny(record, "\n\r") {
		t.Fatalf("not one line of UTF-8: %q", record)
	}
	d := json.NewDecoder(bytes.NewReader(record))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		t.Fatalf("%v: %s", err, record)
	}
	members := make(map[string]any)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			t.Fatalf("%v: %s", err, record)
		}
		value, err := d.Token()
		if err != nil {
			t.Fatalf("%v: %s", err, record)
		}
		if _, ok := members[key.(string)]; ok {
			t.Fatalf("two members %q: %s", key, record)
		}
		members[key.(string)] = value
	}
	if end, err := d.Token(); err != nil || end != json.Delim('}') {
		t.Fatalf("%v: %s", err, record)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("after the object, got %v, want EOF: %s", err, record)
	}
	return members
}

// take removes a member and returns its original text.
func take(members map[string]any, key string) string {
	text, _ := members[key].(string)
	delete(members, key)
	return encodetest.Original(text)
}

// entity is what identifies an object.
type entity struct {
	host, cluster, scope, proxy, server, process, listener         string
	kind, name, resolver, nameserver, subject, certificate, socket string
	rows, field                                                    string
}

func takeEntity(members map[string]any) entity {
	delete(members, "group")
	return entity{
		take(members, "host"), take(members, "cluster"), take(members, "scope"),
		take(members, "proxy"), take(members, "server"), take(members, "process"), take(members, "listener"),
		take(members, "type"), take(members, "name"), take(members, "resolver"), take(members, "nameserver"),
		take(members, "subject"), take(members, "certificate"), take(members, "socket"),
		take(members, "rows"), take(members, "field"),
	}
}

// wanted returns the entity as objects identify it.
func wanted(b *metric.Batch, host encode.Host, s metric.Scope, e metric.Entity) entity {
	want := entity{host: host.Of(b), cluster: b.Cluster, scope: s.String()}
	switch s {
	case metric.Process:
		want.process = e.Name
	case metric.Frontend, metric.Backend:
		want.proxy = e.Name
	case metric.Server:
		want.proxy, want.server = e.Parent, e.Name
	case metric.Listener:
		want.proxy, want.listener = e.Parent, e.Name
	case metric.ServerName:
		want.server = e.Name
	case metric.ServerProcesses:
		want.proxy, want.server = e.Parent, e.Name
	case metric.StickTable:
		want.kind, want.name = e.Parent, e.Name
	case metric.Resolver:
		want.resolver, want.nameserver = e.Parent, e.Name
	case metric.Certificate:
		want.subject, want.certificate = e.Parent, e.Name
	case metric.Socket:
		want.socket = e.Name
	case metric.Learned:
		want.rows, want.field = e.Parent, e.Name
	}
	return want
}

// same reports whether a number is the value, exactly.
func same(n json.Number, v metric.Value) bool {
	if strings.ContainsAny(string(n), "eE") {
		return false
	}
	if v.Exact {
		return string(n) == fmt.Sprint(v.Int)
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return false
	}
	f, _ := r.Float64()
	return f == v.Float
}

// TestDecodes: the standard decoder gives each value of the batch under its name.
func TestDecodes(t *testing.T) {
	host := encode.Host{Name: "lb1.example.com", FQDN: true}
	rapid.Check(t, func(t *rapid.T) {
		e := New(Options{Host: host})
		for range 2 { // the second batch meets what the first has left
			b := encodetest.Batch(t)
			got := make(map[entity]map[string]any)
			for _, m := range encodetest.Messages(t, e, b) {
				members := decode(t, m.Value)
				if n := members["timestamp"]; n != json.Number(fmt.Sprint(b.Epoch)) {
					t.Fatalf("got the timestamp %v, want %d", n, b.Epoch)
				}
				delete(members, "timestamp")
				id := takeEntity(members)
				if m.Scope.String() != id.scope || m.Proxy != id.proxy {
					t.Fatalf("got scope %v and proxy %q, want %+v", m.Scope, m.Proxy, id)
				}
				if got[id] != nil {
					t.Fatalf("two objects about %+v", id)
				}
				got[id] = members
			}
			encodetest.Entities(b, func(s metric.Scope, n metric.Entity, cells []encodetest.Cell) {
				id := wanted(b, host, s, n)
				members := got[id]
				delete(got, id)
				exactFirst(cells)
				for _, c := range cells {
					if math.IsInf(c.Value.Float, 0) {
						continue // beyond a float64, and a mean
					}
					name, found := find(members, c.Name, c.Value)
					if !found {
						t.Fatalf("%+v: got %v, want %q with %+v", id, members, c.Name, c.Value)
					}
					delete(members, name)
				}
				for name, v := range members {
					if n := v.(json.Number); len(n) < 300 {
						t.Fatalf("%+v: got %q with %v, want no further member", id, name, v)
					}
				}
			})
			if len(got) > 0 {
				t.Fatalf("objects about what has no values: %v", got)
			}
		}
	})
}

// exactFirst puts the exact values before the others: a float64 is found in any number that
// rounds to it, which may be the exact value of another cell of the same name.
func exactFirst(cells []encodetest.Cell) {
	slices.SortStableFunc(cells, func(a, b encodetest.Cell) int {
		switch {
		case a.Value.Exact == b.Value.Exact:
			return 0
		case a.Value.Exact:
			return -1
		}
		return 1
	})
}

// find returns the member with that name, or with underscores at its end, and value.
func find(members map[string]any, name string, v metric.Value) (string, bool) {
	for key, value := range members {
		rest, ok := strings.CutPrefix(encodetest.Original(key), name)
		n, isNumber := value.(json.Number)
		if ok && isNumber && strings.Trim(rest, "_") == "" && same(n, v) {
			return key, true
		}
	}
	return "", false
}

func TestReservedNames(t *testing.T) {
	table := metric.NewBuilder(metric.Daemon, []metric.Column{{Name: "server_"}, {Name: "host"}, {Name: "server"}, {Name: "metric"}})
	row := table.Row(metric.Entity{})
	table.Touch(row)
	for col := range table.Columns() {
		table.Add(row, col, int64(col))
	}
	second := metric.NewBuilder(metric.Daemon, []metric.Column{{Name: "metric"}})
	row = second.Row(metric.Entity{})
	second.Touch(row)
	second.Add(row, 0, 4)
	b := &metric.Batch{Node: "lb1", Tables: []*metric.Table{table.Table(), second.Table()}}
	got := string(encodetest.Messages(t, New(Options{}), b)[0].Value)
	want := `{"timestamp":0,"host":"lb1","scope":"daemon","server__":0,"host_":1,"server_":2,"metric":3,"metric_":4}`
	if got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

// TestPerMetric: the objects for metrics say what the objects for entities say.
func TestPerMetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := encodetest.Batch(t)
		type point struct {
			entity
			value json.Number
		}
		collect := func(opt Options) (points []point) {
			for _, m := range encodetest.Messages(t, New(opt), b) {
				members := decode(t, m.Value)
				delete(members, "timestamp")
				id := takeEntity(members)
				if opt.PerMetric {
					delete(members, "metric")
				}
				for _, v := range members {
					points = append(points, point{id, v.(json.Number)})
				}
			}
			slices.SortFunc(points, func(a, b point) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			return points
		}
		entities, metrics := collect(Options{}), collect(Options{PerMetric: true})
		if d := cmp.Diff(entities, metrics, cmp.AllowUnexported(point{}, entity{})); d != "" {
			t.Fatalf("entities -, metrics +\n%s", d)
		}
	})
}

func TestNumbers(t *testing.T) {
	huge := new(big.Int).Lsh(big.NewInt(3), 2000)
	columns := []metric.Column{{Name: "sum"}, {Name: "mean", Combine: metric.Mean}, {Name: "none"}, {Name: "wide"}, {Name: "small"}, {Name: "fill", EmptyIsZero: true}, {Name: "vast", Combine: metric.Mean}}
	table := metric.NewBuilder(metric.Frontend, columns)
	row := table.Row(metric.Entity{Name: "www"})
	for range 2 {
		table.Touch(row)
		table.Add(row, 0, math.MaxInt64-1)
		table.AddRat(row, 3, new(big.Rat).SetInt(huge))
		table.AddRat(row, 6, new(big.Rat).SetInt(huge))
	}
	table.Add(row, 1, 10_000_000_000_000_000)
	table.Add(row, 1, 10_000_000_000_000_001)
	table.Set(row, 4, 1e-9)
	b := &metric.Batch{Epoch: 1, Tables: []*metric.Table{table.Table()}}
	got := string(encodetest.Messages(t, New(Options{}), b)[0].Value)
	// A mean that exceeds a float64 is absent: there is no number for it.
	want := `{"timestamp":1,"scope":"frontend","proxy":"www","sum":18446744073709551612,"mean":10000000000000000,` +
		`"wide":` + new(big.Int).Lsh(huge, 1).String() + `,"small":0.000000001}`
	if got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

// TestNamesStayDifferent: whatever bytes names have, the decoded ones are UTF-8 and
// different.
func TestNamesStayDifferent(t *testing.T) {
	table := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: "scur"}})
	for _, name := range encodetest.Names {
		row := table.Row(metric.Entity{Name: name})
		table.Touch(row)
		table.Add(row, 0, 1)
	}
	seen := make(map[any]bool)
	for _, m := range encodetest.Messages(t, New(Options{}), &metric.Batch{Tables: []*metric.Table{table.Table()}}) {
		seen[decode(t, m.Value)["proxy"]] = true
	}
	if len(seen) != len(encodetest.Names) {
		t.Errorf("got %d different names, want %d", len(seen), len(encodetest.Names))
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
		m := encodetest.Messages(t, New(Options{}), &metric.Batch{Node: name, Tables: []*metric.Table{table.Table()}})
		members := decode(t, m[0].Value)
		if got := take(members, "proxy"); got != name {
			t.Errorf("got the name %q, want %q", got, name)
		}
		if _, ok := find(members, column, metric.Value{Int: 7, Exact: true}); !ok {
			t.Errorf("got %v, want %q with 7", members, column)
		}
	})
}

func TestGolden(t *testing.T) {
	for format, opt := range map[string]Options{
		"json":        {Host: encode.Host{FQDN: true}},
		"json-metric": {Host: encode.Host{FQDN: true}, PerMetric: true},
	} {
		var out bytes.Buffer
		for _, m := range encodetest.Messages(t, New(opt), encodetest.OfGoldenFiles(t)) {
			out.Write(append(m.Value, '\n'))
		}
		encodetest.Golden(t, format, out.Bytes())
	}
}

func TestStops(t *testing.T) {
	encodetest.Stops(t, New(Options{}))
	encodetest.Stops(t, New(Options{PerMetric: true}))
}

func TestAllocations(t *testing.T) {
	encodetest.AllocatesNothing(t, New(Options{}))
	encodetest.AllocatesNothing(t, New(Options{PerMetric: true}))
}

func BenchmarkEncoder(b *testing.B) {
	b.Run("json", func(b *testing.B) { encodetest.Bench(b, New(Options{})) })
	b.Run("json-metric", func(b *testing.B) { encodetest.Bench(b, New(Options{PerMetric: true})) })
}
