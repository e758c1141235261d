// Package plaintext encodes batches as Graphite's plaintext lines.
//
// What Graphite can't have in a path is this package's business, and nobody
// else's. It writes where it is told to, and knows neither servers nor files.
package plaintext

import (
	"io"
	"slices"
	"strconv"

	"haproxystats/internal/metric"
)

const (
	// chunkSize is the most that is written at once. A chunk ends with a line.
	chunkSize = 256 << 10
	// MaxPath is the longest path in bytes. Receivers drop longer lines, or
	// the connection (carbon-cache at 16 KiB, carbon-c-relay at 8 KiB), which
	// would keep all later metrics waiting for ever.
	MaxPath = 4096
	// suffixSize has room for a space, the longest time and a newline.
	suffixSize = 24
	// maxLine bounds the room that a line needs.
	maxLine = MaxPath + 1 + maxNumber + suffixSize
)

// Encoder encodes batches, of which every line has this form, whatever the
// names are:
//
//	line      = path " " number " " time "\n"
//	path      = component *("." component)      ; at most MaxPath bytes
//	component = 1*character                     ; of UTF-8
//	character = any but "." ";" "/", white space and control characters
//	number    = ["-"] 1*digit ["." 1*digit]     ; never an exponent
//	time      = ["-"] 1*digit                   ; seconds since 1970
//
// Equal batches give equal bytes. An Encoder keeps the paths of the last batch's
// entities, which only saves time, and is not safe for concurrent use.
type Encoder struct {
	root    []byte // with a dot at its end
	group   []byte // root and the group namespace, likewise; nil for no groups
	double  bool
	tables  [metric.NumScopes]prefixes
	buf     []byte
	scratch []byte // for a prefix

	suffix    [suffixSize]byte // " <time>\n" of the batch, and what is left of others
	suffixLen int
}

// Result is what became of a batch.
type Result struct {
	Lines int
	// Skipped is the number of values left out because Graphite can't store their
	// path.
	Skipped int64
}

// New returns an encoder for those paths.
func New(p Paths) *Encoder {
	e := &Encoder{double: p.DoubleWrites}
	e.root = append([]byte(p.Root()), '.')
	if group := appendPath(nil, p.GroupNamespace); len(group) > 0 {
		e.group = slices.Concat(e.root, group)
	}
	return e
}

// Encode writes the batch to w, in chunks of whole lines.
func (e *Encoder) Encode(w io.Writer, b *metric.Batch) (Result, error) {
	if e.buf == nil {
		e.buf = make([]byte, chunkSize)
	}
	e.suffixLen = len(append(strconv.AppendInt(append(e.suffix[:0], ' '), b.Epoch, 10), '\n'))
	out := chunks{w: w, buf: e.buf}
	for _, t := range b.Tables {
		p := &e.tables[t.Scope()]
		p.use(t)
		for _, row := range t.Rows() {
			if out.err != nil {
				return Result{}, out.err
			}
			first, second := p.row(e, t, row)
			e.writeRow(&out, t, row, first, p.names)
			if len(second) > 0 {
				e.writeRow(&out, t, row, second, p.names)
			}
		}
	}
	if out.flush(); out.err != nil {
		return Result{}, out.err
	}
	return out.result, nil
}

// Measure returns what became of the batch, and how many bytes that is.
func (e *Encoder) Measure(b *metric.Batch) (Result, int64) {
	var size counter
	result, _ := e.Encode(&size, b) // which takes everything
	return result, int64(size)
}

// counter counts the bytes that are written to it.
type counter int64

// Write implements [io.Writer].
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// writeRow writes a line for every value in the row.
func (e *Encoder) writeRow(out *chunks, t *metric.Table, row int, prefix []byte, names [][]byte) {
	buf, n, lines := out.buf, out.n, 0
	suffix := e.suffix
	for col, name := range names {
		v, ok := t.At(row, col)
		if !ok {
			continue
		}
		if len(prefix)+len(name)-1 > MaxPath {
			out.result.Skipped++
			continue
		}
		if len(buf)-n < maxLine {
			out.n = n
			out.flush()
			n = 0
		}
		line := buf[n:]
		i := copy(line, prefix)
		i += copy(line[i:], name)
		if v.Exact && uint64(v.Int) < 10 { // most are 0
			line[i] = byte('0' + v.Int)
			i++
		} else if d := putNumber(line[i:], v); d > 0 {
			i += d
		} else {
			continue
		}
		*(*[suffixSize]byte)(line[i:]) = suffix // longer than what counts of it, but no call
		n += i + e.suffixLen
		lines++
	}
	out.n = n
	out.result.Lines += lines
}

// chunks collects lines in a buffer and writes it when it is full.
type chunks struct {
	w      io.Writer
	buf    []byte
	n      int
	result Result
	err    error // the first one
}

func (c *chunks) flush() {
	if c.err == nil && c.n > 0 {
		_, c.err = c.w.Write(c.buf[:c.n])
	}
	c.n = 0
}

// prefixes holds what stands before and after the dot of a path, for the table
// of one scope. It knows the rows by their numbers, which tables keep from
// one batch to the next, so its size is that of the table last written.
type prefixes struct {
	columns []metric.Column
	names   [][]byte // of the columns, with a space at the end
	rows    []rowPrefix
}

// rowPrefix holds the paths of a row's entity, with a dot at their end.
type rowPrefix struct {
	entity metric.Entity
	paths  []byte // one after the other
	split  int    // where the second begins; len(paths) if there is none
}

// use prepares for a table.
func (p *prefixes) use(t *metric.Table) {
	if columns := t.Columns(); !slices.Equal(columns, p.columns) {
		p.columns = columns
		p.names = make([][]byte, len(columns))
		for i, c := range columns {
			p.names[i] = append(appendComponent(nil, c.Name), ' ')
		}
	}
	if n := t.Capacity(); n < len(p.rows) {
		p.rows = slices.Clone(p.rows[:n])
	} else {
		p.rows = append(p.rows, make([]rowPrefix, n-len(p.rows))...)
	}
}

// row returns the one or two paths of a row.
func (p *prefixes) row(e *Encoder, t *metric.Table, row int) (first, second []byte) {
	r := &p.rows[row]
	if entity := t.Entity(row); r.paths == nil || r.entity != entity {
		r.entity = entity
		e.scratch, r.split = e.appendPrefixes(e.scratch[:0], t.Scope(), entity)
		r.paths = append(r.paths[:0], e.scratch...)
	}
	return r.paths[:r.split], r.paths[r.split:]
}

func (e *Encoder) appendPrefixes(b []byte, scope metric.Scope, entity metric.Entity) (paths []byte, split int) {
	plain := entity.Group == "" || e.group == nil
	if !plain {
		b = append(b, e.group...)
		b = appendPath(b, entity.Group)
		b = appendPlace(b, scope, entity)
		split = len(b)
	}
	if plain || e.double {
		b = append(b, e.root...)
		b = appendPlace(b, scope, entity)
	}
	if plain {
		split = len(b)
	}
	return b, split
}
