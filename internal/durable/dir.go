package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrNotRegular means that a name is not that of a regular file.
var ErrNotRegular = errors.New("not a regular file")

// listSize is the number of names that [Dir.List] reads at once.
const listSize = 512

// Dir is a directory that is held open, so that its files stay reachable if its path
// changes. It is safe for concurrent use.
type Dir struct {
	file *os.File
}

// OpenDir opens a directory. It fails if the path is that of a link.
func OpenDir(path string) (*Dir, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return &Dir{f}, nil
}

// OpenParent opens the parent directory of a path, and returns the last part of the
// path. The caller needs no permission to list the directory.
func OpenParent(path string) (d *Dir, name string, err error) {
	parent := filepath.Dir(path)
	fd, err := openSearch(parent)
	if err != nil {
		return nil, "", &fs.PathError{Op: "open", Path: parent, Err: err}
	}
	return &Dir{os.NewFile(uintptr(fd), parent)}, filepath.Base(path), nil
}

// Path returns the path with which the directory was opened.
func (d *Dir) Path() string { return d.file.Name() }

// File returns the open directory, for operations that this type does not have.
func (d *Dir) File() *os.File { return d.file }

// Sync makes the names in the directory durable.
func (d *Dir) Sync() error { return d.file.Sync() }

// Close closes the directory. Closing it twice is an error.
func (d *Dir) Close() error { return d.file.Close() }

// Open opens a name in the directory, with the flags of open(2).
func (d *Dir) Open(name string, flags int) (*os.File, error) {
	return d.open(name, flags, FileMode)
}

// open opens a name. A new file gets the mode.
func (d *Dir) open(name string, flags int, mode fs.FileMode) (*os.File, error) {
	var fd int
	err := d.control(func(dir int) (err error) {
		fd, err = opened(unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, uint32(mode)))
		return err
	})
	if err != nil {
		return nil, d.pathError("open", name, err)
	}
	return os.NewFile(uintptr(fd), d.join(name)), nil
}

// OpenRegular opens a file for reading. The error satisfies errors.Is(err,
// [ErrNotRegular]) if the name is not that of a regular file.
func (d *Dir) OpenRegular(name string) (*os.File, error) {
	// Stat comes first, because opening a device can make it act.
	info, err := d.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Kind != Regular {
		return nil, d.pathError("open", name, ErrNotRegular)
	}
	f, err := d.Open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	// Another file may have taken the name since.
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, d.pathError("open", name, errors.Join(ErrNotRegular, err))
	}
	return f, nil
}

// Create makes a new file and opens it for writing.
func (d *Dir) Create(name string) (*os.File, error) {
	return d.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
}

// OpenDir opens a directory in the directory.
func (d *Dir) OpenDir(name string) (*Dir, error) {
	f, err := d.Open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return &Dir{f}, nil
}

// Mkdir makes a directory in the directory.
func (d *Dir) Mkdir(name string) error {
	err := d.control(func(dir int) error { return unix.Mkdirat(dir, name, uint32(DirMode)) })
	return d.pathError("mkdir", name, err)
}

// Remove removes a name; it refuses that of a directory.
func (d *Dir) Remove(name string) error {
	err := d.control(func(dir int) error { return unix.Unlinkat(dir, name, 0) })
	return d.pathError("remove", name, err)
}

// RemoveDir removes an empty directory.
func (d *Dir) RemoveDir(name string) error {
	err := d.control(func(dir int) error { return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR) })
	return d.pathError("remove", name, err)
}

// Rename renames a file within the directory, and replaces a file of that name.
func (d *Dir) Rename(from, to string) error {
	err := d.control(func(dir int) error { return unix.Renameat(dir, from, dir, to) })
	return d.linkError(from, to, err)
}

// RenameNoReplace renames a file within the directory. The error satisfies
// errors.Is(err, [fs.ErrExist]) if the new name is in use.
func (d *Dir) RenameNoReplace(from, to string) error {
	err := d.control(func(dir int) error { return renameNoReplace(dir, from, dir, to) })
	return d.linkError(from, to, err)
}

// Stat returns the identity, kind and size of a name, without following a link.
func (d *Dir) Stat(name string) (Info, error) {
	var st unix.Stat_t
	err := d.control(func(dir int) error {
		return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil {
		return Info{}, d.pathError("stat", name, err)
	}
	return infoOf(&st), nil
}

// Identity returns the identity of the directory.
func (d *Dir) Identity() (Identity, error) {
	var st unix.Stat_t
	if err := d.control(func(dir int) error { return unix.Fstat(dir, &st) }); err != nil {
		return Identity{}, &fs.PathError{Op: "stat", Path: d.Path(), Err: err}
	}
	return infoOf(&st).ID, nil
}

// List calls visit for every name in the directory, in no particular order. It reads a
// few hundred names at once, so that memory does not grow with their number.
func (d *Dir) List(visit func(fs.DirEntry)) error {
	// Reading moves the offset of a descriptor, so it needs its own.
	f, err := d.Open(".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(listSize)
		for _, e := range entries {
			visit(e)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// control calls f with the directory's descriptor, which can't be closed meanwhile. It
// calls f again while signals interrupt it.
func (d *Dir) control(f func(fd int) error) error {
	conn, err := d.file.SyscallConn()
	if err != nil {
		return err
	}
	called := conn.Control(func(fd uintptr) {
		for {
			if err = f(int(fd)); !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	if called != nil {
		return fs.ErrClosed
	}
	return err
}

func (d *Dir) join(name string) string { return filepath.Join(d.Path(), name) }

func (d *Dir) pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.join(name), Err: err}
}

func (d *Dir) linkError(from, to string, err error) error {
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: "rename", Old: d.join(from), New: d.join(to), Err: err}
}
