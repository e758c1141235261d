package haproxy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"haproxystats/internal/owner"
)

// unixHint says what to check when the connection to the UNIX socket at path
// ended in err.
func unixHint(path string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "is HAProxy running, with this path on a `stats socket` line?"
	case errors.Is(err, syscall.ECONNREFUSED):
		if fi, err := os.Stat(path); err == nil && fi.Mode().Type() != fs.ModeSocket {
			return "the file is not a socket"
		}
		return "no process listens on the socket file; is HAProxy running? A file that a dead HAProxy has left can be removed"
	case errors.Is(err, fs.ErrPermission):
		return permissionHint(path)
	case errors.Is(err, syscall.EAGAIN):
		return "its queue of waiting connections is full; is HAProxy stopped, or too busy to accept?"
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENAMETOOLONG):
		return "the path of a UNIX socket has at most 107 bytes"
	}
	return ""
}

// permissionHint says who may connect to the socket and who asked. When the
// socket can't even be seen, it is a directory above it that is closed.
func permissionHint(path string) string {
	what, fix := "the socket", "set user, group or mode on the `stats socket` line, or run this program in that group"
	fi, err := os.Stat(path)
	for err != nil && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		what, fix = "the directory "+path, "it must let this program pass (mode x)"
		fi, err = os.Stat(path)
	}
	if err != nil {
		return ""
	}
	belongs := ""
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		belongs = fmt.Sprintf(" belongs to user %s, group %s and", owner.User(int(st.Uid)), owner.Group(int(st.Gid)))
	}
	return fmt.Sprintf("%s%s has mode %#o; this program runs as user %s, group %s; %s",
		what, belongs, fi.Mode().Perm(), owner.User(os.Geteuid()), owner.Group(os.Getegid()), fix)
}
