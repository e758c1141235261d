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

// received are the metrics of the OpenTelemetry Collector's receiver for HAProxy, in the
// order of their names. Their kinds are the receiver's, which calls the length of a queue a
// monotonic sum.
var received = []struct {
	name, unit  string
	sum, double bool
	fields      []string
}{
	{"haproxy.active", "{servers}", false, false, []string{"act"}},
	{"haproxy.backup", "{servers}", false, false, []string{"bck"}},
	{"haproxy.bytes.input", "by", true, false, []string{"bin"}},
	{"haproxy.bytes.output", "by", true, false, []string{"bout"}},
	{"haproxy.clients.canceled", "{cancellations}", true, false, []string{"cli_abrt"}},
	{"haproxy.compression.bypass", "by", true, false, []string{"comp_byp"}},
	{"haproxy.compression.count", "{responses}", true, false, []string{"comp_rsp"}},
	{"haproxy.compression.input", "by", true, false, []string{"comp_in"}},
	{"haproxy.compression.output", "by", true, false, []string{"comp_out"}},
	{"haproxy.connections.average_time", "ms", false, true, []string{"ctime"}},
	{"haproxy.connections.errors", "{errors}", true, false, []string{"econ"}},
	{"haproxy.connections.rate", "{connections}", false, false, []string{"conn_rate"}},
	{"haproxy.connections.retries", "{retries}", true, false, []string{"wretr"}},
	{"haproxy.connections.total", "{connections}", true, false, []string{"conn_tot"}},
	{"haproxy.downtime", "s", true, false, []string{"downtime"}},
	{"haproxy.failed_checks", "{checks}", true, false, []string{"chkfail"}},
	{"haproxy.requests.average_time", "ms", false, true, []string{"qtime"}},
	{"haproxy.requests.denied", "{requests}", true, false, []string{"dreq"}},
	{"haproxy.requests.errors", "{errors}", true, false, []string{"ereq"}},
	{"haproxy.requests.queued", "{requests}", true, false, []string{"qcur"}},
	{"haproxy.requests.rate", "{requests}", false, true, []string{"req_rate"}},
	{"haproxy.requests.redispatched", "{requests}", true, false, []string{"wredis"}},
	{"haproxy.requests.total", "{requests}", true, false, []string{"hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other"}},
	{"haproxy.responses.average_time", "ms", false, true, []string{"rtime"}},
	{"haproxy.responses.denied", "{responses}", true, false, []string{"dresp"}},
	{"haproxy.responses.errors", "{errors}", true, false, []string{"eresp"}},
	{"haproxy.server_selected.total", "{selections}", true, false, []string{"lbtot"}},
	{"haproxy.sessions.average", "ms", false, true, []string{"ttime"}},
	{"haproxy.sessions.count", "{sessions}", false, false, []string{"scur"}},
	{"haproxy.sessions.limit", "{sessions}", false, false, []string{"slim"}},
	{"haproxy.sessions.rate", "{sessions}", false, true, []string{"rate"}},
	{"haproxy.sessions.total", "{sessions}", true, false, []string{"stot"}},
	{"haproxy.weight", "1", false, false, []string{"weight"}},
}

// beside is a field whose value the receiver adds to that of another one, if both have one.
var beside = map[string]string{"eresp": "srv_abrt"}

// rowMetric is a metric of the receiver as a group has it.
type rowMetric struct {
	head    []byte // name and unit, as fields of Metric
	sum     bool   // else a gauge
	double  bool   // else integers
	columns []rowColumn
}

// rowColumn is a column whose value is a point.
type rowColumn struct {
	cell
	add   *cell  // whose value is added
	label []byte // as an attribute of a point; nil for none
}

// cell is where the values of a column are in a group.
type cell struct{ table, column int }

// rowMetricsOf returns the metrics of the receiver that the group has.
func rowMetricsOf(g *encode.Group) (all []rowMetric) {
	at := make(map[string]cell)
	for i, t := range g.Tables {
		for k, c := range t.Columns() {
			if _, met := at[c.Name]; !met && c.Outputs.ForOthers() {
				at[c.Name] = cell{i, k}
			}
		}
	}
	for _, r := range received {
		m := rowMetric{sum: r.sum, double: r.double}
		for _, field := range r.fields {
			c, ok := at[field]
			if !ok {
				continue
			}
			to := rowColumn{cell: c}
			if other := beside[field]; other != "" {
				second, ok := at[other]
				if !ok {
					continue
				}
				to.add = &second
			}
			if len(r.fields) > 1 {
				to.label = appendAttribute(nil, pointAttributes, "status_code", field[len("hrsp_"):])
			}
			m.columns = append(m.columns, to)
		}
		if len(m.columns) > 0 {
			m.head = appendText(appendText(nil, metricName, r.name), metricUnit, r.unit)
			all = append(all, m)
		}
	}
	return all
}

// services are the receiver's words for what a row is about; empty for its name.
var services = map[metric.Scope]string{metric.Frontend: "FRONTEND", metric.Backend: "BACKEND", metric.Listener: "", metric.Server: ""}

// allRows emits the requests with the metrics of the receiver.
func (e *Encoder) allRows() (result samples.Result, err error) {
	most := e.opt.Requests.MaxSeries
	if most > 0 {
		var all names.Counts
		err := e.eachRow(func(_ string, n int, g *encode.Group, _ *encode.Row) error {
			all.Add(names.ReasonOf(g.Scope, false, false), n)
			return nil
		})
		if err != nil {
			return result, err
		}
		result.Dropped = all.Fit(most)
	}
	e.record, e.count = e.record[:0], 0
	err = e.eachRow(func(service string, n int, g *encode.Group, r *encode.Row) error {
		if why := names.ReasonOf(g.Scope, false, false); why < names.NumReasons && result.Dropped[why] > 0 {
			return nil
		}
		result.Series += n
		e.scope = g.Scope
		return e.addResource(encode.Proxy(g.Scope, r.Entity), service, n)
	})
	if err != nil {
		return result, err
	}
	return result, e.send()
}

// eachRow calls f with each row that the receiver shows: its word for what the row is about,
// the number of its points, and the row. The points have its metrics.
func (e *Encoder) eachRow(f func(service string, n int, g *encode.Group, r *encode.Row) error) error {
	for i := range e.groups {
		g := &e.groups[i]
		service, ok := services[g.Scope]
		if !ok || !e.opt.Requests.Scopes[g.Scope] {
			continue
		}
		all := e.rowMetrics.Of(i, g, rowMetricsOf)
		err := g.Each(func(r *encode.Row) error {
			e.points = e.points[:0]
			n := 0
			for k := range all {
				n += e.rowMetric(g, r, &all[k])
			}
			switch {
			case n == 0:
				return nil
			case service == "":
				return f(r.Name, n, g, r)
			}
			return f(service, n, g, r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rowMetric appends a metric of a row to the points, if it has a value, and returns the
// number of its points.
func (e *Encoder) rowMetric(g *encode.Group, r *encode.Row, m *rowMetric) int {
	head := e.gauge
	if m.sum {
		head = e.sum
	}
	n, size := 0, 0
	from := e.values[:0]
	for i := range m.columns {
		c := &m.columns[i]
		v, ok := valueOf(g, r, c.cell)
		if ok && c.add != nil {
			var second metric.Value
			if second, ok = valueOf(g, r, *c.add); ok {
				v = sumOf(v, second)
			}
		}
		if !ok || m.double && math.IsInf(v.Number(), 0) {
			continue
		}
		point := len(head) + 9 + len(c.label)
		size += 1 + protowire.SizeBytes(point)
		n++
		from = append(from, rowValue{c, v})
	}
	e.values = from
	if n == 0 {
		return 0
	}
	kind, flags := byte(metricGauge), ""
	if m.sum {
		kind, flags = metricSum, cumulative
	}
	size += len(flags)
	b := append(e.points, scopeMetricsMetrics)
	b = protowire.AppendVarint(b, uint64(len(m.head)+1+protowire.SizeBytes(size)))
	b = append(b, m.head...)
	b = protowire.AppendVarint(append(b, kind), uint64(size))
	for _, v := range from {
		b = protowire.AppendVarint(append(b, dataPoints), uint64(len(head)+9+len(v.column.label)))
		b = append(b, head...)
		if m.double {
			b = binary.LittleEndian.AppendUint64(append(b, pointDouble), math.Float64bits(v.value.Number()))
		} else {
			b = binary.LittleEndian.AppendUint64(append(b, pointInt), uint64(encode.Whole(v.value)))
		}
		b = append(b, v.column.label...)
	}
	e.points = append(b, flags...)
	return n
}

// rowValue is a value of a column.
type rowValue struct {
	column *rowColumn
	value  metric.Value
}

func valueOf(g *encode.Group, r *encode.Row, at cell) (metric.Value, bool) {
	if r.At[at.table] < 0 {
		return metric.Value{}, false
	}
	return g.Tables[at.table].At(r.At[at.table], at.column)
}

// sumOf adds two values; a sum beyond the range of integers ends at its limit.
func sumOf(a, b metric.Value) metric.Value {
	if s := a.Int + b.Int; a.Exact && b.Exact && (a.Int^s)&(b.Int^s) >= 0 {
		return metric.Value{Int: s, Exact: true}
	}
	return metric.Value{Float: a.Number() + b.Number()}
}

// addResource adds the resource of a row, of which the points have the metrics, to the
// request, after a request that it does not fit into.
func (e *Encoder) addResource(proxy, service string, n int) error {
	r := append(e.attribute[:0], e.common...)
	r = appendAttribute(r, resourceAttributes, "haproxy.proxy_name", proxy)
	r = appendAttribute(r, resourceAttributes, "haproxy.service_name", service)
	e.attribute = r
	inner := len(e.origin) + len(e.points)
	size := 1 + protowire.SizeBytes(len(r)) + 1 + protowire.SizeBytes(inner)
	if e.count > 0 && e.opt.MaxBytes > 0 && len(e.record)+1+protowire.SizeBytes(size) > e.opt.MaxBytes {
		if err := e.send(); err != nil {
			return err
		}
	}
	b := protowire.AppendVarint(append(e.record, requestResourceMetrics), uint64(size))
	b = appendMessage(b, resourceMetricsResource, r)
	b = protowire.AppendVarint(append(b, resourceMetricsScopeMetrics), uint64(inner))
	b = append(b, e.origin...)
	e.record = append(b, e.points...)
	e.count += n
	return nil
}

// send emits the request, if it has points, and begins the next one.
func (e *Encoder) send() error {
	if e.count == 0 {
		return nil
	}
	err := e.emit(encode.Message{Scope: e.scope, Metrics: e.count, Value: e.record})
	e.record, e.count = e.record[:0], 0
	return err
}
