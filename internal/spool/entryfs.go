package spool

import (
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// entryFS reads the regular files of one directory by its descriptor, so that a
// rename does not affect reading.
type entryFS struct {
	dir  *durable.Dir
	path string
	log  *slog.Logger
	// described returns the content of the manifest. It reads the manifest on first use,
	// so that an error appears with other errors of the disk.
	described func() (contents, error)
	// reading counts the calls that have not returned.
	reading atomic.Int32
}

func newEntryFS(dir *durable.Dir, path string, log *slog.Logger) *entryFS {
	f := &entryFS{dir: dir, path: path, log: log}
	f.described = sync.OnceValues(f.readManifest)
	return f
}

// snapshot returns the entry as a snapshot with that epoch.
func (f *entryFS) snapshot(epoch int64) (snapshot.Snapshot, error) {
	f.reading.Add(1)
	defer f.reading.Add(-1)
	manifest, err := f.described()
	return snapshot.Snapshot{Epoch: epoch, Round: manifest.round, Files: f}, err
}

// checksum returns a checksum of the manifest or, without one, of the names, sizes
// and times of the files.
func (f *entryFS) checksum() (uint32, error) {
	f.reading.Add(1)
	defer f.reading.Add(-1)
	manifest, err := f.described()
	if manifest.read || err != nil {
		return manifest.sum, err
	}
	sum := crc32.New(castagnoli)
	entries, err := fs.ReadDir(f, ".")
	for _, entry := range entries {
		if snapshot.IsHidden(entry.Name()) {
			continue // the marks of claims change
		}
		info, err := entry.Info()
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(sum, "%s %d %d\n", entry.Name(), info.Size(), info.ModTime().UnixNano())
	}
	return sum.Sum32(), err
}

// Open implements [fs.FS].
func (f *entryFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f.reading.Add(1)
	defer f.reading.Add(-1)
	if strings.Contains(name, "/") {
		return nil, &fs.PathError{Op: "open", Path: f.join(name), Err: fs.ErrNotExist}
	}
	manifest, err := f.described()
	if err != nil {
		return nil, err
	}
	known := manifest.files
	if name == "." {
		return f.openList(known)
	}
	want, ok := known[name]
	if known != nil && !ok && !snapshot.IsHidden(name) {
		return nil, &fs.PathError{Op: "open", Path: f.join(name), Err: fmt.Errorf("%w: it was not handed over", fs.ErrNotExist)}
	}
	file, err := f.dir.OpenRegular(name)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return &countedFile{file, &f.reading}, nil
	}
	return &verifiedFile{file: countedFile{file, &f.reading}, got: snapshot.File{Name: name}, want: want}, nil
}

// Link gives a file the same name in another directory, where its content stays when the
// entry is removed. It does not read the file.
func (f *entryFS) Link(name string, to *durable.Dir) error {
	f.reading.Add(1)
	defer f.reading.Add(-1)
	info, err := f.dir.Stat(name)
	switch {
	case err != nil:
		return err
	case info.Kind != durable.Regular:
		return &fs.PathError{Op: "link", Path: f.join(name), Err: durable.ErrNotRegular}
	}
	return f.dir.Link(name, to, name)
}

// openList opens the directory, after it has checked that all handed-over files
// exist.
func (f *entryFS) openList(known map[string]snapshot.File) (fs.File, error) {
	if err := f.checkFiles(known); err != nil {
		return nil, err
	}
	dir, err := f.dir.Open(".", unix.O_RDONLY|unix.O_DIRECTORY)
	switch {
	case err != nil:
		return nil, err
	case known == nil:
		return &countedFile{dir, &f.reading}, nil
	}
	return &verifiedDir{countedFile: countedFile{dir, &f.reading}, known: known, log: f.log}, nil
}

func (f *entryFS) join(name string) string { return filepath.Join(f.path, name) }

// countedFile is a file or directory whose reads in progress are counted.
type countedFile struct {
	*os.File
	reading *atomic.Int32
}

// Read implements [fs.File].
func (f *countedFile) Read(p []byte) (int, error) {
	f.reading.Add(1)
	defer f.reading.Add(-1)
	return f.File.Read(p)
}

// ReadDir implements [fs.ReadDirFile].
func (f *countedFile) ReadDir(n int) ([]fs.DirEntry, error) {
	f.reading.Add(1)
	defer f.reading.Add(-1)
	return f.File.ReadDir(n)
}
