package cli_test

import (
	"fmt"
	"net/http"
	"strings"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// isOTLP reports whether a request is one of OpenTelemetry's.
func isOTLP(q *http.Request) bool { return strings.HasSuffix(q.URL.Path, "/v1/metrics") }

// requestPoints returns a request of OpenTelemetry, with a line for each resource and point.
func requestPoints(body []byte) (string, error) {
	var request collector.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		return "", err
	}
	var text strings.Builder
	attributes := func(all []*common.KeyValue) (list string) {
		for _, a := range all {
			list += fmt.Sprintf(" %s=%s", a.Key, a.Value.GetStringValue())
		}
		return list
	}
	for _, r := range request.ResourceMetrics {
		fmt.Fprintf(&text, "resource%s\n", attributes(r.Resource.Attributes))
		for _, s := range r.ScopeMetrics {
			for _, m := range s.Metrics {
				for _, p := range append(m.GetGauge().GetDataPoints(), m.GetSum().GetDataPoints()...) {
					fmt.Fprintf(&text, "%s%s %v at %d from %d\n", m.Name, attributes(p.Attributes), p.GetAsDouble()+float64(p.GetAsInt()), p.TimeUnixNano, p.StartTimeUnixNano)
				}
			}
		}
	}
	return text.String(), nil
}
