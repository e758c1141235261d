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

	"haproxystats/internal/bounded"
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
	maxTexts   = 256
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
	// Texts are what the node's processes say of themselves; those of shard 0.
	Texts []metric.Text
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
	in := bounded.NewReader(t.data)
	t.row.Parent = nil
	for range t.count {
		t.read(&in)
		f(t.row)
	}
}

// Decoder decodes parts. It is not safe for concurrent use.
type Decoder struct {
	zstd  *zstd.Decoder // for frames that claim at most maxKept
	large *zstd.Decoder // for others; nil until one comes
	plain []byte
	part  Part
	row   metric.Row
}

// NewDecoder returns a decoder.
func NewDecoder() *Decoder {
	return &Decoder{zstd: newZstd(maxKept)}
}

func newZstd(limit uint64) *zstd.Decoder {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(limit))
	if err != nil {
		panic(err) // the options are constants
	}
	return z
}

// Close frees the decoder's memory.
func (d *Decoder) Close() {
	d.zstd.Close()
	if d.large != nil {
		d.large.Close()
	}
}

// maxKept is the largest buffer that a decoder keeps for the next part.
const maxKept = 16 << 20

// Trim ends the part that was decoded last, and frees its memory if it is large.
func (d *Decoder) Trim() {
	if cap(d.plain) > maxKept {
		d.plain, d.part, d.row = nil, Part{}, metric.Row{}
	}
	if d.large != nil {
		d.large.Close()
		d.large = nil
	}
}

// IsLarge reports whether [Decoder.Decode] may take more than 16 MiB for a frame.
func IsLarge(frame []byte) bool {
	var h zstd.Header
	err := h.Decode(frame)
	return err != nil || !h.HasFCS || h.FrameContentSize > maxKept
}

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
	z := d.zstd
	if IsLarge(frame) {
		if d.large == nil {
			d.large = newZstd(maxPlain)
		}
		z = d.large
	}
	plain, err := z.DecodeAll(frame, d.plain[:0])
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
	d.part = Part{Head: Head{Shards: 1}, Tables: d.part.Tables[:0], Texts: d.part.Texts[:0]}
	in := bounded.NewReader(plain[len(magic)+1:])
	for in.Len() > 0 {
		tag := in.Uvarint()
		item := bounded.NewReader(in.Bytes(in.Uvarint()))
		if in.Err() != nil {
			return nil, in.Err()
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

func (d *Decoder) item(tag uint64, in *bounded.Reader) error {
	switch tag {
	case tagEpoch:
		d.part.Epoch = in.Varint()
	case tagShard:
		d.part.Shard = int(in.Number(MaxShards - 1))
	case tagShards:
		d.part.Shards = int(in.Number(MaxShards))
	case tagNode:
		d.part.Node = string(in.Bounded(uint64(in.Len()), maxName))
	case tagCluster:
		d.part.Cluster = string(in.Bounded(uint64(in.Len()), maxName))
	case tagInterval:
		d.part.Interval = time.Duration(in.Number(maxInterval)) * time.Second
	case tagInstance:
		d.part.Instance = string(in.Bounded(uint64(in.Len()), maxName))
	case tagTable:
		return d.table(in)
	case tagText:
		if len(d.part.Texts) == maxTexts {
			return fmt.Errorf("more than %d texts", maxTexts)
		}
		t := metric.Text{Field: string(in.Text(maxText)), Value: string(in.Text(maxText))}
		d.part.Texts = append(d.part.Texts, t)
	default:
		return nil
	}
	return in.End()
}

// table reads the head of a table, and checks its rows.
func (d *Decoder) table(in *bounded.Reader) error {
	if len(d.part.Tables) == maxTables {
		return fmt.Errorf("more than %d tables", maxTables)
	}
	scope := in.Uvarint()
	if in.Err() == nil && scope >= uint64(metric.NumScopes) {
		return nil // what a later version knows
	}
	t := Table{scope: metric.Scope(scope), row: &d.row}
	columns := in.Number(maxColumns)
	if in.Err() == nil && columns > uint64(in.Len()) {
		return bounded.ErrShort
	}
	t.columns = make([]metric.Column, 0, columns)
	type key struct {
		name    string
		outputs metric.Outputs
	}
	names := make(map[key]bool, columns)
	for range columns {
		c, err := readColumn(bounded.NewReader(in.Bytes(in.Uvarint())))
		if err = errors.Join(in.Err(), err); err != nil {
			return err
		}
		k := key{c.Name, c.Outputs}
		if names[k] {
			return fmt.Errorf("column %q for the second time", c.Name)
		}
		names[k] = true
		t.columns = append(t.columns, c)
	}
	t.count = int(in.Number(maxRows))
	if in.Err() != nil {
		return in.Err()
	}
	t.data = in.Rest()
	rest := bounded.NewReader(t.data)
	d.row.Parent = nil
	for i := range t.count {
		if t.read(&rest); rest.Err() != nil {
			return fmt.Errorf("row %d: %w", i, rest.Err())
		}
	}
	d.part.Tables = append(d.part.Tables, t)
	return rest.End()
}

func readColumn(in bounded.Reader) (metric.Column, error) {
	c := metric.Column{Name: string(in.Text(maxText))}
	c.Combine = metric.Combine(in.Number(uint64(metric.MinKnown)))
	c.Nature = metric.Nature(in.Number(uint64(metric.State)))
	flags := in.Uvarint()
	c.EmptyIsZero = flags&flagEmptyIsZero != 0
	switch {
	case flags&flagGraphiteOnly != 0:
		c.Outputs = metric.GraphiteOnly
	case flags&flagExceptGraphite != 0:
		c.Outputs = metric.ExceptGraphite
	}
	if scale := in.Bytes(8); len(scale) == 8 {
		c.Scale = math.Float64frombits(binary.LittleEndian.Uint64(scale))
	}
	c.Unit = string(in.Text(maxText))
	if in.Err() == nil && (math.IsNaN(c.Scale) || math.IsInf(c.Scale, 0) || c.Scale < 0) {
		in.Fail(fmt.Errorf("column %q: the scale %v", c.Name, c.Scale))
	}
	return c, in.Err()
}

// read reads the next row into t.row.
func (t *Table) read(in *bounded.Reader) {
	r := t.row
	if n := in.Uvarint(); n > 0 {
		r.Parent = in.Bounded(n-1, maxText)
	}
	r.Name = in.Text(maxText)
	seen, active := in.Number(math.MaxInt32), in.Number(math.MaxInt32)
	r.Seen, r.Active = int(seen), int(active)
	if cap(r.Sums) < len(t.columns) {
		r.Sums, r.Counts = make([]int64, len(t.columns)), make([]uint16, len(t.columns))
	}
	r.Sums, r.Counts, r.Wides = r.Sums[:len(t.columns)], r.Counts[:len(t.columns)], r.Wides[:0]
	for i := 0; i < len(t.columns); {
		cell := in.Uvarint()
		if in.Err() != nil {
			return
		}
		n := cell >> kindBits
		switch cell & (1<<kindBits - 1) {
		case cellUsual:
			set(r, i, bounded.Zigzag(n), usual(t.columns[i].Combine, seen, active))
			i++
		case cellCounted:
			count := in.Number(maxValues)
			if in.Err() == nil && count == 0 {
				in.Fail(errors.New("a sum of no values"))
			}
			set(r, i, bounded.Zigzag(n), count)
			i++
		case cellsEmpty:
			if n >= uint64(len(t.columns)-i) {
				in.Fail(errors.New("more cells than columns"))
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
func readWide(r *metric.Row, i int, in *bounded.Reader, size uint64) {
	n := in.Number(maxValues)
	text := string(in.Bounded(size, maxNumber))
	if in.Err() != nil {
		return
	}
	sum, ok := new(big.Rat), !strings.ContainsAny(text, ".eEpPxXoObB_")
	if ok {
		_, ok = sum.SetString(text)
	}
	switch {
	case !ok || n == 0:
		in.Fail(fmt.Errorf("the sum %q of %d values", text, n))
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
