package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"
)

// Memory has the files of a snapshot by their names, including the manifest. It is an
// [fs.FS] whose only directory is ".". Its files must not be changed while they are
// read.
type Memory map[string][]byte

// Snapshot returns the snapshot with these files. The error satisfies errors.Is(err,
// [ErrDamaged]) if the manifest is damaged. The round is nil without a manifest, or
// with one of a later version.
func (m Memory) Snapshot(node, cluster string, epoch int64) (Snapshot, error) {
	s := Snapshot{Node: node, Cluster: cluster, Epoch: epoch, Files: m}
	text, ok := m[ManifestName]
	if !ok {
		return s, nil
	}
	manifest, err := ParseManifest(text)
	switch {
	case err == nil:
		s.Round = &manifest.Round
	case !errors.Is(err, ErrNewer):
		return Snapshot{}, fmt.Errorf("snapshot %d: %w", epoch, err)
	}
	return s, nil
}

// Clone returns a copy that shares the content of the files.
func (m Memory) Clone() Memory { return maps.Clone(m) }

// Size returns the size of all files in bytes.
func (m Memory) Size() (n int64) {
	for _, data := range m {
		n += int64(len(data))
	}
	return n
}

// Open implements [fs.FS].
func (m Memory) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return &memoryDir{m.entries()}, nil
	}
	data, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return memoryFile{bytes.NewReader(data), memoryInfo{name, int64(len(data)), 0o444}}, nil
}

func (m Memory) entries() []fs.DirEntry {
	var entries []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(m)) {
		entries = append(entries, fs.FileInfoToDirEntry(memoryInfo{name, int64(len(m[name])), 0o444}))
	}
	return entries
}

type memoryFile struct {
	*bytes.Reader
	info memoryInfo
}

// Stat implements [fs.File].
func (f memoryFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// Close implements [fs.File].
func (f memoryFile) Close() error { return nil }

// memoryDir is the directory, with the entries that have not been listed.
type memoryDir struct{ left []fs.DirEntry }

// ReadDir implements [fs.ReadDirFile].
func (d *memoryDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.left) {
		n = len(d.left)
	}
	list := d.left[:n]
	d.left = d.left[n:]
	return list, nil
}

// Stat implements [fs.File].
func (d *memoryDir) Stat() (fs.FileInfo, error) {
	return memoryInfo{".", 0, fs.ModeDir | 0o555}, nil
}

// Read implements [fs.File].
func (d *memoryDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: ".", Err: fs.ErrInvalid}
}

// Close implements [fs.File].
func (d *memoryDir) Close() error { return nil }

// memoryInfo is the [fs.FileInfo] of a file or of the directory.
type memoryInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i memoryInfo) Name() string       { return i.name }
func (i memoryInfo) Size() int64        { return i.size }
func (i memoryInfo) Mode() fs.FileMode  { return i.mode }
func (i memoryInfo) ModTime() time.Time { return time.Time{} }
func (i memoryInfo) IsDir() bool        { return i.mode.IsDir() }
func (i memoryInfo) Sys() any           { return nil }
