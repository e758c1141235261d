package otlp

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"haproxystats/internal/encode"
	"haproxystats/internal/encode/encodetest"
)

// halves cuts a request until each part has one point, and returns the points of the parts.
func halves(t interface{ Fatalf(string, ...any) }, request []byte, want int) []point {
	first, second, n, ok := Split(request)
	if !ok {
		if want != 1 {
			t.Fatalf("a request with %d points can't be cut", want)
		}
		return decode(t, request)
	}
	if len(first) >= len(request) || len(second) >= len(request) || n != want/2 {
		t.Fatalf("%d bytes with %d points are cut into %d and %d, with %d points in the first", len(request), want, len(first), len(second), n)
	}
	return append(halves(t, first, n), halves(t, second, want-n)...)
}

// TestSplit: the parts of a request say the same as the request, in its order.
func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := New(Options{Host: encode.Host{Name: "lb1"}, Version: "1.2.3"})
		var request []byte // of all messages: a message may be put behind another one
		n := 0
		for _, m := range encodetest.Messages(t, e, encodetest.Batch(t)) {
			request = append(request, m.Value...)
			n += m.Metrics
		}
		if n == 0 {
			if _, _, _, ok := Split(request); ok {
				t.Fatal("a request without points is cut")
			}
			return
		}
		want, got := decode(t, request), halves(t, request, n)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(point{}), cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); d != "" {
			t.Fatalf("want -, got +\n%s", d)
		}
	})
}

// FuzzSplit: whatever a request is, its parts can be decoded if it can, have what is beside
// the parts, and are shorter.
func FuzzSplit(f *testing.F) {
	for _, m := range encodetest.Messages(f, New(Options{MaxPoints: 5}), encodetest.OfGoldenFiles(f))[:4] {
		f.Add(m.Value)
	}
	f.Add([]byte{0x0a, 0x00, 0x0a, 0x00})
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, request []byte) {
		first, second, n, ok := Split(request)
		if !ok {
			return
		}
		var all collector.ExportMetricsServiceRequest
		readable := proto.Unmarshal(request, &all) == nil
		for _, half := range [][]byte{first, second} {
			var part collector.ExportMetricsServiceRequest
			if err := proto.Unmarshal(half, &part); readable && err != nil {
				t.Errorf("a half can't be decoded: %v", err)
			}
		}
		whole, _ := requestParts.count(request)
		a, _ := requestParts.count(first)
		b, _ := requestParts.count(second)
		if a != n || a+b != whole || a == 0 || b == 0 {
			t.Errorf("%d points are cut into %d (%d by what Split says) and %d", whole, a, n, b)
		}
	})
}

func TestRejected(t *testing.T) {
	answer := func(p *collector.ExportMetricsPartialSuccess) []byte {
		text, err := proto.Marshal(&collector.ExportMetricsServiceResponse{PartialSuccess: p})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	some := answer(&collector.ExportMetricsPartialSuccess{RejectedDataPoints: 7, ErrorMessage: "too old"})
	for _, c := range []struct {
		name   string
		answer []byte
		n      int
		reason string
	}{
		{"nothing", nil, 0, ""},
		{"all are stored", answer(nil), 0, ""},
		{"the collector's answer", answer(&collector.ExportMetricsPartialSuccess{}), 0, ""},
		{"some are not", some, 7, "too old"},
		{"a warning", answer(&collector.ExportMetricsPartialSuccess{ErrorMessage: "slow down"}), 0, "slow down"},
		{"a negative number", answer(&collector.ExportMetricsPartialSuccess{RejectedDataPoints: -1}), 0, ""},
		{"fields of a newer version", slices.Concat([]byte("\x18\x01\x22\x03abc"), some), 7, "too old"},
		{"a field of another type", []byte("\n\x06\b0\n\x02\x02\x02"), 48, ""},
		{"a page", []byte("<html>"), 0, ""},
		{"text", []byte("ok"), 0, ""},
		{"cut", some[:len(some)-1], 0, ""},
	} {
		if n, reason := Rejected(c.answer); n != c.n || reason != c.reason {
			t.Errorf("%s: got %d and %q, want %d and %q", c.name, n, reason, c.n, c.reason)
		}
	}
}

func FuzzRejected(f *testing.F) {
	f.Add([]byte("\x0a\x06\x08\x07\x12\x02no"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		n, reason := Rejected(answer)
		if n < 0 || len(reason) > len(answer) {
			t.Errorf("got %d and %q", n, reason)
		}
		var decoded collector.ExportMetricsServiceResponse
		if err := proto.Unmarshal(bytes.Clone(answer), &decoded); err != nil {
			return
		}
		p := decoded.GetPartialSuccess()
		if want := max(p.GetRejectedDataPoints(), 0); int64(n) != want || reason != p.GetErrorMessage() {
			t.Errorf("got %d and %q, want %d and %q", n, reason, want, p.GetErrorMessage())
		}
	})
}
