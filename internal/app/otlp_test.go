package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"haproxystats/internal/config"
	"haproxystats/internal/encode"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/sink/sinktest"
)

func TestOTLPAddress(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:4318":               "http://127.0.0.1:4318/v1/metrics",
		"https://c/":                          "https://c/v1/metrics",
		"https://c?tenant=a":                  "https://c/v1/metrics?tenant=a",
		"https://p/api/v1/otlp/v1/metrics":    "https://p/api/v1/otlp/v1/metrics",
		"https://gateway/otlp/v1/metrics/?a=": "https://gateway/otlp/v1/metrics/?a=",
	} {
		if got := otlpURL(endpoint); got != want {
			t.Errorf("%s: got %s, want %s", endpoint, got, want)
		}
	}
}

// TestOTLPFormat: what is compressed can be expanded, and answers are judged.
func TestOTLPFormat(t *testing.T) {
	for compression, want := range map[config.Compression]string{config.CompressionGzip: "gzip", config.CompressionZstd: "zstd", config.CompressionNone: ""} {
		o := config.OTLP{Compression: compression, Scopes: []string{"backend"}, MaxBytes: 1 << 20}
		f := otlpFormat(o, setup{hostname: "lb1"}, &dropped{log: slog.New(slog.DiscardHandler)})
		bodies := 0
		err := f.NewEncoder().Encode(sinktest.Load(1, 20, 1, 1), func(m encode.Message) error {
			bodies++
			if f.Compress == nil {
				return nil
			}
			small := f.Compress([]byte("kept"), m.Value)
			if body, err := f.Expand(small[len("kept"):], len(m.Value)); err != nil || !bytes.Equal(body, m.Value) {
				t.Errorf("%s: expanding gives %d bytes (%v), want %d", compression, len(body), err, len(m.Value))
			}
			if _, err := f.Expand(small[len("kept"):], len(m.Value)-1); err == nil {
				t.Errorf("%s: a body that is longer than the limit is expanded", compression)
			}
			if _, err := f.Expand([]byte("no body"), 100); err == nil {
				t.Errorf("%s: what is not compressed is expanded", compression)
			}
			return nil
		})
		if err != nil || bodies != 1 || f.ContentEncoding != want {
			t.Errorf("%s: got %d bodies, the encoding %q and the error %v, want 1 and %q", compression, bodies, f.ContentEncoding, err, want)
		}
		partial := []byte("\x0a\x09\x08\x07\x12\x05stale")
		for status, want := range map[int]int{200: 7, 400: 0} {
			if n, _ := f.Judge(httpcall.Answer{Status: status, Body: partial}); n != want {
				t.Errorf("status %d: got %d points that were rejected, want %d", status, n, want)
			}
		}
	}
}

// TestSeriesThatAreLeftOut: the log says so when it begins, and when another group goes.
func TestSeriesThatAreLeftOut(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	o := config.OTLP{Scopes: []string{"backend", "server"}, MaxSeries: 100}
	e := otlpFormat(o, setup{}, &dropped{log: log}).NewEncoder()
	for i, c := range []struct {
		servers int
		want    bool
	}{{1, false}, {50, true}, {60, false}, {1, false}, {50, true}} {
		out.Reset()
		if err := e.Encode(sinktest.Load(1, 1, c.servers, 1), func(encode.Message) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "series exceed max-series and are left out"); got != c.want {
			t.Errorf("batch %d: got %q, want a message: %t", i, out.String(), c.want)
		}
	}
}
