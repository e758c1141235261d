package starter

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"haproxystats/internal/config"
	"haproxystats/internal/printable"
)

// UsualDirs are the directories in which packages of HAProxy put its sockets.
var UsualDirs = []string{"/run/haproxy", "/var/run/haproxy", "/var/lib/haproxy"}

// Candidate is a socket that may be a stats socket.
type Candidate struct {
	Server config.Server
	// From tells where the socket was found.
	From string
	// Named is true if the operator has named the socket, so that it is taken even if it
	// does not answer now.
	Named bool
}

// Found is what [Find] has found.
type Found struct {
	Candidates []Candidate
	// Others are the directories of candidates that contain sockets which are not
	// candidates: they may be those of other programs.
	Others map[string]bool
	// Notes tell what was found and can't be used.
	Notes []string
}

// finder collects candidates.
type finder struct {
	root  fs.FS // the host's files
	found Found
	infos []fs.FileInfo // of candidates that are files, in no order
}

// Find returns the sockets in directories, and with processes those that the
// configurations of running HAProxy processes name. Root is the root of the host's files.
func Find(root fs.FS, dirs []string, processes bool) Found {
	f := &finder{root: root}
	for _, dir := range dirs {
		f.directory(dir)
	}
	if processes {
		for _, file := range f.configurations() {
			f.configuration(file)
		}
	}
	f.found.Others = f.others()
	return f.found
}

// The bounds of what is found: any user can run a process with the name of HAProxy and a
// configuration without end.
const (
	maxCandidates = 1000
	maxNotes      = 100
)

// note takes down what can't be used. Paths come from the arguments of processes of any user,
// who may have put control characters into them.
func (f *finder) note(format string, args ...any) {
	text := printable.Replace(fmt.Sprintf(format, args...), '?')
	switch {
	case len(f.found.Notes) > maxNotes || slices.Contains(f.found.Notes, text):
	case len(f.found.Notes) == maxNotes:
		f.found.Notes = append(f.found.Notes, "more can't be used, which is not listed")
	default:
		f.found.Notes = append(f.found.Notes, text)
	}
}

// name returns the name of an absolute path in a root.
func name(file string) string {
	if file = strings.TrimPrefix(path.Clean(file), "/"); file != "" {
		return file
	}
	return "."
}

// temporary reports whether a round passes a name in socket-dir over: it is hidden, or
// HAProxy is replacing the socket.
func temporary(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".bak")
}

// sockets returns the paths of the sockets in a directory, which may not exist.
func (f *finder) sockets(dir string) ([]string, error) {
	entries, err := fs.ReadDir(f.root, name(dir))
	var paths []string
	for _, e := range entries {
		file := path.Join(dir, e.Name())
		info, err := fs.Stat(f.root, name(file))
		if err == nil && info.Mode().Type() == fs.ModeSocket && !temporary(e.Name()) {
			paths = append(paths, file)
		}
	}
	return paths, err
}

func (f *finder) directory(dir string) {
	paths, err := f.sockets(dir)
	if err != nil && !os.IsNotExist(err) {
		f.note("%s can't be listed: %s", dir, failure(err))
	}
	for _, p := range paths {
		f.add(p, "in "+dir)
	}
}

// add adds a socket that is a file, unless it is one of the candidates.
func (f *finder) add(file, from string) {
	if why := unfit(file); why != "" {
		f.note("the socket %q is left out: its name %s", file, why)
		return
	}
	info, err := fs.Stat(f.root, name(file))
	switch {
	case err != nil:
		f.note("the socket %s, named %s, can't be found: %s", file, from, failure(err))
		return
	case info.Mode().Type() != fs.ModeSocket:
		f.note("%s, named %s, is not a socket", file, from)
		return
	case slices.ContainsFunc(f.infos, func(other fs.FileInfo) bool { return os.SameFile(info, other) }):
		return
	}
	f.infos = append(f.infos, info)
	f.candidate(config.Server{Network: "unix", Address: path.Clean(file)}, from)
}

func (f *finder) candidate(s config.Server, from string) {
	if slices.ContainsFunc(f.found.Candidates, func(c Candidate) bool { return c.Server == s }) {
		return
	}
	if len(f.found.Candidates) == maxCandidates {
		f.note("more than %d sockets were found: name those of HAProxy, --servers unix:///PATH", maxCandidates)
		return
	}
	f.found.Candidates = append(f.found.Candidates, Candidate{Server: s, From: from})
}

// others returns the directories of candidates that contain further sockets.
func (f *finder) others() map[string]bool {
	dirs := make(map[string]bool)
	for _, c := range f.found.Candidates {
		if c.Server.Network != "unix" {
			continue
		}
		dir := path.Dir(c.Server.Address)
		paths, _ := f.sockets(dir)
		for _, p := range paths {
			info, err := fs.Stat(f.root, name(p))
			known := slices.ContainsFunc(f.found.Candidates, func(c Candidate) bool { return c.Server.Address == p }) ||
				err == nil && slices.ContainsFunc(f.infos, func(other fs.FileInfo) bool { return os.SameFile(info, other) })
			dirs[dir] = dirs[dir] || !known
		}
	}
	return dirs
}

// configurations returns the configuration files of the HAProxy processes that run.
func (f *finder) configurations() []string {
	var files []string
	processes, _ := fs.Glob(f.root, "proc/[0-9]*/cmdline") // the pattern is right
	for _, p := range processes {
		dir := path.Dir(p)
		comm, err := fs.ReadFile(f.root, dir+"/comm")
		if err != nil || !strings.HasPrefix(string(comm), "haproxy") || strings.HasPrefix(string(comm), "haproxystats") {
			continue
		}
		line, err := fs.ReadFile(f.root, p)
		if err != nil {
			continue
		}
		named, from := arguments(strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00"))
		for _, file := range named {
			if !path.IsAbs(file) {
				if !path.IsAbs(from) {
					cwd, err := fs.ReadLink(f.root, dir+"/cwd")
					if err != nil {
						f.note("the configuration %s of HAProxy (pid %s) can't be found, because its path is relative: %s", file, path.Base(dir), failure(err))
						continue
					}
					from = path.Join(cwd, from)
				}
				file = path.Join(from, file)
			}
			if file = path.Clean(file); !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	return f.inDirs(files)
}

// arguments returns the configuration files that HAProxy's arguments name, and the
// directory of option -C, in which they are.
func arguments(args []string) (files []string, dir string) {
	for i := 1; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--":
			return append(files, args[i+1:]...), dir
		case arg == "-f" && i+1 < len(args):
			i++
			files = append(files, args[i])
		case arg == "-C" && i+1 < len(args):
			i++
			dir = args[i]
		}
	}
	return files, dir
}

// inDirs returns files with each directory replaced by its files *.cfg, which HAProxy
// reads in the order of their names.
func (f *finder) inDirs(files []string) []string {
	var all []string
	for _, file := range files {
		info, err := fs.Stat(f.root, name(file))
		if err != nil || !info.IsDir() {
			all = append(all, file)
			continue
		}
		entries, err := fs.ReadDir(f.root, name(file))
		if err != nil {
			f.note("HAProxy's configuration %s can't be listed: %s", file, failure(err))
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".cfg") && !strings.HasPrefix(e.Name(), ".") {
				all = append(all, path.Join(file, e.Name()))
			}
		}
	}
	return all
}

// maxConfiguration bounds what is read of a configuration of HAProxy.
const maxConfiguration = 64 << 20

func (f *finder) configuration(file string) {
	text, err := f.read(file)
	if err != nil {
		f.note("HAProxy's configuration %s can't be read: %s", file, failure(err))
		return
	}
	global := false
	number := 0
	for line := range strings.Lines(text) {
		if len(f.found.Candidates) == maxCandidates && len(f.found.Notes) > maxNotes {
			return
		}
		number++
		w, expanded := words(strings.TrimSuffix(line, "\n"))
		switch {
		case len(w) == 0:
		case slices.Contains(sections, w[0]):
			global = w[0] == "global"
		case global && len(w) > 2 && w[0] == "stats" && w[1] == "socket":
			from := fmt.Sprintf("at %s:%d", file, number)
			if expanded {
				f.note("the `stats socket` line %s is left out: it depends on an environment variable. Name the socket: --servers unix:///PATH", from)
				continue
			}
			for address := range strings.SplitSeq(w[2], ",") {
				f.address(address, from)
			}
		}
	}
}

// sections are the words that begin a section of HAProxy's configuration.
var sections = []string{
	"acme", "backend", "cache", "crt-store", "defaults", "fcgi-app", "frontend", "global", "http-errors", "listen", "log-forward",
	"log-profile", "mailers", "peers", "program", "resolvers", "ring", "traces", "userlist",
}

// read returns the text of a regular file.
func (f *finder) read(file string) (string, error) {
	info, err := fs.Stat(f.root, name(file))
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("it is not a regular file")
	}
	open, err := f.root.Open(name(file))
	if err != nil {
		return "", err
	}
	defer open.Close()
	text, err := io.ReadAll(io.LimitReader(open, maxConfiguration))
	return string(text), err
}

// address adds a socket by its address in HAProxy's configuration.
func (f *finder) address(address, from string) {
	if p := strings.TrimPrefix(address, "unix@"); path.IsAbs(p) {
		f.add(p, from)
		return
	}
	host := address
	for _, family := range []string{"ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@"} {
		host = strings.TrimPrefix(host, family)
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		switch name := host[:i]; {
		case name == "" || name == "*" || name == "0.0.0.0":
			host = "127.0.0.1" + host[i:]
		case name == "::" || name == "[::]":
			host = "[::1]" + host[i:]
		}
	}
	servers, err := config.ParseServers("tcp://" + host)
	if err != nil || len(servers) != 1 {
		f.note("the socket %q %s is left out: haproxystats can't connect to such an address. Add a `stats socket` line with a path", address, from)
		return
	}
	f.candidate(servers[0], from)
}
