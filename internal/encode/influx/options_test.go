package influx

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"

	"haproxystats/internal/encode"
	"haproxystats/internal/encode/encodetest"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/sinktest"
)

// stateBatch returns a batch with a row of each scope that has texts, by their numbers.
func stateBatch(status, check int64) *metric.Batch {
	b := &metric.Batch{Epoch: 9, Node: "lb1.example.com"}
	for _, s := range []metric.Scope{metric.Frontend, metric.Backend, metric.Server, metric.Listener} {
		t := metric.NewBuilder(s, []metric.Column{
			{Name: "act"},
			{Name: "status", Combine: metric.Max, Nature: metric.State, Outputs: metric.ExceptGraphite},
			{Name: "check_status", Combine: metric.Max, Nature: metric.State, Outputs: metric.ExceptGraphite},
			{Name: "state", Combine: metric.Max, Nature: metric.State},
		})
		row := t.Row(metric.Entity{Parent: "p", Name: "n"})
		t.Touch(row)
		t.Add(row, 0, 5)
		t.Add(row, 1, status)
		t.Add(row, 2, check)
		t.Add(row, 3, 1)
		b.Tables = append(b.Tables, t.Table())
	}
	return b
}

// TestOptions compares whole lines.
func TestOptions(t *testing.T) {
	b := stateBatch(1, 2)
	for name, c := range map[string]struct {
		options Options
		want    []string
	}{
		"none": {Options{}, []string{
			"haproxy,host=lb1,proxy=n,server=lb1,sv=FRONTEND,type=frontend active_servers=5i,state=1i 9",
			"haproxy,host=lb1,proxy=n,server=lb1,sv=BACKEND,type=backend active_servers=5i,state=1i 9",
			"haproxy,host=lb1,proxy=p,server=lb1,sv=n,type=server active_servers=5i,state=1i 9",
			"haproxy,host=lb1,proxy=p,server=lb1,sv=n,type=listener active_servers=5i,state=1i 9",
		}},
		"texts": {Options{Texts: []string{"check_status", "status"}, Host: encode.Host{FQDN: true}}, []string{
			`haproxy,host=lb1.example.com,proxy=n,server=lb1.example.com,sv=FRONTEND,type=frontend active_servers=5i,state=1i,status="` + wordsOf(metric.Frontend, "status")[1] + `" 9`,
			`haproxy,host=lb1.example.com,proxy=n,server=lb1.example.com,sv=BACKEND,type=backend active_servers=5i,state=1i,status="` + wordsOf(metric.Backend, "status")[1] + `" 9`,
			`haproxy,host=lb1.example.com,proxy=p,server=lb1.example.com,sv=n,type=server active_servers=5i,state=1i,status="` + wordsOf(metric.Server, "status")[1] + `",check_status="` + wordsOf(metric.Server, "check_status")[2] + `" 9`,
			`haproxy,host=lb1.example.com,proxy=p,server=lb1.example.com,sv=n,type=listener active_servers=5i,state=1i,status="` + wordsOf(metric.Listener, "status")[1] + `" 9`,
		}},
		"names": {Options{
			KeepNames: true, Measurement: "lb", ServerTag: "a b", Texts: []string{"agent_status"},
			Tags: []Tag{{"zone", "z=1"}, {"host", "h"}, {"az", "a"}, {"state", "de"}, {"job", "j"}},
		}, []string{
			`lb,az=a,host=h,job=j,pxname=n,server=a\ b,state=de,svname=FRONTEND,type=frontend,zone=z\=1 act=5i,state_=1i 9`,
			`lb,az=a,host=h,job=j,pxname=n,server=a\ b,state=de,svname=BACKEND,type=backend,zone=z\=1 act=5i,state_=1i 9`,
			`lb,az=a,host=h,job=j,pxname=p,server=a\ b,state=de,svname=n,type=server,zone=z\=1 act=5i,state_=1i 9`,
			`lb,az=a,host=h,job=j,pxname=p,server=a\ b,state=de,svname=n,type=listener,zone=z\=1 act=5i,state_=1i 9`,
		}},
	} {
		c.options.Precision = Seconds
		var got []string
		for _, m := range encodetest.Messages(t, New(c.options), b) {
			decode(t, m.Value) // by InfluxData's decoder, with sorted tags
			got = append(got, strings.TrimSuffix(string(m.Value), "\n"))
			if fields := countFields(m.Value); m.Metrics != fields {
				t.Errorf("%s: got %d metrics and %d fields: %q", name, m.Metrics, fields, m.Value)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// TestIdle: an average without a value is 0 with the option, and a column for Graphite is not.
func TestIdle(t *testing.T) {
	table := metric.NewBuilder(metric.Server, []metric.Column{
		{Name: "qtime", Combine: metric.MeanOfActive},
		{Name: "rtime", Combine: metric.MeanOfActive, Outputs: metric.GraphiteOnly},
		{Name: "scur"},
		{Name: "slim"},
	})
	row := table.Row(metric.Entity{Parent: "p", Name: "s"})
	table.Touch(row)
	table.Add(row, 2, 3)
	b := &metric.Batch{Tables: []*metric.Table{table.Table()}}
	for idle, want := range map[bool]string{false: "scur=3i", true: "scur=3i,qtime=0i"} {
		m := encodetest.Messages(t, New(Options{Idle: idle, Precision: Seconds}), b)[0]
		if got := string(m.Value); got != "haproxy,proxy=p,sv=s,type=server "+want+" 0\n" || m.Metrics != countFields(m.Value) {
			t.Errorf("got %q with %d metrics, want %q", got, m.Metrics, want)
		}
	}
}

// TestWithoutHTTP: what HAProxy counts only with HTTP is 0 with the option, where HAProxy shows it.
func TestWithoutHTTP(t *testing.T) {
	for scope, want := range map[metric.Scope]string{
		metric.Frontend: "scur=3i,comp_in=0i,req_tot=0i", metric.Backend: "scur=3i,comp_in=0i", metric.Server: "scur=3i",
	} {
		table := metric.NewBuilder(scope, []metric.Column{
			{Name: "comp_in"}, {Name: "comp_out", Outputs: metric.GraphiteOnly}, {Name: "req_tot"}, {Name: "hrsp_2xx"}, {Name: "scur"},
		})
		row := table.Row(metric.Entity{Parent: "p", Name: "s"})
		table.Touch(row)
		table.Add(row, 4, 3)
		b := &metric.Batch{Tables: []*metric.Table{table.Table()}}
		for idle, want := range map[bool]string{false: "scur=3i", true: want} {
			m := encodetest.Messages(t, New(Options{Idle: idle, Precision: Seconds}), b)[0]
			if got := strings.Fields(string(m.Value))[1]; got != want {
				t.Errorf("%v: got %q, want %q", scope, got, want)
			}
		}
	}
}

// TestWords: each number has its word, and what has none has no field.
func TestWords(t *testing.T) {
	for status, want := range map[int64][4]string{-1: {}, 0: {"STOP", "UP"}, 1: {"OPEN", "DOWN"}, 99: {}} {
		e := New(Options{Texts: []string{"status", "check_status", "agent_status"}})
		for i, m := range encodetest.Messages(t, e, stateBatch(status, 0)) {
			got, _ := decode(t, m.Value).fields["status"].(string)
			if i < 2 && got != want[i] {
				t.Errorf("status %d: got %q, want %q", status, got, want[i])
			}
			if status == 99 && got != "" {
				t.Errorf("status %d: got %q, want none", status, got)
			}
		}
	}
	for _, s := range []metric.Scope{metric.Frontend, metric.Backend, metric.Server, metric.Listener} {
		for _, word := range append(wordsOf(s, "status"), wordsOf(s, "check_status")...) {
			if strings.ContainsAny(word, "\"\\\n, =") {
				t.Errorf("the word %q of %v would break a line", word, s)
			}
		}
	}
	if wordsOf(metric.Daemon, "status") != nil {
		t.Error("a process has texts")
	}
}

// TestManyLines: records of several lines have the lines of those with one, and what Split
// makes of them says the same.
func TestManyLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := encodetest.Batch(t)
		most := rapid.IntRange(1, 10).Draw(t, "lines")
		o := Options{Host: encode.Host{Name: "lb1"}}
		var single []byte
		singles := 0
		for _, m := range encodetest.Messages(t, New(o), b) {
			single = append(single, m.Value...)
			singles += m.Metrics
		}
		o.MaxLines = most
		var many []byte
		metrics := 0
		for _, m := range encodetest.Messages(t, New(o), b) {
			if n := Lines(m.Value); n == 0 || n > most {
				t.Fatalf("got a record of %d lines, want 1 to %d", n, most)
			}
			cut(t, m.Value, m.Metrics)
			many = append(many, m.Value...)
			metrics += m.Metrics
		}
		if !bytes.Equal(single, many) || singles != metrics {
			t.Fatalf("got %d metrics in\n%s\nwant %d in\n%s", metrics, many, singles, single)
		}
	})
}

// cut cuts lines until each is alone.
func cut(t *rapid.T, lines []byte, metrics int) {
	first, second, n, ok := Split(lines)
	if ok != (Lines(lines) > 1) {
		t.Fatalf("got %t for %d lines", ok, Lines(lines))
	}
	if !ok {
		if got := countFields(lines); got != metrics {
			t.Fatalf("got %d fields, want %d: %q", got, metrics, lines)
		}
		return
	}
	if string(first)+string(second) != string(lines) || len(first) == 0 || len(second) == 0 {
		t.Fatalf("got %q and %q of %q", first, second, lines)
	}
	cut(t, first, n)
	cut(t, second, metrics-n)
}

func TestSplitNothing(t *testing.T) {
	for _, text := range []string{"", "\n", "no end", "a b=1i 1\n"} {
		if first, second, _, ok := Split([]byte(text)); ok {
			t.Errorf("got %q and %q of %q", first, second, text)
		}
	}
}

// TestRejected has answers of servers.
func TestRejected(t *testing.T) {
	for _, c := range []struct {
		answer string
		lines  int
		reason string
	}{
		{"", 0, ""},
		{"<html>", 0, ""},
		{`{"error":"database not found"}`, 0, "database not found"},
		{`{"error":"partial write: field type conflict: input field \"stot\" on measurement \"haproxy\" is type integer, already exists as type float dropped=17"}`, 17, "field type conflict"},
		{`{"error":"partial write: points beyond retention policy dropped=3"}`, 3, "retention policy"},
		{`{"error":"partial write: unable to parse 'a': missing fields\nunable to parse 'b': missing fields dropped=0"}`, 2, "missing fields"},
		{`{"error":"unable to parse 'a b=': missing field value"}`, 1, "missing field value"},
		{`{"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict dropped=2"}`, 2, "field type conflict"},
		{`{"error":"partial write of line protocol occurred","data":[{"original_line":"a","line_number":1,"error_message":"no fields"},{"original_line":"b","line_number":4,"error_message":"x"}]}`, 2, "no fields"},
		{`{"error":"partial write: unable to parse 'sv=dropped=90': missing fields\nunable to parse 'b': missing fields dropped=3"}`, 5, "missing fields"},
		{`{"error":"partial write: unable to parse 'a': missing fields\nunable to par`, -1, ""},
		{`{"error":"partial write of line protocol occurred","data":[{"original_line":"a","line_num`, -1, ""},
		{`{"error":"the limit of reque`, 0, ""},
	} {
		lines, reason := Rejected([]byte(c.answer))
		if lines != c.lines || !strings.Contains(reason, c.reason) {
			t.Errorf("%s: got %d and %q, want %d and %q", c.answer, lines, reason, c.lines, c.reason)
		}
	}
}

// FuzzRejected: whatever a server answers, the number of lines is 0 or more, or says that the
// end is missing.
func FuzzRejected(f *testing.F) {
	for _, body := range []string{
		"", "<html>", `{"error":"partial write: unable to parse 'a': x dropped=3"}`, `{"code":"invalid","message":"unable to parse 'a b=': x"}`,
		`{"error":"x","data":[{"error_message":"no fields"}]}`, `{"error":"dropped=99999999999999999999 unable to parse 'a'"}`, `{"error":1}`, `[]`, "null",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		lines, _ := Rejected(body)
		if lines < -1 {
			t.Errorf("%q: got %d lines, want -1 or more", body, lines)
		}
	})
}

func TestAllocationsOfManyLines(t *testing.T) {
	encodetest.AllocatesNothing(t, New(Options{MaxLines: 100, Texts: []string{"status"}, Tags: []Tag{{"a", "b"}}}))
}

// BenchmarkRatio measures the time for a batch of 20,000 servers with its compression, as a
// multiple of the time that Graphite's lines of it take, in turns.
func BenchmarkRatio(b *testing.B) {
	batch := sinktest.Load(500, 1000, 20000, 8)
	e := New(Options{Precision: Seconds, MaxLines: 5000, Texts: []string{"status"}})
	lines := plaintext.New(plaintext.Paths{Namespace: "loadbalancers", Hostname: "lb1"})
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		b.Fatal(err)
	}
	var encoding, packing, theirs time.Duration
	requests := 0
	for b.Loop() {
		packed.Reset()
		requests = 0
		begun := time.Now()
		inner := time.Duration(0)
		_ = e.Encode(batch, func(m encode.Message) error {
			from := time.Now()
			requests++
			w.Reset(&packed)
			_, _ = w.Write(m.Value)
			_ = w.Close()
			inner += time.Since(from)
			return nil
		})
		between := time.Now()
		_, _ = lines.Encode(io.Discard, batch)
		encoding, packing, theirs = encoding+between.Sub(begun)-inner, packing+inner, theirs+time.Since(between)
	}
	each := func(d time.Duration) float64 { return float64(d.Milliseconds()) / float64(b.N) }
	b.ReportMetric(each(encoding), "ms/lines")
	b.ReportMetric(each(packing), "ms/gzip")
	b.ReportMetric(each(theirs), "ms/graphite")
	b.ReportMetric(float64(encoding)/float64(theirs), "ratio")
	b.ReportMetric(float64(packed.Len())/1e6, "MB")
	b.ReportMetric(float64(requests), "requests")
}
