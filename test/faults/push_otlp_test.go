package faults

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// otlpKind is [otlp].
var otlpKind = pushKind{
	section: "otlp", address: "endpoint",
	options: map[string]string{"max-bytes": "65536"},
	scheme:  "Bearer",
	most:    300,
	samples: otlpSamples,
	partial: func(w http.ResponseWriter) {
		answer, err := proto.Marshal(&collector.ExportMetricsServiceResponse{
			PartialSuccess: &collector.ExportMetricsPartialSuccess{RejectedDataPoints: 1, ErrorMessage: "out of bounds"},
		})
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(answer)
	},
}

// otlpSamples decodes a request by OpenTelemetry's own types.
func otlpSamples(encoding string, body []byte) (map[pushSample]float64, error) {
	if encoding == "gzip" {
		var err error
		if body, err = gunzip(bytes.NewReader(body)); err != nil {
			return nil, err
		}
	}
	var request collector.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	text := func(all []*common.KeyValue) (list string) {
		for _, a := range all {
			list += fmt.Sprintf(" %s=%q", a.Key, a.Value.GetStringValue())
		}
		return list
	}
	all := make(map[pushSample]float64)
	for _, r := range request.ResourceMetrics {
		for _, s := range r.ScopeMetrics {
			for _, m := range s.Metrics {
				if strings.HasPrefix(m.Name, "haproxystats_") && !strings.HasPrefix(m.Name, "haproxystats_process_") {
					continue
				}
				for _, p := range append(m.GetGauge().GetDataPoints(), m.GetSum().GetDataPoints()...) {
					id := pushSample{text(r.Resource.Attributes) + " " + m.Name + text(p.Attributes), int64(p.TimeUnixNano / 1e9)}
					all[id] = p.GetAsDouble() + float64(p.GetAsInt())
				}
			}
		}
	}
	return all, nil
}
