package faults

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// influxKind is [influx].
var influxKind = pushKind{
	section: "influx", address: "url",
	options: map[string]string{"max-lines": "150"},
	scheme:  "Bearer",
	most:    300,
	samples: influxSamples,
	partial: func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"partial write: field type conflict dropped=1"}`)
	},
}

func influxSamples(encoding string, body []byte) (map[pushSample]float64, error) {
	if encoding == "gzip" {
		var err error
		if body, err = gunzip(bytes.NewReader(body)); err != nil {
			return nil, err
		}
	}
	all := make(map[pushSample]float64)
	d := lineprotocol.NewDecoderWithBytes(body)
	for d.Next() {
		name, err := d.Measurement()
		if err != nil {
			return nil, err
		}
		series := string(name)
		for {
			key, value, err := d.NextTag()
			if err != nil {
				return nil, err
			}
			if key == nil {
				break
			}
			series += "," + string(key) + "=" + string(value)
		}
		fields := make(map[string]float64)
		for {
			key, value, err := d.NextField()
			if err != nil {
				return nil, err
			}
			if key == nil {
				break
			}
			switch v := value.Interface().(type) {
			case int64:
				fields[string(key)] = float64(v)
			case float64:
				fields[string(key)] = v
			}
		}
		at, err := d.Time(lineprotocol.Second, time.Time{})
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(series, "haproxystats,") {
			continue
		}
		for field, v := range fields {
			all[pushSample{series + " " + field, at.Unix()}] = v
		}
	}
	return all, nil
}
