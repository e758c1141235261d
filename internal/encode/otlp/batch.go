package otlp

import (
	"math"

	"haproxystats/internal/encode"
	"haproxystats/internal/metric"
)

// setResource sets the resource that the batch is about.
func (e *Encoder) setResource(b *metric.Batch) {
	host := e.opt.Host.Of(b)
	service, instance := "haproxy", host
	if host == "" && b.Cluster != "" {
		service, instance = "haproxy-cluster", b.Cluster
	}
	r := appendAttribute(nil, resourceAttributes, "service.name", service)
	for _, a := range []struct{ key, value string }{
		{"service.instance.id", instance},
		{"host.name", host},
		{"haproxy.cluster", b.Cluster},
	} {
		if a.value != "" {
			r = appendAttribute(r, resourceAttributes, a.key, a.value)
		}
	}
	e.resource = appendMessage(e.resource[:0], resourceMetricsResource, r)
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
	switch s {
	case metric.Daemon, metric.Self:
	case metric.Process:
		b = appendAttribute(b, pointAttributes, "process", n.Name)
	case metric.Frontend, metric.Backend:
		b = appendAttribute(b, pointAttributes, "proxy", n.Name)
	case metric.Server:
		b = appendAttribute(b, pointAttributes, "proxy", n.Parent)
		b = appendAttribute(b, pointAttributes, "server", n.Name)
	case metric.Listener:
		b = appendAttribute(b, pointAttributes, "proxy", n.Parent)
		b = appendAttribute(b, pointAttributes, "listener", n.Name)
	case metric.ServerName:
		b = appendAttribute(b, pointAttributes, "server", n.Name)
	}
	return b
}
