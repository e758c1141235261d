package pull

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// haproxysOwn matches what HAProxy calls a socket while it replaces it during a
// reload: the new one before and the old one after it takes the configured name.
var haproxysOwn = regexp.MustCompile(`\.[0-9]+\.(tmp|bak)$`)

// sockets returns the sockets of this round, each once: those in SocketDir by
// name, then the configured ones.
func (p *Puller) sockets() ([]Socket, error) {
	found, err := p.discover()
	if err != nil {
		return nil, err
	}
	known := make(map[Socket]bool)
	var sockets []Socket
	for _, s := range append(found, p.Servers...) {
		key := s
		if isUnix(s) {
			key.Address = filepath.Clean(s.Address)
		} else {
			key.Address = strings.ToLower(s.Address)
		}
		if !known[key] {
			known[key] = true
			sockets = append(sockets, s)
		}
	}
	return sockets, nil
}

// discover returns the UNIX sockets in SocketDir, and those that its symbolic
// links point to. A directory that is missing holds none: HAProxy makes some
// anew when it starts.
func (p *Puller) discover() ([]Socket, error) {
	if p.SocketDir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(p.SocketDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var sockets []Socket
	for _, e := range entries {
		path := filepath.Join(p.SocketDir, e.Name())
		if why := p.passOver(path, e); why != "" {
			p.Log.Debug("file in socket-dir passed over", "path", path, "reason", why)
			continue
		}
		sockets = append(sockets, Socket{Network: "unix", Address: path})
	}
	if len(sockets) == 0 && len(p.Servers) > 0 {
		p.Log.Error("socket-dir holds no socket", "path", p.SocketDir)
	}
	return sockets, nil
}

// passOver says why the file is not asked, or nothing.
func (p *Puller) passOver(path string, e fs.DirEntry) string {
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
		return "no socket"
	}
	return ""
}

func isUnix(s Socket) bool { return strings.HasPrefix(s.Network, "unix") }
