// Package posted reads what the programs post over HTTP as receivers do, with the decoders of
// those who define the formats. Only tests import it.
package posted

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"haproxystats/test/faults/harness"
)

// InfluxPoint has the fields of a line.
type InfluxPoint map[string]any

// InfluxLines returns lines by their measurement, tags and time.
func InfluxLines(text []byte) (map[string]InfluxPoint, error) {
	all := make(map[string]InfluxPoint)
	d := lineprotocol.NewDecoderWithBytes(text)
	for d.Next() {
		name, err := d.Measurement()
		if err != nil {
			return nil, err
		}
		tags := make(map[string]string)
		for {
			key, value, err := d.NextTag()
			if err != nil {
				return nil, err
			}
			if key == nil {
				break
			}
			tags[string(key)] = string(value)
		}
		p := make(InfluxPoint)
		for {
			key, value, err := d.NextField()
			if err != nil {
				return nil, err
			}
			if key == nil {
				break
			}
			p[string(key)] = value.Interface()
		}
		stamp, err := d.TimeBytes()
		if err != nil {
			return nil, err
		}
		all[fmt.Sprintf("%s%q %s", name, tags, stamp)] = p
	}
	return all, nil
}

// Expand returns the body of a request as its header says that it is compressed.
func Expand(header http.Header, body []byte) ([]byte, error) {
	switch encoding := header.Get("Content-Encoding"); encoding {
	case "":
		return body, nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(z)
	case "zstd":
		z, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		return io.ReadAll(z)
	default:
		return nil, fmt.Errorf("the content has the encoding %q", encoding)
	}
}

// OTLP decodes a request of OTLP.
func OTLP(header http.Header, body []byte) (*collector.ExportMetricsServiceRequest, error) {
	if got := header.Get("Content-Type"); got != "application/x-protobuf" {
		return nil, fmt.Errorf("the content has the type %q", got)
	}
	text, err := Expand(header, body)
	if err != nil {
		return nil, err
	}
	all := new(collector.ExportMetricsServiceRequest)
	return all, proto.Unmarshal(text, all)
}

// Request is a request that was posted, and the answer's status.
type Request struct {
	URI    string
	Header http.Header
	Body   []byte
	Status int
}

// Tap hands requests on to a server, and keeps them.
type Tap struct {
	proxy *httputil.ReverseProxy

	mu       sync.Mutex
	requests []Request
}

// NewTap returns a tap before the server at an address.
func NewTap(address string) (*Tap, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	t := &Tap{proxy: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}}
	t.proxy.Transport = &http.Transport{DisableKeepAlives: true}
	return t, nil
}

// ServeHTTP implements [http.Handler].
func (t *Tap) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	q.Body = io.NopCloser(bytes.NewReader(body))
	answer := &answer{ResponseWriter: w, status: http.StatusOK}
	uri, header := q.URL.RequestURI(), q.Header.Clone()
	t.proxy.ServeHTTP(answer, q)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests = append(t.requests, Request{uri, header, body, answer.status})
}

// Requests returns the requests so far.
func (t *Tap) Requests() []Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.requests)
}

// answer remembers the status of an answer.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Series is a series that an endpoint for Prometheus shows.
type Series struct {
	Name   string
	Labels map[string]string
	Type   string // COUNTER or GAUGE
	Value  float64
}

// Shown returns the series of HAProxy that an endpoint for Prometheus shows, by name and labels;
// nil if it shows none yet.
func Shown(address string) (map[string]Series, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	a, err := client.Get("http://" + address + "/metrics")
	if err != nil {
		return nil, nil // it does not listen yet
	}
	defer a.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(a.Body)
	if err != nil {
		return nil, err
	}
	var all map[string]Series
	for name, f := range families {
		if !strings.HasPrefix(name, "haproxy_") || name == "haproxy_up" {
			continue
		}
		if all == nil {
			all = make(map[string]Series)
		}
		for _, m := range f.Metric {
			s := Series{name, make(map[string]string), f.GetType().String(), m.GetCounter().GetValue() + m.GetGauge().GetValue()}
			for _, l := range m.Label {
				s.Labels[l.GetName()] = l.GetValue()
			}
			all[fmt.Sprintf("%s%q", name, s.Labels)] = s
		}
	}
	return all, nil
}

// Recording returns the replies of the first round of a recording of HAProxy, by their files.
func Recording(t *testing.T, name string) map[string][]byte {
	t.Helper()
	rounds, err := filepath.Glob(filepath.Join("..", "..", "testdata", "recordings", name, "*"))
	if err != nil || len(rounds) == 0 {
		t.Fatalf("no recording %s: %v", name, err)
	}
	all, err := filepath.Glob(filepath.Join(rounds[0], "*"))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, file := range all {
		if files[filepath.Base(file)], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// Feed hands over recordings as snapshots that are ten seconds apart, and returns their times.
func Feed(feeder *harness.Feeder, t *testing.T, first int64, names []string) (epochs []int64) {
	t.Helper()
	for n, name := range names {
		epochs = append(epochs, first+10*int64(n))
		feeder.FeedFiles(epochs[n], Recording(t, name))
	}
	return epochs
}
