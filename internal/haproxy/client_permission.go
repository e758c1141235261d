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

// unixHint returns what to do when the connection to the UNIX socket at path
// failed with err.
func unixHint(path string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "Check that HAProxy runs with this path on a `stats socket` line"
	case errors.Is(err, syscall.ECONNREFUSED):
		if fi, err := os.Stat(path); err == nil && fi.Mode().Type() != fs.ModeSocket {
			return "Set servers to the path of a socket: this file is not one"
		}
		return "Check that HAProxy runs: no process listens on the socket. You can remove a file that a dead HAProxy has left"
	case errors.Is(err, fs.ErrPermission):
		return permissionHint(path)
	case errors.Is(err, syscall.EAGAIN):
		return "Check whether HAProxy is stopped or too busy: its queue of waiting connections is full"
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENAMETOOLONG):
		return "Use a path of at most 107 bytes, which is the limit for UNIX sockets; it is 103 on darwin and freebsd"
	}
	return ""
}

// permissionHint returns how to let this program connect to the socket, or pass
// through the first closed directory above it.
func permissionHint(path string) string {
	what, fix := "the socket", "Set user, group or mode on the `stats socket` line, or run this program in that group"
	fi, err := os.Stat(path)
	for err != nil && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		what, fix = "the directory "+path, "Let this program pass through the directory (mode x)"
		fi, err = os.Stat(path)
	}
	if err != nil {
		return ""
	}
	belongs := ""
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		belongs = fmt.Sprintf(" belongs to user %s, group %s and", owner.User(int(st.Uid)), owner.Group(int(st.Gid)))
	}
	return fmt.Sprintf("%s: %s%s has mode %#o, and this program runs as user %s, group %s",
		fix, what, belongs, fi.Mode().Perm(), owner.User(os.Geteuid()), owner.Group(os.Getegid()))
}
