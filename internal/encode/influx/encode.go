// Package influx encodes batches as InfluxDB's line protocol, under the names that
// telegraf's inputs.haproxy has, so that its dashboards work:
//
//	haproxy,host=lb1,proxy=app,server=lb1,sv=s1,type=server scur=3i,rtime=13i 1795335122000000000
//
// The measurements and their tags are
//
//	haproxy                   frontends, backends, servers and listeners: proxy, sv, type
//	haproxy_process           the HAProxy of the host as a whole
//	haproxystats_process      each HAProxy process: process
//	haproxystats_server_name  each server name, over all the backends it is in: sv
//	haproxystats              haproxystats itself
//
// All of them have the tags host and server, which is the host, too: in telegraf it is the
// address of one process, and here processes are combined. Lines of a host in a cluster
// have the tag cluster; lines with cluster and without host are about the cluster.
//
// In haproxy and haproxystats_server_name, fields have telegraf's names, such as
// "http_response.2xx", in the other measurements HAProxy's and haproxystats' own. A field
// that is named as a tag, or "time", has an underscore at its end. A value that HAProxy
// does not show is absent. The same holds for the average times of a server or backend to
// which HAProxy has balanced no connection.
//
// InfluxDB keeps the type that a field has first, so a field has one type for ever.
// Numbers are integers of 64 bits: means are rounded, and a larger number is capped. Only
// seconds in haproxystats and shares of servers and checks are floats.
//
// A character that a tag or a field can't have is written by the rule of
// [encode.AppendByte]: a control character, a backslash, and what is not UTF-8.
package influx

import (
	"math"
	"strconv"

	"haproxystats/internal/encode"
	"haproxystats/internal/metric"
)

// Precision is the unit of times.
type Precision uint8

// The precisions.
const (
	Nanoseconds Precision = iota
	Seconds
)

// Options say how records are made.
type Options struct {
	Host      encode.Host
	Precision Precision
}

// Encoder encodes batches. Equal batches give equal bytes. It is not safe for concurrent
// use.
type Encoder struct {
	opt    Options
	groups []encode.Group
	fields encode.Columns[[]field]
	buf    []byte
	host   []byte // the tags of the host
	time   []byte // what ends a line
}

// New returns an encoder.
func New(opt Options) *Encoder { return &Encoder{opt: opt} }

// Encode calls emit with each record of the batch, until emit returns an error. A record
// is the line of one entity, with its newline.
func (e *Encoder) Encode(b *metric.Batch, emit func(encode.Message) error) error {
	e.groups = encode.Groups(e.groups[:0], b)
	e.host = appendValue(e.host[:0], e.opt.Host.Of(b))
	e.time = append(append(e.time[:0], ' '), e.timestamp(b.Epoch)...)
	e.time = append(e.time, '\n')
	for i := range e.groups {
		g := &e.groups[i]
		fields := e.fields.Of(i, g, fieldsOf)
		e.buf = append(e.buf[:0], measurements[g.Scope]...)
		if b.Cluster != "" {
			e.buf = appendValue(append(e.buf, ",cluster="...), b.Cluster)
		}
		head := len(e.buf)
		err := g.Each(func(r *encode.Row) error {
			e.buf = e.appendTags(e.buf[:head], g.Scope, r.Entity)
			n := e.appendFields(g, r, fields)
			if n == 0 {
				return nil
			}
			e.buf = append(e.buf, e.time...)
			return emit(encode.Message{Scope: g.Scope, Proxy: encode.Proxy(g.Scope, r.Entity), Metrics: n, Value: e.buf})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// timestamp returns a time. Line protocol has 64 bits for it.
func (e *Encoder) timestamp(epoch int64) []byte {
	if e.opt.Precision == Nanoseconds {
		const second, most = 1_000_000_000, math.MaxInt64 / 1_000_000_000
		epoch = min(max(epoch, -most), most) * second
	}
	return strconv.AppendInt(nil, epoch, 10)
}

// appendFields appends the fields of an entity to the line, and returns their number.
func (e *Encoder) appendFields(g *encode.Group, r *encode.Row, fields []field) (written int) {
	buf := e.buf
	first := len(buf)
	_ = g.Cells(r, func(c encode.Cell) error {
		f := &fields[c.Name]
		v := c.Sum
		if f.float || !c.Plain {
			value, ok := c.Value()
			switch {
			case !ok:
				return nil
			case f.float:
				buf = append(buf, f.name...)
				buf = strconv.AppendFloat(buf, within(value.Number()), 'f', -1, 64)
				written++
				return nil
			}
			v = encode.Whole(value)
		}
		buf = append(buf, f.name...)
		buf = strconv.AppendInt(buf, v, 10)
		buf = append(buf, 'i')
		written++
		return nil
	})
	e.buf = buf
	if written > 0 {
		buf[first] = ' ' // the comma of the first field
	}
	return written
}

// within returns a number that is finite.
func within(f float64) float64 { return min(max(f, -math.MaxFloat64), math.MaxFloat64) }
