package doctor

import (
	"bytes"
	"io/fs"
	"maps"
	"slices"
	"time"
)

// memory is a snapshot in memory: its files by their names. It is an [fs.FS].
type memory map[string][]byte

func (m memory) clone() memory { return maps.Clone(m) }

// size returns the bytes of all files.
func (m memory) size() (n int64) {
	for _, data := range m {
		n += int64(len(data))
	}
	return n
}

// Open implements [fs.FS].
func (m memory) Open(name string) (fs.File, error) {
	data, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return openReply{bytes.NewReader(data), replyInfo{name, len(data)}}, nil
}

// ReadDir implements [fs.ReadDirFS]. The names are those of the only directory.
func (m memory) ReadDir(string) ([]fs.DirEntry, error) {
	var entries []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(m)) {
		entries = append(entries, fs.FileInfoToDirEntry(replyInfo{name, len(m[name])}))
	}
	return entries, nil
}

type openReply struct {
	*bytes.Reader
	info replyInfo
}

// Stat implements [fs.File].
func (o openReply) Stat() (fs.FileInfo, error) { return o.info, nil }

// Close implements [fs.File].
func (o openReply) Close() error { return nil }

// replyInfo is the [fs.FileInfo] of a reply.
type replyInfo struct {
	name string
	size int
}

func (i replyInfo) Name() string     { return i.name }
func (i replyInfo) Size() int64      { return int64(i.size) }
func (replyInfo) Mode() fs.FileMode  { return 0o440 }
func (replyInfo) ModTime() time.Time { return time.Time{} }
func (replyInfo) IsDir() bool        { return false }
func (replyInfo) Sys() any           { return nil }
