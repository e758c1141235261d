package faults

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"haproxystats/internal/encode/remotewrite"
	"haproxystats/internal/encode/remotewrite/writetest"
)

// remoteWriteKind is [remote-write] with version 1.0.
var remoteWriteKind = pushKind{
	section: "remote-write", address: "url", path: "/api/v1/write",
	options: map[string]string{"max-samples": "100"},
	scheme:  "Bearer",
	most:    40,
	samples: remoteWriteSamples,
	partial: func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "out of order sample")
	},
}

func remoteWriteSamples(encoding string, body []byte) (map[pushSample]float64, error) {
	if encoding != remotewrite.ContentEncoding {
		return nil, fmt.Errorf("the encoding is %q", encoding)
	}
	body, err := remotewrite.Expand(body, 16<<20)
	if err != nil {
		return nil, err
	}
	request, err := writetest.Decode(false, body)
	if err != nil {
		return nil, err
	}
	all := make(map[pushSample]float64)
	for _, s := range request.Samples {
		if !strings.HasPrefix(s.Name, "haproxystats_") && !s.Stale {
			all[pushSample{s.ID(), s.Time / 1000}] = s.Value
		}
	}
	return all, nil
}
