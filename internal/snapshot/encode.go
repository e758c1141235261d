package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
)

// MinRecord is the smallest bound of a record's size that [Encode] accepts: it has
// room for all items with the longest names.
const MinRecord = 2048

const (
	// fixedSize exceeds the size of magic, version, checksum and the items that every
	// record has.
	fixedSize = 64
	// headSize exceeds the size of the other items of the first record, without names.
	headSize = 48
	// pieceSize exceeds the size of a piece without its name and data.
	pieceSize = 32
)

// Encode makes the records of a snapshot, none of them larger than maxRecord bytes,
// and calls emit with each in order. The record is valid during the call. Encode
// ends with the first error of emit, or of reading the files. Files whose names begin
// with a dot, besides the manifest, or are not UTF-8 are left out.
func Encode(s Snapshot, maxRecord int, emit func(record []byte) error) error {
	if maxRecord < MinRecord {
		return fmt.Errorf("encode snapshot %d: records of %d bytes, want at least %d", s.Epoch, maxRecord, MinRecord)
	}
	e := encoder{s: s, max: maxRecord, emit: emit}
	if err := e.encode(); err != nil {
		return fmt.Errorf("encode snapshot %d: %w", s.Epoch, err)
	}
	return nil
}

// encoder makes the records of one snapshot.
type encoder struct {
	s     Snapshot
	max   int
	emit  func([]byte) error
	id    ID
	files []File // without checksums
	bytes int64
	count int // of records

	record   []byte
	sequence int
	open     fs.File // the file that is being read
	sum      uint32  // the checksum of its bytes so far
	data     []byte
}

// part is a piece of a file before it is read.
type part struct {
	file   File
	offset int64
	length int
}

func (e *encoder) encode() error {
	if len(e.s.Node) > maxName || len(e.s.Cluster) > maxName {
		return fmt.Errorf("node %q and cluster %q: names of more than %d bytes", e.s.Node, e.s.Cluster, maxName)
	}
	if err := e.list(); err != nil {
		return err
	}
	if err := e.identify(); err != nil {
		return err
	}
	e.count = 1
	if err := e.plan(func(part) error { return nil }, func() error { e.count++; return nil }); err != nil {
		return err
	}
	if e.count > maxRecords {
		return fmt.Errorf("%d records, more than %d: allow larger ones", e.count, maxRecords)
	}
	e.begin()
	err := e.plan(e.piece, func() error {
		if err := e.flush(); err != nil {
			return err
		}
		e.begin()
		return nil
	})
	if err != nil {
		if e.open != nil {
			e.open.Close()
		}
		return err
	}
	return e.flush()
}

// list finds the files and their sizes.
func (e *encoder) list() error {
	entries, err := fs.ReadDir(e.s.Files, ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if !travels(name) || !entry.Type().IsRegular() {
			continue
		}
		info, err := e.stat(name)
		if err != nil {
			return err
		}
		e.files = append(e.files, File{Name: name, Size: info.Size()})
		e.bytes += info.Size()
		if len(name) > maxName || len(e.files) > maxFiles || e.bytes > maxBytes {
			return fmt.Errorf("%s: more than %d files, %d bytes or %d bytes of a name", name, maxFiles, int64(maxBytes), maxName)
		}
	}
	return nil
}

func (e *encoder) stat(name string) (fs.FileInfo, error) {
	f, err := e.s.Files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// identify computes the id from the name of the snapshot, the names and sizes of its
// files, and its manifest. It does not read the replies.
func (e *encoder) identify() error {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %d\n", e.s.Node, e.s.Cluster, e.s.Epoch)
	for _, f := range e.files {
		fmt.Fprintf(h, "%q %d\n", f.Name, f.Size)
		if f.Name != ManifestName {
			continue
		}
		manifest, err := e.s.Files.Open(f.Name)
		if err != nil {
			return err
		}
		_, err = io.Copy(h, manifest)
		if err := errors.Join(err, manifest.Close()); err != nil {
			return err
		}
	}
	copy(e.id[:], h.Sum(nil))
	return nil
}

// plan divides the files into pieces, and the pieces into records. It calls add with
// each piece, and next before the first piece of each record except the first one.
func (e *encoder) plan(add func(part) error, next func() error) error {
	room := e.max - fixedSize - headSize - len(e.s.Node) - len(e.s.Cluster)
	for _, f := range e.files {
		for offset := int64(0); ; {
			need := pieceSize + len(f.Name)
			if room < need+int(min(f.Size-offset, 1)) {
				if err := next(); err != nil {
					return err
				}
				room = e.max - fixedSize
			}
			length := int(min(f.Size-offset, int64(room-need)))
			if err := add(part{f, offset, length}); err != nil {
				return err
			}
			room -= need + length
			offset += int64(length)
			if offset == f.Size {
				break
			}
		}
	}
	return nil
}

// begin begins a record.
func (e *encoder) begin() {
	b := append(e.record[:0], recordMagic...)
	b = append(b, recordVersion)
	b = appendItem(b, tagID, e.id[:])
	b = appendUvarint(b, tagSequence, uint64(e.sequence))
	b = appendUvarint(b, tagRecords, uint64(e.count))
	b = appendUvarint(b, tagBytes, uint64(e.bytes))
	if e.sequence == 0 {
		b = appendItem(b, tagNode, []byte(e.s.Node))
		b = appendItem(b, tagCluster, []byte(e.s.Cluster))
		b = appendItem(b, tagEpoch, binary.AppendVarint(nil, e.s.Epoch))
		b = appendUvarint(b, tagFiles, uint64(len(e.files)))
	}
	e.record = b
}

// piece reads a piece and adds it to the record.
func (e *encoder) piece(p part) (err error) {
	if p.offset == 0 {
		if e.open, err = e.s.Files.Open(p.file.Name); err != nil {
			return err
		}
		e.sum = 0
	}
	e.data = slices.Grow(e.data[:0], p.length)
	data := e.data[:p.length]
	if _, err := io.ReadFull(e.open, data); err != nil {
		return fmt.Errorf("read %s: %w", p.file.Name, err)
	}
	e.sum = Sum(e.sum, data)
	b := binary.AppendUvarint(nil, uint64(len(p.file.Name)))
	b = append(b, p.file.Name...)
	b = binary.AppendUvarint(b, uint64(p.file.Size))
	b = binary.AppendUvarint(b, uint64(p.offset))
	b = binary.LittleEndian.AppendUint32(b, e.sum)
	e.record = binary.AppendUvarint(e.record, tagPiece)
	e.record = binary.AppendUvarint(e.record, uint64(len(b)+len(data)))
	e.record = append(append(e.record, b...), data...)
	if p.offset+int64(p.length) < p.file.Size {
		return nil
	}
	return e.close(p.file)
}

// close ends a file, which must have the length with which it was listed. It reads
// past that length, because a file that verifies itself does so at its end.
func (e *encoder) close(f File) error {
	n, err := e.open.Read(make([]byte, 1))
	if n > 0 || err == nil {
		err = errors.New("the file has grown")
	} else if errors.Is(err, io.EOF) {
		err = nil
	}
	err = errors.Join(err, e.open.Close())
	e.open = nil
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Name, err)
	}
	return nil
}

// flush ends a record and hands it to the caller.
func (e *encoder) flush() error {
	e.record = binary.LittleEndian.AppendUint32(e.record, crc32.Checksum(e.record, castagnoli))
	e.sequence++
	return e.emit(e.record)
}

func appendItem(b []byte, tag uint64, value []byte) []byte {
	b = binary.AppendUvarint(b, tag)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

func appendUvarint(b []byte, tag, n uint64) []byte {
	return appendItem(b, tag, binary.AppendUvarint(nil, n))
}
