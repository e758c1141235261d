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
//	haproxystats_learned      each field that only HAProxy itself explains: type, name
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
// Options add to that what a receiver that is written to directly needs: several lines in a
// record, other names, and texts as fields that are strings. A text is a word for the state
// of the row over all processes: a frontend is OPEN or STOP, a backend UP or DOWN, a listener
// WAITING, OPEN or FULL, a server DOWN, UP, MAINT, DRAIN or NOLB, and a result of checks is a
// code of HAProxy such as L4OK. A mode is that of HAProxy, such as http; where processes have
// another one, one of them.
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
	// Measurement is the name of "haproxy"; empty for that.
	Measurement string
	// ServerTag is the value of the tag server; empty for that of the tag host.
	ServerTag string
	// Tags are further tags. One that is named host goes before the host's name, but for
	// the nodes of a cluster.
	Tags []Tag
	// KeepNames keeps HAProxy's names of tags and fields, as telegraf's keep_field_names does.
	KeepNames bool
	// Idle shows 0 where HAProxy and telegraf do: in the average times of what is idle, and in
	// what is only counted with HTTP of proxies without.
	Idle bool
	// Texts are the texts that are fields: status, check_status, agent_status, mode.
	Texts []string
	// MaxLines is the number of lines of a record; 0 for one. A record of several lines
	// belongs to no scope.
	MaxLines int
}

// Tag is a tag with a constant value.
type Tag struct{ Name, Value string }

// maxRecord is the length of a record from which no more lines are added to it.
const maxRecord = 8 << 20

// Encoder encodes batches. Equal batches give equal bytes. It is not safe for concurrent
// use.
type Encoder struct {
	opt      Options
	tags     *tags
	reserved []string
	groups   []encode.Group
	fields   encode.Columns[fields]
	time     []byte // what ends a line

	buf     []byte
	lines   int // in buf
	metrics int // in buf
}

// New returns an encoder.
func New(opt Options) *Encoder {
	t := newTags(opt)
	return &Encoder{opt: opt, tags: t, reserved: t.reserved(opt.Tags)}
}

// Encode calls emit with each record of the batch, until emit returns an error. A record has
// whole lines, each of one entity.
func (e *Encoder) Encode(b *metric.Batch, emit func(encode.Message) error) error {
	e.groups = encode.Groups(e.groups[:0], b)
	e.tags.begin(e.opt, b)
	e.time = append(append(e.time[:0], ' '), e.timestamp(b.Epoch)...)
	e.time = append(e.time, '\n')
	e.buf, e.lines, e.metrics = e.buf[:0], 0, 0
	for i := range e.groups {
		g := &e.groups[i]
		f := e.fields.Of(i, g, e.fieldsOf)
		name := measurements[g.Scope]
		if name == measurements[metric.Server] && e.opt.Measurement != "" {
			name = e.opt.Measurement
		}
		err := g.Each(func(r *encode.Row) error {
			start := len(e.buf)
			e.buf = e.tags.append(append(e.buf, name...), g.Scope, r.Entity)
			n := e.appendFields(g, r, &f)
			if n == 0 {
				e.buf = e.buf[:start]
				return nil
			}
			e.buf = append(e.buf, e.time...)
			e.metrics += n
			e.lines++
			if e.opt.MaxLines > 0 {
				if e.lines < e.opt.MaxLines && len(e.buf) < maxRecord {
					return nil
				}
				return e.emit(encode.Message{}, emit)
			}
			return e.emit(encode.Message{Scope: g.Scope, Proxy: encode.Proxy(g.Scope, r.Entity)}, emit)
		})
		if err != nil {
			return err
		}
	}
	if e.lines > 0 {
		return e.emit(encode.Message{}, emit)
	}
	return nil
}

// emit emits the lines that are there.
func (e *Encoder) emit(m encode.Message, emit func(encode.Message) error) error {
	m.Metrics, m.Value = e.metrics, e.buf
	e.buf, e.lines, e.metrics = e.buf[:0], 0, 0
	return emit(m)
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
func (e *Encoder) appendFields(g *encode.Group, r *encode.Row, fields *fields) (written int) {
	buf := e.buf
	first := len(buf)
	_ = g.Cells(r, func(c encode.Cell) error {
		f := &fields.columns[c.Name]
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
	for i := range fields.idle {
		if f := &fields.idle[i]; f.isEmpty(g, r) {
			buf = append(append(buf, f.name...), "0i"...)
			written++
		}
	}
	for i := range fields.texts {
		t := &fields.texts[i]
		if word := t.word(g, r); word != "" {
			buf = append(append(append(append(buf, t.name...), '"'), word...), '"')
			written++
		}
	}
	e.buf = buf
	if written > 0 {
		buf[first] = ' ' // the comma of the first field
	}
	return written
}

// within returns a number that is finite.
func within(f float64) float64 { return min(max(f, -math.MaxFloat64), math.MaxFloat64) }
