package push

import (
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/encode/remotewrite"
	"haproxystats/internal/encode/remotewrite/writetest"
	"haproxystats/test/faults/harness"
	"haproxystats/test/push/posted"
	"haproxystats/test/real"
)

// writeReceiver keeps the samples that are posted to it.
type writeReceiver struct {
	two bool // they come in version 2.0

	mu       sync.Mutex
	samples  map[int64]map[string]float64 // by time in seconds and series
	ended    map[int64]int                // markers
	started  int                          // samples with the time at which a counter began
	requests int
	wrong    []error
}

func (r *writeReceiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	sent, err := io.ReadAll(q.Body)
	var body []byte
	if err == nil {
		body, err = remotewrite.Expand(sent, 16<<20)
	}
	var request writetest.Request
	if err == nil {
		request, err = writetest.Decode(r.two, body)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if err != nil {
		r.wrong = append(r.wrong, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if r.samples == nil {
		r.samples, r.ended = make(map[int64]map[string]float64), make(map[int64]int)
	}
	for _, s := range request.Samples {
		at := s.Time / 1000
		if r.samples[at] == nil {
			r.samples[at] = make(map[string]float64)
		}
		if s.Start > 0 {
			r.started++
		}
		if s.Stale {
			r.ended[at]++
			continue
		}
		labels := make(map[string]string)
		for _, l := range s.Labels {
			labels[l[0]] = l[1]
		}
		r.samples[at][fmt.Sprintf("%q", labels)] = s.Value
	}
	w.Header().Set(remotewrite.Proof, fmt.Sprint(len(request.Samples)))
	w.WriteHeader(http.StatusNoContent)
}

// at returns the samples of a time, without what haproxystats says of itself: that differs
// from one destination to the next.
func (r *writeReceiver) at(epoch int64) map[string]float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return ofHAProxy(r.samples[epoch])
}

func ofHAProxy(all map[string]float64) map[string]float64 {
	some := maps.Clone(all)
	maps.DeleteFunc(some, func(id string, _ float64) bool { return strings.Contains(id, `"__name__":"haproxystats_`) })
	return some
}

// hasAll reports whether the last sample of a batch has come, which is one of haproxystats.
func (r *writeReceiver) hasAll(epochs []int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range epochs {
		found := false
		for id := range r.samples[e] {
			found = found || strings.Contains(id, `"__name__":"haproxystats_queue_snapshots"`)
		}
		if !found {
			return false
		}
	}
	return true
}

// scraped returns what Prometheus shows at a time.
func scraped(s *harness.Site, p *real.Prometheus, epoch int64) map[string]float64 {
	s.T.Helper()
	found, err := p.Query(s.Ctx, `{job="haproxy"}`, time.Unix(epoch, 0))
	s.Must(err)
	all := make(map[string]float64)
	for _, f := range found {
		all[fmt.Sprintf("%q", f.Labels)] = f.Value
	}
	return all
}

// startWritten starts a Prometheus that takes remote write.
func startWritten(s *harness.Site) *real.Prometheus {
	s.T.Helper()
	p, err := real.StartPrometheus(s.Ctx, real.PrometheusConfig{
		Promtool: real.Need(s.T, "prometheus"), Dir: s.T.TempDir(), Config: "global: {}\n", Args: []string{"--web.enable-remote-write-receiver"},
	})
	s.Must(err)
	s.T.Cleanup(func() { s.Must(p.Stop()) })
	return p
}

// TestRemoteWrite: Prometheus and VictoriaMetrics have what was sent, at its time, and show no
// series that has ended. Version 2.0 says the same.
func TestRemoteWrite(t *testing.T) {
	s := harness.NewSite(t)
	prometheus := startWritten(s)
	victoria, err := real.StartVictoriaMetrics(s.Ctx, real.Need(t, "victoria-metrics"), t.TempDir())
	s.Must(err)
	t.Cleanup(func() { s.Must(victoria.Stop()) })
	copied, two := new(writeReceiver), &writeReceiver{two: true}
	mux := http.NewServeMux()
	mux.Handle("POST /one", copied)
	mux.Handle("POST /two", two)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	conf := s.Path("process.conf")
	s.Must(os.WriteFile(conf, fmt.Appendf(nil, `[paths]
base-dir = %s
[graphite]
enabled = no
[process]
per-process-metrics = yes
aggr-server-metrics = yes
[remote-write]
url = %s/api/v1/write
extra-counters = true
max-samples = 200
parallel = 3
[remote-write:vm]
url = %s/api/v1/write
[remote-write:copy]
url = %[4]s/one
[remote-write:two]
url = %[4]s/two
protocol = 2.0
`, s.Mkdir("base"), prometheus.URL, victoria.URL, server.URL), 0o600))
	first := time.Now().Unix() - 60
	feeder := s.Feeder(harness.NewSource(harness.Shape{}), s.Incoming())
	epochs := posted.Feed(feeder, t, first, influxRecordings)
	process := s.Start(harness.Process, conf)
	s.Until("all samples", time.Minute, func() bool { return copied.hasAll(epochs) && two.hasAll(epochs) })
	for n, epoch := range epochs {
		want := copied.at(epoch)
		s.Until("all samples in Prometheus", time.Minute, func() bool { return len(ofHAProxy(scraped(s, prometheus, epoch))) >= len(want) })
		if d := cmp.Diff(want, ofHAProxy(scraped(s, prometheus, epoch))); d != "" || len(want) < 100 {
			t.Errorf("snapshot %d of %d samples: sent -, in Prometheus +\n%s", n, len(want), d)
		}
		if d := cmp.Diff(want, two.at(epoch)); d != "" {
			t.Errorf("snapshot %d: in 1.0 -, in 2.0 +\n%s", n, d)
		}
		if ended := copied.ended[epoch]; (n > 0) != (ended > 0) || ended != two.ended[epoch] {
			t.Errorf("snapshot %d: %d series have ended, and %d in 2.0", n, ended, two.ended[epoch])
		}
	}
	var stored map[int64]map[string]float64
	s.Until("all samples in VictoriaMetrics", time.Minute, func() bool {
		stored = written(s, victoria)
		for _, epoch := range epochs {
			if len(stored[epoch]) < len(copied.at(epoch))+copied.ended[epoch] {
				return false
			}
		}
		return true
	})
	for n, epoch := range epochs {
		for id, value := range copied.at(epoch) {
			// It keeps about 13 digits.
			if got, ok := stored[epoch][id]; !ok || math.Abs(got-value) > 1e-12*math.Abs(value) {
				t.Errorf("snapshot %d: %s: got %v (%t) in VictoriaMetrics, want %v", n, id, got, ok, value)
			}
		}
	}
	if len(copied.wrong)+len(two.wrong) > 0 || process.Says("destination does not take") || two.started == 0 || copied.started > 0 {
		t.Errorf("wrong: %v, %v; the starts of %d counters came in 2.0, and of %d in 1.0", copied.wrong, two.wrong, two.started, copied.started)
	}
	process.End(syscall.SIGTERM)
}

// written returns what VictoriaMetrics has, by time and series. A marker is 0 there, since JSON
// has no NaN.
func written(s *harness.Site, v *real.VictoriaMetrics) map[int64]map[string]float64 {
	s.T.Helper()
	series, err := v.Export(s.Ctx, `{job="haproxy"}`)
	s.Must(err)
	all := make(map[int64]map[string]float64)
	for _, one := range series {
		for n, value := range one.Values {
			at := one.Timestamps[n] / 1000
			if all[at] == nil {
				all[at] = make(map[string]float64)
			}
			all[at][fmt.Sprintf("%q", one.Metric)] = value
		}
	}
	return all
}

// TestRemoteWriteRefuses: Prometheus 2 knows only version 1.0, and takes nothing that is older
// than what it has. The first costs nothing, and the second the old samples.
func TestRemoteWriteRefuses(t *testing.T) {
	s := harness.NewSite(t)
	prometheus := startWritten(s)
	conf := s.Path("process.conf")
	base := s.Mkdir("base")
	configure := func(protocol string) {
		s.Must(os.WriteFile(conf, fmt.Appendf(nil, `[paths]
base-dir = %s
[graphite]
enabled = no
[remote-write]
url = %s/api/v1/write
protocol = %s
delay = 0.2
scopes = global backend
`, base, prometheus.URL, protocol), 0o600))
	}
	configure("2.0")
	now := time.Now().Unix()
	feeder := s.Feeder(harness.NewSource(harness.Shape{}), s.Incoming())
	posted.Feed(feeder, t, now-30, influxRecordings[:1])
	process := s.Start(harness.Process, conf)
	process.WaitSays(time.Minute, "destination is down", "It does not know this format. Set protocol = 1.0")
	process.End(syscall.SIGTERM)
	if got := scraped(s, prometheus, now-30); len(got) > 0 {
		t.Errorf("got %d samples of version 2.0 in Prometheus, want none", len(got))
	}
	configure("1.0")
	process = s.Start(harness.Process, conf)
	has := func(epoch int64) func() bool {
		return func() bool {
			found, err := prometheus.Query(s.Ctx, `haproxystats_queue_snapshots`, time.Unix(epoch, 0))
			s.Must(err)
			return len(found) > 0
		}
	}
	s.Until("the snapshot that waited", time.Minute, has(now-30))
	if got := scraped(s, prometheus, now-30); len(got) < 50 {
		t.Errorf("got %d samples in Prometheus, want dozens", len(got))
	}
	posted.Feed(feeder, t, now-35, influxRecordings[:1])
	process.WaitSays(time.Minute, "destination does not take some metrics", fmt.Sprint("snapshot=", now-35), "answers with status 400", "out of order")
	posted.Feed(feeder, t, now-20, influxRecordings[:1])
	s.Until("the next snapshot", time.Minute, func() bool {
		found, err := prometheus.Query(s.Ctx, `timestamp(haproxystats_queue_snapshots)`, time.Unix(now-20, 0))
		s.Must(err)
		return len(found) == 1 && int64(found[0].Value) == now-20
	})
	process.End(syscall.SIGTERM)
}
