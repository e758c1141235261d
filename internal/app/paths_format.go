package app

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"haproxystats/internal/config"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/influx"
	"haproxystats/internal/encode/otlp"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/encode/prometheus"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/metric"
)

// PathsFormats are the formats in which the metrics of a snapshot can be written.
var PathsFormats = []string{"graphite", "prometheus", "influx", "otlp-json"}

// PathsOptions say how the metrics of a snapshot are written.
type PathsOptions struct {
	// Format is one of PathsFormats. A section with a name stands behind a colon.
	Format   string
	Hostname string
	Version  string // of haproxystats
	Log      *slog.Logger
}

// pathsWriter writes the metrics of a batch.
type pathsWriter func(io.Writer, *metric.Batch) error

// writer returns what writes metrics in the format.
func (o PathsOptions) writer(c *config.Config) (pathsWriter, error) {
	format, name, named := strings.Cut(o.Format, ":")
	if !slices.Contains(PathsFormats, format) {
		return nil, fmt.Errorf("--format %s: not a format: it is one of %s", o.Format, strings.Join(PathsFormats, ", "))
	}
	if named && format == "prometheus" {
		return nil, fmt.Errorf("--format %s: sections of %s have no names: leave out %q", o.Format, format, ":"+name)
	}
	all := *c // with the section, be it there or not
	c = &all
	switch format {
	case "prometheus":
		if !c.Prometheus.Enabled {
			c.SetDefaults("prometheus")
		}
		return o.prometheus(c), nil
	case "influx":
		return o.influx(c, name)
	case "otlp-json":
		return o.otlp(c, name)
	}
	return o.graphite(c, name)
}

// graphite returns a writer of the lines of a section of Graphite. Without a name, it is the
// first section that sends metrics, or else [graphite].
func (o PathsOptions) graphite(c *config.Config, name string) (pathsWriter, error) {
	section := c.Graphite
	if name != "" {
		var ok bool
		if section, ok = c.FurtherGraphites.Get(name); !ok {
			return nil, fmt.Errorf("--format %s: there is no section [%s]", o.Format, config.GraphiteSection(name))
		}
	} else if sending := c.GraphiteSections(); len(sending) > 0 {
		section = sending[0].Options
	}
	return func(w io.Writer, b *metric.Batch) error {
		result, err := plaintext.New(GraphitePaths(section, o.Hostname)).Encode(w, b)
		plaintext.NewNotices(o.Log).Note(result)
		return err
	}, nil
}

// needsSeries reports whether the format has more than Graphite gets.
func (o PathsOptions) needsSeries() bool {
	format, _, _ := strings.Cut(o.Format, ":")
	return format != PathsFormats[0]
}

// EndpointEncoding returns how [prometheus] has samples written, and what they are of.
func EndpointEncoding(c *config.Config, own map[string]samples.Own) (prometheus.Options, samples.Selection) {
	p := c.Prometheus
	o := prometheus.Options{Options: samples.Options{
		CheckStates: seriesOfChecks[p.CheckStates], NaN: p.EmptyValues == config.EmptyNaN, MaxSeries: p.MaxSeries, Own: own,
	}}
	for _, l := range p.Labels {
		o.Labels = append(o.Labels, samples.Label{Name: l.Name, Value: l.Value})
	}
	return o, samples.Selection{Scopes: samples.Scopes(p.Scopes), ExtraCounters: p.ExtraCounters}
}

func (o PathsOptions) prometheus(c *config.Config) pathsWriter {
	options, selection := EndpointEncoding(c, nil)
	return func(w io.Writer, b *metric.Batch) error {
		part := samples.Part{Batch: b}
		if b.Cluster != "" {
			part.Labels = []samples.Label{{Name: "cluster", Value: b.Cluster}}
		}
		result, err := prometheus.New(options).Encode(w, []samples.Part{part}, &selection, nil)
		for _, n := range result.Dropped {
			if n > 0 {
				o.Log.Warn("series exceed max-series and are left out", "shown", result.Series, "dropped", result.Dropped.String())
				break
			}
		}
		return err
	}
}

// sectionOf returns the section of a name; without one it returns the first section, or one
// with the defaults.
func sectionOf[S any](c *config.Config, kind, name string, list *config.Named[S], format string) (S, error) {
	section, ok := list.Get(name)
	switch {
	case ok:
	case name != "":
		return section, fmt.Errorf("--format %s: there is no section [%s:%s]", format, kind, name)
	case len(*list) > 0:
		section = (*list)[0].Options
	default:
		c.SetDefaults(kind)
		section, _ = list.Get("")
	}
	return section, nil
}

func (o PathsOptions) influx(c *config.Config, name string) (pathsWriter, error) {
	section, err := sectionOf(c, "influx", name, &c.Influxes, o.Format)
	if err != nil {
		return nil, err
	}
	options := influxOptions(section, o.Hostname)
	options.MaxLines = 0
	return records(influx.New(options).Encode, func(b, record []byte) ([]byte, error) { return append(b, record...), nil }), nil
}

func (o PathsOptions) otlp(c *config.Config, name string) (pathsWriter, error) {
	section, err := sectionOf(c, "otlp", name, &c.OTLPs, o.Format)
	if err != nil {
		return nil, err
	}
	options := otlpOptions(section, setup{hostname: o.Hostname, version: o.Version}, &dropped{log: o.Log})
	return records(otlp.New(options).Encode, func(b, record []byte) ([]byte, error) {
		b, err := otlp.AppendJSON(b, record)
		return append(b, '\n'), err
	}), nil
}

// records returns a writer of an encoder's records, each of which add appends.
func records(encodes func(*metric.Batch, func(encode.Message) error) error, add func(b, record []byte) ([]byte, error)) pathsWriter {
	return func(w io.Writer, b *metric.Batch) error {
		out := bufio.NewWriter(w)
		var text []byte
		err := encodes(b, func(m encode.Message) (err error) {
			if text, err = add(text[:0], m.Value); err == nil {
				_, err = out.Write(text)
			}
			return err
		})
		if err != nil {
			return err
		}
		return out.Flush()
	}
}
