package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"

	"haproxystats/internal/bounded"
)

// The bounds of the numbers in records. They are checked before anything is stored.
const (
	recordMagic   = "hps"
	recordVersion = 1

	maxRecords = 1 << 24
	maxFiles   = 1 << 17 // of 65,536 sockets
	maxBytes   = 1 << 40
	maxName    = 255 // of a file, a node or a cluster
)

// The tags of a record's items.
const (
	tagID = iota + 1
	tagSequence
	tagRecords
	tagBytes
	tagNode
	tagCluster
	tagEpoch
	tagFiles
	tagPiece
)

// ID identifies the snapshot that a record belongs to.
type ID [16]byte

// Record is one record of a snapshot. It refers to the bytes from which it was parsed.
type Record struct {
	ID ID
	// Sequence is the number of the record among the Records of the snapshot, from 0.
	Sequence, Records int
	// Bytes is the size of all files of the snapshot.
	Bytes int64

	head   head
	pieces []piece
}

// head has the items that only the first record has.
type head struct {
	node, cluster string
	epoch         int64
	files         int
}

// piece is a part of a file.
type piece struct {
	name         string
	size, offset int64
	sum          uint32 // of the file up to the end of data
	data         []byte
}

// ParseRecord parses a record. The error satisfies errors.Is(err, [ErrNewer]) if a
// later version has written it, else errors.Is(err, [ErrDamaged]).
func ParseRecord(b []byte) (Record, error) {
	r, err := parseRecord(b)
	if err != nil {
		if !errors.Is(err, ErrNewer) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return Record{}, fmt.Errorf("record of a snapshot: %w", err)
	}
	return r, nil
}

func parseRecord(b []byte) (Record, error) {
	const least = len(recordMagic) + 1 + crc32.Size
	if len(b) < least || !bytes.HasPrefix(b, []byte(recordMagic)) {
		return Record{}, errors.New("it does not begin as one")
	}
	switch version := b[len(recordMagic)]; {
	case version > recordVersion: // its checksum may be of another kind
		return Record{}, fmt.Errorf("%w: version %d, this program reads %d", ErrNewer, version, recordVersion)
	case version == 0:
		return Record{}, errors.New("version 0")
	}
	body, sum := b[:len(b)-crc32.Size], b[len(b)-crc32.Size:]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(sum) {
		return Record{}, errors.New("its checksum differs")
	}
	var r Record
	seen := make(map[uint64]bool)
	for f := bounded.NewReader(body[len(recordMagic)+1:]); f.Len() > 0; {
		tag := f.Uvarint()
		value := f.Bytes(f.Uvarint())
		if err := f.Err(); err != nil {
			return Record{}, fmt.Errorf("item: %w", err)
		}
		if tag >= tagID && tag < tagPiece && seen[tag] {
			return Record{}, fmt.Errorf("item %d for the second time", tag)
		}
		if tag < tagPiece {
			seen[tag] = true
		}
		if err := r.item(tag, value); err != nil {
			return Record{}, fmt.Errorf("item %d: %w", tag, err)
		}
	}
	for tag := uint64(tagID); tag < tagPiece; tag++ {
		if want := tag <= tagBytes || r.Sequence == 0; want != seen[tag] {
			return Record{}, fmt.Errorf("record %d: item %d is there: %t, want %t", r.Sequence, tag, seen[tag], want)
		}
	}
	if r.Sequence >= r.Records {
		return Record{}, fmt.Errorf("record %d of %d", r.Sequence, r.Records)
	}
	return r, nil
}

// item parses one item. It skips unknown items.
func (r *Record) item(tag uint64, value []byte) error {
	f := bounded.NewReader(value)
	switch tag {
	case tagID:
		if len(value) != len(r.ID) {
			return fmt.Errorf("%d bytes", len(value))
		}
		copy(r.ID[:], f.Rest())
	case tagSequence:
		r.Sequence = int(f.Number(maxRecords))
	case tagRecords:
		r.Records = int(f.Number(maxRecords))
	case tagBytes:
		r.Bytes = int64(f.Number(maxBytes))
	case tagNode:
		r.head.node = string(f.Bounded(uint64(len(value)), maxName))
	case tagCluster:
		r.head.cluster = string(f.Bounded(uint64(len(value)), maxName))
	case tagEpoch:
		r.head.epoch = f.Varint()
	case tagFiles:
		r.head.files = int(f.Number(maxFiles))
	case tagPiece:
		p := piece{name: string(f.Text(maxName)), size: int64(f.Number(maxBytes)), offset: int64(f.Number(maxBytes)), sum: f.Uint32()}
		p.data = f.Rest()
		r.pieces = append(r.pieces, p)
		if f.Err() == nil {
			return p.check()
		}
	default:
		return nil
	}
	return f.End()
}

func (p piece) check() error {
	if !travels(p.name) {
		return fmt.Errorf("a file's name %q", p.name)
	}
	if int64(len(p.data)) > p.size-p.offset || len(p.data) == 0 && p.size > 0 {
		return fmt.Errorf("%d bytes at %d in a file of %d", len(p.data), p.offset, p.size)
	}
	return nil
}

// travels reports whether records contain a file of that name: an [fs.FS] can open it,
// and it is the manifest or not hidden.
func travels(name string) bool {
	return fs.ValidPath(name) && (name == ManifestName || CheckFileName(name) == nil)
}
