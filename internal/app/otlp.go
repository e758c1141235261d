package app

import (
	"net/url"

	"haproxystats/internal/config"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/otlp"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/push"
)

// openOTLP opens the sink of a section of OpenTelemetry.
func openOTLP(s setup, name string) (sink.Sink, func() error, error) {
	o, _ := s.config.OTLPs.Get(name)
	section := pushedSection(s.config, "otlp", name)
	left := &dropped{log: s.log.With("sink", section.Section())}
	return openPush(s, section, destination{
		format: otlpFormat(o, s, left), dropped: left, url: otlpURL(o.Endpoint), parallel: o.Parallel, scheme: push.Bearer,
	})
}

// otlpOptions says how requests are made; left gets what exceeds max-series.
func otlpOptions(o config.OTLP, s setup, left *dropped) otlp.Options {
	requests := otlp.Requests{
		Receiver: o.Names == config.OTLPReceiver, Scopes: samples.Scopes(o.Scopes), ExtraCounters: o.ExtraCounters,
		CheckStates: seriesOfChecks[o.CheckStates], MaxSeries: o.MaxSeries, Own: s.own, Told: left.take,
	}
	requests.Scopes[metric.Self] = true
	for _, a := range o.ResourceAttributes {
		requests.Attributes = append(requests.Attributes, otlp.Attribute{Key: a.Name, Value: a.Value})
	}
	return otlp.Options{
		Host: encode.Host{Name: s.hostname, FQDN: o.FQDN}, Version: s.version, MaxBytes: o.MaxBytes, Requests: &requests,
	}
}

// otlpFormat is the form in which receivers of OpenTelemetry get metrics.
func otlpFormat(o config.OTLP, s setup, left *dropped) push.Format {
	options := otlpOptions(o, s, left)
	f := push.Format{
		NewEncoder:  func() push.Encoder { return otlp.New(options) },
		ContentType: "application/x-protobuf",
		Split:       otlp.Split,
		Judge: func(a httpcall.Answer) (int, string) {
			if a.Status < 200 || a.Status >= 300 {
				return 0, ""
			}
			return otlp.Rejected(a.Body)
		},
	}
	switch o.Compression {
	case config.CompressionGzip:
		f.ContentEncoding, f.Compress, f.Expand = "gzip", push.Gzip, push.Gunzip
	case config.CompressionZstd:
		f.ContentEncoding, f.Compress, f.Expand = "zstd", push.Zstd, push.Unzstd
	}
	return f
}

// otlpURL returns the address that gets metrics.
func otlpURL(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Path != "" && u.Path != "/" {
		return endpoint
	}
	u.Path = "/v1/metrics"
	return u.String()
}
