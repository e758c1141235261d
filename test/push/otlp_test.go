package push

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"

	"haproxystats/test/faults/harness"
	"haproxystats/test/push/posted"
)

// epoch is the time of the snapshots.
const epoch = 1_700_000_000

// otlpReceiver takes metrics as OpenTelemetry's own types decode them.
type otlpReceiver struct {
	path string

	mu       sync.Mutex
	got      map[string]map[string]float64 // by resource
	requests int
	wrong    []string
	header   http.Header // of the last request
}

// ServeHTTP implements [http.Handler].
func (r *otlpReceiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	var all *collector.ExportMetricsServiceRequest
	if err == nil {
		all, err = posted.OTLP(q.Header, body)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.requests++; err != nil || q.URL.Path != r.path || q.Method != http.MethodPost {
		r.wrong = append(r.wrong, fmt.Sprintf("%s %s: %v", q.Method, q.URL.Path, err))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.header = q.Header
	if r.got == nil {
		r.got = make(map[string]map[string]float64)
	}
	for _, m := range all.ResourceMetrics {
		resource := fmt.Sprint(attributes(m.Resource.Attributes))
		if r.got[resource] == nil {
			r.got[resource] = make(map[string]float64)
		}
		for _, s := range m.ScopeMetrics {
			for _, m := range s.Metrics {
				for _, p := range append(m.GetGauge().GetDataPoints(), m.GetSum().GetDataPoints()...) {
					id := fmt.Sprintf("%s%q", m.Name, attributes(p.Attributes))
					if _, twice := r.got[resource][id]; twice || p.TimeUnixNano != epoch*1e9 {
						r.wrong = append(r.wrong, fmt.Sprintf("%s: twice, or at %d", id, p.TimeUnixNano))
					}
					r.got[resource][id] = p.GetAsDouble() + float64(p.GetAsInt())
				}
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func attributes(all []*common.KeyValue) map[string]string {
	m := make(map[string]string)
	for _, a := range all {
		m[a.Key] = a.Value.GetStringValue()
	}
	return m
}

// take returns what has come, by resource, and what was wrong.
func (r *otlpReceiver) take() (got map[string]map[string]float64, wrong []string, header http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	got = make(map[string]map[string]float64)
	for resource, values := range r.got {
		got[resource] = maps.Clone(values)
	}
	return got, r.wrong, r.header
}

// shownSeries returns the values of what [posted.Shown] returns, and of each row of `show stat`
// the number of sessions.
func shownSeries(address string) (all, sessions map[string]float64, err error) {
	shown, err := posted.Shown(address)
	if err != nil || shown == nil {
		return nil, nil, err
	}
	services := map[string]string{
		"haproxy_frontend_sessions_total": "FRONTEND", "haproxy_backend_sessions_total": "BACKEND",
		"haproxy_server_sessions_total": "", "haproxy_listener_sessions_total": "",
	}
	all, sessions = make(map[string]float64), make(map[string]float64)
	for id, s := range shown {
		all[id] = s.Value
		if service, ok := services[s.Name]; ok {
			sessions[s.Labels["proxy"]+" "+service+s.Labels["server"]+s.Labels["listener"]] = s.Value
		}
	}
	return all, sessions, nil
}

// TestOTLP: receivers of OpenTelemetry get what Prometheus is shown, with the same values,
// and under the names of the collector's receiver the rows with theirs.
func TestOTLP(t *testing.T) {
	s := harness.NewSite(t)
	byName, byRow := &otlpReceiver{path: "/v1/metrics"}, &otlpReceiver{path: "/otlp/v1/metrics"}
	var addresses []string
	for _, r := range []*otlpReceiver{byName, byRow} {
		server := httptest.NewServer(r)
		t.Cleanup(server.Close)
		addresses = append(addresses, server.URL)
	}
	token := s.Path("token")
	s.Must(os.WriteFile(token, []byte("secret\n"), 0o600))
	endpoint := s.FreeAddress()
	conf := s.Path("process.conf")
	s.Must(os.WriteFile(conf, fmt.Appendf(nil, `[paths]
base-dir = %s
[graphite]
enabled = no
[prometheus]
listen = %s
max-age = 0
extra-counters = yes
[otlp]
endpoint = %s
token-file = %s
headers = X-Scope-OrgID: edge
extra-counters = yes
resource-attributes = team=a
max-bytes = 16384
parallel = 4
max-age = 0
[otlp:rows]
endpoint = %s/otlp/v1/metrics
names = receiver
compression = zstd
`, s.Mkdir("base"), endpoint, addresses[0], token, addresses[1]), 0o600))
	s.Feeder(harness.NewSource(harness.Shape{}), s.Incoming()).FeedFiles(epoch, posted.Recording(t, "3.4.0-single"))
	process := s.Start(harness.Process, conf)
	var shown, sessions map[string]float64
	s.Until("the endpoint", time.Minute, func() bool {
		var err error
		shown, sessions, err = shownSeries(endpoint)
		s.Must(err)
		return shown != nil
	})
	ofHAProxy := func() (all map[string]float64, resource string) {
		got, _, _ := byName.take()
		for of, values := range got {
			resource = of
			maps.DeleteFunc(values, func(id string, _ float64) bool { return strings.HasPrefix(id, "haproxystats_") })
			all = values
		}
		return all, resource
	}
	s.Until("all series", time.Minute, func() bool { all, _ := ofHAProxy(); return len(all) >= len(shown) })
	all, resource := ofHAProxy()
	if d := cmp.Diff(shown, all); d != "" {
		t.Errorf("what Prometheus is shown -, what is posted +\n%s", d)
	}
	if want := "map[haproxy.node:"; !strings.HasPrefix(resource, want) || !strings.Contains(resource, " haproxy.version:3.4.0") || !strings.Contains(resource, " service.name:haproxy team:a]") {
		t.Errorf("got the resource %s", resource)
	}
	_, wrong, header := byName.take()
	if len(wrong) > 0 {
		t.Errorf("wrong: %q", wrong)
	}
	for name, want := range map[string]string{"Authorization": "Bearer secret", "X-Scope-Orgid": "edge", "Content-Encoding": "gzip"} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}

	// Each row has the sessions of the series that is about it.
	rows := func() map[string]float64 {
		got, _, _ := byRow.take()
		all := make(map[string]float64)
		for resource, values := range got {
			_, of, _ := strings.Cut(resource, "haproxy.proxy_name:")
			proxy, of, _ := strings.Cut(of, " haproxy.service_name:")
			service, _, _ := strings.Cut(of, " haproxy.version:")
			if v, ok := values[`haproxy.sessions.totalmap[]`]; ok {
				all[proxy+" "+service] = v
			}
		}
		return all
	}
	if !s.Within(time.Minute, func() bool { return len(rows()) >= len(sessions) }) {
		_, wrong, _ := byRow.take()
		t.Fatalf("wrong %q (-sessions +rows):\n%s", wrong, cmp.Diff(sessions, rows()))
	}
	if d := cmp.Diff(sessions, rows()); d != "" || len(sessions) < 10 {
		t.Errorf("the series of sessions -, the rows +\n%s", d)
	}
	if _, wrong, header := byRow.take(); len(wrong) > 0 || header.Get("Content-Encoding") != "zstd" || header.Get("Authorization") != "Bearer secret" {
		t.Errorf("rows: wrong: %q, headers %v", wrong, header)
	}
	process.End(syscall.SIGTERM)
}
