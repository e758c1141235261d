package scrape

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"

	"haproxystats/internal/encode/prometheus"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/sinktest"
	"haproxystats/internal/tlsfile"
	"haproxystats/internal/tlsfile/tlstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds the wait for an event that must come.
const patience = 20 * time.Second

var _ interface {
	sink.Sink
	sink.Runner
} = (*Sink)(nil)

// TestFaultIsReported: a fault of this program is in the log, and costs one answer.
func TestFaultIsReported(t *testing.T) {
	for _, c := range []struct {
		fault any
		want  bool
	}{{"index out of range", true}, {http.ErrAbortHandler, false}} {
		var out bytes.Buffer
		s := &Sink{log: slog.New(slog.NewTextHandler(&out, nil))}
		func() {
			defer func() {
				if v := recover(); v != http.ErrAbortHandler {
					t.Errorf("%v: got %v, want what ends the connection without a word", c.fault, v)
				}
			}()
			s.reported(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(c.fault) })).ServeHTTP(nil, nil)
		}()
		if got := strings.Contains(out.String(), "level=ERROR") && strings.Contains(out.String(), "index out of range"); got != c.want {
			t.Errorf("%v: got the log %q, want an error in it: %t", c.fault, out.String(), c.want)
		}
	}
}

// start returns a sink that runs until the test ends, after its options are changed.
func start(t *testing.T, change func(*Options)) *Sink {
	t.Helper()
	o := Options{
		Listen: []string{"127.0.0.1:0"}, Path: "/metrics", MaxAge: time.Minute, MaxScrapes: 4, Timeout: patience, Own: true, Version: "1.2.3",
		Scopes: samples.Scopes([]string{"global", "frontend", "backend", "server"}),
	}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end with its context")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func deliver(t *testing.T, s *Sink, b *metric.Batch) {
	t.Helper()
	if err := s.Deliver(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// asker asks without keeping connections.
var asker = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}, Timeout: patience}

type answer struct {
	*http.Response
	body []byte
}

func ask(t *testing.T, s *Sink, method, path string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+s.Addresses()[0].String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return do(t, asker, r)
}

func do(t *testing.T, c *http.Client, r *http.Request) answer {
	t.Helper()
	a, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{a, body}
}

// get returns the families of an answer with metrics.
func get(t *testing.T, s *Sink, query string) map[string]*dto.MetricFamily {
	t.Helper()
	a := ask(t, s, "GET", "/metrics"+query)
	if a.StatusCode != http.StatusOK {
		t.Fatalf("%s: got %s: %s", query, a.Status, a.body)
	}
	return parse(t, a.body)
}

func parse(t *testing.T, text []byte) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// value returns the value of the only sample of a family, and -1 if there is none.
func value(families map[string]*dto.MetricFamily, name string) float64 {
	f := families[name]
	if f == nil || len(f.Metric) != 1 {
		return -1
	}
	return f.Metric[0].GetGauge().GetValue() + f.Metric[0].GetCounter().GetValue()
}

// with returns a batch of one server, which has v sessions.
func with(epoch time.Time, v int64) *metric.Batch {
	b := sinktest.One(metric.Server, metric.Entity{Parent: "app", Name: "s1"}, "scur", v)
	b.Epoch = epoch.Unix()
	return b
}

const sessions = "haproxy_server_current_sessions"

// TestShowsTheNewest: later batches take the place of earlier ones, whatever becomes of them
// afterwards, and earlier ones do not.
func TestShowsTheNewest(t *testing.T) {
	s := start(t, nil)
	now := time.Now()
	for _, c := range []struct {
		name  string
		batch *metric.Batch
		want  float64
	}{
		{"first", with(now.Add(-10*time.Second), 1), 1},
		{"later", with(now.Add(-5*time.Second), 2), 2},
		{"earlier", with(now.Add(-6*time.Second), 3), 2},
		{"again", with(now.Add(-5*time.Second), 4), 4},
		{"from a clock that is wrong", with(now.Add(24*time.Hour), 5), 5},
		{"after it", with(now, 6), 6},
	} {
		deliver(t, s, c.batch)
		c.batch.Tables[0] = nil // it is valid only during Deliver
		if got := value(get(t, s, ""), sessions); got != c.want {
			t.Errorf("%s: got %v sessions, want %v", c.name, got, c.want)
		}
	}
	st := s.Status()
	if st.Batches != 5 || st.Metrics != 5 || st.Bytes <= 0 || st.Failures != 0 || st.Health.Confirmed.IsZero() {
		t.Errorf("got status %+v, want 5 batches of one metric each", st)
	}
}

// TestCopies: a batch is not used after Deliver, whose builder goes on.
func TestCopies(t *testing.T) {
	s := start(t, nil)
	table := metric.NewBuilder(metric.Server, []metric.Column{{Name: "scur"}})
	for v := range int64(5) {
		table.Reset()
		row := table.Row(metric.Entity{Parent: "app", Name: "s1"})
		table.Touch(row)
		table.Add(row, 0, v)
		deliver(t, s, &metric.Batch{Epoch: time.Now().Unix(), Tables: []*metric.Table{table.Table()}})
		table.Reset()
		table.Touch(row)
		table.Add(row, 0, 99)
		table.Table()
		if got := value(get(t, s, ""), sessions); got != float64(v) {
			t.Errorf("got %v sessions, want %d", got, v)
		}
	}
}

// TestAnswersAreOfOneBatch: while batches arrive from several workers, each answer has the
// values of one of them.
func TestAnswersAreOfOneBatch(t *testing.T) {
	s := start(t, nil)
	batch := func(epoch time.Time, v int64) *metric.Batch {
		table := metric.NewBuilder(metric.Server, []metric.Column{{Name: "scur"}, {Name: "smax"}, {Name: "qcur"}})
		for i := range 200 {
			row := table.Row(metric.Entity{Parent: "app", Name: fmt.Sprint(i)})
			table.Touch(row)
			for col := range 3 {
				table.Add(row, col, v)
			}
		}
		return &metric.Batch{Epoch: epoch.Unix(), Tables: []*metric.Table{table.Table()}}
	}
	now := time.Now()
	deliver(t, s, batch(now, 0))
	var wg sync.WaitGroup
	for worker := range int64(3) {
		wg.Go(func() {
			for i := range int64(30) {
				if err := s.Deliver(t.Context(), batch(now, worker*100+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 20 {
		query := ""
		if i%2 == 0 {
			query = fmt.Sprint("?ignored=", i)
		}
		families := get(t, s, query)
		first := families[sessions].Metric[0].GetGauge().GetValue()
		n := 0
		for _, f := range families {
			if !strings.HasPrefix(f.GetName(), "haproxy_server_") {
				continue
			}
			for _, m := range f.Metric {
				if n++; m.GetGauge().GetValue() != first {
					t.Fatalf("got the values %v and %v in one answer", first, m.GetGauge().GetValue())
				}
			}
		}
		if n != 600 {
			t.Fatalf("got %d samples, want 600", n)
		}
	}
	wg.Wait()
}

// TestOldBatches: what is too old is not shown, and everything else is, with status 200.
func TestOldBatches(t *testing.T) {
	for _, c := range []struct {
		name       string
		age, limit time.Duration
		want, up   float64
		ready      int
	}{
		{"fresh", 10 * time.Second, time.Minute, 7, 1, 200},
		{"old", 2 * time.Minute, time.Minute, -1, 0, 503},
		{"without a limit", 1000 * time.Hour, 0, 7, 1, 200},
		{"none", -1, time.Minute, -1, 0, 503},
	} {
		s := start(t, func(o *Options) { o.MaxAge = c.limit })
		if c.age >= 0 {
			deliver(t, s, with(time.Now().Add(-c.age), 7))
		}
		families := get(t, s, "")
		if got, up := value(families, sessions), value(families, "haproxy_up"); got != c.want || up != c.up {
			t.Errorf("%s: got %v sessions and haproxy_up %v, want %v and %v", c.name, got, up, c.want, c.up)
		}
		if value(families, "haproxystats_start_time_seconds") <= 0 {
			t.Errorf("%s: got no start time", c.name)
		}
		if got := ask(t, s, "GET", "/-/ready").StatusCode; got != c.ready {
			t.Errorf("%s: /-/ready: got %d, want %d", c.name, got, c.ready)
		}
		if got := ask(t, s, "GET", "/-/healthy").StatusCode; got != 200 {
			t.Errorf("%s: /-/healthy: got %d, want 200", c.name, got)
		}
	}
}

// TestUp: a socket that has failed is seen.
func TestUp(t *testing.T) {
	for failed, want := range map[int64]float64{0: 1, 2: 0} {
		s := start(t, nil)
		b := with(time.Now(), 1)
		b.Tables = append(b.Tables, sinktest.One(metric.Self, metric.Entity{}, "SocketsFailed", failed).Tables...)
		deliver(t, s, b)
		if got := value(get(t, s, ""), "haproxy_up"); got != want {
			t.Errorf("%d sockets failed: got haproxy_up %v, want %v", failed, got, want)
		}
	}
}

// TestEvents: what has happened since the snapshot before is added up over all snapshots,
// whether or not somebody has seen them, and those that come late.
func TestEvents(t *testing.T) {
	s := start(t, nil)
	now := time.Now()
	for i, n := range []int64{0, 2, 1, 0} {
		b := sinktest.One(metric.Self, metric.Entity{}, "Crashes", n)
		b.Epoch = now.Add(-time.Duration(i) * time.Second).Unix() // the newest comes first
		deliver(t, s, b)
		if i == 0 {
			if got := value(get(t, s, ""), "haproxystats_crashes_total"); got != 0 {
				t.Errorf("before the first crash: got %v, want 0", got)
			}
		}
	}
	families := get(t, s, "")
	if got, last := value(families, "haproxystats_crashes_total"), value(families, "haproxystats_crashes"); got != 3 || last != 0 {
		t.Errorf("got %v crashes in all and %v in the newest snapshot, want 3 and 0", got, last)
	}
	if f := families["haproxystats_reloads_total"]; f != nil {
		t.Errorf("no batch has reloads: got %v", f)
	}
}

// TestClusters: batches of several nodes and clusters stand side by side.
func TestClusters(t *testing.T) {
	s := start(t, func(o *Options) { o.Clusters = true })
	for _, c := range []struct{ cluster, node string }{{"eu", ""}, {"eu", "lb1"}, {"us", ""}} {
		b := with(time.Now(), 1)
		b.Cluster, b.Node = c.cluster, c.node
		deliver(t, s, b)
	}
	self := sinktest.One(metric.Self, metric.Entity{}, "CentralOpenWindows", 3)
	self.Node, self.Epoch = "here", time.Now().Unix()
	deliver(t, s, self)
	families := get(t, s, "")
	var got []string
	for _, name := range []string{sessions, "haproxy_up", "haproxystats_central_open_windows"} {
		for _, m := range families[name].GetMetric() {
			labels := ""
			for _, l := range m.Label {
				if l.GetName() == "cluster" || l.GetName() == "node" {
					labels += " " + l.GetValue()
				}
			}
			got = append(got, name+labels)
		}
	}
	want := []string{
		sessions + " eu", sessions + " eu lb1", sessions + " us", "haproxy_up eu", "haproxy_up eu lb1", "haproxy_up us",
		"haproxystats_central_open_windows",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestShards: all parts of the rows of a cluster are shown, and what is said of the cluster is
// said once.
func TestShards(t *testing.T) {
	s := start(t, func(o *Options) { o.Clusters = true })
	for shard, proxy := range []string{"app", "www"} {
		b := sinktest.One(metric.Backend, metric.Entity{Name: proxy}, "stot", 7)
		b.Epoch, b.Cluster, b.Shard, b.Shards = time.Now().Unix()-int64(shard), "eu", shard, 2
		deliver(t, s, b)
	}
	families := get(t, s, "")
	if got := len(families["haproxy_backend_sessions_total"].GetMetric()); got != 2 {
		t.Errorf("got %d backends, want 2", got)
	}
	for _, name := range []string{"haproxy_up", "haproxystats_snapshot_timestamp_seconds"} {
		if got := len(families[name].GetMetric()); got != 1 {
			t.Errorf("got %d samples of %s, want 1", got, name)
		}
	}
}

func TestRequests(t *testing.T) {
	s := start(t, func(o *Options) { o.Path = "/m" })
	deliver(t, s, with(time.Now(), 1))
	for _, c := range []struct {
		method, path string
		status       int
		contentType  string
		has          string
	}{
		{"GET", "/m", 200, contentType, sessions},
		{"GET", "/m?unknown=1&and&more", 200, contentType, sessions},
		{"GET", "/m?scope=server&no-maint=1", 200, contentType, sessions},
		{"GET", "/m?scope=backend", 200, contentType, "haproxystats_series 0"},
		{"GET", "/m?scope=backend&scope=server", 200, contentType, sessions},
		{"GET", "/m?scope=server&scope=", 200, contentType, "haproxystats_series 0"},
		{"GET", "/m?scope=&scope=*", 200, contentType, sessions},
		{"GET", "/m?scope=sticktable&scope=resolver&scope=listener", 200, contentType, "haproxystats_series 0"},
		{"GET", "/m?scope=servers", 400, "text/plain; charset=utf-8", "scope"},
		{"GET", "/m?scope", 400, "text/plain; charset=utf-8", "scope has no value"},
		{"GET", "/m?scope=%zz", 400, "text/plain; charset=utf-8", "not encoded"},
		{"GET", "/m?server=s[0-9]", 200, contentType, sessions},
		{"GET", "/m?server=s", 200, contentType, "haproxystats_series 0"},
		{"GET", "/m?server=s&server=s1", 200, contentType, sessions},
		{"GET", "/m?proxy=other", 200, contentType, "haproxystats_series 0"},
		{"GET", "/m?proxy=(", 400, "text/plain; charset=utf-8", "proxy is not a regular expression"},
		{"GET", "/m?proxy=" + strings.Repeat("a", 2000), 400, "text/plain; charset=utf-8", "longer"},
		{"GET", "/m?metrics=-" + sessions, 200, contentType, "haproxystats_series 0"},
		{"GET", "/m?metrics=" + sessions, 200, contentType, sessions},
		{"GET", "/m?metrics=" + sessions + ",-" + sessions, 200, contentType, "haproxystats_build_info"},
		{"HEAD", "/m", 200, contentType, ""},
		{"POST", "/m", 405, "text/plain; charset=utf-8", "GET and HEAD"},
		{"GET", "/metrics", 404, "text/plain; charset=utf-8", "/m"},
		{"GET", "/", 200, "text/html; charset=utf-8", `href="/m"`},
	} {
		a := ask(t, s, c.method, c.path)
		if a.StatusCode != c.status || a.Header.Get("Content-Type") != c.contentType || !strings.Contains(string(a.body), c.has) {
			t.Errorf("%s %.40s: got %d, %s and %.300s, want %d, %s and %s", c.method, c.path, a.StatusCode, a.Header.Get("Content-Type"), a.body, c.status, c.contentType, c.has)
		}
	}
	if a := ask(t, s, "GET", "/m?metrics="+sessions); strings.Count(string(a.body), "# TYPE") != 1 {
		t.Errorf("got %s, want one family", a.body)
	}
	r, _ := http.NewRequest("GET", "http://"+s.Addresses()[0].String()+"/m", nil)
	r.Header.Set("Large", strings.Repeat("a", 2*maxHeader))
	if a, err := asker.Do(r); err == nil { // else the connection ended before the answer was read
		defer a.Body.Close()
		if a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a large header: got %d, want 431 or no answer", a.StatusCode)
		}
	}
}

// TestBodies: the body of a question says nothing, and one that never ends costs no answer.
func TestBodies(t *testing.T) {
	s := start(t, nil)
	deliver(t, s, with(time.Now(), 1))
	for name, body := range map[string][]byte{"junk": []byte("scope=none\x00\xff"), "long": make([]byte, 4<<20)} {
		for _, method := range []string{"GET", "POST"} {
			r, err := http.NewRequest(method, "http://"+s.Addresses()[0].String()+"/metrics", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]int{"GET": 200, "POST": 405}[method]
			a, err := asker.Do(r)
			if err != nil { // the connection ended while the body was written
				continue
			}
			text, _ := io.ReadAll(a.Body)
			a.Body.Close()
			if a.StatusCode != want || want == 200 && !strings.Contains(string(text), sessions) {
				t.Errorf("%s with a body that is %s: got %d and %.300s, want %d", method, name, a.StatusCode, text, want)
			}
		}
	}
	for _, head := range []string{"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx", "\x16\x03\x01\x00\xff\r\n\r\n", "GET\r\n\r\n"} {
		c, err := net.Dial("tcp", s.Addresses()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(c, head); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 12)
		if _, err := io.ReadFull(c, line); err != nil || string(line) != "HTTP/1.1 200" && string(line) != "HTTP/1.1 400" {
			t.Errorf("%.30q: got %q and the error %v, want an answer at once", head, line, err)
		}
	}
	if got := value(get(t, s, ""), sessions); got != 1 {
		t.Errorf("got %v sessions after that, want 1", got)
	}
}

// TestCompressed: an answer is compressed for who takes that, and kept for the next reader
// as long as there is no newer batch.
func TestCompressed(t *testing.T) {
	s := start(t, nil)
	deliver(t, s, with(time.Now(), 1))
	zipped := func(path string) []byte {
		a := ask(t, s, "GET", path, "Accept-Encoding", "deflate, gzip;q=0.5")
		if got := a.Header.Get("Content-Encoding"); got != "gzip" {
			t.Fatalf("got the encoding %q, want gzip", got)
		}
		return a.body
	}
	open := func(body []byte) map[string]*dto.MetricFamily {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return parse(t, text)
	}
	first := zipped("/metrics")
	if got := value(open(first), sessions); got != 1 {
		t.Errorf("got %v sessions, want 1", got)
	}
	if !bytes.Equal(zipped("/metrics"), first) {
		t.Error("the second reader got another answer")
	}
	if got := open(zipped("/metrics?scope=backend")); value(got, sessions) != -1 {
		t.Error("another question got the answer that is kept")
	}
	deliver(t, s, with(time.Now(), 2))
	if got := value(open(zipped("/metrics")), sessions); got != 2 {
		t.Errorf("after the next batch: got %v sessions, want 2", got)
	}
	for header, want := range map[string]bool{"gzip": true, "GZIP ; q=1": true, "gzip;q=0": false, "*": false, "": false, "zstd, br": false, "gzip;q=x": false} {
		if got := takesGzip(header); got != want {
			t.Errorf("%q: takes gzip: got %t, want %t", header, got, want)
		}
	}
}

// unread opens a connection that asks for metrics and reads nothing.
func unread(t *testing.T, s *Sink, header string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addresses()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: a\r\n"+header+"\r\n"); err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it did not come", what)
		}
	}
}

// large has a text that no buffer of a socket takes.
func large() *metric.Batch {
	b := sinktest.Load(1, 10, 10000, 1)
	b.Epoch = time.Now().Unix()
	return b
}

// TestReadersThatDoNotRead keep the others waiting only until they are too many, and only
// for as long as they say or the limit says.
func TestReadersThatDoNotRead(t *testing.T) {
	s := start(t, func(o *Options) { o.MaxScrapes = 2; o.Timeout = time.Minute })
	deliver(t, s, large())
	unread(t, s, "X-Prometheus-Scrape-Timeout-Seconds: 1\r\n")
	unread(t, s, "X-Prometheus-Scrape-Timeout-Seconds: 1\r\n")
	var refused answer
	eventually(t, "a refusal", func() bool { refused = ask(t, s, "GET", "/metrics?scope=global"); return refused.StatusCode == 503 })
	if refused.Header.Get("Retry-After") == "" {
		t.Error("the refusal has no Retry-After")
	}
	if got := ask(t, s, "GET", "/-/healthy").StatusCode; got != 200 {
		t.Errorf("/-/healthy: got %d, want 200", got)
	}
	deliver(t, s, with(time.Now(), 5)) // while the other one is read
	deliver(t, s, with(time.Now(), 6))
	eventually(t, "the end of both", func() bool { return s.Status().Failures == 2 })
	if got := value(get(t, s, ""), sessions); got != 6 {
		t.Errorf("got %v sessions, want 6", got)
	}
}

// TestTimeout: the limit holds for readers that say nothing.
func TestTimeout(t *testing.T) {
	s := start(t, func(o *Options) { o.Timeout = 300 * time.Millisecond })
	deliver(t, s, large())
	unread(t, s, "X-Prometheus-Scrape-Timeout-Seconds: 1e5\r\n")
	eventually(t, "the end of the answer", func() bool { return s.Status().Failures == 1 })
}

// TestStopsAlthoughNobodyReads: the program's stop does not wait for readers.
func TestStopsAlthoughNobodyReads(t *testing.T) {
	s, err := New(Options{Listen: []string{"127.0.0.1:0"}, Path: "/metrics", MaxScrapes: 1, Timeout: time.Hour, Scopes: samples.Scopes([]string{"server"})})
	if err != nil {
		t.Fatal(err)
	}
	deliver(t, s, large())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	unread(t, s, "")
	eventually(t, "the answer", func() bool { return len(s.free) == 0 })
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Run does not end")
	}
	eventually(t, "the end of the answer", func() bool { return len(s.free) == 1 })
	if err := s.Deliver(t.Context(), with(time.Now(), 1)); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

// TestConnectionsAreBounded: of 1,000 connections those that are too many are closed, and others
// work when some are gone.
func TestConnectionsAreBounded(t *testing.T) {
	s := start(t, nil)
	var all []net.Conn
	for range maxConnections {
		c, err := net.Dial("tcp", s.Addresses()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		all = append(all, c)
	}
	for range 1000 - maxConnections {
		c, err := net.Dial("tcp", s.Addresses()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %d bytes and the error %v, want the end of the connection", n, err)
		}
		c.Close()
	}
	for _, c := range all {
		c.Close()
	}
	eventually(t, "an answer", func() bool {
		a, err := asker.Get("http://" + s.Addresses()[0].String() + "/-/healthy")
		if err != nil {
			return false
		}
		defer a.Body.Close()
		return a.StatusCode == 200
	})
}

// TestAddressInUse names the address and a way out.
func TestAddressInUse(t *testing.T) {
	s := start(t, nil)
	taken := s.Addresses()[0].String()
	_, err := New(Options{Listen: []string{"127.0.0.1:0", taken}})
	if err == nil || !strings.Contains(err.Error(), taken) || !strings.Contains(err.Error(), "set listen") {
		t.Errorf("got the error %v, want one that names %s and the option", err, taken)
	}
}

// TestUsers: who has no password gets nothing, and the file is read again when it changes.
func TestUsers(t *testing.T) {
	files := tlstest.NewFiles(t)
	put := func(name, password string) string {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		return files.Put("users", 0o640, []byte("# who may ask\n\n"+name+":"+string(hash)+"\n"))
	}
	file := put("prometheus", "secret")
	s := start(t, func(o *Options) { o.Users = file })
	asks := func(name, password string) int {
		r, _ := http.NewRequest("GET", "http://"+s.Addresses()[0].String()+"/metrics", nil)
		if name != "" {
			r.SetBasicAuth(name, password)
		}
		a := do(t, asker, r)
		if a.StatusCode == 401 && a.Header.Get("WWW-Authenticate") == "" {
			t.Error("the refusal does not ask for a password")
		}
		return a.StatusCode
	}
	for _, c := range []struct {
		name, password string
		want           int
	}{
		{"", "", 401}, {"prometheus", "secret", 200}, {"prometheus", "secret", 200}, {"prometheus", "other", 401}, {"other", "secret", 401}, {"prometheus", "", 401},
	} {
		if got := asks(c.name, c.password); got != c.want {
			t.Errorf("%q, %q: got %d, want %d", c.name, c.password, got, c.want)
		}
	}
	put("grafana", "another secret")
	if got := asks("grafana", "another secret"); got != 200 {
		t.Errorf("after the change: got %d, want 200", got)
	}
	if got := asks("prometheus", "secret"); got != 401 {
		t.Errorf("after the change: got %d for the old user, want 401", got)
	}
	files.Put("users", 0o640, []byte("broken\n"))
	if got := asks("grafana", "another secret"); got != 200 {
		t.Errorf("with a broken file: got %d, want 200", got)
	}
}

// TestStatus: the status is at a path of its own, behind the same users, and its answers are
// bounded like those of metrics.
func TestStatus(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := tlstest.NewFiles(t).Put("users", 0o640, []byte("prometheus:"+string(hash)+"\n"))
	var failed error
	inside, leave := make(chan bool), make(chan bool)
	wait := false
	s := start(t, func(o *Options) {
		o.Users, o.MaxScrapes = users, 1
		o.Status = func(w io.Writer) error {
			if wait {
				inside <- true
				<-leave
			}
			_, _ = io.WriteString(w, `{"format": 1}`)
			return failed
		}
	})
	get := func(password string) answer {
		r, _ := http.NewRequest("GET", "http://"+s.Addresses()[0].String()+statusPath, nil)
		if password != "" {
			r.SetBasicAuth("prometheus", password)
		}
		return do(t, asker, r)
	}
	if a := get("secret"); a.StatusCode != 200 || a.Header.Get("Content-Type") != "application/json" || string(a.body) != `{"format": 1}` {
		t.Errorf("got %d, %s and %s", a.StatusCode, a.Header.Get("Content-Type"), a.body)
	}
	for _, password := range []string{"", "other"} {
		if a := get(password); a.StatusCode != 401 || strings.Contains(string(a.body), "format") {
			t.Errorf("password %q: got %d and %s, want 401", password, a.StatusCode, a.body)
		}
	}
	wait = true
	first := make(chan answer)
	go func() { first <- get("secret") }()
	<-inside
	if a := get("secret"); a.StatusCode != 503 {
		t.Errorf("during another answer: got %d, want 503", a.StatusCode)
	}
	leave <- true
	if a := <-first; a.StatusCode != 200 {
		t.Errorf("the first answer: got %d, want 200", a.StatusCode)
	}
	wait, failed = false, errors.New("broken")
	if a := get("secret"); a.StatusCode != 500 || strings.Contains(string(a.body), "format") {
		t.Errorf("a status that fails: got %d and %s, want 500", a.StatusCode, a.body)
	}
	without := start(t, nil)
	if a := ask(t, without, "GET", statusPath); a.StatusCode != 404 {
		t.Errorf("without a status: got %d, want 404", a.StatusCode)
	}
}

// TestTLS: connections are encrypted, clients need a certificate if authorities are given,
// and a renewed certificate is used.
func TestTLS(t *testing.T) {
	files := tlstest.NewFiles(t)
	ours, theirs := tlstest.NewAuthority(t, "ours"), tlstest.NewAuthority(t, "theirs")
	cert, key := files.Pair(ours.Sign("127.0.0.1", time.Hour))
	s := start(t, func(o *Options) {
		o.TLS = tlsfile.Files{CertFile: cert, KeyFile: key, CAFile: files.Authority(theirs)}
	})
	asks := func(own ...tls.Certificate) (string, error) {
		c := &http.Client{Timeout: patience, Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: ours.Pool(), Certificates: own},
		}}
		a, err := c.Get("https://" + s.Addresses()[0].String() + "/-/healthy")
		if err != nil {
			return "", err
		}
		defer a.Body.Close()
		return a.TLS.PeerCertificates[0].SerialNumber.String(), nil
	}
	first, err := asks(theirs.Sign("prometheus", time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := asks(); err == nil {
		t.Error("a client without a certificate got an answer")
	}
	if _, err := asks(ours.Sign("prometheus", time.Hour)); err == nil {
		t.Error("a client of another authority got an answer")
	}
	files.Pair(ours.Sign("127.0.0.1", 2*time.Hour))
	if next, err := asks(theirs.Sign("prometheus", time.Hour)); err != nil || next == first {
		t.Errorf("after the renewal: got the certificate %s (%v), want another one than %s", next, err, first)
	}
}

// TestMaxSeries: what is left out is told in the answer.
func TestMaxSeries(t *testing.T) {
	s := start(t, func(o *Options) { o.Encoding = prometheus.Options{Options: samples.Options{MaxSeries: 2}} })
	b := sinktest.Batch(time.Now().Unix())
	deliver(t, s, b)
	families := get(t, s, "?metrics=haproxystats_series_dropped,haproxystats_series,"+sessions)
	dropped := 0.0
	for _, m := range families["haproxystats_series_dropped"].GetMetric() {
		dropped += m.GetGauge().GetValue()
	}
	if dropped != 3 || value(families, "haproxystats_series") != 0 || families[sessions] != nil {
		t.Errorf("got %v", families)
	}
}

func BenchmarkScrape(b *testing.B) {
	s, err := New(Options{Path: "/metrics", MaxScrapes: 1, Timeout: time.Hour, Scopes: samples.Scopes([]string{"frontend", "backend", "server"})})
	if err != nil {
		b.Fatal(err)
	}
	batch := sinktest.Load(201, 500, 20000, 4)
	if err := s.Deliver(b.Context(), batch); err != nil {
		b.Fatal(err)
	}
	all, _ := s.hold()
	selection, err := s.selection("")
	if err != nil {
		b.Fatal(err)
	}
	a := s.answerer(nil)
	b.Run("deliver", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = s.Deliver(b.Context(), batch)
		}
	})
	b.Run("gzip", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = s.encode(io.Discard, a, all, selection, true, time.Now(), func([]byte) {})
		}
	})
}

// TestSetOwn names what is said of a sink that came while scrapes go on. What was kept of
// answers before is not shown any more, and earlier names stay.
func TestSetOwn(t *testing.T) {
	s := start(t, nil)
	b := sinktest.One(metric.Self, metric.Entity{}, "GraphiteBFailures", 3)
	b.Epoch = time.Now().Unix()
	if err := s.Deliver(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	text := func() string {
		t.Helper()
		z, err := gzip.NewReader(bytes.NewReader(ask(t, s, "GET", "/metrics", "Accept-Encoding", "gzip").body))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return string(plain)
	}
	const named = `{sink="graphite:b"} 3`
	if before := text(); strings.Contains(before, named) {
		t.Fatalf("got %q before SetOwn", named)
	}
	s.SetOwn(map[string]samples.Own{"GraphiteBFailures": {Field: "Failures", Sink: "graphite:b"}})
	for _, own := range []map[string]samples.Own{nil, {"GraphiteCFailures": {Field: "Failures", Sink: "graphite:c"}}} {
		if after := text(); !strings.Contains(after, named) {
			t.Errorf("got no %q in:\n%s", named, after)
		}
		s.SetOwn(own)
	}
}
