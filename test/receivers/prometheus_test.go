package receivers

import (
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"strings"
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

// stored are series as Prometheus has them: values by times in milliseconds, by labels. A marker
// of a series' end is NaN.
type stored map[string]map[int64]float64

// add adds a sample. Prometheus has been told to show when a counter began, by a sample of 0 at
// that time; it takes no such sample before one that it has.
func (all stored) add(labels map[string]string, at, start int64, value float64) {
	id := fmt.Sprintf("%q", labels)
	if all[id] == nil {
		all[id] = make(map[int64]float64)
	}
	last := int64(math.MinInt64)
	for t := range all[id] {
		last = max(last, t)
	}
	if start > last && start > 0 && start < at {
		all[id][start] = 0
	}
	all[id][at] = value
}

// shown returns the samples that are no markers.
func (all stored) shown() stored {
	some := make(stored)
	for id, values := range all {
		values = maps.Clone(values)
		maps.DeleteFunc(values, func(_ int64, v float64) bool { return math.IsNaN(v) })
		if len(values) > 0 {
			some[id] = values
		}
	}
	return some
}

// at returns the values of a time, as [stored] has them.
func (all stored) at(epoch int64) map[string]float64 {
	some := make(map[string]float64)
	for id, values := range all.shown() {
		if v, ok := values[epoch*1000]; ok {
			some[id] = v
		}
	}
	return some
}

// prometheus3 is a Prometheus 3 that is posted to.
type prometheus3 struct {
	*real.Prometheus
	tap *posted.Tap
	url string // of the tap
}

// startPrometheus starts a Prometheus that takes both protocols, shows the types of series as
// labels, and when counters began.
// The strategy is how it translates names of OTLP.
func startPrometheus(s *harness.Site, program, strategy string) *prometheus3 {
	s.T.Helper()
	p, err := real.StartPrometheus(s.Ctx, real.PrometheusConfig{
		Binary: program, Dir: s.T.TempDir(),
		Config: "otlp:\n  translation_strategy: " + strategy + "\n  promote_resource_attributes: [haproxy.proxy_name, haproxy.service_name]\n",
		Args: []string{
			"--web.enable-remote-write-receiver", "--web.enable-otlp-receiver",
			"--enable-feature=type-and-unit-labels,created-timestamp-zero-ingestion",
		},
	})
	s.Must(err)
	s.T.Cleanup(func() { s.Must(p.Stop()) })
	tap, url := tapped(s, p.URL)
	return &prometheus3{p, tap, url}
}

// translated is how Prometheus translates names of OTLP unless it is told otherwise.
const translated = "UnderscoreEscapingWithSuffixes"

// stored returns what Prometheus has of the last half hour.
func (p *prometheus3) stored(s *harness.Site, to int64) stored {
	s.T.Helper()
	found, err := p.Stored(s.Ctx, `{job="haproxy"}[30m]`, time.Unix(to, 0))
	s.Must(err)
	all := make(stored)
	for _, f := range found {
		all[fmt.Sprintf("%q", f.Labels)] = f.Values
	}
	return all
}

// shown returns what Prometheus shows at a time.
func (p *prometheus3) shown(s *harness.Site, at int64) map[string]float64 {
	s.T.Helper()
	found, err := p.Query(s.Ctx, `{job="haproxy"}`, time.Unix(at, 0))
	s.Must(err)
	all := make(map[string]float64)
	for _, f := range found {
		all[fmt.Sprintf("%q", f.Labels)] = f.Value
	}
	return all
}

// written returns what was posted by remote write and taken up to a time, and whether all of that
// has come: snapshots are posted one after another.
func written(s *harness.Site, requests []posted.Request, last int64) (all stored, complete bool) {
	s.T.Helper()
	all = make(stored)
	for _, r := range requests {
		if r.Status/100 != 2 {
			s.T.Errorf("%s: got the status %d", r.URI, r.Status)
			continue
		}
		body, err := remotewrite.Expand(r.Body, 16<<20)
		s.Must(err)
		two := strings.Contains(r.Header.Get("Content-Type"), "io.prometheus.write.v2.Request")
		request, err := writetest.Decode(two, body)
		s.Must(err)
		for _, sample := range request.Samples {
			labels := make(map[string]string)
			for _, l := range sample.Labels {
				labels[l[0]] = l[1]
			}
			switch sample.Type {
			case writetest.Counter:
				labels["__type__"] = "counter"
			case writetest.Gauge:
				labels["__type__"] = "gauge"
			}
			value := sample.Value
			if sample.Stale {
				value = math.NaN()
			}
			if sample.Time > last*1000 {
				complete = true
				continue
			}
			all.add(labels, sample.Time, sample.Start, value)
		}
	}
	return all, complete
}

// snapshots are what the tests hand over: series come and go, and several processes have means.
var snapshots = []string{"3.4.0-single", "1.6.0-nbproc4", "3.4.0-single"}

// feed hands over the snapshots, and returns their times and that at which HAProxy started. One
// more that is like the last shows that all of them were posted.
func feed(s *harness.Site) (epochs []int64, started int64) {
	s.T.Helper()
	feeder := s.Feeder(harness.NewSource(harness.Shape{}), s.Incoming())
	first := time.Now().Unix() - 60
	for n, name := range append(snapshots, snapshots[len(snapshots)-1]) {
		epochs = append(epochs, first+10*int64(n))
		feeder.FeedFiles(epochs[n], recording(s.T, name, fmt.Sprint(first-40)))
	}
	return epochs[:len(snapshots)], first - 40
}

// settings are the sections that all configurations begin with.
func settings(s *harness.Site, endpoint string) string {
	return fmt.Sprintf(`[paths]
base-dir = %s
[graphite]
enabled = no
[process]
workers = 1
per-process-metrics = yes
aggr-server-metrics = yes
[prometheus]
listen = %s
max-age = 0
extra-counters = yes
`, s.Mkdir("base"), endpoint)
}

// TestPrometheusRemoteWrite: Prometheus has what was written, with types and start times in
// version 2.0, shows no series that has ended, and shows of the last snapshot what the endpoint
// shows.
func TestPrometheusRemoteWrite(t *testing.T) {
	program := built(t, "prometheus")
	s := harness.NewSite(t)
	one, two := startPrometheus(s, program, translated), startPrometheus(s, program, translated)
	conf, endpoint := s.Path("process.conf"), s.FreeAddress()
	s.Must(os.WriteFile(conf, fmt.Appendf(nil, `%s[remote-write]
url = %s/api/v1/write
extra-counters = true
max-samples = 200
parallel = 3
[remote-write:two]
url = %s/api/v1/write
protocol = 2.0
`, settings(s, endpoint), one.url, two.url), 0o600))
	epochs, started := feed(s)
	last := epochs[len(epochs)-1]
	process := s.Start(harness.Process, conf)
	for version, p := range map[string]*prometheus3{"1.0": one, "2.0": two} {
		var want stored
		s.Until("all samples of "+version, time.Minute, func() bool {
			all, complete := written(s, p.tap.Requests(), last)
			want = all
			return complete
		})
		if d := cmp.Diff(want.shown(), p.stored(s, last)); d != "" {
			t.Errorf("%s: sent -, in Prometheus +\n%s", version, d)
		}
		ended := 0
		for _, values := range want {
			for _, v := range values {
				if math.IsNaN(v) {
					ended++
				}
			}
		}
		began := len(want.at(started))
		if (began > 100) != (version == "2.0") || ended < 100 {
			t.Errorf("%s: %d counters have a start time, and %d series have ended", version, began, ended)
		}
		for n, epoch := range epochs {
			if d := cmp.Diff(want.at(epoch), p.shown(s, epoch)); d != "" || len(want.at(epoch)) < 100 {
				t.Errorf("%s: snapshot %d of %d samples: sent -, shown +\n%s", version, n, len(want.at(epoch)), d)
			}
		}
		shown := p.shown(s, last)
		maps.DeleteFunc(shown, func(id string, _ float64) bool { return strings.Contains(id, `"__name__":"haproxystats_`) })
		if d := cmp.Diff(scraped(s, endpoint, version == "2.0"), shown); d != "" {
			t.Errorf("%s: the endpoint -, Prometheus +\n%s", version, d)
		}
	}
	if process.Says("destination does not take") {
		t.Error("a sample was refused")
	}
	process.End(syscall.SIGTERM)
}

// typeLabel is the label with the type of a series.
var typeLabel = regexp.MustCompile(`"__type__":"[a-z]*" `)

// scraped returns the series of HAProxy that the endpoint shows, as Prometheus has them after a
// remote write: with or without their types.
func scraped(s *harness.Site, endpoint string, types bool) map[string]float64 {
	s.T.Helper()
	shown, err := posted.Shown(endpoint)
	s.Must(err)
	host, err := os.Hostname()
	s.Must(err)
	all := make(map[string]float64)
	for _, one := range shown {
		labels := maps.Clone(one.Labels)
		labels["__name__"], labels["job"], labels["instance"] = one.Name, "haproxy", host
		if types {
			labels["__type__"] = strings.ToLower(one.Type)
		}
		all[fmt.Sprintf("%q", labels)] = one.Value
	}
	return all
}

// received returns the points that were posted by OTLP and taken up to a time, and whether all of
// them have come.
func received(s *harness.Site, requests []posted.Request, last int64) (all []point, complete bool) {
	s.T.Helper()
	for _, r := range requests {
		if r.Status/100 != 2 {
			s.T.Errorf("%s: got the status %d", r.URI, r.Status)
			continue
		}
		request, err := posted.OTLP(r.Header, r.Body)
		s.Must(err)
		for _, p := range pointsOf(request.ResourceMetrics) {
			if p.at > last*1000 {
				complete = true
				continue
			}
			all = append(all, p)
		}
	}
	return all, complete
}

// TestPrometheusOTLP: Prometheus has what was posted by OTLP, with types, units and start times,
// under the names that it makes of ours.
func TestPrometheusOTLP(t *testing.T) {
	program := built(t, "prometheus")
	s := harness.NewSite(t)
	byName, byRow := startPrometheus(s, program, translated), startPrometheus(s, program, translated)
	plain := startPrometheus(s, program, "UnderscoreEscapingWithoutSuffixes")
	conf, endpoint := s.Path("process.conf"), s.FreeAddress()
	s.Must(os.WriteFile(conf, fmt.Appendf(nil, `%s[otlp]
endpoint = %s/api/v1/otlp/v1/metrics
extra-counters = yes
max-bytes = 65536
parallel = 3
[otlp:rows]
endpoint = %s/api/v1/otlp/v1/metrics
names = receiver
[otlp:plain]
endpoint = %s/api/v1/otlp/v1/metrics
`, settings(s, endpoint), byName.url, byRow.url, plain.url), 0o600))
	epochs, started := feed(s)
	last := epochs[len(epochs)-1]
	process := s.Start(harness.Process, conf)
	for names, p := range map[string]*prometheus3{"prometheus": byName, "receiver": byRow, "plain": plain} {
		var points []point
		s.Until("all points of "+names, time.Minute, func() bool {
			all, complete := received(s, p.tap.Requests(), last)
			points = all
			return complete
		})
		want := make(stored)
		for _, q := range points {
			want.add(q.inPrometheus(names != "plain"), q.at, q.start, q.value)
		}
		got := p.stored(s, last)
		for id := range got {
			if strings.Contains(id, `"__name__":"target_info"`) {
				delete(got, id)
			}
		}
		if d := cmp.Diff(want, got); d != "" || len(want) < 300 {
			t.Errorf("%s: %d series: sent -, in Prometheus +\n%s", names, len(want), d)
		}
		if began := len(want.at(started)); began < 100 {
			t.Errorf("%s: %d counters have a start time, want more", names, began)
		}
	}
	// Without suffixes the series are those of the endpoint, but for the types that HAProxy's
	// exporter has wrong.
	got, want := make(map[string]float64), scraped(s, endpoint, false)
	for id, value := range plain.stored(s, last).at(last) {
		if !strings.Contains(id, `"__name__":"haproxystats_`) && !strings.Contains(id, `"__name__":"target_info"`) {
			got[typeLabel.ReplaceAllString(id, "")] = value
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the endpoint -, Prometheus without suffixes +\n%s", d)
	}
	if process.Says("destination does not take") {
		t.Error("a point was refused")
	}
	process.End(syscall.SIGTERM)
}
