package influx

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"pgregory.net/rapid"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/encodetest"
	"haproxystats/internal/metric"
)

// line is a decoded line.
type line struct {
	measurement string
	tags        map[string]string
	fields      map[string]any
	time        string
}

// decode decodes a record with InfluxData's decoder, and fails unless it is one line with
// sorted tags.
func decode(t interface{ Fatalf(string, ...any) }, record []byte) line {
	if !bytes.HasSuffix(record, []byte("\n")) {
		t.Fatalf("no newline at the end of %q", record)
	}
	d := lineprotocol.NewDecoderWithBytes(record)
	if !d.Next() {
		t.Fatalf("no line in %q", record)
	}
	l := line{tags: make(map[string]string), fields: make(map[string]any)}
	measurement, err := d.Measurement()
	if err != nil {
		t.Fatalf("%v: %q", err, record)
	}
	l.measurement = string(measurement)
	last := ""
	for {
		key, value, err := d.NextTag()
		if err != nil {
			t.Fatalf("%v: %q", err, record)
		}
		if key == nil {
			break
		}
		if string(key) <= last {
			t.Fatalf("the tag %q comes after %q: %q", key, last, record)
		}
		last = string(key)
		l.tags[last] = string(value)
	}
	for {
		key, value, err := d.NextField()
		if err != nil {
			t.Fatalf("%v: %q", err, record)
		}
		if key == nil {
			break
		}
		if _, ok := l.fields[string(key)]; ok {
			t.Fatalf("the field %q comes twice: %q", key, record)
		}
		l.fields[string(key)] = value.Interface()
	}
	stamp, err := d.TimeBytes()
	if err != nil {
		t.Fatalf("%v: %q", err, record)
	}
	l.time = string(stamp)
	if d.Next() {
		t.Fatalf("a second line in %q", record)
	}
	return l
}

// wantTags returns the tags of an entity, with names as they are.
func wantTags(b *metric.Batch, host string, s metric.Scope, e metric.Entity) map[string]string {
	tags := map[string]string{"host": host, "server": host, "cluster": b.Cluster}
	switch s {
	case metric.Process:
		tags["process"] = e.Name
	case metric.Frontend:
		tags["proxy"], tags["sv"], tags["type"] = e.Name, "FRONTEND", "frontend"
	case metric.Backend:
		tags["proxy"], tags["sv"], tags["type"] = e.Name, "BACKEND", "backend"
	case metric.Server:
		tags["proxy"], tags["sv"], tags["type"] = e.Parent, e.Name, "server"
	case metric.Listener:
		tags["proxy"], tags["sv"], tags["type"] = e.Parent, e.Name, "listener"
	case metric.ServerName:
		tags["sv"] = e.Name
	case metric.ServerProcesses:
		tags["proxy"], tags["sv"], tags["type"] = e.Parent, e.Name, "server"
	case metric.StickTable, metric.Learned:
		tags["name"], tags["type"] = e.Name, e.Parent
	case metric.Resolver:
		tags["nameserver"], tags["resolver"] = e.Name, e.Parent
	case metric.Certificate:
		tags["name"], tags["subject"] = e.Name, e.Parent
	case metric.Socket:
		tags["socket"] = e.Name
	}
	maps.DeleteFunc(tags, func(_, v string) bool { return v == "" })
	return tags
}

// wantField returns the value of a cell as a field.
func wantField(s metric.Scope, c encodetest.Cell) any {
	f := c.Value.Float
	switch {
	case s == metric.Self && c.Unit == "seconds":
		return min(max(c.Value.Number(), -math.MaxFloat64), math.MaxFloat64)
	case c.Value.Exact:
		return c.Value.Int
	case f >= math.MaxInt64:
		return int64(math.MaxInt64)
	case f <= math.MinInt64:
		return int64(math.MinInt64)
	}
	return int64(math.Round(f))
}

// TestDecodes: InfluxData's decoder gives each value of the batch.
func TestDecodes(t *testing.T) {
	host := encode.Host{Name: "lb1.example.com"}
	rapid.Check(t, func(t *rapid.T) {
		e := New(Options{Host: host})
		for range 2 { // the second batch meets what the first has left
			b := encodetest.Batch(t)
			got := make(map[string]line)
			for _, m := range encodetest.Messages(t, e, b) {
				l := decode(t, m.Value)
				for key, value := range l.tags {
					l.tags[key] = encodetest.Original(value)
				}
				id := fmt.Sprintf("%s %q", l.measurement, l.tags)
				if _, ok := got[id]; ok {
					t.Fatalf("two lines about %s", id)
				}
				got[id] = l
			}
			encodetest.Entities(b, func(s metric.Scope, n metric.Entity, cells []encodetest.Cell) {
				id := fmt.Sprintf("%s %q", measurements[s], wantTags(b, host.Of(b), s, n))
				l, ok := got[id]
				if !ok {
					t.Fatalf("no line about %s", id)
				}
				for _, c := range cells {
					name, found := find(l.fields, s, c)
					if !found {
						t.Fatalf("%s: got %v, want %q with %+v", id, l.fields, c.Name, c.Value)
					}
					delete(l.fields, name)
				}
				if len(l.fields) > 0 {
					t.Fatalf("%s: further fields: %v", id, l.fields)
				}
				delete(got, id)
			})
			if len(got) > 0 {
				t.Fatalf("lines about what has no values: %v", got)
			}
		}
	})
}

// find returns the field of a cell, whose name may have underscores at its end.
func find(fields map[string]any, s metric.Scope, c encodetest.Cell) (string, bool) {
	name := c.Name
	if renamed, ok := telegraf[name]; ok && isOfProxies(s) {
		name = renamed
	}
	for key, value := range fields {
		rest, ok := strings.CutPrefix(encodetest.Original(key), name)
		if ok && strings.Trim(rest, "_") == "" && value == wantField(s, c) {
			return key, true
		}
	}
	return "", false
}

func TestTypesStay(t *testing.T) {
	table := metric.NewBuilder(metric.Backend, []metric.Column{{Name: "qtime", Combine: metric.Mean}, {Name: "lastsess", Combine: metric.MeanKnown}, {Name: "bin"}})
	row := table.Row(metric.Entity{Name: "app"})
	self := metric.NewBuilder(metric.Self, []metric.Column{{Name: "QueueAge", Unit: "seconds"}, {Name: "Failures"}})
	own := self.Row(metric.Entity{})
	for _, c := range []struct {
		values []int64
		bin    float64
		want   string
	}{
		{[]int64{1, 2}, 1, "qtime=2i,lastsess=2i,bin=1i"}, // 1.5
		{[]int64{1}, 0, "qtime=1i,lastsess=1i,bin=0i"},
		{[]int64{-1, -1}, 1 << 70, "qtime=-1i,lastsess=-1i,bin=9223372036854775807i"},
	} {
		table.Reset()
		self.Reset()
		for _, v := range c.values {
			table.Touch(row)
			table.Add(row, 0, v)
			table.Add(row, 1, v)
		}
		table.Set(row, 2, c.bin)
		self.Touch(own)
		self.Add(own, 0, c.values[0])
		self.Add(own, 1, c.values[0])
		b := &metric.Batch{Epoch: 9, Tables: []*metric.Table{table.Table(), self.Table()}}
		all := encodetest.Messages(t, New(Options{Precision: Seconds}), b)
		if got, want := string(all[0].Value), "haproxy,proxy=app,sv=BACKEND,type=backend "+c.want+" 9\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got, want := string(all[1].Value), fmt.Sprintf("haproxystats QueueAge=%[1]d,Failures=%[1]di 9\n", c.values[0]); got != want {
			t.Errorf("got %q, want %q", got, want)
		} else if _, float := decode(t, all[1].Value).fields["QueueAge"].(float64); !float {
			t.Errorf("%q: QueueAge is not a float", got)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		epoch     int64
		precision Precision
		want      string
	}{
		{1795335122, Nanoseconds, "1795335122000000000"},
		{1795335122, Seconds, "1795335122"},
		{-5, Nanoseconds, "-5000000000"},
		{math.MaxInt64, Nanoseconds, "9223372036000000000"},
		{math.MinInt64, Nanoseconds, "-9223372036000000000"},
	} {
		table := metric.NewBuilder(metric.Daemon, []metric.Column{{Name: "Tasks"}})
		row := table.Row(metric.Entity{})
		table.Touch(row)
		table.Add(row, 0, 1)
		b := &metric.Batch{Epoch: c.epoch, Tables: []*metric.Table{table.Table()}}
		all := encodetest.Messages(t, New(Options{Precision: c.precision}), b)
		if got := decode(t, all[0].Value).time; got != c.want {
			t.Errorf("time %d: got %s, want %s", c.epoch, got, c.want)
		}
	}
}

// TestAsTelegraf: of one process, the lines have the tags, and the fields with type and
// value, that telegraf's inputs.haproxy makes of each row. The server tag is the socket
// there, texts are not in batches, and the numbers of rows are not metrics.
func TestAsTelegraf(t *testing.T) {
	const texts = "status check_status last_chk mode tracked agent_status last_agt addr cookie check_desc agent_desc algo proto"
	const numbers = "pid iid sid srid"
	kinds := []string{"frontend", "backend", "server"}
	for _, recording := range []string{"recordings/3.4.0-single", "recordings/3.2.0-zlib-rich", "golden/2.4.0-single/snapshot"} {
		files, err := filepath.Glob("../../../testdata/" + recording + "/*/haproxy.sock_stat")
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		folder, err := filepath.Rel("../../../testdata", filepath.Dir(files[0]))
		if err != nil {
			t.Fatal(err)
		}
		b := encodetest.Recorded(t, folder)
		b.Cluster = ""
		got := make(map[string]line)
		for _, m := range encodetest.Messages(t, New(Options{Host: encode.Host{FQDN: true}, Idle: true}), b) {
			if l := decode(t, m.Value); l.measurement == "haproxy" {
				delete(l.fields, "TotalServers")
				for _, f := range catalogue.StateFields() { // telegraf has the texts
					delete(l.fields, f.Name)
				}
				got[fmt.Sprint(l.tags)] = l
			}
		}
		raw, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("# ")))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		compared := 0
		for _, row := range rows[1:] {
			tags := map[string]string{"host": "lb-01.example.com", "server": "lb-01.example.com"}
			fields := make(map[string]any)
			listener, active := false, false
			for i, name := range rows[0] {
				n, err := strconv.ParseInt(row[i], 10, 64)
				switch {
				case name == "pxname":
					tags["proxy"] = row[i]
				case name == "svname":
					tags["sv"] = row[i]
				case name == "type":
					if listener = n == 3; !listener {
						tags["type"] = kinds[n]
					}
				case err == nil && !slices.Contains(strings.Fields(texts+" "+numbers), name):
					if renamed, ok := telegraf[name]; ok {
						name = renamed
					}
					fields[name] = n
					active = active || name == "lbtot" && n > 0
				}
			}
			if !active { // a mean over rows with traffic is 0 without such rows
				for _, name := range []string{"qtime", "ctime", "rtime", "ttime"} {
					if _, ok := fields[name]; ok {
						fields[name] = int64(0)
					}
				}
			}
			if listener { // not in batches
				continue
			}
			l, ok := got[fmt.Sprint(tags)]
			if !ok {
				t.Errorf("%s: no line with the tags %v", recording, tags)
			}
			if d := cmp.Diff(fields, l.fields); d != "" {
				t.Errorf("%s: %v: telegraf's fields -, ours +\n%s", recording, tags, d)
			}
			compared += len(fields)
		}
		if compared < 2000 {
			t.Errorf("%s: compared %d fields, want at least 2000", recording, compared)
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
		m := encodetest.Messages(t, New(Options{Host: encode.Host{FQDN: true}}), &metric.Batch{Node: name, Tables: []*metric.Table{table.Table()}})
		l := decode(t, m[0].Value)
		for tag, want := range map[string]string{"proxy": name, "host": name, "sv": column} {
			if got := encodetest.Original(l.tags[tag]); got != want {
				t.Errorf("got the tag %s = %q, want %q", tag, got, want)
			}
		}
		if _, ok := find(l.fields, metric.Server, encodetest.Cell{Column: metric.Column{Name: column}, Value: metric.Value{Int: 7, Exact: true}}); !ok || len(l.fields) != 1 {
			t.Errorf("got %v, want %q with 7", l.fields, column)
		}
	})
}

func TestGolden(t *testing.T) {
	var out bytes.Buffer
	for _, m := range encodetest.Messages(t, New(Options{Host: encode.Host{FQDN: true}}), encodetest.OfGoldenFiles(t)) {
		out.Write(m.Value)
	}
	encodetest.Golden(t, "influx", out.Bytes())
}

func TestStops(t *testing.T) { encodetest.Stops(t, New(Options{})) }

func TestAllocations(t *testing.T) { encodetest.AllocatesNothing(t, New(Options{})) }

func BenchmarkEncoder(b *testing.B) { encodetest.Bench(b, New(Options{})) }
