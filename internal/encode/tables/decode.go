package tables

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"haproxystats/internal/metric"
)

// Errors of [Decoder.Decode].
var (
	// ErrDamaged means that the bytes are not what an [Encoder] writes.
	ErrDamaged = errors.New("damaged tables")
	// ErrNewer means that only a later version of this program can read the bytes.
	ErrNewer = errors.New("tables of a later version")
)

// The bounds of what a part may say. They are checked before anything is allocated.
const (
	maxPlain   = 128 << 20 // bytes
	maxTables  = 64
	maxColumns = 4096
	maxRows    = 1 << 22
	maxText    = 64 << 10 // of a name
	maxName    = 255      // of a node, a cluster or an instance
	maxNumber  = 4096     // of a number as text
	maxValues  = 1 << 40  // of a cell

	maxInterval = 1 << 30 // seconds
)

// Part is one shard of a node's tables. It refers to memory of its decoder.
type Part struct {
	Head
	// Tables have the rows.
	Tables []Table
}

// Table is one table of a part.
type Table struct {
	scope   metric.Scope
	columns []metric.Column
	count   int    // of rows
	data    []byte // the rows
	row     *metric.Row
}

// Scope returns the kind of thing that the rows describe.
func (t *Table) Scope() metric.Scope { return t.scope }

// Columns returns the columns; the index into it is the column number.
func (t *Table) Columns() []metric.Column { return t.columns }

// Each calls f with each row, whose memory is the decoder's.
func (t *Table) Each(f func(*metric.Row)) {
	in := input{rest: t.data}
	t.row.Parent = nil
	for range t.count {
		t.read(&in)
		f(t.row)
	}
}

// Decoder decodes parts. It is not safe for concurrent use.
type Decoder struct {
	zstd  *zstd.Decoder
	plain []byte
	part  Part
	row   metric.Row
}

// NewDecoder returns a decoder.
func NewDecoder() *Decoder {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPlain))
	if err != nil {
		panic(err) // the options are constants
	}
	return &Decoder{zstd: z}
}

// Close frees the decoder's memory.
func (d *Decoder) Close() { d.zstd.Close() }

// Decode decodes a part whole, and checks all of it. The part is valid until the next
// call. The error satisfies errors.Is with [ErrNewer] or [ErrDamaged].
func (d *Decoder) Decode(frame []byte) (*Part, error) {
	p, err := d.decode(frame)
	if err != nil {
		if !errors.Is(err, ErrNewer) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return nil, err
	}
	return p, nil
}

func (d *Decoder) decode(frame []byte) (*Part, error) {
	plain, err := d.zstd.DecodeAll(frame, d.plain[:0])
	if err != nil {
		return nil, err
	}
	d.plain = plain
	if len(plain) < len(magic)+1 || string(plain[:len(magic)]) != magic {
		return nil, errors.New("they do not begin as tables")
	}
	switch v := plain[len(magic)]; {
	case v > version:
		return nil, fmt.Errorf("%w: version %d, this program reads %d", ErrNewer, v, version)
	case v == 0:
		return nil, errors.New("version 0")
	}
	d.part = Part{Head: Head{Shards: 1}, Tables: d.part.Tables[:0]}
	in := input{rest: plain[len(magic)+1:]}
	for len(in.rest) > 0 {
		tag := in.uvarint()
		item := input{rest: in.bytes(in.uvarint())}
		if in.err != nil {
			return nil, in.err
		}
		if err := d.item(tag, &item); err != nil {
			return nil, fmt.Errorf("item %d: %w", tag, err)
		}
	}
	if d.part.Shard >= d.part.Shards {
		return nil, fmt.Errorf("shard %d of %d", d.part.Shard, d.part.Shards)
	}
	return &d.part, nil
}

func (d *Decoder) item(tag uint64, in *input) error {
	switch tag {
	case tagEpoch:
		d.part.Epoch = in.varint()
	case tagShard:
		d.part.Shard = int(in.number(MaxShards - 1))
	case tagShards:
		d.part.Shards = int(in.number(MaxShards))
	case tagNode:
		d.part.Node = string(in.bounded(uint64(len(in.rest)), maxName))
	case tagCluster:
		d.part.Cluster = string(in.bounded(uint64(len(in.rest)), maxName))
	case tagInterval:
		d.part.Interval = time.Duration(in.number(maxInterval)) * time.Second
	case tagInstance:
		d.part.Instance = string(in.bounded(uint64(len(in.rest)), maxName))
	case tagTable:
		return d.table(in)
	default:
		return nil
	}
	return in.end()
}

// table reads the head of a table, and checks its rows.
func (d *Decoder) table(in *input) error {
	if len(d.part.Tables) == maxTables {
		return fmt.Errorf("more than %d tables", maxTables)
	}
	t := Table{scope: metric.Scope(in.number(uint64(metric.NumScopes) - 1)), row: &d.row}
	columns := in.number(maxColumns)
	if in.err == nil && columns > uint64(len(in.rest)) {
		return errShort
	}
	t.columns = make([]metric.Column, 0, columns)
	names := make(map[string]bool, columns)
	for range columns {
		c, err := readColumn(input{rest: in.bytes(in.uvarint())})
		if err = errors.Join(in.err, err); err != nil {
			return err
		}
		if names[c.Name] {
			return fmt.Errorf("column %q for the second time", c.Name)
		}
		names[c.Name] = true
		t.columns = append(t.columns, c)
	}
	t.count = int(in.number(maxRows))
	if in.err != nil {
		return in.err
	}
	t.data = in.rest
	rest := input{rest: in.rest}
	d.row.Parent = nil
	for i := range t.count {
		if t.read(&rest); rest.err != nil {
			return fmt.Errorf("row %d: %w", i, rest.err)
		}
	}
	d.part.Tables = append(d.part.Tables, t)
	return rest.end()
}

func readColumn(in input) (metric.Column, error) {
	c := metric.Column{Name: string(in.text())}
	c.Combine = metric.Combine(in.number(uint64(metric.Distinct)))
	c.Nature = metric.Nature(in.number(uint64(metric.State)))
	c.EmptyIsZero = in.uvarint()&flagEmptyIsZero != 0
	if scale := in.bytes(8); len(scale) == 8 {
		c.Scale = math.Float64frombits(binary.LittleEndian.Uint64(scale))
	}
	c.Unit = string(in.text())
	if in.err == nil && (math.IsNaN(c.Scale) || math.IsInf(c.Scale, 0) || c.Scale < 0) {
		in.err = fmt.Errorf("column %q: the scale %v", c.Name, c.Scale)
	}
	return c, in.err
}

// read reads the next row into t.row.
func (t *Table) read(in *input) {
	r := t.row
	if n := in.uvarint(); n > 0 {
		r.Parent = in.bounded(n-1, maxText)
	}
	r.Name = in.text()
	seen, active := in.number(math.MaxInt32), in.number(math.MaxInt32)
	r.Seen, r.Active = int(seen), int(active)
	if cap(r.Sums) < len(t.columns) {
		r.Sums, r.Counts = make([]int64, len(t.columns)), make([]uint16, len(t.columns))
	}
	r.Sums, r.Counts, r.Wides = r.Sums[:len(t.columns)], r.Counts[:len(t.columns)], r.Wides[:0]
	for i := 0; i < len(t.columns); {
		cell := in.uvarint()
		if in.err != nil {
			return
		}
		n := cell >> kindBits
		switch cell & (1<<kindBits - 1) {
		case cellUsual:
			set(r, i, zigzag(n), usual(t.columns[i].Combine, seen, active))
			i++
		case cellCounted:
			count := in.number(maxValues)
			if in.err == nil && count == 0 {
				in.fail(errors.New("a sum of no values"))
			}
			set(r, i, zigzag(n), count)
			i++
		case cellsEmpty:
			if n >= uint64(len(t.columns)-i) {
				in.fail(errors.New("more cells than columns"))
				return
			}
			end := i + int(n) + 1
			clear(r.Sums[i:end])
			clear(r.Counts[i:end])
			i = end
		case cellWide:
			readWide(r, i, in, n)
			i++
		}
	}
}

// set sets a cell to the sum of n values.
func set(r *metric.Row, i int, sum int64, n uint64) {
	if n < metric.Wide {
		r.Sums[i], r.Counts[i] = sum, uint16(n)
		return
	}
	addWide(r, i, big.NewRat(sum, 1), n)
}

// readWide sets a cell to a sum of that many bytes of text.
func readWide(r *metric.Row, i int, in *input, size uint64) {
	n := in.number(maxValues)
	text := string(in.bounded(size, maxNumber))
	if in.err != nil {
		return
	}
	sum, ok := new(big.Rat), !strings.ContainsAny(text, ".eEpPxXoObB_")
	if ok {
		_, ok = sum.SetString(text)
	}
	switch {
	case !ok || n == 0:
		in.fail(fmt.Errorf("the sum %q of %d values", text, n))
	case n < metric.Wide && sum.IsInt() && sum.Num().IsInt64():
		r.Sums[i], r.Counts[i] = sum.Num().Int64(), uint16(n)
	default:
		addWide(r, i, sum, n)
	}
}

func addWide(r *metric.Row, i int, sum *big.Rat, n uint64) {
	r.Sums[i], r.Counts[i] = 0, metric.Wide
	r.Wides = append(r.Wides, metric.WideCell{Column: i, Sum: sum, N: int64(n)})
}

func zigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

// input is read from the front. Its first error stays, and ends it.
type input struct {
	rest []byte
	err  error
}

var errShort = errors.New("it ends too early")

func (in *input) fail(err error) {
	if in.err == nil {
		in.err = err
	}
	in.rest = nil
}

func (in *input) end() error {
	if in.err == nil && len(in.rest) > 0 {
		in.err = fmt.Errorf("%d bytes more than it has", len(in.rest))
	}
	return in.err
}

func (in *input) uvarint() uint64 {
	if len(in.rest) > 0 && in.rest[0] < 0x80 { // nearly always
		n := in.rest[0]
		in.rest = in.rest[1:]
		return uint64(n)
	}
	n, size := binary.Uvarint(in.rest)
	if size <= 0 {
		in.fail(errShort)
		return 0
	}
	in.rest = in.rest[size:]
	return n
}

func (in *input) varint() int64 { return zigzag(in.uvarint()) }

// number returns a uvarint that is no more than limit.
func (in *input) number(limit uint64) uint64 {
	n := in.uvarint()
	if n > limit {
		in.fail(fmt.Errorf("%d is more than %d", n, limit))
		return 0
	}
	return n
}

func (in *input) bytes(n uint64) []byte {
	if n > uint64(len(in.rest)) {
		in.fail(errShort)
		return nil
	}
	b := in.rest[:n:n]
	in.rest = in.rest[n:]
	return b
}

func (in *input) bounded(n, limit uint64) []byte {
	if n > limit {
		in.fail(fmt.Errorf("a text of %d bytes, more than %d", n, limit))
		return nil
	}
	return in.bytes(n)
}

func (in *input) text() []byte { return in.bounded(in.uvarint(), maxText) }
