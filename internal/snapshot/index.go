package snapshot

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
)

// Index finds the files of a snapshot in its records, which are kept elsewhere: a large
// snapshot can be read without all of its files in memory. It checks the records as a
// [Decoder] does, and keeps nothing but names, sizes and the manifest.
type Index struct {
	decoder *Decoder
	files   map[string]place
	names   int64 // the memory of these, about
}

// place is the records in which a file is.
type place struct {
	first, last int
	size        int64
}

// NewIndex returns an index of a snapshot of at most limit bytes.
func NewIndex(limit int64) *Index {
	x := &Index{decoder: NewDecoder(limit), files: make(map[string]place)}
	x.decoder.index = x
	return x
}

// Add adds the next record, as [Decoder.Add] does.
func (x *Index) Add(r Record) error { return x.decoder.Add(r) }

// fileSize is about what a file takes beside its name.
const fileSize = 200

// Memory returns how much memory the index takes, about. What somebody writes to make that
// much compresses well.
func (x *Index) Memory() int64 { return x.names + int64(len(x.decoder.files[ManifestName])) }

// note notes that a piece is in a record.
func (x *Index) note(p piece, sequence int) {
	if p.offset == 0 {
		x.files[p.name] = place{sequence, sequence, p.size}
		x.names += int64(2*len(p.name)) + fileSize
		return
	}
	at := x.files[p.name]
	at.last = sequence
	x.files[p.name] = at
}

// ReadRecord calls use with the record of that number, which is valid during the call.
type ReadRecord func(sequence int, use func(Record) error) error

// Snapshot returns the snapshot, as [Decoder.Snapshot] does. Its files ask read for one
// record after another as they are read. They may be read from one goroutine at a time.
func (x *Index) Snapshot(read ReadRecord) (Snapshot, error) {
	s, err := x.decoder.Snapshot()
	if err != nil {
		return Snapshot{}, err
	}
	s.Files = &indexed{kept: x.decoder.files, files: x.files, read: read}
	return s, nil
}

// indexed are the files of a snapshot whose records are kept elsewhere.
type indexed struct {
	kept  Memory // has the manifest, and the names of all files
	files map[string]place
	read  ReadRecord
}

// Open implements [fs.FS].
func (x *indexed) Open(name string) (fs.File, error) {
	if name == "." {
		return &memoryDir{x.entries()}, nil
	}
	at, ok := x.files[name]
	if !ok {
		return x.kept.Open(name)
	}
	return &indexedFile{files: x, name: name, place: at}, nil
}

func (x *indexed) entries() []fs.DirEntry {
	var entries []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(x.kept)) {
		size := int64(len(x.kept[name]))
		if at, ok := x.files[name]; ok {
			size = at.size
		}
		entries = append(entries, fs.FileInfoToDirEntry(memoryInfo{name, size, 0o444}))
	}
	return entries
}

// indexedFile is a file that is being read.
type indexedFile struct {
	files *indexed
	name  string
	place        // what is still to be read
	got   int64  // bytes of the file so far, those in data included
	data  []byte // of the latest record
	at    int    // in data
}

// Read implements [fs.File].
func (f *indexedFile) Read(p []byte) (int, error) {
	for f.at == len(f.data) {
		if f.first > f.last {
			return 0, io.EOF
		}
		if len(p) == 0 {
			return 0, nil
		}
		f.data, f.at = f.data[:0], 0
		if err := f.files.read(f.first, f.take); err != nil {
			return 0, &fs.PathError{Op: "read", Path: f.name, Err: err}
		}
		f.first++
	}
	n := copy(p, f.data[f.at:])
	f.at += n
	return n, nil
}

// take keeps what a record has of the file.
func (f *indexedFile) take(r Record) error {
	for _, p := range r.pieces {
		if p.name != f.name {
			continue
		}
		if p.offset != f.got || p.size != f.size {
			return fmt.Errorf("%w: record %d is not the one that came", ErrDamaged, r.Sequence)
		}
		f.data = append(f.data, p.data...)
		f.got += int64(len(p.data))
	}
	if r.Sequence == f.last && f.got < f.size {
		return fmt.Errorf("%w: %d bytes of %d", ErrDamaged, f.got, f.size)
	}
	return nil
}

// Stat implements [fs.File].
func (f *indexedFile) Stat() (fs.FileInfo, error) { return memoryInfo{f.name, f.size, 0o444}, nil }

// Close implements [fs.File].
func (f *indexedFile) Close() error {
	f.data, f.at, f.first = nil, 0, f.last+1
	return nil
}
