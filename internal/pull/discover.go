package pull

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// haproxysOwn matches the names that HAProxy gives a socket during a reload: to the
// new one before, and to the old one after, it has the configured name.
var haproxysOwn = regexp.MustCompile(`\.[0-9]+\.(tmp|bak)$`)

// target is a socket to ask.
type target struct {
	Socket
	listed bool     // listed in Servers, so it should be a stats socket
	file   fileID   // the file of a UNIX socket that exists
	same   []Socket // other names of the socket
}

// fileID identifies a file, whatever its name.
type fileID struct{ dev, ino uint64 }

// targets returns the sockets to ask, each once: those in SocketDir by name, then
// the configured ones. Two paths of one UNIX socket have the same inode. The process
// behind a socket does not help: SO_PEERCRED names the process that made the socket,
// which the workers of a master and the processes of `nbproc` share.
func (p *Puller) targets() ([]target, error) {
	found, err := p.discover()
	if err != nil {
		return nil, err
	}
	var targets []target
	byName, byFile := make(map[Socket]int), make(map[fileID]int)
	for i, s := range append(found, p.Servers...) {
		t := target{Socket: s, listed: i >= len(found), file: identify(s)}
		key := s
		if isUnix(s) {
			key.Address = filepath.Clean(s.Address)
		} else {
			key.Address = strings.ToLower(s.Address)
		}
		n, known := byName[key]
		if !known {
			if n, known = byFile[t.file]; known {
				targets[n].same = append(targets[n].same, s)
			}
		}
		if known {
			targets[n].listed = targets[n].listed || t.listed
			continue
		}
		byName[key] = len(targets)
		if t.file != (fileID{}) {
			byFile[t.file] = len(targets)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// identify returns the file of a UNIX socket, links resolved; zero if there is none.
func identify(s Socket) fileID {
	var st syscall.Stat_t
	if !isUnix(s) || syscall.Stat(s.Address, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFSOCK {
		return fileID{}
	}
	return fileID{uint64(st.Dev), st.Ino}
}

// discover returns the UNIX sockets in SocketDir, and those that its symbolic links
// point to. A missing directory has none: HAProxy makes some directories when it
// starts.
func (p *Puller) discover() ([]Socket, error) {
	if p.SocketDir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(p.SocketDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !isSocket(p.SocketDir) {
		return nil, err
	}
	var sockets []Socket
	for _, e := range entries {
		path := filepath.Join(p.SocketDir, e.Name())
		if why := passOver(path, e); why != "" {
			p.log().Debug("file in socket-dir ignored", "path", path, "reason", why)
			continue
		}
		sockets = append(sockets, Socket{Network: "unix", Address: path})
	}
	if len(sockets) == 0 && len(p.Servers) > 0 && p.notes.due("empty", time.Now(), again) {
		p.log().Error("no socket in socket-dir, asking only servers", "error", p.noSocket(), "socket_dir", p.SocketDir)
	}
	return sockets, nil
}

// passOver returns why the file is not asked, or "".
func passOver(path string, e fs.DirEntry) string {
	kind := e.Type()
	switch {
	case strings.HasPrefix(e.Name(), "."):
		return "hidden"
	case haproxysOwn.MatchString(e.Name()):
		return "HAProxy is replacing a socket"
	case kind == fs.ModeSymlink:
		fi, err := os.Stat(path)
		if err != nil {
			return "dangling link"
		}
		kind = fi.Mode().Type()
	}
	if kind != fs.ModeSocket {
		return "not a socket"
	}
	return ""
}

func isUnix(s Socket) bool { return strings.HasPrefix(s.Network, "unix") }

func isSocket(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().Type() == fs.ModeSocket
}

// The causes of having no socket to ask, with the remedy.
var (
	errUnset   = errors.New("neither socket-dir nor servers is set: set socket-dir in [pull] to the directory of HAProxy's stats sockets")
	errNoDir   = errors.New("socket-dir does not exist: start HAProxy, or set socket-dir to the directory of its stats sockets")
	errComment = errors.New("socket-dir has a comment behind it, which is part of the value: put the comment on a line of its own")
	errIsOne   = errors.New("socket-dir is a socket: set it to the directory of the socket, or set servers = unix://PATH instead")
	errHasNone = errors.New("socket-dir holds no socket: start HAProxy, with a `stats socket` line for a path in it")
	errStrange = errors.New("socket-dir holds sockets, and none of them is a stats socket: set socket-dir to the directory of HAProxy's stats sockets")
)

// noSocketError is the error of a round that has no socket to ask.
type noSocketError struct{ cause error }

// Error returns the cause after the consequence.
func (e *noSocketError) Error() string { return "no socket found: " + e.cause.Error() }

// Unwrap returns the cause.
func (e *noSocketError) Unwrap() error { return e.cause }

// Missing returns why there is no target.
func (p *Puller) Missing() error { return &noSocketError{p.noSocket()} }

// noSocket returns why no socket was found.
func (p *Puller) noSocket() error {
	dir := p.SocketDir
	_, err := os.Stat(dir)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case dir == "":
		return errUnset
	case isSocket(dir):
		return errIsOne
	case missing && strings.ContainsAny(dir, "#;"):
		return errComment
	case missing:
		return errNoDir
	}
	return errHasNone
}
