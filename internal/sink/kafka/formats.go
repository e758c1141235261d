package kafka

import (
	"io"

	"haproxystats/internal/encode"
	"haproxystats/internal/encode/influx"
	"haproxystats/internal/encode/json"
	"haproxystats/internal/encode/otlp"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/outbox"
)

// maxPoints bounds the data points of a record of OpenTelemetry.
const maxPoints = 500

// encoder returns an encoder of the configured format.
func (o Options) encoder(notices *plaintext.Notices) outbox.Encoder {
	host := encode.Host{Name: o.Hostname, FQDN: o.FQDN}
	e := envelope{topic: o.Topic, key: o.Key, host: host}
	switch o.Format {
	case JSON:
		return &messages{envelope: e, format: o.Format, encoder: json.New(json.Options{Host: host})}
	case JSONMetric:
		return &messages{envelope: e, format: o.Format, encoder: json.New(json.Options{Host: host, PerMetric: true})}
	case Influx:
		return &messages{envelope: e, format: o.Format, encoder: influx.New(influx.Options{Host: host})}
	case OTLP:
		return &messages{envelope: e, format: o.Format, encoder: otlp.New(otlp.Options{
			Host: host, Version: o.Version, MaxPoints: maxPoints, MaxBytes: o.MaxRecordBytes,
		})}
	}
	return &lines{envelope: e, encoder: plaintext.New(o.Paths), notices: notices, most: o.MaxRecordBytes, single: o.Single}
}

// Topics returns the topics that batches of this host go to.
func (o Options) Topics() []string {
	host := encode.Host{Name: o.Hostname, FQDN: o.FQDN}
	return o.Topic.Names(host.Of(new(metric.Batch)), "")
}

// messages makes records of what an encoder emits one by one.
type messages struct {
	envelope
	format  Format
	encoder interface {
		Encode(b *metric.Batch, emit func(encode.Message) error) error
	}
}

// Encode implements [outbox.Encoder].
func (m *messages) Encode(w io.Writer, b *metric.Batch) (metrics, skipped int64, err error) {
	m.begin(w, b, m.format)
	err = m.encoder.Encode(b, func(message encode.Message) error {
		n := int64(message.Metrics)
		if len(message.Value) > MaxValue {
			skipped += n
			return nil
		}
		metrics += n
		return m.put(message.Scope, message.Proxy, n, message.Value)
	})
	if err == nil {
		err = m.end()
	}
	return metrics, skipped, err
}
