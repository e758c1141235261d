package durable

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// Info is what the kernel knows of a name.
type Info struct {
	ID   Identity
	Kind Kind
	Size int64
}

func infoOf(st *unix.Stat_t) Info {
	return Info{Identity{uint64(st.Dev), st.Ino}, Kind(st.Mode & unix.S_IFMT), st.Size}
}

// Identity tells one file or directory from another that took its name.
type Identity struct{ Device, Inode uint64 }

// Identify returns the identity of what [os.Stat] or [os.Lstat] has found.
func Identify(info fs.FileInfo) Identity {
	st := info.Sys().(*syscall.Stat_t)
	return Identity{uint64(st.Dev), st.Ino}
}

// Kind is what a name stands for.
type Kind uint32

// The kinds that callers ask for.
const (
	Regular   Kind = unix.S_IFREG
	Directory Kind = unix.S_IFDIR
	Socket    Kind = unix.S_IFSOCK
)

// String returns the kind in words: "a file".
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
