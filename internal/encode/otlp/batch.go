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
	if s := start(b); s > 0 && s <= b.Epoch {
		e.sum = appendFixed(e.sum, pointStart, nanoseconds(s))
	}
	e.sum = append(e.sum, e.gauge...)
}

// nanoseconds returns a time as OpenTelemetry has it, which begins in 1970.
func nanoseconds(epoch int64) uint64 {
	const second, most = 1_000_000_000, math.MaxInt64 / 1_000_000_000
	return uint64(min(max(epoch, 0), most)) * second
}

// start returns the earliest start of the HAProxy processes in the batch, 0 if it is not
// known. The uptime does not give it: the difference of two clocks in seconds would move
// it by a second now and then, and each move is a reset to a reader.
func start(b *metric.Batch) int64 {
	if s := earliest(b.Processes, metric.Process); s > 0 {
		return s
	}
	for _, scope := range []metric.Scope{metric.Process, metric.Daemon} {
		for _, t := range b.Tables {
			if s := earliest(t, scope); s > 0 {
				return s
			}
		}
	}
	return 0
}

// earliest returns the earliest start in a table of that scope, 0 if one is not known. The
// daemon's row combines processes, so it counts only if there is one.
func earliest(t *metric.Table, s metric.Scope) int64 {
	if t == nil || t.Scope() != s {
		return 0
	}
	col := t.Column("Start_time_sec")
	if col < 0 {
		return 0
	}
	first := int64(0)
	for _, row := range t.Rows() {
		v, ok := t.At(row, col)
		if !ok || !v.Exact || s == metric.Daemon && t.Seen(row) > 1 {
			return 0
		}
		if first == 0 || v.Int < first {
			first = v.Int
		}
	}
	return first
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
