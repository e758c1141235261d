package durable

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// Info is the identity, kind and size of a file or directory.
type Info struct {
	ID   Identity
	Kind Kind
	Size int64
}

func infoOf(st *unix.Stat_t) Info {
	return Info{Identity{uint64(st.Dev), st.Ino}, Kind(uint32(st.Mode) & unix.S_IFMT), st.Size}
}

// Identity distinguishes a file or directory from another that took its name.
type Identity struct{ Device, Inode uint64 }

// Identify returns the identity of a file from the result of [os.Stat] or [os.Lstat].
func Identify(info fs.FileInfo) Identity {
	st := info.Sys().(*syscall.Stat_t)
	return Identity{uint64(st.Dev), st.Ino}
}

// Kind is the kind of a file.
type Kind uint32

// The kinds that callers need.
const (
	Regular   Kind = unix.S_IFREG
	Directory Kind = unix.S_IFDIR
	Socket    Kind = unix.S_IFSOCK
)

// String returns the kind with its article, such as "a file".
func (k Kind) String() string {
	switch k {
	case Regular:
		return "a file"
	case Directory:
		return "a directory"
	case Socket:
		return "a socket"
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFIFO:
		return "a FIFO"
	}
	return "a device"
}
