// Package prometheus encodes batches in Prometheus' text format 0.0.4, under the names and
// types of the exporter that is built into HAProxy.
//
// The series have the exporter's names, types, scales and labels, also where its types are
// wrong: dashboards and alerts rely on them.
//
//	haproxy_process_*             the HAProxy of the host as a whole
//	haproxy_frontend_*            proxy
//	haproxy_listener_*            proxy, listener
//	haproxy_backend_*             proxy
//	haproxy_server_*              proxy, server
//	haproxy_sticktable_*          name, type
//	haproxy_resolver_*            resolver, nameserver
//	haproxystats_process_*        process: what each HAProxy process says of itself
//	haproxystats_server_name_*    server: each server name, over all the backends it is in
//	haproxystats_server_processes proxy, server, state: how many processes see that state,
//	                              of servers about which they disagree
//	haproxystats_certificate_*    certificate, subject
//	haproxystats_socket_*         socket
//	haproxystats_*                haproxystats itself
//
// and code, mod or state where the exporter has them. A state is a series for each state that
// there is, of which the present one is 1. A field that the exporter does not show has a
// name of the same form, and the type of its kind. Samples have no time.
//
// A family is written at once, whatever it is made of: HELP, TYPE, and the samples of all
// entities. So the tables are read column by column. The text leaves in pieces and is never
// held as a whole.
package prometheus

import (
	"io"

	"haproxystats/internal/encode/samples"
)

// Options say how batches are encoded.
type Options struct {
	samples.Options
	// Labels are constant ones, which all samples have.
	Labels []samples.Label
}

// Family is a family that no batch has.
type Family struct {
	Name, Help string
	Counter    bool // else a gauge
	Samples    []Sample
}

// Sample is a sample of a [Family].
type Sample struct {
	Labels []samples.Label
	Value  float64
}

// pieceSize is the size of the pieces in which text leaves.
const pieceSize = 64 << 10

// Encoder encodes batches. Equal batches give equal bytes. It is not safe for concurrent
// use.
type Encoder struct {
	opt  Options
	walk *samples.Walk
	rows []rows // by the walk's numbers
	// family is the one whose samples are being written.
	family *samples.Family
	labels []samples.Label
	w      io.Writer
	buf    []byte
	err    error // the first one of w
}

// New returns an encoder.
func New(opt Options) *Encoder {
	return &Encoder{opt: opt, walk: samples.New(opt.Options, style{})}
}

// rows are the labels of rows: those of a row are between its end and that of the one
// before.
type rows struct {
	text []byte
	ends []int // of the rows, after a 0
}

// Encode writes what is selected of the parts, and then the families that own returns.
func (e *Encoder) Encode(w io.Writer, parts []samples.Part, s *samples.Selection, own func(samples.Result) []Family) (samples.Result, error) {
	e.w, e.err, e.family = w, nil, nil
	defer func() { e.w = nil }()
	if e.buf == nil {
		e.buf = make([]byte, 0, pieceSize+pieceSize/8)
	}
	e.buf = e.buf[:0]
	e.walk.Take(parts, s)
	e.setRows()
	result, err := e.walk.Each(e.sample)
	if own != nil && err == nil {
		for _, f := range own(result) {
			e.own(&f, s)
		}
	}
	e.flush()
	return result, e.err
}

// setRows makes the labels of the rows.
func (e *Encoder) setRows() {
	all := e.walk.Rows()
	for len(e.rows) < len(all) {
		e.rows = append(e.rows, rows{})
	}
	var constant []byte
	for i, r := range all {
		to := &e.rows[i]
		to.text, to.ends = to.text[:0], append(to.ends[:0], 0)
		constant = appendLabels(appendLabels(constant[:0], r.Labels), e.opt.Labels)
		count := len(r.Numbers)
		if r.Table == nil {
			count = 1
		}
		for at := range count {
			from := len(to.text)
			e.labels = samples.AppendLabels(e.labels[:0], r.Scope, r.Entity(at))
			to.text = append(appendLabels(to.text, e.labels), constant...)
			if len(to.text) > from {
				to.text[from] = '{'
			}
			to.ends = append(to.ends, len(to.text))
		}
	}
}

// sample writes a sample, after the head of its family if that is not written yet.
func (e *Encoder) sample(s *samples.Sample) error {
	b := e.buf
	if s.Family != e.family {
		e.family = s.Family
		b = append(b, s.Family.Head...)
	}
	b = append(b, s.Family.Name...)
	r := &e.rows[s.Rows.ID]
	from, to := r.ends[s.At], r.ends[s.At+1]
	b = append(b, r.text[from:to]...)
	if s.Tag != nil {
		b = appendExtra(b, s.Tag.Text, from == to)
	} else {
		b = appendExtra(b, nil, from == to)
	}
	b = append(s.AppendText(b), '\n')
	e.buf = b
	if len(b) >= pieceSize {
		e.flush()
	}
	return e.err
}

// own writes a family that no batch has.
func (e *Encoder) own(f *Family, s *samples.Selection) {
	if len(f.Samples) == 0 || s.Family != nil && !s.Family(f.Name) {
		return
	}
	e.buf = appendHead(e.buf, f.Name, f.Help, f.Counter)
	for _, sample := range f.Samples {
		e.buf = append(e.buf, f.Name...)
		from := len(e.buf)
		e.buf = appendLabels(appendLabels(e.buf, sample.Labels), e.opt.Labels)
		if len(e.buf) > from {
			e.buf[from] = '{'
		}
		e.buf = appendExtra(e.buf, nil, len(e.buf) == from)
		e.buf = append(samples.AppendFloat(e.buf, sample.Value), '\n')
	}
	if len(e.buf) >= pieceSize {
		e.flush()
	}
}

// flush writes what the buffer has.
func (e *Encoder) flush() {
	if e.err == nil && len(e.buf) > 0 {
		_, e.err = e.w.Write(e.buf)
	}
	if cap(e.buf) > 4*pieceSize { // a name is very long
		e.buf = make([]byte, 0, pieceSize+pieceSize/8)
	}
	e.buf = e.buf[:0]
}
