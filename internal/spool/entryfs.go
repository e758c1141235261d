package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

var errNotRegular = errors.New("not a regular file")

// entryFS gives access to the regular files of one directory, by its
// descriptor, so that a rename doesn't change what is read.
type entryFS struct {
	dir  *os.File
	path string
}

// Open implements [fs.FS].
func (f entryFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	path := filepath.Join(f.path, name)
	switch {
	case name == ".":
		return openAt(f.dir, name, path, unix.O_RDONLY|unix.O_DIRECTORY)
	case strings.Contains(name, "/"):
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	// Looked at before it is opened, because opening alone can make a device
	// do something.
	mode, err := modeAt(f.dir, name, path)
	if err != nil {
		return nil, err
	}
	if mode&unix.S_IFMT != unix.S_IFREG {
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
