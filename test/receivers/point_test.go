package receivers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
)

// point is a point of OTLP with all that is said about it.
type point struct {
	resource, scope, attributes map[string]string
	name, help, unit, kind      string
	at, start                   int64 // in milliseconds
	value                       float64
	double                      bool
}

// id identifies the point.
func (p point) id() string {
	return fmt.Sprintf("%q %q %s%q %d", p.resource, p.scope, p.name, p.attributes, p.at)
}

// said is what is said of the point.
func (p point) said() string {
	return fmt.Sprintf("%s %q %q from %d: %v (double: %t)", p.kind, p.unit, p.help, p.start, p.value, p.double)
}

func texts(all []*common.KeyValue) map[string]string {
	m := make(map[string]string)
	for _, a := range all {
		m[a.Key] = a.Value.GetStringValue()
	}
	return m
}

// pointsOf returns all points of a message.
func pointsOf(all []*metrics.ResourceMetrics) (points []point) {
	for _, r := range all {
		for _, s := range r.ScopeMetrics {
			for _, m := range s.Metrics {
				p := point{
					resource: texts(r.Resource.Attributes), scope: map[string]string{s.Scope.GetName(): s.Scope.GetVersion()},
					name: m.Name, help: m.Description, unit: m.Unit,
				}
				data := m.GetGauge().GetDataPoints()
				p.kind = "gauge"
				if sum := m.GetSum(); sum != nil {
					p.kind = fmt.Sprintf("sum %v %t", sum.AggregationTemporality, sum.IsMonotonic)
					data = sum.DataPoints
				}
				for _, d := range data {
					p.attributes = texts(d.Attributes)
					p.at, p.start = int64(d.TimeUnixNano/1e6), int64(d.StartTimeUnixNano/1e6)
					switch v := d.Value.(type) {
					case *metrics.NumberDataPoint_AsInt:
						p.value, p.double = float64(v.AsInt), false
					case *metrics.NumberDataPoint_AsDouble:
						p.value, p.double = v.AsDouble, true
					}
					points = append(points, p)
				}
			}
		}
	}
	return points
}

// units are Prometheus' words for units in names and labels.
var units = map[string]string{"ms": "milliseconds", "s": "seconds", "by": "by"}

// inPrometheus returns the labels that Prometheus gives the point, with or without suffixes at
// its name.
func (p point) inPrometheus(suffixes bool) map[string]string {
	name, kind := strings.ReplaceAll(p.name, ".", "_"), "gauge"
	if strings.HasPrefix(p.kind, "sum") {
		kind = "counter"
	}
	unit := units[p.unit]
	if suffixes {
		words := strings.Split(name, "_")
		drop := func(word string) {
			words = slices.DeleteFunc(words, func(w string) bool { return w == word })
		}
		if unit != "" && !slices.Contains(words, unit) {
			words = append(words, unit)
		}
		switch {
		case kind == "counter":
			drop("total")
			words = append(words, "total")
		case p.unit == "1":
			words = append(words, "ratio")
		}
		name = strings.Join(words, "_")
	}
	labels := maps.Clone(p.attributes)
	labels["__name__"], labels["__type__"] = name, kind
	if unit != "" {
		labels["__unit__"] = unit
	}
	labels["job"], labels["instance"] = p.resource["service.name"], p.resource["service.instance.id"]
	for _, key := range []string{"haproxy.proxy_name", "haproxy.service_name"} {
		if value, ok := p.resource[key]; ok {
			labels[strings.ReplaceAll(key, ".", "_")] = value
		}
	}
	return labels
}
