package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"haproxystats/internal/haproxy"
)

// SocketAccess judges whether the user may connect to a UNIX socket. It never
// advises to open the socket of HAProxy's master process.
func SocketAccess(files Files, u User, path string, master bool) Finding {
	a := about{"socket-access", path}
	if master {
		return a.warning("it belongs to HAProxy's master process (option -S), which has no statistics; a user of this socket controls HAProxy", "Leave its permissions as they are, and move it out of socket-dir. To count failed reloads, set master-socket in [pull] to its new path")
	}
	f, err := files.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a.error("there is no such file", "Start HAProxy, with this path on a `stats socket` line, or change [pull]")
	case errors.Is(err, fs.ErrPermission):
		return a.closed("this user can't look at it")
	case err != nil:
		return a.error("it can't be examined: "+bare(err), "Correct the path in [pull]")
	case f.Mode.Type() != fs.ModeSocket:
		return a.error("the file is not a socket", "Change servers in [pull]")
	}
	denied, err := u.denied(files, path, write)
	if err != nil {
		return a.skipped("the directories above it can't be examined: %v", err)
	}
	if denied != nil {
		return denied.finding(a, u, fmt.Sprintf("Put `mode 660 group %s` on its `stats socket` line, and reload HAProxy", u.Group))
	}
	if f.Mode.Perm()&write != 0 {
		return a.ok("every user may connect to it")
	}
	return a.ok("user %s may connect to it", u.Name)
}

// SocketDir judges whether the user can list the sockets in a directory.
func SocketDir(files Files, u User, path string, sockets int) Finding {
	a := about{"socket-dir", path}
	f, err := files.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a.error("there is no such directory", "Start HAProxy, with a `stats socket` line for a path in it, or change socket-dir")
	case errors.Is(err, fs.ErrPermission):
		return a.closed("this user can't look at it")
	case err != nil:
		return a.error("it can't be examined: "+bare(err), "Correct socket-dir")
	case f.Mode.Type() == fs.ModeSocket:
		return a.error("it is a socket, not a directory of sockets", fmt.Sprintf("Set socket-dir = %s, or servers = unix://%s and no socket-dir", filepath.Dir(path), path))
	case !f.Mode.IsDir():
		return a.error("it is not a directory", "Set socket-dir to the directory that has HAProxy's stats sockets")
	}
	denied, err := u.denied(files, path, read|execute)
	switch {
	case err != nil:
		return a.skipped("the directories above it can't be examined: %v", err)
	case denied != nil:
		return denied.finding(a, u, denied.letIn(u))
	case sockets == 0:
		return a.error("it contains no socket", "Start HAProxy, with a `stats socket` line for a path in it, or change socket-dir")
	}
	return a.ok("it contains %s", count(sockets, "socket"))
}

// Level judges the access level that a socket grants.
func Level(socket string, level haproxy.Level, err error) Finding {
	a := about{"socket-level", socket}
	switch {
	case err != nil:
		hint, text := socketAdvice(err)
		f := a.skipped("the level that it grants is not known: %s", text)
		f.Remedy = hint
		return f
	case level == haproxy.LevelUser:
		return a.ok("it grants the level user, which is enough")
	}
	more := "clear counters and see all sessions"
	if level == haproxy.LevelAdmin {
		more = "change servers, maps and certificates"
	}
	return a.warning(fmt.Sprintf("it grants the level %s: every program that may connect can %s", level, more),
		"Set `level user` on its `stats socket` line. If other programs need a higher level, add a second line with `level user` for a path in another directory, and set socket-dir to that directory")
}

// socketAdvice returns the remedy and the text of an error, without the address,
// which the finding names.
func socketAdvice(err error) (hint, text string) {
	var fault *haproxy.SocketError
	if errors.As(err, &fault) {
		op := strings.TrimSuffix(strings.TrimSuffix(fault.Op, " of"), " from") // the finding names the socket
		return fault.Hint, op + ": " + fault.Err.Error()
	}
	return "", err.Error()
}
