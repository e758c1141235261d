package otlp

import (
	"math"

	"haproxystats/internal/encode"
	"haproxystats/internal/encode/samples"
	names "haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
)

// Requests say how requests are made.
type Requests struct {
	// Receiver gives the metrics of the OpenTelemetry Collector's receiver for HAProxy, with
	// a resource for each row of `show stat`; else they have the names of HAProxy's exporter.
	Receiver bool
	// Attributes are added to those of resources, or take the place of those with their keys.
	Attributes []Attribute
	// Scopes has the scopes that are wanted.
	Scopes [metric.NumScopes]bool
	// ExtraCounters adds those of HAProxy's modules.
	ExtraCounters bool
	// CheckStates are the series that results of checks have.
	CheckStates names.CheckStates
	// MaxSeries bounds the points of HAProxy in a batch; 0 for no bound. Whole groups are
	// left out until the others fit.
	MaxSeries int
	// Own has the names of columns of [metric.Self] that are about a sink.
	Own map[string]samples.Own
	// Told is called after each batch with what it had of HAProxy; nil for nobody.
	Told func(samples.Result)
}

// request is what requests take besides.
type request struct {
	walk   *samples.Walk
	family *samples.Family // whose points are being made
	of     family          // the same as a metric
	rows   []attributes    // of each of the rows of the walk

	common     []byte // attributes of resources
	attribute  []byte // those of the resource of a row
	rowMetrics encode.Columns[[]rowMetric]
	values     []rowValue // of the metric of a row
}

// requests emits the requests of a batch.
func (e *Encoder) requests(b *metric.Batch) error {
	o := e.opt.Requests
	var result samples.Result
	var err error
	if o.Receiver {
		result, err = e.allRows()
	} else {
		result, err = e.allSamples(b)
	}
	if err == nil && o.Told != nil {
		o.Told(result)
	}
	return err
}

// allSamples emits the requests with the series of HAProxy's exporter.
func (e *Encoder) allSamples(b *metric.Batch) (samples.Result, error) {
	o := e.opt.Requests
	e.walk.Take([]samples.Part{{Batch: b}}, &samples.Selection{Scopes: o.Scopes, ExtraCounters: o.ExtraCounters})
	e.setRows()
	e.begin()
	e.family = nil
	result, err := e.walk.Each(e.sample)
	if err != nil {
		return result, err
	}
	e.end(&e.of)
	return result, e.flush()
}

// setRows makes the attributes of the rows.
func (e *Encoder) setRows() {
	all := e.walk.Rows()
	for len(e.rows) < len(all) {
		e.rows = append(e.rows, attributes{})
	}
	for i, r := range all {
		a := &e.rows[i]
		a.text, a.ends = a.text[:0], append(a.ends[:0], 0)
		if r.Table == nil { // texts
			a.ends = append(a.ends, 0)
			continue
		}
		for _, row := range r.Numbers {
			a.text = appendEntity(a.text, r.Scope, r.Table.Entity(row))
			a.ends = append(a.ends, len(a.text))
		}
	}
}

// sample adds the point of a sample.
func (e *Encoder) sample(s *samples.Sample) error {
	if s.Family != e.family {
		e.end(&e.of)
		e.family, e.of, e.scope = s.Family, familyOf(s.Family.Head), s.Rows.Scope
	}
	head := e.gauge
	if e.of.sum {
		head = e.sum
	}
	tag, bits := byte(pointInt), uint64(0)
	switch {
	case e.of.double:
		tag, bits = pointDouble, math.Float64bits(s.Number())
	case s.Exact:
		bits = uint64(names.Times(s.Int, s.Scale))
	default:
		bits = uint64(encode.Whole(metric.Value{Float: s.Float}))
	}
	var label []byte
	if s.Tag != nil {
		label = s.Tag.Text
	}
	a := &e.rows[s.Rows.ID]
	from, to := a.ends[s.At], a.ends[s.At+1]
	size := len(head) + 9 + to - from + len(label)
	if e.full(&e.of, size) {
		e.end(&e.of)
		if err := e.flush(); err != nil {
			return err
		}
	}
	e.points = appendPoint(e.points, size, head, tag, bits, a.text[from:to], label)
	e.count++
	return nil
}

// style makes the bytes of families and of attributes that rows do not have.
type style struct{}

// Head implements [samples.Style]: two bytes with the kinds of the points and of their
// values, and the name.
func (style) Head(f *samples.Family) []byte {
	kinds := make([]byte, 2, len(f.Name)+8)
	if f.Column.Name != "" && isSum(f.Column, f.Exporter) {
		kinds[0] = 1
	}
	if f.Column.Name != "" && isDouble(f.Scope, f.Column, f.Scale) {
		kinds[1] = 1
	}
	return appendText(kinds, metricName, f.Name)
}

// familyOf is the reverse of Head.
func familyOf(head []byte) family { return family{head[2:], head[0] == 1, head[1] == 1} }

// Label implements [samples.Style].
func (style) Label(l samples.Label) []byte {
	return appendAttribute(nil, pointAttributes, l.Name, l.Value)
}

// Text implements [samples.Style].
func (s style) Text(l samples.Label) []byte { return s.Label(l) }
