// Package plaintext encodes batches as Graphite's plaintext lines.
//
// Only this package knows which characters a path of Graphite's can have: it maps names
// to paths, and combines rows whose names map to one path. It writes to a writer, and
// knows neither servers nor files.
package plaintext

import (
	"io"
	"math/bits"
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
	// MaxComponent is the longest component of a path in bytes: carbon keeps each
	// as a directory, and no file system takes a longer name.
	MaxComponent = 255
	// maxLast is the longest last component, whose file has the suffix ".wsp".
	maxLast = MaxComponent - 4
	// suffixSize has room for a space, the longest time and a newline.
	suffixSize = 24
	// maxLine bounds the room that a line needs.
	maxLine = MaxPath + 1 + maxNumber + suffixSize
)

// Encoder encodes batches. Every line has this form, whatever HAProxy's names are:
//
//	line      = path " " number " " time "\n"
//	path      = component *("." component) *tag ; at most MaxPath bytes
//	component = 1*character                     ; of UTF-8, at most MaxComponent bytes
//	character = any but "." ";" "/", white space and control characters
//	tag       = ";" name "=" value              ; in the order of their bytes
//	value     = 1*character                     ; also with "." and "/", at most MaxTag bytes, no "~" first
//	number    = ["-"] 1*digit ["." 1*digit]     ; never an exponent
//	time      = ["-"] 1*digit                   ; seconds since 1970
//
// Columns that are for other outputs only are left out. Equal batches give equal bytes. An Encoder keeps the paths of the last batch to save
// time. It is not safe for concurrent use.
type Encoder struct {
	where   Paths
	about   about  // whose root it is
	root    []byte // with a dot at its end
	group   []byte // root and the group namespace, likewise; nil for no groups
	double  bool
	paths   []*paths // of the last batch's tables, in their order
	tables  []named  // of the batch
	buf     []byte
	scratch []byte // for a prefix
	below   below
	tags    *tags  // nil for dotted paths
	tail    []byte // the constant tags of dotted paths

	suffix    [suffixSize]byte // " <time>\n" of the batch, and what is left of others
	suffixLen int
}

// Result counts the lines of a batch, and the metrics without one.
type Result struct {
	Lines int
	// Skipped is the number of values that are left out because Graphite can't store
	// their path. Longest is the longest of HAProxy's names that are too long for a
	// component or a tag, and Limit the bytes that it could have; it is empty if only the
	// operator's part of the path is too long.
	Skipped int64
	Longest string
	Limit   int
	// Met has pairs of names that map to one path and are combined, such as "a.b" and
	// "a_b". The encoder returns a pair once while both names stay.
	Met []Meeting
}

// Meeting is two names that map to one path.
type Meeting struct {
	Scope       metric.Scope
	First, Next string
}

// ScopeWriter is a writer that is told the scope of the lines that follow. All lines
// before have been written then.
type ScopeWriter interface {
	io.Writer
	Scope(metric.Scope)
}

// New returns an encoder for those paths.
func New(p Paths) *Encoder {
	e := &Encoder{where: p, double: p.DoubleWrites}
	if p.Tagged {
		e.tags = newTags(p.Tags)
	} else {
		for _, t := range sorted(p.Tags) {
			e.tail = appendTag(e.tail, t.Name, t.Value)
		}
	}
	e.setRoot(about{})
	return e
}

// setRoot makes the paths of the next batches begin with the name of a node or a cluster.
func (e *Encoder) setRoot(a about) {
	e.about, e.group = a, nil
	switch {
	case e.tags != nil:
		e.root = e.where.taggedRoot(a)
		e.tags.begin(e.where, a)
	case e.tail != nil:
		e.root = namedTagged(e.where.root(a))
	default:
		e.root = e.where.root(a)
	}
	if group := appendPath(nil, e.where.GroupNamespace); len(group) > 0 {
		e.group = slices.Concat(e.root, group)
	}
	e.paths, e.below = nil, below{} // they begin with the old one
}

// Encode writes the batch to w, in chunks of whole lines.
func (e *Encoder) Encode(w io.Writer, b *metric.Batch) (Result, error) {
	if e.buf == nil {
		e.buf = make([]byte, chunkSize)
	}
	if a := aboutOf(b); a != e.about {
		e.setRoot(a)
	}
	e.suffixLen = len(append(strconv.AppendInt(append(e.suffix[:0], ' '), b.Epoch, 10), '\n'))
	out := chunks{w: w, buf: e.buf}
	scopes, scoped := w.(ScopeWriter)
	for _, t := range e.prepare(b, &out.result) {
		if scoped {
			out.flush()
			scopes.Scope(t.Scope())
		}
		for _, row := range t.Rows() {
			if out.err != nil {
				return Result{}, out.err
			}
			from, at := t.Table, row
			if t.meets != nil {
				var first bool
				if from, at, first = t.combined(row); !first {
					continue
				}
			}
			e.writeRow(&out, t.paths, from, at, row)
		}
	}
	if out.flush(); out.err != nil {
		return Result{}, out.err
	}
	return out.result, nil
}

// Measure returns the result of encoding the batch, and the number of bytes.
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

// named is a table with the paths of its rows.
type named struct {
	*metric.Table
	*paths
}

// prepare finds the paths of the batch's rows.
func (e *Encoder) prepare(b *metric.Batch, result *Result) []named {
	for len(e.paths) < len(b.Tables) {
		e.paths = append(e.paths, new(paths))
	}
	e.paths = e.paths[:len(b.Tables)]
	e.tables = e.tables[:0]
	for i, t := range b.Tables {
		if !slices.ContainsFunc(t.Columns(), func(c metric.Column) bool { return c.Outputs.ForGraphite() }) {
			continue
		}
		p := e.paths[i]
		t = p.fold(e, t)
		p.use(e, t, result)
		e.tables = append(e.tables, named{t, p})
	}
	for i, t := range e.tables {
		if t.counts >= 0 {
			e.tables[i].Table = t.recount(e.tables)
		}
	}
	return e.tables
}

// writeRow writes a line for every value in row at of t, once for each path of row, which
// may be another row.
func (e *Encoder) writeRow(out *chunks, p *paths, t *metric.Table, at, row int) {
	r := &p.rows[row]
	if r.long {
		out.result.noteLongest(r.entity, p.spell, p.maxName())
	}
	entity, renamed := p.renamed[row]
	if !renamed {
		entity = r.entity
	}
	grouped := e.inGroup(entity)
	if grouped {
		e.writePath(out, p, t, at, r, entity, true)
	}
	if !grouped || e.double {
		e.writePath(out, p, t, at, r, entity, false)
	}
}

// writePath writes a line for every value in row at of t, as series of an entity: those with
// its group in their path, or those without.
func (e *Encoder) writePath(out *chunks, p *paths, t *metric.Table, at int, r *rowPaths, entity metric.Entity, grouped bool) {
	text, split := e.around(p, r, entity, grouped)
	switch {
	case r.long || !p.short || split > maxCopied || len(text)-split > maxCopied:
		e.writeLines(out, p, t, at, text[:split], text[split:], r.long)
	case p.tagged:
		writeShort[withTail](e, out, p, t, at, text, split)
	default:
		writeShort[noTail](e, out, p, t, at, text, split)
	}
}

// noteLongest notes the names of an entity that are too long as spell has them.
func (r *Result) noteLongest(e metric.Entity, spell func(string) string, most int) {
	for _, name := range []string{e.Parent, e.Name} {
		if len(name) > len(r.Longest) && len(spell(name)) > most {
			r.Longest, r.Limit = name, most
		}
	}
}

// maxCopied is the length up to which the text in front of the name of a column, and the one
// behind it, is copied without a look at its length: four moves of registers take less time
// than a call.
const maxCopied = 128

// noTail and withTail make writeShort two functions: one for dotted paths, and one for tagged
// paths, whose rows have a text behind the names of columns. A variable in place of the type
// made dotted paths 4% slower.
type (
	noTail   = [0]byte
	withTail = [1]byte
)

// writeShort is writeLines where the names of columns are short, and the text on each side
// of them has at most maxCopied bytes. The text is that of [Encoder.around].
func writeShort[tails noTail | withTail](e *Encoder, out *chunks, p *paths, t *metric.Table, row int, text []byte, split int) {
	var tailed tails
	buf, n, lines := out.buf, out.n, 0
	last := len(buf) - maxLine
	length, tailLength := split, len(text)-split
	copied := [maxCopied]byte(text[:maxCopied])
	half := [maxCopied / 2]byte(text[:maxCopied])
	var first, second [len(half)]byte
	if len(tailed) > 0 {
		tail := text[split : split+maxCopied]
		first, second = [len(half)]byte(tail), [len(half)]byte(tail[len(half):])
	}
	suffix, suffixLen := e.suffix, e.suffixLen
	sums, counts := t.Cells(row)
	seen, active := t.Seen(row), t.Active(row)
	sums = sums[:len(p.fixed)]
	counts = counts[:len(p.fixed)]
	for col := range p.fixed {
		name := &p.fixed[col]
		v, count := sums[col], int(counts[col])
		eighth := int64(0)
		exact := count != metric.Wide
		switch name.how {
		case plain:
			if count == 0 {
				continue
			}
		case mean:
			of := count
			if name.filled {
				if name.active {
					of = max(of, active)
				} else {
					of = max(of, seen)
				}
			}
			if of == 0 {
				continue
			}
			// Means over 1, 2, 4 or 8 processes are eighths.
			if exact = exact && of <= 8 && of&(of-1) == 0 && uint64(v) < 1<<40; exact {
				v = v << 3 >> bits.TrailingZeros8(uint8(of))
				v, eighth = v>>3, v&7
			}
		case filled:
			exact = false
		case never:
			continue
		}
		var value metric.Value
		if !exact {
			var ok bool
			if value, ok = t.Filled(row, col); !ok {
				continue
			}
		}
		if n > last {
			out.n = n
			out.flush()
			n = 0
		}
		line := buf[n : n+maxLine : n+maxLine]
		if length <= len(half) {
			*(*[len(half)]byte)(line) = half
		} else {
			*(*[maxCopied]byte)(line) = copied
		}
		i := length
		*(*[maxFixed]byte)(line[i:]) = name.text
		i += name.length
		if len(tailed) > 0 {
			*(*[len(half)]byte)(line[i:]) = first
			if tailLength > len(half) {
				*(*[len(half)]byte)(line[i+len(half):]) = second
			}
			i += tailLength
		}
		switch {
		case !exact:
			d := putNumber(line[i:], value)
			if d == 0 {
				continue
			}
			i += d
		case uint64(v) < 10: // most are 0
			line[i] = byte('0' + v)
			i++
		default:
			i += putInt(line[i:], v)
		}
		if eighth != 0 {
			i += copy(line[i:], eighths[eighth])
		}
		*(*[suffixSize]byte)(line[i:]) = suffix // longer than what counts of it, but no call
		n += i + suffixLen
		lines++
	}
	out.n = n
	out.result.Lines += lines
}

// writeLines writes a line for every value in a row. If it is long, they are only
// counted.
func (e *Encoder) writeLines(out *chunks, p *paths, t *metric.Table, row int, prefix, tail []byte, long bool) {
	for col, name := range p.names {
		v, ok := p.value(t, row, col)
		if !ok {
			continue
		}
		own, most, before := len(name)-1-len(e.tail), maxLast, 0
		if p.tagged {
			own, most, before = len(name), MaxTag, len(prefix) // the value of the tag "name"
		}
		if long || before+own > most || len(prefix)+len(name)+len(tail)-1 > MaxPath {
			out.result.Skipped++
			if !long && own > most && own > len(out.result.Longest) {
				out.result.Longest, out.result.Limit = p.columns[col].Name, most
			}
			continue
		}
		if len(out.buf)-out.n < maxLine {
			out.flush()
		}
		line := out.buf[out.n:]
		i := copy(line, prefix)
		i += copy(line[i:], name)
		i += copy(line[i:], tail)
		d := putNumber(line[i:], v)
		if d == 0 {
			continue
		}
		i += d
		i += copy(line[i:], e.suffix[:e.suffixLen])
		out.n += i
		out.result.Lines++
	}
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
