package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
)

// remoteWriteOptions are the options of [remote-write] and [remote-write:NAME].
func remoteWriteOptions() []Option {
	const section = "remote-write"
	list := func(c *Config) *Named[RemoteWrite] { return &c.RemoteWrites }
	options := []Option{
		named(section, "url", writeAddress, list, func(r *RemoteWrite) *string { return &r.URL }),
		namedWith(section, "protocol", "1.0", remoteWriteProtocol, list, func(r *RemoteWrite) *RemoteWriteProtocol { return &r.Protocol }),
		namedWith(section, "labels", "job=haproxy, instance={host}", ownLabelList, list, func(r *RemoteWrite) *[]Label { return &r.Labels }),
		namedWith(section, "max-samples", "2000", wholeBetween(1, 100_000), list, func(r *RemoteWrite) *int { return &r.MaxSamples }),
		namedWith(section, "parallel", "1", wholeBetween(1, 64), list, func(r *RemoteWrite) *int { return &r.Parallel }),
		namedWith(section, "scopes", allSeriesScopes, seriesScopes, list, func(r *RemoteWrite) *[]string { return &r.Scopes }),
		namedWith(section, "extra-counters", "false", boolean, list, func(r *RemoteWrite) *bool { return &r.ExtraCounters }),
		namedWith(section, "check-states", "all", checkStates, list, func(r *RemoteWrite) *CheckStates { return &r.CheckStates }),
		namedWith(section, "max-series", "0", wholeBetween(0, math.MaxInt32), list, func(r *RemoteWrite) *int { return &r.MaxSeries }),
		named(section, "drop", seriesPatterns, list, func(r *RemoteWrite) *[]string { return &r.Drop }),
		namedWith(section, "stale-markers", "true", boolean, list, func(r *RemoteWrite) *bool { return &r.StaleMarkers }),
		namedWith(section, "metadata", "true", boolean, list, func(r *RemoteWrite) *bool { return &r.Metadata }),
	}
	for i := range options {
		options[i].New = true
	}
	defaults := pushDefaults{timeout: "30", interval: "0.03", backoff: "2", delay: "5"}
	return append(options, pushOptions(section, defaults, list, func(r *RemoteWrite) *Push { return &r.Push })...)
}

var remoteWriteProtocol = oneOf(map[string]RemoteWriteProtocol{"1.0": RemoteWrite1, "2.0": RemoteWrite2}, "1.0", "2.0")

// checkRemoteWrite refuses sections without an address, and warns of two that send the same
// series to one receiver.
func (l *loader) checkRemoteWrite() {
	type series struct {
		url    string
		labels string
		header string
	}
	sent := make(map[series]string)
	for _, s := range l.kinds["remote-write"] {
		r, ok := l.config.RemoteWrites.Get(s.instance)
		if !ok {
			continue
		}
		if r.URL == "" {
			_, set := l.doc.Lookup(s.name, "url") // one that is set was refused already
			if section, ok := l.doc.Section(s.name); ok && !set {
				l.problems = append(l.problems, Problem{
					Pos: section.Pos, Section: s.name, Reason: "metrics are sent nowhere",
					Hint: "Set url, as in url = http://127.0.0.1:9090/api/v1/write",
				})
			}
			continue
		}
		same := series{r.URL, fmt.Sprint(r.Labels), fmt.Sprint(r.Headers)}
		if other, twice := sent[same]; twice {
			l.warn(l.problem(s.name, "url", "["+other+"] sends series with the same labels there, too", "Remove one of the sections, or set labels"))
		}
		sent[same] = s.name
	}
}

// writeAddress is an address of HTTP that takes remote write.
var writeAddress = kind[string]{"address", "an http or https address with a path, without a password", func(text string) (string, error) {
	u, err := parseAddress(text)
	if err != nil {
		return "", err
	}
	if u.Path == "" || u.Path == "/" {
		return "", &hinted{"the address has no path", "Write the whole address: that of Prometheus and VictoriaMetrics ends in /api/v1/write"}
	}
	return text, nil
}}

// ownLabelList is a list of labels with their values, where nobody else sets some.
var ownLabelList = kind[[]Label]{labelList.name, "name=value, separated by commas; `{host}` is the host's name", pairs{"label", "name", maxLabels, checkOwnLabel}.parse}

const (
	// maxPatterns bounds the patterns of an option, and maxPattern each of them, in bytes.
	maxPatterns = 64
	maxPattern  = 1024
)

// seriesPatterns is a list of patterns for names of series.
var seriesPatterns = kind[[]string]{"list of words", "names, or regular expressions for whole names, separated by white space or commas", func(text string) ([]string, error) {
	list, err := words.parse(text)
	if err != nil {
		return nil, err
	}
	for _, pattern := range list {
		if len(pattern) > maxPattern {
			return nil, fmt.Errorf("a pattern is longer than %d bytes", maxPattern)
		}
		if _, err := regexp.Compile(pattern); err != nil {
			return nil, errors.New(err.Error())
		}
	}
	if len(list) > maxPatterns {
		return nil, fmt.Errorf("more than %d patterns", maxPatterns)
	}
	return slices.Clip(list), nil
}}
