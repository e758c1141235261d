package status

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// place is where a socket is: a name in a directory that is held open. The
// address of a UNIX socket has at most 107 bytes, and a path may have more; so
// the directory is named by its descriptor.
type place struct {
	dir        *os.File
	name, path string
}

// openPlace opens the directory that path's last part is in.
func openPlace(path string) (place, error) {
	fd, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return place{}, &fs.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
	}
	return place{os.NewFile(uintptr(fd), filepath.Dir(path)), filepath.Base(path), path}, nil
}

// address is how the socket is bound and reached while the directory is open.
func (p place) address() string {
	return "/proc/self/fd/" + strconv.Itoa(p.fd()) + "/" + p.name
}

func (p place) fd() int { return int(p.dir.Fd()) }

// identity tells one file from another that took its name.
type identity struct{ dev, ino uint64 }

// kinds are words for what has a name.
var kinds = map[uint32]string{
	unix.S_IFSOCK: socketKind,
	unix.S_IFREG:  "a file",
	unix.S_IFDIR:  "a directory",
	unix.S_IFLNK:  "a symbolic link",
	unix.S_IFIFO:  "a FIFO",
	unix.S_IFCHR:  "a device",
	unix.S_IFBLK:  "a device",
}

const socketKind = "a socket"

// stat returns what has the name; a link is not followed.
func (p place) stat() (id identity, kind string, err error) {
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd(), p.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return identity{}, "", &fs.PathError{Op: "stat", Path: p.path, Err: err}
	}
	return identity{uint64(st.Dev), st.Ino}, kinds[st.Mode&unix.S_IFMT], nil
}

// remove removes the socket of that identity, and nothing else.
func (p place) remove(id identity) error {
	found, kind, err := p.stat()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case found != id || kind != socketKind:
		return nil // somebody else's by now
	}
	if err := unix.Unlinkat(p.fd(), p.name, 0); err != nil {
		return &fs.PathError{Op: "remove", Path: p.path, Err: err}
	}
	return nil
}

// lock makes the caller the only one at that place, until the file is closed.
// The lock's file stays, because another program may be about to lock it.
func (p place) lock() (*os.File, error) {
	name := p.name + ".lock"
	fd, err := unix.Openat(p.fd(), name, unix.O_RDONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: p.path + ".lock", Err: err}
	}
	f := os.NewFile(uintptr(fd), p.path+".lock")
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s.lock is not a regular file: move it away", p.path)
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w: another program has it: stop that one, or set another status-socket", errors.Join(ErrInUse, err))
	}
	return f, nil
}
