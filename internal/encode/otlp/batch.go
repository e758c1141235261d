package otlp

import (
	"math"
	"slices"
	"strings"

	"haproxystats/internal/encode"
	"haproxystats/internal/metric"
)

// Attribute is an attribute of a resource.
type Attribute struct{ Key, Value string }

// setResource sets the resource that the batch is about.
func (e *Encoder) setResource(b *metric.Batch) {
	e.common = e.common[:0]
	for _, a := range e.resourceOf(b) {
		if a.Value != "" {
			e.common = appendAttribute(e.common, resourceAttributes, a.Key, a.Value)
		}
	}
	e.resource = appendMessage(e.resource[:0], resourceMetricsResource, e.common)
}

// resourceOf returns the attributes of the resource that the batch is about. Those that have
// no value are not known.
func (e *Encoder) resourceOf(b *metric.Batch) []Attribute {
	host := e.opt.Host.Of(b)
	service, instance := "haproxy", host
	if host == "" && b.Cluster != "" {
		service, instance = "haproxy-cluster", b.Cluster
	}
	all := []Attribute{
		{"service.name", service},
		{"service.instance.id", instance},
		{"host.name", host},
		{"haproxy.cluster", b.Cluster},
	}
	o := e.opt.Requests
	if o == nil {
		return all
	}
	for key, field := range map[string]string{"haproxy.node": "node", "haproxy.version": "Version"} {
		for _, t := range b.Texts {
			if t.Field == field {
				all = with(all, Attribute{key, t.Value}) // the last one if there are several
			}
		}
	}
	slices.SortFunc(all[4:], func(a, b Attribute) int { return strings.Compare(a.Key, b.Key) })
	if o.Receiver {
		all = with(all, Attribute{"haproxy.addr", instance})
	}
	for _, a := range o.Attributes {
		all = with(all, a)
	}
	return all
}

// with returns the attributes with one more, or with its value in the place of the one that
// has the same key.
func with(all []Attribute, a Attribute) []Attribute {
	if i := slices.IndexFunc(all, func(have Attribute) bool { return have.Key == a.Key }); i >= 0 {
		all[i] = a
		return all
	}
	return append(all, a)
}

// setTimes sets what points begin with.
func (e *Encoder) setTimes(b *metric.Batch) {
	e.gauge = e.gauge[:0]
	if at := nanoseconds(b.Epoch); at > 0 {
		e.gauge = appendFixed(e.gauge, pointTime, at)
	}
	e.sum = e.sum[:0]
	if b.Began > 0 && b.Began <= b.Epoch {
		e.sum = appendFixed(e.sum, pointStart, nanoseconds(b.Began))
	}
	e.sum = append(e.sum, e.gauge...)
}

// nanoseconds returns a time as OpenTelemetry has it, which begins in 1970.
func nanoseconds(epoch int64) uint64 {
	const second, most = 1_000_000_000, math.MaxInt64 / 1_000_000_000
	return uint64(min(max(epoch, 0), most)) * second
}

// attributes has those of the points of each row of a table.
type attributes struct {
	text []byte
	ends []int // of the rows, after a 0
}

// setAttributes makes the attributes of the group's rows.
func (e *Encoder) setAttributes(g *encode.Group) {
	for len(e.attributes) < len(g.Tables) {
		e.attributes = append(e.attributes, attributes{})
	}
	for i, t := range g.Tables {
		a := &e.attributes[i]
		a.text, a.ends = a.text[:0], append(a.ends[:0], 0)
		for _, row := range t.Rows() {
			a.text = appendEntity(a.text, g.Scope, t.Entity(row))
			a.ends = append(a.ends, len(a.text))
		}
	}
}

func appendEntity(b []byte, s metric.Scope, n metric.Entity) []byte {
	parent, name := encode.Labels(s)
	if parent != "" {
		b = appendAttribute(b, pointAttributes, parent, n.Parent)
	}
	if name != "" {
		b = appendAttribute(b, pointAttributes, name, n.Name)
	}
	return b
}
