package app

import (
	"net/url"
	"strings"

	"haproxystats/internal/config"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/influx"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/push"
)

// openInflux opens the sink of a section of InfluxDB.
func openInflux(s setup, name string) (sink.Sink, func() error, error) {
	i, _ := s.config.Influxes.Get(name)
	return openPush(s, pushedSection(s.config, "influx", name), destination{
		format: influxFormat(i, s.hostname), url: influxURL(i), parallel: i.Parallel, scheme: influxScheme(i.Version),
	})
}

// influxFormat is the form in which InfluxDB gets metrics.
func influxFormat(i config.Influx, hostname string) push.Format {
	o := influxOptions(i, hostname)
	f := push.Format{
		NewEncoder:  func() push.Encoder { return influx.New(o) },
		ContentType: "text/plain; charset=utf-8",
		Split:       influx.Split,
		Units:       influx.Lines,
		Judge:       func(a httpcall.Answer) (int, string) { return influx.Rejected(a.Body) },
	}
	if i.Compression == config.CompressionGzip {
		f.ContentEncoding, f.Compress, f.Expand = "gzip", push.Gzip, push.Gunzip
	}
	return f
}

// influxOptions says how lines are written.
func influxOptions(i config.Influx, hostname string) influx.Options {
	o := influx.Options{
		Host: encode.Host{Name: hostname, FQDN: i.FQDN}, Precision: influx.Seconds, Measurement: i.Measurement,
		ServerTag: i.ServerTag, KeepNames: i.KeepFieldNames, Idle: true, Texts: i.TextFields, MaxLines: i.MaxLines,
	}
	for _, tag := range i.Tags {
		o.Tags = append(o.Tags, influx.Tag(tag))
	}
	return o
}

// influxURL returns the address of the write API.
func influxURL(i config.Influx) string {
	query := make(url.Values)
	path := "/write"
	switch i.Version {
	case 2:
		path = "/api/v2/write"
		query.Set("org", i.Org)
		query.Set("bucket", i.Bucket)
		query.Set("precision", "s")
	case 3:
		path = "/api/v3/write_lp"
		query.Set("db", i.Database)
		query.Set("precision", "second")
		query.Set("accept_partial", "true")
		query.Set("no_sync", "false")
	default:
		query.Set("db", i.Database)
		if i.RetentionPolicy != "" {
			query.Set("rp", i.RetentionPolicy)
		}
		query.Set("precision", "s")
	}
	return strings.TrimSuffix(i.URL, "/") + path + "?" + query.Encode()
}

// influxScheme returns how a token is sent: only InfluxDB 2 has a scheme of its own.
func influxScheme(version int) push.Scheme {
	if version == 2 {
		return push.Token
	}
	return push.Bearer
}
