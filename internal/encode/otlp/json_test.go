package otlp

import (
	"errors"
	"testing"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"haproxystats/internal/encode"
	"haproxystats/internal/encode/encodetest"
	"haproxystats/internal/encode/samples"
)

// TestJSON: the library reads from the JSON what it reads from the request.
func TestJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Host: encode.Host{Name: "lb1"}, Version: "1.0"}
		if rapid.Bool().Draw(t, "requests") {
			o.Requests = &Requests{Receiver: rapid.Bool().Draw(t, "receiver"), Scopes: samples.Scopes([]string{"global", "frontend", "backend", "server"})}
		}
		err := New(o).Encode(encodetest.Batch(t), func(m encode.Message) error {
			var want, got collector.ExportMetricsServiceRequest
			if err := proto.Unmarshal(m.Value, &want); err != nil {
				return err
			}
			text, err := AppendJSON(nil, m.Value)
			if err != nil {
				return err
			}
			if err := protojson.Unmarshal(text, &got); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if !proto.Equal(&got, &want) {
				t.Fatalf("got %s, want %s", protojson.Format(&got), protojson.Format(&want))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestNotJSON: what is not a request is refused.
func TestNotJSON(t *testing.T) {
	for _, b := range []string{"\x0a\x05", "\x7a\x00", "\x08\x01", "\x0a\x02\x08\x01", "\xff"} {
		if text, err := AppendJSON(nil, []byte(b)); !errors.Is(err, errNotARequest) {
			t.Errorf("%q: got %s, %v, want %v", b, text, err, errNotARequest)
		}
	}
}
