package graphite

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

// Formatter writes batches as Graphite's plaintext lines:
//
//	line      = path " " number " " time "\n"
//	path      = component *("." component)      ; at most MaxPath bytes
//	component = 1*character                     ; of UTF-8
//	character = any but "." ";" "/", white space and control characters
//	number    = ["-"] 1*digit ["." 1*digit]     ; never an exponent
//	time      = ["-"] 1*digit                   ; seconds since 1970
//
// Whatever the names are, every line it writes has that form. Equal batches
// give equal bytes. A Formatter keeps what it knows of the last batch's
// entities, and is not safe for concurrent use.
type Formatter struct {
	root    []byte // with a dot at its end
	group   []byte // root and the group namespace, likewise; nil for no groups
	double  bool
	tables  [metric.NumScopes]prefixes
	buf     []byte
	scratch []byte // for a prefix
	skipped int64

	suffix    [suffixSize]byte // " <time>\n" of the batch, and what is left of others
	suffixLen int
}

// NewFormatter returns a formatter for those paths.
func NewFormatter(p Paths) *Formatter {
	f := &Formatter{double: p.DoubleWrites}
	f.root = append([]byte(p.Root()), '.')
	if group := appendPath(nil, p.GroupNamespace); len(group) > 0 {
		f.group = slices.Concat(f.root, group)
	}
	return f
}

// Skipped returns how many metrics were left out because their path is longer
// than [MaxPath].
func (f *Formatter) Skipped() int64 { return f.skipped }

// Write writes the batch to w, in chunks of whole lines, and returns the number
// of lines written.
func (f *Formatter) Write(w io.Writer, b *metric.Batch) (lines int, err error) {
	if f.buf == nil {
		f.buf = make([]byte, chunkSize)
	}
	f.suffixLen = len(append(strconv.AppendInt(append(f.suffix[:0], ' '), b.Epoch, 10), '\n'))
	out := chunks{w: w, buf: f.buf}
	for _, t := range b.Tables {
		p := &f.tables[t.Scope()]
		p.use(t)
		for _, row := range t.Rows() {
			if out.err != nil {
				return 0, out.err
			}
			first, second := p.row(f, t, row)
			f.writeRow(&out, t, row, first, p.names)
			if len(second) > 0 {
				f.writeRow(&out, t, row, second, p.names)
			}
		}
	}
	if out.flush(); out.err != nil {
		return 0, out.err
	}
	return out.lines, nil
}

// writeRow writes a line for every value in the row.
func (f *Formatter) writeRow(out *chunks, t *metric.Table, row int, prefix []byte, names [][]byte) {
	buf, n, lines := out.buf, out.n, 0
	suffix := f.suffix
	for col, name := range names {
		v, ok := t.At(row, col)
		if !ok {
			continue
		}
		if len(prefix)+len(name)-1 > MaxPath {
			f.skipped++
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
		n += i + f.suffixLen
		lines++
	}
	out.n = n
	out.lines += lines
}

// chunks collects lines in a buffer and writes it when it is full.
type chunks struct {
	w     io.Writer
	buf   []byte
	n     int
	lines int
	err   error // the first one
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
func (p *prefixes) row(f *Formatter, t *metric.Table, row int) (first, second []byte) {
	r := &p.rows[row]
	if e := t.Entity(row); r.paths == nil || r.entity != e {
		r.entity = e
		f.scratch, r.split = f.appendPrefixes(f.scratch[:0], t.Scope(), e)
		r.paths = append(r.paths[:0], f.scratch...)
	}
	return r.paths[:r.split], r.paths[r.split:]
}

func (f *Formatter) appendPrefixes(b []byte, scope metric.Scope, e metric.Entity) (paths []byte, split int) {
	plain := e.Group == "" || f.group == nil
	if !plain {
		b = append(b, f.group...)
		b = appendPath(b, e.Group)
		b = appendPlace(b, scope, e)
		split = len(b)
	}
	if plain || f.double {
		b = append(b, f.root...)
		b = appendPlace(b, scope, e)
	}
	if plain {
		split = len(b)
	}
	return b, split
}
