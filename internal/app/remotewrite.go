package app

import (
	"regexp"
	"strings"

	"haproxystats/internal/config"
	"haproxystats/internal/encode/remotewrite"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/push"
)

// openRemoteWrite opens the sink of a section of remote write.
func openRemoteWrite(s setup, name string) (sink.Sink, func() error, error) {
	r, _ := s.config.RemoteWrites.Get(name)
	section := pushedSection(s.config, "remote-write", name)
	left := &dropped{log: s.log.With("sink", section.Section())}
	return openPush(s, section, destination{
		format: remoteWriteFormat(r, s, left), dropped: left, url: r.URL, parallel: r.Parallel, scheme: push.Bearer,
	})
}

var seriesOfChecks = map[config.CheckStates]series.CheckStates{
	config.CheckStatesAll: series.AllStates, config.CheckStatesCurrent: series.CurrentState, config.CheckStatesNone: series.NoStates,
}

// leastSamples is the number of samples from which a request is not cut any more that a
// receiver refuses. Prometheus stores nothing of a request with one bad sample.
const leastSamples = 100

// remoteWriteFormat is the form in which receivers of remote write get metrics.
func remoteWriteFormat(r config.RemoteWrite, s setup, left *dropped) push.Format {
	o := remotewrite.Options{
		Options:    samples.Options{CheckStates: seriesOfChecks[r.CheckStates], MaxSeries: r.MaxSeries, Own: s.own},
		Clusters:   s.node == nil,
		Selection:  samples.Selection{Scopes: samples.Scopes(r.Scopes), ExtraCounters: r.ExtraCounters, Family: without(r.Drop)},
		MaxSamples: r.MaxSamples,
		Stale:      r.StaleMarkers,
		Metadata:   r.Metadata,
		Told:       left.take,
	}
	o.Selection.Scopes[metric.Self] = true
	for _, l := range r.Labels {
		o.Labels = append(o.Labels, samples.Label{Name: l.Name, Value: strings.ReplaceAll(l.Value, "{host}", s.hostname)})
	}
	f := push.Format{
		ContentEncoding: remotewrite.ContentEncoding, Compress: remotewrite.Compress, Expand: remotewrite.Expand,
		Floor: leastSamples, Once: true,
	}
	if r.Protocol == config.RemoteWrite2 {
		o.Version = remotewrite.V2
		f.Proof, f.Remedy = remotewrite.Proof, "Set protocol = 1.0"
	}
	f.NewEncoder = func() push.Encoder { return remotewrite.New(o) }
	f.ContentType, f.Split, f.Translate = o.Version.ContentType(), o.Version.Split, o.Version.Translate
	f.Header = map[string]string{remotewrite.VersionHeader: o.Version.Header()}
	return f
}

// without returns what reports whether no pattern matches a whole name; nil for no patterns.
func without(patterns []string) func(string) bool {
	if len(patterns) == 0 {
		return nil
	}
	all := make([]string, len(patterns))
	for i, p := range patterns {
		all[i] = "(?:" + p + ")"
	}
	// Each one is valid by itself, so the whole one is.
	drop := regexp.MustCompile("^(?:" + strings.Join(all, "|") + ")$")
	kept := make(map[string]bool)
	return func(name string) bool {
		keep, known := kept[name]
		if !known {
			keep = !drop.MatchString(name)
			kept[name] = keep
		}
		return keep
	}
}
