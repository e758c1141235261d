package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

var errNotRegular = errors.New("not a regular file")

// entryFS gives access to the regular files of one directory, by its
// descriptor, so that a rename doesn't change what is read.
type entryFS struct {
	dir  *os.File
	path string
	log  *slog.Logger
	// known are the files of the manifest, nil if it has none. It is read when
	// it is first wanted, so that an error comes where others of the disk do.
	known func() (map[string]File, error)
}

func newEntryFS(dir *os.File, path string, log *slog.Logger) *entryFS {
	f := &entryFS{dir: dir, path: path, log: log}
	f.known = sync.OnceValues(f.readManifest)
	return f
}

// Open implements [fs.FS].
func (f *entryFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if strings.Contains(name, "/") {
		return nil, &fs.PathError{Op: "open", Path: f.join(name), Err: fs.ErrNotExist}
	}
	known, err := f.known()
	if err != nil {
		return nil, err
	}
	if name == "." {
		return f.openList(known)
	}
	want, ok := known[name]
	if known != nil && !ok && !hidden(name) {
		return nil, &fs.PathError{Op: "open", Path: f.join(name), Err: fmt.Errorf("%w: it was not handed over", fs.ErrNotExist)}
	}
	file, err := f.openRegular(name)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return file, nil
	}
	return &verifiedFile{file: file, got: File{Name: name}, want: want}, nil
}

// openList opens the directory. Files that must be there are looked for first.
func (f *entryFS) openList(known map[string]File) (fs.File, error) {
	if err := f.checkFiles(known); err != nil {
		return nil, err
	}
	dir, err := openAt(f.dir, ".", f.path, unix.O_RDONLY|unix.O_DIRECTORY)
	switch {
	case err != nil:
		return nil, err
	case known == nil:
		return dir, nil
	}
	return &verifiedDir{File: dir, known: known, log: f.log}, nil
}

func (f *entryFS) openRegular(name string) (*os.File, error) {
	path := f.join(name)
	// Looked at before it is opened, because opening alone can make a device
	// do something.
	st, err := statAt(f.dir, name, path)
	if err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	file, err := openAt(f.dir, name, path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	// It may have been swapped since it was looked at.
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.Join(errNotRegular, err)}
	}
	return file, nil
}

func (f *entryFS) join(name string) string { return filepath.Join(f.path, name) }
