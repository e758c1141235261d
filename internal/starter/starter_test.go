package starter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"haproxystats/internal/config"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/printable"
)

func text(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

func socket() *fstest.MapFile { return &fstest.MapFile{Mode: fs.ModeSocket | 0o600} }

func servers(f Found) []string {
	var all []string
	for _, c := range f.Candidates {
		all = append(all, c.Server.String()+" "+c.From)
	}
	return all
}

func TestFind(t *testing.T) {
	root := fstest.MapFS{
		"proc/7/comm":    text("haproxy\n"),
		"proc/7/cmdline": text("/usr/sbin/haproxy\x00-Ws\x00-f\x00/etc/haproxy/haproxy.cfg\x00-f\x00conf.d\x00-p\x00/run/haproxy.pid\x00"),
		"proc/7/cwd":     &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("/srv")},
		// A worker has the arguments of its master.
		"proc/8/comm":    text("haproxy\n"),
		"proc/8/cmdline": text("/usr/sbin/haproxy\x00-C\x00/srv\x00--\x00conf.d\x00"),
		"proc/9/comm":    text("haproxystats-pu\n"),
		"proc/9/cmdline": text("haproxystats-pull\x00-f\x00/etc/haproxystats.conf\x00"),
		"proc/10/comm":   text("bash\n"),
		"etc/haproxy/haproxy.cfg": text("# stats socket /run/comment.sock\nglobal\n  stats socket /run/haproxy/admin.sock mode 660 level admin\n" +
			"  stats socket unix@/srv/other.sock,ipv4@*:9999 # two\n  stats socket \"/srv/$HOST.sock\"\n  stats socket abns@name\n" +
			"  stats socket /srv/gone.sock\n  stats timeout 30s\nfrontend f\n  stats socket /srv/frontend.sock\n"),
		"srv/conf.d/b.cfg":           text("global\n\tstats socket [::]:1024\n"),
		"srv/conf.d/a.txt":           text("global\n stats socket /srv/text.sock\n"),
		"srv/other.sock":             socket(),
		"srv/frontend.sock":          socket(),
		"run/haproxy/admin.sock":     socket(),
		"run/haproxy/bad\nname":      socket(),
		"run/haproxy/.hidden":        socket(),
		"run/haproxy/admin.sock.tmp": socket(),
		"run/haproxy/file":           text(""),
	}
	got := Find(root, UsualDirs, true)
	want := Found{
		Others: map[string]bool{"/run/haproxy": true, "/srv": true}, // the bad name, and frontend.sock
		Notes: []string{
			`the socket "/run/haproxy/bad\nname" is left out: its name contains a line break or another character that is not visible`,
			"the `stats socket` line at /etc/haproxy/haproxy.cfg:5 is left out: it depends on an environment variable. Name the socket: --servers unix:///PATH",
			"the socket \"abns@name\" at /etc/haproxy/haproxy.cfg:6 is left out: haproxystats can't connect to such an address. Add a `stats socket` line with a path",
			"the socket /srv/gone.sock, named at /etc/haproxy/haproxy.cfg:7, can't be found: file does not exist" + inContainer,
		},
	}
	wantServers := []string{
		"unix:///run/haproxy/admin.sock in /run/haproxy",
		"unix:///srv/other.sock at /etc/haproxy/haproxy.cfg:4",
		"tcp://127.0.0.1:9999 at /etc/haproxy/haproxy.cfg:4",
		"tcp://[::1]:1024 at /srv/conf.d/b.cfg:2",
	}
	if diff := cmp.Diff(wantServers, servers(got)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	got.Candidates = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// inContainer is what to do about files that are not there.
const inContainer = ". If HAProxy runs in a container, name its sockets by their paths on this host: --servers unix:///PATH"

func TestFindFailures(t *testing.T) {
	root := fstest.MapFS{
		"proc/7/comm":    text("haproxy\n"),
		"proc/7/cmdline": text("haproxy\x00-f\x00relative.cfg\x00-f\x00/none.cfg\x00-f\x00/pipe\x00-f\x00/\x1b]0;x\n\x00-f\x00"),
		"pipe":           &fstest.MapFile{Mode: fs.ModeNamedPipe},
	}
	got := Find(root, nil, true)
	want := []string{
		"the configuration relative.cfg of HAProxy (pid 7) can't be found, because its path is relative: file does not exist" + inContainer,
		"HAProxy's configuration /none.cfg can't be read: file does not exist" + inContainer,
		"HAProxy's configuration /pipe can't be read: it is not a regular file",
		"HAProxy's configuration /?]0;x? can't be read: file does not exist" + inContainer,
	}
	if diff := cmp.Diff(want, got.Notes); diff != "" || len(got.Candidates) > 0 {
		t.Errorf("got %v, want -, got +\n%s", got.Candidates, diff)
	}
}

// TestFindLinks finds a socket once that two directories lead to.
func TestFindLinks(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	listen(t, filepath.Join(dir, "a.sock"))
	if err := os.Symlink(".", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	got := servers(Find(root.FS(), []string{"/", "/link"}, false))
	if diff := cmp.Diff([]string{"unix:///a.sock in /"}, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestWords(t *testing.T) {
	for _, test := range []struct {
		line     string
		want     []string
		expanded bool
	}{
		{"", nil, false},
		{"  # comment", nil, false},
		{"stats socket\t/a # b", []string{"stats", "socket", "/a"}, false},
		{`a\ b "c d" 'e"f'"" "" `, []string{"a b", "c d", `e"f`, ""}, false},
		{`"$A" '$B'`, []string{"$A", "$B"}, true},
		{`'$B' $C \#`, []string{"$B", "$C", "#"}, false},
		{`'a\b' "open`, []string{`a\b`, "open"}, false},
		{`end\`, []string{`end\`}, false},
	} {
		got, expanded := words(test.line)
		if diff := cmp.Diff(test.want, got); diff != "" || expanded != test.expanded {
			t.Errorf("%q: got expanded %v, want -, got +\n%s", test.line, expanded, diff)
		}
	}
}

// load loads a configuration as both programs do, and wants no warning.
func load(t interface {
	Helper()
	Fatalf(string, ...any)
}, dir, content string,
) *config.Config {
	t.Helper()
	file := filepath.Join(dir, "haproxystats.conf")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	var c *config.Config
	for _, program := range []config.Program{config.ForPull, config.ForProcess} {
		loaded, err := config.Load(program, config.Files{File: file, Required: true})
		if err != nil || len(loaded.Warnings) > 0 {
			t.Fatalf("got %v %v, want no warning:\n%s", err, loaded.Warnings, content)
		}
		c = &loaded.Config
	}
	return c
}

func unix(path string) Candidate {
	return Candidate{Server: config.Server{Network: "unix", Address: path}, From: "in a test"}
}

// TestPathsSurvive loads each path that a draft takes as it was found.
func TestPathsSurvive(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := "/" + strings.ReplaceAll(rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune("$${}:#;=%, []\\\"'\n\r\t\u2028a.")), rapid.Rune())).Draw(t, "path"), "/", "_")
		if unfit(path) != "" || filepath.Clean(path) != path || path == "/" {
			return
		}
		d := Draft{Sockets: []Socket{{Candidate: unix(path + "/a.sock"), Version: path}}, Masters: []string{path + "/m"}, Prometheus: true}
		content, _ := d.Write()
		c := load(t, dir, content)
		if c.Pull.SocketDir != path {
			t.Fatalf("socket-dir: got %q, want %q", c.Pull.SocketDir, path)
		}
		d.Listed = true
		content, _ = d.Write()
		c = load(t, dir, content)
		if c.Pull.MasterSocket != path+"/m" {
			t.Fatalf("master-socket: got %q, want %q", c.Pull.MasterSocket, path+"/m")
		}
		if unlisted(path) == "" && (len(c.Pull.Servers) != 1 || c.Pull.Servers[0].Address != path+"/a.sock") {
			t.Fatalf("servers: got %v, want %q", c.Pull.Servers, path)
		}
	})
}

func TestDraft(t *testing.T) {
	answered := func(path, pid, process string, level haproxy.Level) Socket {
		return Socket{Candidate: unix(path), Version: "2.4.1", Node: "lb", Pid: pid, Process: process, Nbproc: "3", Level: level}
	}
	refused := Socket{Candidate: unix("/run/haproxy/dead"), Err: errors.New("connection refused")}
	for _, test := range []struct {
		name     string
		draft    Draft
		dir      string
		servers  int
		master   string
		text     string
		warnings string
	}{
		{"nothing", Draft{Graphite: "g", ports: true}, "/run/haproxy", 0, "auto", "# No stats socket was found.", "no stats socket was found. Add this line"},
		{
			"several processes",
			Draft{Graphite: "g", Sockets: []Socket{answered("/s/a", "1", "1", "operator"), answered("/s/b", "2", "2", "operator")}},
			"/s", 0, "auto", "collect = certificates is possible", "only sockets of 2 of 3 processes of HAProxy 2.4.1 (nbproc = 3) were found",
		},
		{
			"one process twice",
			Draft{Graphite: "g", Sockets: []Socket{answered("/s/a", "1", "1", "user"), answered("/s/b", "1", "1", "admin")}},
			"/s", 0, "auto", "The level user suffices", "may be sockets of one process of HAProxy (pid 1). Leave one of them out",
		},
		{
			"a master beside",
			Draft{Graphite: "g", Sockets: []Socket{answered("/s/a", "1", "1", "admin"), {Candidate: unix("/s/m"), Master: true}}},
			"/s", 0, "auto", "# /s/m belongs to HAProxy's master process", "only",
		},
		{
			"a dead socket beside",
			Draft{Graphite: "g", Sockets: []Socket{answered("/run/haproxy/a", "1", "1", "user"), refused}, Masters: []string{"/m1", "/m2"}},
			"", 1, "/m1", "Others are: /m2.", "/run/haproxy/dead is left out: connection refused",
		},
		{
			"no permission",
			Draft{Graphite: "g", Sockets: []Socket{{Candidate: unix("/s/a"), Err: fs.ErrPermission}}, Others: map[string]bool{"/s": true}},
			"", 1, "auto", "it did not answer, so nothing is known of it", "/s/a is taken, but it did not answer",
		},
		{
			"a dead socket, listed",
			Draft{Graphite: "g", Listed: true, Sockets: []Socket{{Candidate: unix("/run/other"), Err: &haproxy.SocketError{
				Op: "read show info from", Socket: "/run/other", Err: haproxy.ErrNotStats, Hint: "Move it",
			}}}},
			"", 0, "auto", "[pull] No socket is left to ask: add servers or socket-dir.", "/run/other is left out: " + haproxy.ErrNotStats.Error() + "\nno stats socket",
		},
		{
			"a comma",
			Draft{Graphite: "g", Sockets: []Socket{answered("/s/a,b", "1", "1", "user")}, Others: map[string]bool{"/s": true}},
			"", 0, "auto", "No socket is left to ask", `the socket "/s/a,b" is left out, because its name contains a comma`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			content, warnings := test.draft.Write()
			c := load(t, t.TempDir(), content)
			if c.Pull.SocketDir != test.dir || len(c.Pull.Servers) != test.servers || c.Pull.MasterSocket != test.master {
				t.Errorf("got %q, %v, %q, want %q, %d, %q", c.Pull.SocketDir, c.Pull.Servers, c.Pull.MasterSocket, test.dir, test.servers, test.master)
			}
			joined := strings.ReplaceAll(content, "\n# ", " ")
			if !strings.Contains(joined, strings.TrimPrefix(test.text, "# ")) {
				t.Errorf("got %s, want %q in it", content, test.text)
			}
			if !strings.Contains(strings.Join(warnings, "\n"), test.warnings) {
				t.Errorf("got %q, want %q", warnings, test.warnings)
			}
		})
	}
}

func TestFailure(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission}, "permission denied. Run the command as root"},
		{&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}, "file does not exist" + inContainer},
		{errors.New("it is not a regular file"), "it is not a regular file"},
	} {
		if got := failure(test.err); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// TestFindIsBounded ends at a configuration that names any number of sockets.
func TestFindIsBounded(t *testing.T) {
	var lines strings.Builder
	lines.WriteString("global\n")
	for i := range 2000 {
		fmt.Fprintf(&lines, "stats socket 127.0.0.1:%d\nstats socket abns@%d\n", i+1, i)
	}
	got := Find(fstest.MapFS{
		"proc/7/comm": text("haproxy\n"), "proc/7/cmdline": text("haproxy\x00-f\x00/h.cfg\x00"), "h.cfg": text(lines.String()),
	}, nil, true)
	if len(got.Candidates) != maxCandidates || len(got.Notes) != maxNotes+1 || !strings.HasPrefix(got.Notes[maxNotes], "more ") {
		t.Errorf("got %d sockets and %d notes, the last %q, want %d and %d", len(got.Candidates), len(got.Notes), got.Notes[len(got.Notes)-1], maxCandidates, maxNotes+1)
	}
}

// FuzzFind finds sockets in any configuration of HAProxy and any arguments of a process. What
// is printed has no control characters, and both programs take what is written.
func FuzzFind(f *testing.F) {
	for _, text := range []string{
		"global\n stats socket /s level admin\n", "global\nstats socket ipv4@*:9999,tcp@h:1 # x\n", "\x00global\r\n\tstats \"socket\" '::1:9'\n",
		"global\n stats socket \"$A\"\n stats socket /a\\ b\\\n", "defaults\nglobal\n stats socket [::]:1 stats socket $x:1\n", "global\n stats socket \x1b]0;x:1\n",
	} {
		f.Add(text, "haproxy\x00-f\x00/etc/h.cfg\x00")
		f.Add(text, "haproxy\x00-C\x00/etc\x00--\x00h.cfg\x00\x1b[2J\x00")
	}
	f.Fuzz(func(t *testing.T, text, line string) {
		root := fstest.MapFS{
			"proc/7/comm": {Data: []byte("haproxy\n")}, "proc/7/cmdline": {Data: []byte(line)},
			"etc/h.cfg": {Data: []byte(text)}, "s": socket(),
		}
		found := Find(root, nil, true)
		for _, n := range found.Notes {
			if strings.ContainsFunc(n, printable.Hidden) || !utf8.ValidString(n) {
				t.Errorf("note %q can't be printed", n)
			}
		}
		d := Draft{Prometheus: true, Others: found.Others}
		for _, c := range found.Candidates {
			d.Sockets = append(d.Sockets, Socket{Candidate: c, Version: text, Node: line})
		}
		content, warnings := d.Write()
		load(t, t.TempDir(), content)
		for _, w := range warnings {
			if strings.ContainsFunc(w, printable.Hidden) {
				t.Errorf("warning %q can't be printed", w)
			}
		}
	})
}
