// Package json encodes batches as flat JSON objects, as Kafka Connect, ksqlDB, ClickHouse,
// Druid, Vector and telegraf take them.
//
// There is an object for each entity, with a member for each of its metrics:
//
//	{"timestamp":1795335122,"host":"lb1","scope":"server","proxy":"app","server":"s1","scur":3,"rtime":12.5}
//
// or, if PerMetric is set, one for each metric:
//
//	{"timestamp":1795335122,"host":"lb1","scope":"server","proxy":"app","server":"s1","metric":"scur","value":3}
//
// These members identify the entity, and are absent if they do not apply:
//
//	timestamp  the time of the snapshot, in seconds since 1970
//	host       the load balancer
//	cluster    its cluster; without host the object is about the cluster as a whole
//	scope      daemon, process, frontend, backend, server, server-name, listener or self
//	proxy      the frontend or backend, that of a server or a listener
//	server     the server
//	listener   the listener of a frontend
//	process    one HAProxy process of the host
//	group      the operator's group of the entity
//
// A metric has HAProxy's name and unit; one that is named as a member above has an
// underscore at its end. A value that HAProxy does not show is absent, not 0. Numbers have
// no exponent, and integers are exact, also those beyond 2^53. Names that are not valid
// UTF-8 are written by the rule of [encode.AppendByte].
package json

import (
	"strconv"

	"haproxystats/internal/encode"
	"haproxystats/internal/metric"
)

// Options say how records are made.
type Options struct {
	Host encode.Host
	// PerMetric makes a record for each metric instead of one for each entity.
	PerMetric bool
}

// Encoder encodes batches. Equal batches give equal bytes. It is not safe for concurrent
// use.
type Encoder struct {
	opt    Options
	groups []encode.Group
	names  encode.Columns[[]string]
	buf    []byte
}

// New returns an encoder.
func New(opt Options) *Encoder { return &Encoder{opt: opt} }

// Encode calls emit with each record of the batch, until emit returns an error. A record
// is one object, without a newline.
func (e *Encoder) Encode(b *metric.Batch, emit func(encode.Message) error) error {
	e.groups = encode.Groups(e.groups[:0], b)
	e.buf = e.head(e.buf[:0], b)
	head := len(e.buf)
	for i := range e.groups {
		g := &e.groups[i]
		names := e.names.Of(i, g, e.spell)
		e.buf = appendMember(e.buf[:head], `,"scope":`, g.Scope.String())
		scope := len(e.buf)
		err := g.Each(func(r *encode.Row) error {
			e.buf = appendEntity(e.buf[:scope], g.Scope, r.Entity)
			m := encode.Message{Scope: g.Scope, Proxy: encode.Proxy(g.Scope, r.Entity)}
			return e.row(g, r, names, m, emit)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// row emits what there is of an entity, whose members are in e.buf.
func (e *Encoder) row(g *encode.Group, r *encode.Row, names []string, m encode.Message, emit func(encode.Message) error) error {
	buf := e.buf
	begun := len(buf)
	err := g.Cells(r, func(c encode.Cell) error {
		before := len(buf)
		buf = append(buf, names[c.Name]...)
		if c.Plain {
			buf = strconv.AppendInt(buf, c.Sum, 10)
		} else {
			var ok bool
			if buf, ok = appendNumber(buf, c.Table, c.Row, c.Column); !ok {
				buf = buf[:before]
				return nil
			}
		}
		m.Metrics++
		if !e.opt.PerMetric {
			return nil
		}
		m.Metrics = 1
		m.Value = append(buf, '}')
		err := emit(m)
		buf = m.Value[:begun]
		return err
	})
	e.buf = buf
	if err != nil || len(buf) == begun { // nothing is known of it, or all is emitted
		return err
	}
	e.buf = append(buf, '}')
	m.Value = e.buf
	return emit(m)
}
