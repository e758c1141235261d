package cli

import (
	"bytes"
	"io/fs"
	"maps"
	"slices"
	"time"
)

// replies is a snapshot that is on no disk: its files by their names.
type replies map[string][]byte

func (r replies) clone() replies { return maps.Clone(r) }

// size is how many bytes it would take on a disk.
func (r replies) size() (n int64) {
	for _, data := range r {
		n += int64(len(data))
	}
	return n
}

// Open implements [fs.FS].
func (r replies) Open(name string) (fs.File, error) {
	data, ok := r[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return openReply{bytes.NewReader(data), replyInfo{name, len(data)}}, nil
}

// ReadDir implements [fs.ReadDirFS]. The names are those of the only directory.
func (r replies) ReadDir(string) ([]fs.DirEntry, error) {
	var entries []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(r)) {
		entries = append(entries, fs.FileInfoToDirEntry(replyInfo{name, len(r[name])}))
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
