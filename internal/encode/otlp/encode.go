// Package otlp encodes batches as OpenTelemetry's ExportMetricsServiceRequest, which is
// MetricsData, too, under the names of the Prometheus exporter that is built into HAProxy.
//
// The series have the exporter's names, scales and labels:
//
//	haproxy_process_*             the HAProxy of the host as a whole
//	haproxy_frontend_*            proxy
//	haproxy_backend_*             proxy
//	haproxy_server_*              proxy, server
//	haproxystats_process_*        process: what each HAProxy process says of itself
//	haproxystats_server_name_*    server: each server name, over all the backends it is in
//	haproxystats_*                haproxystats itself
//
// and code or mod where the exporter has them. A field that the exporter does not show has
// a name of the same form. Units are empty: some receivers would add them to the names.
//
// What grows until HAProxy restarts is a cumulative, monotonic sum, and all else a gauge.
// That is HAProxy's word in `show stat typed` and the catalogue's, not the exporter's, which
// has a few types wrong: readers that compute differences would take each fall of a gauge
// for a restart. The numbers of one series are always of one kind, integers or doubles. A
// value that HAProxy does not show is absent.
//
// The start time of a sum is that of the first HAProxy process whose counters are in it,
// over reloads if they are totals. It is absent if that is not known: HAProxy before 2.4
// does not show it, and batches of several nodes do not have it. When one of several
// processes restarts and the counters are not totals, sums fall and their start time stays;
// readers see a reset by the fall.
//
// The resource is the host: service.name is haproxy, and service.instance.id and host.name
// are its name. haproxy.cluster is its cluster. A batch about a cluster as a whole has the
// service.name haproxy-cluster, and the cluster as service.instance.id.
package otlp

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"haproxystats/internal/encode"
	"haproxystats/internal/encode/samples"
	names "haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
)

// Options say how records are made.
type Options struct {
	Host encode.Host
	// Version is the version of haproxystats.
	Version string
	// MaxPoints and MaxBytes bound a record; 0 for no bound. A point that exceeds MaxBytes
	// has a record of its own.
	MaxPoints, MaxBytes int
	// Requests makes requests, which have all scopes and more series; nil for records.
	Requests *Requests
}

// Encoder encodes batches. Equal batches give equal bytes. It is not safe for concurrent
// use.
type Encoder struct {
	opt    Options
	groups []encode.Group
	series encode.Columns[[]series]
	emit   func(encode.Message) error
	scope  metric.Scope

	attributes []attributes // of the group's tables
	gauge      []byte       // what the points of gauges begin with: their time
	sum        []byte       // the same of sums: start and time

	resource []byte // as a field of ResourceMetrics
	origin   []byte // the instrumentation scope, as a field of ScopeMetrics

	// record has room for the head, and the metrics of the record.
	record []byte
	// points has those of the metric that is being made.
	points []byte
	count  int // points in the record

	request // what requests take besides
}

// New returns an encoder.
func New(opt Options) *Encoder {
	e := &Encoder{opt: opt}
	origin := appendText(nil, scopeName, "haproxystats")
	if opt.Version != "" {
		origin = appendText(origin, scopeVersion, opt.Version)
	}
	e.origin = appendMessage(nil, scopeMetricsScope, origin)
	if o := opt.Requests; o != nil {
		e.walk = samples.New(samples.Options{CheckStates: o.CheckStates, MaxSeries: o.MaxSeries, Own: o.Own}, style{})
	}
	return e
}

// Encode calls emit with each record or request of the batch, until emit returns an error. A
// record has series of one scope only.
func (e *Encoder) Encode(b *metric.Batch, emit func(encode.Message) error) error {
	e.emit = emit
	defer func() { e.emit = nil }()
	e.groups = encode.Groups(e.groups[:0], b)
	e.setResource(b)
	e.setTimes(b)
	if e.opt.Requests != nil {
		return e.requests(b)
	}
	for i := range e.groups {
		g := &e.groups[i]
		e.scope = g.Scope
		all := e.series.Of(i, g, seriesOf)
		e.setAttributes(g)
		e.begin()
		for k := range all {
			if err := e.metric(g, &all[k]); err != nil {
				return err
			}
		}
		if err := e.flush(); err != nil {
			return err
		}
	}
	return nil
}

// metric adds the points of one series of each entity.
func (e *Encoder) metric(g *encode.Group, s *series) error {
	head := e.gauge
	if s.sum {
		head = e.sum
	}
	for i := range s.columns {
		c := &s.columns[i]
		t := g.Tables[c.table]
		a := &e.attributes[c.table]
		isMean := t.Columns()[c.column].Combine.IsMean()
		for n, row := range t.Rows() {
			sums, counts := t.Cells(row)
			count := counts[c.column]
			if count == 0 {
				continue
			}
			v := metric.Value{Int: sums[c.column], Exact: true}
			if count == metric.Wide || count > 1 && isMean {
				v, _ = t.At(row, c.column)
			}
			tag, bits := byte(pointInt), uint64(0)
			if s.double {
				f := names.Scaled(v.Number(), c.scale)
				if math.IsInf(f, 0) {
					continue
				}
				tag, bits = pointDouble, math.Float64bits(f)
			} else {
				bits = uint64(names.Times(encode.Whole(v), c.scale))
			}
			from, to := a.ends[n], a.ends[n+1]
			size := len(head) + 9 + to - from + len(c.label)
			if e.full(&s.family, size) {
				e.end(&s.family)
				if err := e.flush(); err != nil {
					return err
				}
			}
			e.points = appendPoint(e.points, size, head, tag, bits, a.text[from:to], c.label)
			e.count++
		}
	}
	e.end(&s.family)
	return nil
}

// appendPoint appends a point of that size: what it begins with, a value, and attributes.
func appendPoint(b []byte, size int, head []byte, tag byte, bits uint64, attributes, label []byte) []byte {
	b = protowire.AppendVarint(append(b, dataPoints), uint64(size))
	b = append(append(b, head...), tag)
	b = binary.LittleEndian.AppendUint64(b, bits)
	return append(append(b, attributes...), label...)
}

// full reports whether a point of that size does not fit into the record.
func (e *Encoder) full(f *family, size int) bool {
	if e.count == 0 {
		return false
	}
	if e.opt.MaxPoints > 0 && e.count >= e.opt.MaxPoints {
		return true
	}
	// The metric has a few lengths and flags beside its name, and the point a tag and a
	// length.
	const beside = 6 * binary.MaxVarintLen32
	return e.opt.MaxBytes > 0 && len(e.record)+len(e.points)+len(f.name)+size+beside > e.opt.MaxBytes
}

// begin begins a record: with room for its head.
func (e *Encoder) begin() {
	room := len(e.resource) + len(e.origin) + 2*(1+binary.MaxVarintLen64)
	e.record = append(e.record[:0], make([]byte, room)...)
	e.points = e.points[:0]
	e.count = 0
}

// end ends the metric that the points belong to.
func (e *Encoder) end(f *family) {
	if len(e.points) == 0 {
		return
	}
	kind, flags := byte(metricGauge), ""
	if f.sum {
		kind, flags = metricSum, cumulative
	}
	data := len(e.points) + len(flags)
	size := len(f.name) + 1 + protowire.SizeBytes(data)
	b := append(e.record, scopeMetricsMetrics)
	b = protowire.AppendVarint(b, uint64(size))
	b = append(b, f.name...)
	b = append(b, kind)
	b = protowire.AppendVarint(b, uint64(data))
	b = append(b, e.points...)
	e.record = append(b, flags...)
	e.points = e.points[:0]
}

// flush emits the record, if it has points, and begins the next one.
func (e *Encoder) flush() error {
	if e.count == 0 {
		return nil
	}
	room := len(e.resource) + len(e.origin) + 2*(1+binary.MaxVarintLen64)
	metrics := len(e.origin) + len(e.record) - room
	var head [2 * (1 + binary.MaxVarintLen64)]byte
	inner := protowire.AppendVarint(append(head[:0], resourceMetricsScopeMetrics), uint64(metrics))
	from := room - len(e.origin) - len(inner)
	copy(e.record[room-len(e.origin):], e.origin)
	copy(e.record[from:], inner)
	from -= len(e.resource)
	copy(e.record[from:], e.resource)
	outer := protowire.AppendVarint(append(head[:0], requestResourceMetrics), uint64(len(e.record)-from))
	from -= len(outer)
	copy(e.record[from:], outer)
	err := e.emit(encode.Message{Scope: e.scope, Metrics: e.count, Value: e.record[from:]})
	e.begin()
	return err
}
