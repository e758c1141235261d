package tables

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/klauspost/compress/zstd"

	"haproxystats/internal/metric"
)

const (
	magic   = "hpt"
	version = 1
)

// The tags of items.
const (
	tagEpoch = iota + 1
	tagShard
	tagShards
	tagTable
	tagNode
	tagCluster
	tagInterval
	tagInstance
	tagText
)

// The kinds of cells.
const (
	cellUsual = iota
	cellCounted
	cellsEmpty
	cellWide

	kindBits = 2
)

// The flags of a column.
const (
	flagEmptyIsZero = 1 << iota
	flagGraphiteOnly
	flagExceptGraphite
)

// MaxShards is the largest number of shards.
const MaxShards = 64

// Shard returns the number of the shard, below shards, that has the rows of a
// frontend or backend, and of the servers in it.
func Shard(proxy string, shards int) int {
	// FNV-1a: the writers of all versions must agree.
	h := uint32(2166136261)
	for i := range len(proxy) {
		h = (h ^ uint32(proxy[i])) * 16777619
	}
	return int(h % uint32(shards))
}

// Head says what the tables are of.
type Head struct {
	// Node is the node that the tables are about, and Cluster the cluster it belongs to.
	Node, Cluster string
	// Epoch is the time of the snapshot in seconds since the Unix epoch.
	Epoch int64
	// Interval is the time from one snapshot of the node to the next, in whole seconds; 0
	// if it is not known.
	Interval time.Duration
	// Instance is the same for all that one program sends, and tells two machines of
	// one name apart.
	Instance string
	// Shard is the number of the part among the Shards of the tables, from 0.
	Shard, Shards int
}

// Encoder encodes batches. It is not safe for concurrent use.
type Encoder struct {
	// Keep reports whether a column is sent; nil keeps all. A table without columns is left
	// out.
	Keep func(metric.Scope, metric.Column) bool

	zstd  *zstd.Encoder
	plain []byte
	table []byte
	rows  []int
	kept  []int // numbers of columns
}

// NewEncoder returns an encoder.
func NewEncoder() *Encoder {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return &Encoder{zstd: z}
}

// Encode appends the shard of the tables of b that h names to dst, as one frame. The
// table of the daemon is left out: it follows from Processes. The error says that the
// tables are too large for a reader, so that more shards are needed.
func (e *Encoder) Encode(dst []byte, h Head, b *metric.Batch) ([]byte, error) {
	e.plain = append(e.plain[:0], magic...)
	e.plain = append(e.plain, version)
	e.item(tagNode, []byte(h.Node))
	e.item(tagCluster, []byte(h.Cluster))
	e.item(tagEpoch, binary.AppendVarint(nil, h.Epoch))
	e.item(tagInterval, binary.AppendUvarint(nil, uint64(h.Interval/time.Second)))
	e.item(tagInstance, []byte(h.Instance))
	e.item(tagShard, binary.AppendUvarint(nil, uint64(h.Shard)))
	e.item(tagShards, binary.AppendUvarint(nil, uint64(h.Shards)))
	if h.Shard == 0 {
		for _, t := range b.Texts[:min(len(b.Texts), maxTexts)] {
			e.item(tagText, appendText(appendText(nil, cut(t.Field)), cut(t.Value)))
		}
	}
	if b.Processes != nil && h.Shard == 0 {
		e.addTable(b.Processes, b.Processes.Rows())
	}
	for _, t := range b.Tables {
		if isMergeable(t.Scope()) {
			e.addTable(t, e.shardRows(t, h.Shard, h.Shards))
		}
	}
	if len(e.plain) > maxPlain {
		return dst, fmt.Errorf("the tables of a shard have %d bytes, more than %d: set more shards", len(e.plain), maxPlain)
	}
	return e.zstd.EncodeAll(e.plain, dst), nil
}

// isMergeable reports whether the tables of a scope are sent. The daemon's follow
// from the processes', and haproxystats' own are about the node.
func isMergeable(s metric.Scope) bool {
	switch s {
	case metric.Frontend, metric.Backend, metric.Server, metric.ServerName, metric.Listener,
		metric.StickTable, metric.Resolver, metric.Certificate, metric.ServerProcesses:
		return true
	}
	return false
}

// shardRows returns the rows of t in a shard. It is valid until the next call.
func (e *Encoder) shardRows(t *metric.Table, shard, shards int) []int {
	if shards == 1 {
		return t.Rows()
	}
	e.rows = e.rows[:0]
	last, lastShard := "", Shard("", shards)
	for _, row := range t.Rows() {
		proxy := proxyOf(t.Scope(), t.Entity(row))
		if proxy != last {
			last, lastShard = proxy, Shard(proxy, shards)
		}
		if lastShard == shard {
			e.rows = append(e.rows, row)
		}
	}
	return e.rows
}

// proxyOf returns the name that decides about the shard of a row. A server name is
// in several backends, so its own name decides.
func proxyOf(s metric.Scope, e metric.Entity) string {
	switch s {
	case metric.Server, metric.Listener, metric.ServerProcesses:
		return e.Parent
	}
	return e.Name
}

func (e *Encoder) item(tag uint64, value []byte) {
	e.plain = binary.AppendUvarint(e.plain, tag)
	e.plain = binary.AppendUvarint(e.plain, uint64(len(value)))
	e.plain = append(e.plain, value...)
}

func (e *Encoder) addTable(t *metric.Table, rows []int) {
	if len(rows) == 0 {
		return
	}
	e.kept = e.kept[:0]
	for i, c := range t.Columns() {
		if e.Keep == nil || e.Keep(t.Scope(), c) {
			e.kept = append(e.kept, i)
		}
	}
	if len(e.kept) == 0 {
		return
	}
	b := binary.AppendUvarint(e.table[:0], uint64(t.Scope()))
	b = binary.AppendUvarint(b, uint64(len(e.kept)))
	var column []byte
	for _, i := range e.kept {
		column = appendColumn(column[:0], t.Columns()[i])
		b = binary.AppendUvarint(b, uint64(len(column)))
		b = append(b, column...)
	}
	b = binary.AppendUvarint(b, uint64(len(rows)))
	parent := ""
	for _, row := range rows {
		entity := t.Entity(row)
		if entity.Parent == parent {
			b = append(b, 0)
		} else {
			parent = entity.Parent
			b = binary.AppendUvarint(b, uint64(len(parent))+1)
			b = append(b, parent...)
		}
		b = appendText(b, entity.Name)
		b = binary.AppendUvarint(b, uint64(t.Seen(row)))
		b = binary.AppendUvarint(b, uint64(t.Active(row)))
		b = appendCells(b, t, row, e.kept)
	}
	e.table = b
	e.item(tagTable, b)
}

func appendColumn(b []byte, c metric.Column) []byte {
	b = appendText(b, c.Name)
	b = append(b, byte(c.Combine), byte(c.Nature))
	var flags byte
	if c.EmptyIsZero {
		flags |= flagEmptyIsZero
	}
	switch c.Outputs {
	case metric.GraphiteOnly:
		flags |= flagGraphiteOnly
	case metric.ExceptGraphite:
		flags |= flagExceptGraphite
	}
	b = append(b, flags)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(c.Scale))
	return appendText(b, c.Unit)
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// cut returns the beginning of a text that is longer than a reader takes.
func cut(s string) string { return s[:min(len(s), maxText)] }

// usual returns the number of values that most cells with the rule have.
func usual(rule metric.Combine, seen, active uint64) uint64 {
	switch rule {
	case metric.MeanOfActive:
		return active
	default:
		return seen
	}
}

// maxInline is the largest magnitude of a sum that leaves room for the kind.
const maxInline = 1 << (62 - kindBits)

// appendCells appends the cells of a row in these columns.
func appendCells(b []byte, t *metric.Table, row int, kept []int) []byte {
	sums, counts := t.Cells(row)
	columns := t.Columns()
	seen, active := uint64(t.Seen(row)), uint64(t.Active(row))
	counts = counts[:len(columns)]
	sums = sums[:len(columns)]
	empty := uint64(0)
	for _, i := range kept {
		n := counts[i]
		if n == 0 {
			empty++
			continue
		}
		if empty > 0 {
			b = binary.AppendUvarint(b, head(empty-1, cellsEmpty))
			empty = 0
		}
		sum := sums[i]
		switch {
		case n == metric.Wide:
			b = appendWide(b, t, row, i)
		case sum < -maxInline || sum > maxInline:
			b = appendExact(b, big.NewInt(sum).String(), uint64(n))
		default:
			z := uint64(sum<<1) ^ uint64(sum>>63)
			if uint64(n) == usual(columns[i].Combine, seen, active) {
				b = binary.AppendUvarint(b, head(z, cellUsual))
			} else {
				b = binary.AppendUvarint(b, head(z, cellCounted))
				b = binary.AppendUvarint(b, uint64(n))
			}
		}
	}
	if empty > 0 {
		b = binary.AppendUvarint(b, head(empty-1, cellsEmpty))
	}
	return b
}

// head returns how a cell begins.
func head(n, kind uint64) uint64 { return n<<kindBits | kind }

func appendWide(b []byte, t *metric.Table, row, col int) []byte {
	w := t.Wide(row, col)
	return appendExact(b, w.Sum.RatString(), uint64(w.N))
}

func appendExact(b []byte, text string, n uint64) []byte {
	b = binary.AppendUvarint(b, head(uint64(len(text)), cellWide))
	b = binary.AppendUvarint(b, n)
	return append(b, text...)
}
