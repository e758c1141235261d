package config

import (
	"fmt"
	"math"
	"regexp"
	"slices"
)

// otlpOptions are the options of [otlp] and [otlp:NAME].
func otlpOptions() []Option {
	list := func(c *Config) *Named[OTLP] { return &c.OTLPs }
	options := []Option{
		namedWith("otlp", "endpoint", "http://127.0.0.1:4318", webAddress, list, func(o *OTLP) *string { return &o.Endpoint }),
		namedWith("otlp", "names", "prometheus", otlpNames, list, func(o *OTLP) *OTLPNames { return &o.Names }),
		named("otlp", "resource-attributes", attributeList, list, func(o *OTLP) *[]Label { return &o.ResourceAttributes }),
		namedWith("otlp", "fqdn", "true", boolean, list, func(o *OTLP) *bool { return &o.FQDN }),
		namedWith("otlp", "scopes", allSeriesScopes, seriesScopes, list, func(o *OTLP) *[]string { return &o.Scopes }),
		namedWith("otlp", "extra-counters", "false", boolean, list, func(o *OTLP) *bool { return &o.ExtraCounters }),
		namedWith("otlp", "check-states", "all", checkStates, list, func(o *OTLP) *CheckStates { return &o.CheckStates }),
		namedWith("otlp", "max-series", "0", wholeBetween(0, math.MaxInt32), list, func(o *OTLP) *int { return &o.MaxSeries }),
		namedWith("otlp", "compression", "gzip", otlpCompression, list, func(o *OTLP) *Compression { return &o.Compression }),
		namedWith("otlp", "max-bytes", "4194304", wholeBetween(16<<10, 32<<20), list, func(o *OTLP) *int { return &o.MaxBytes }),
		namedWith("otlp", "parallel", "1", wholeBetween(1, 64), list, func(o *OTLP) *int { return &o.Parallel }),
	}
	for i := range options {
		options[i].New = true
	}
	return append(options, pushOptions("otlp", pushDefaults{timeout: "30", interval: "5", backoff: "1.5", delay: "30"}, list, func(o *OTLP) *Push { return &o.Push })...)
}

var (
	otlpNames       = oneOf(map[string]OTLPNames{"prometheus": OTLPPrometheus, "receiver": OTLPReceiver}, "prometheus", "receiver")
	otlpCompression = oneOf(map[string]Compression{"gzip": CompressionGzip, "zstd": CompressionZstd, "none": CompressionNone}, "gzip", "zstd", "none")
)

// checkOTLP warns of options without effect, and refuses attributes that would make one host
// of several.
func (l *loader) checkOTLP() {
	for _, s := range l.kinds["otlp"] {
		o, ok := l.config.OTLPs.Get(s.instance)
		if !ok {
			continue
		}
		if o.Names == OTLPReceiver {
			for _, name := range []string{"extra-counters", "check-states"} {
				l.warnOwn(s.name, name, "no effect with names = receiver", "Remove this option, or set names = prometheus")
			}
			if slices.Equal(o.Scopes, []string{"global"}) {
				l.refuseIn(s.name, "scopes", "nothing is sent: names = receiver has no metrics of processes", "Name another scope, too, or set names = prometheus")
			}
		}
		for _, a := range o.ResourceAttributes {
			if l.program == ForCentral && slices.Contains(hostAttributes, a.Name) {
				l.refuseIn(s.name, "resource-attributes", fmt.Sprintf("%q tells the nodes of clusters apart", a.Name), "Remove this attribute")
			}
		}
	}
}

// hostAttributes tell hosts apart.
var hostAttributes = []string{"host.name", "service.instance.id"}

// takenAttributes tell resources apart.
var takenAttributes = []string{"haproxy.cluster", "haproxy.proxy_name", "haproxy.service_name"}

var attributeKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,248}$`)

// attributeList is a list of attributes of resources.
var attributeList = pairs{"attribute", "key", maxLabels, checkAttribute}.list()

// checkAttribute refuses attributes that resources have, and those that are no good for
// receivers.
func checkAttribute(key, value string) error {
	switch {
	case !attributeKey.MatchString(key):
		return fmt.Errorf("%q is not a key: it has letters, digits, '_', '.' and '-' and begins with a letter", key)
	case slices.Contains(takenAttributes, key):
		return fmt.Errorf("the attribute %q has another meaning", key)
	}
	return checkValue(key, value)
}
