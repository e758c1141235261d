package wire

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/klauspost/compress/zstd"

	"haproxystats/internal/snapshot"
)

const (
	// MaxRecord is the largest record of a snapshot before compression. What a reader
	// finds beyond it is refused.
	MaxRecord = 1 << 20
	// MaxChunk is the largest record of a snapshot that a producer makes. With its
	// headers it has a place in the batch that a topic takes by default.
	MaxChunk = 900_000
	// TablesRecord is the largest record of tables.
	TablesRecord = 512 << 10
	// Overhead is the room for headers and what is around a value in a batch of records.
	Overhead = 4 << 10
	// TablesFile is the name of the file that has the tables.
	TablesFile = "tables"
	// maxTables is the largest size of the tables of a shard.
	maxTables = 128 << 20
)

// Compressor makes the values of records of kind snapshot. It is not safe for
// concurrent use.
type Compressor struct {
	zstd *zstd.Encoder
}

// NewCompressor returns a compressor.
func NewCompressor() *Compressor {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(true), zstd.WithWindowSize(windowSize), zstd.WithSingleSegment(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return &Compressor{zstd: z}
}

// windowSize holds the largest record: records do not refer to one another.
const windowSize = MaxRecord

// Append appends the value of a record, which is not empty.
func (c *Compressor) Append(dst, record []byte) []byte { return c.zstd.EncodeAll(record, dst) }

// Expander reads the values of records of kind snapshot. It is not safe for concurrent
// use.
type Expander struct {
	zstd   *zstd.Decoder
	record []byte
}

// NewExpander returns an expander.
func NewExpander() *Expander {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxRecord), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return &Expander{zstd: z}
}

// Close frees the expander's memory.
func (x *Expander) Close() { x.zstd.Close() }

// Expand returns the record of a value. It is valid until the next call. Whatever the
// value claims, it takes no more memory than [MaxRecord]. The error satisfies
// errors.Is(err, [ErrDamaged]).
func (x *Expander) Expand(value []byte) ([]byte, error) {
	var h zstd.Header
	switch err := h.Decode(value); {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	case h.Skippable || !h.HasFCS || !h.HasCheckSum:
		return nil, fmt.Errorf("%w: a frame without size or checksum", ErrDamaged)
	case h.FrameContentSize > MaxRecord:
		return nil, fmt.Errorf("%w: a record of %d bytes, more than %d", ErrDamaged, h.FrameContentSize, MaxRecord)
	}
	record, err := x.zstd.DecodeAll(value, x.record[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	x.record = record
	if uint64(len(record)) != h.FrameContentSize {
		return nil, fmt.Errorf("%w: more than one frame", ErrDamaged)
	}
	return record, nil
}

// EncodeTables calls emit with the values of the records of one shard, in order, where
// frame is what package tables has made of it. A value is valid during the call.
func EncodeTables(e Envelope, frame []byte, emit func(value []byte) error) error {
	if len(frame) > maxTables {
		return fmt.Errorf("tables of %d bytes, more than %d: set more shards", len(frame), maxTables)
	}
	s := snapshot.Snapshot{Node: e.Node, Cluster: e.Cluster, Epoch: e.Epoch, Files: snapshot.Memory{TablesFile: frame}}
	return snapshot.Encode(s, TablesRecord, emit)
}

// TablesOf returns the tables in a snapshot that was assembled from records of kind
// tables. The error satisfies errors.Is(err, [ErrDamaged]).
func TablesOf(s snapshot.Snapshot) ([]byte, error) {
	frame, err := fs.ReadFile(s.Files, TablesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: it has no tables", ErrDamaged)
	}
	return frame, err
}

// CheckSnapshot returns an error unless the assembled snapshot is the one that the
// headers of its records name. The error satisfies errors.Is(err, [ErrDamaged]).
func (e Envelope) CheckSnapshot(s snapshot.Snapshot) error {
	if s.Node != e.Node || s.Cluster != e.Cluster || s.Epoch != e.Epoch {
		return fmt.Errorf("%w: snapshot %d of node %q in cluster %q, its headers name %d, %q and %q",
			ErrDamaged, s.Epoch, clip(s.Node), clip(s.Cluster), e.Epoch, clip(e.Node), clip(e.Cluster))
	}
	return nil
}
