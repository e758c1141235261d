package pull

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/haproxysim"
	"haproxystats/internal/snapshot"
)

// listen makes a socket file that stays.
func listen(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestDiscover(t *testing.T) {
	dir := t.TempDir()
	elsewhere := filepath.Join(t.TempDir(), "far.sock")
	listen(t, elsewhere)
	for _, name := range []string{"b.sock", "a", ".hidden", "a.1234.bak", "a.99.tmp", "a.bak", "a.12x.tmp"} {
		listen(t, filepath.Join(dir, name))
	}
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "file"), nil, 0o640),
		os.Mkdir(filepath.Join(dir, "directory"), 0o750),
		os.Symlink(elsewhere, filepath.Join(dir, "link")),
		os.Symlink(filepath.Join(dir, "none"), filepath.Join(dir, "dangling")),
		os.Symlink("file", filepath.Join(dir, "link-to-file")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var log logged
	p := &Puller{
		SocketDir: dir,
		Servers: []Socket{
			{"unix", dir + "/./a"}, // also in dir
			{"unix", "/run/other/b.sock"},
			{"tcp", "lb:1"},
			{"tcp", "LB:1"},
		},
		Log: log.logger(),
	}
	found, err := p.sockets(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	sockets := socketsOf(found)
	want := []Socket{
		{"unix", dir + "/a"},
		{"unix", dir + "/a.12x.tmp"},
		{"unix", dir + "/a.bak"},
		{"unix", dir + "/b.sock"},
		{"unix", dir + "/link"},
		{"unix", "/run/other/b.sock"},
		{"tcp", "lb:1"},
	}
	if !slices.Equal(sockets, want) {
		t.Errorf("got  %q\nwant %q", sockets, want)
	}
	if log.String() != "" {
		t.Errorf("what is no socket is worth no message:\n%s", log.String())
	}
}

func TestSocketDirWithoutSockets(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/nonexistent"} {
		var log logged
		p := &Puller{SocketDir: dir, Servers: threeServers, Log: log.logger()}
		found, err := p.sockets(time.Now())
		if sockets := socketsOf(found); err != nil || !slices.Equal(sockets, threeServers) {
			t.Errorf("got %v, %v, want %v", found, err, threeServers)
		}
		if log.count("level=ERROR", "no socket in socket-dir, asking only servers", "socket_dir="+dir) != 1 {
			t.Errorf("log:\n%s", log.String())
		}
	}
}

// simulated is a node whose sockets answer from a recording.
type simulated struct {
	server  haproxysim.Server
	sockets map[string]*haproxysim.Socket // by the name of their files
	files   map[string][]byte             // what a snapshot of them holds
}

// simulate serves the four processes of a recording on UNIX sockets in dir, and
// one of them on TCP too.
func simulate(t *testing.T, dir string) (*simulated, Socket) {
	t.Helper()
	recordings, err := haproxysim.Load(os.DirFS("../../testdata/recordings/1.6.0-nbproc4/1795335509"))
	if err != nil {
		t.Fatal(err)
	}
	n := &simulated{sockets: make(map[string]*haproxysim.Socket), files: make(map[string][]byte)}
	add := func(network, address, name string, r haproxysim.Recording) string {
		s := haproxysim.NewSocket(r)
		address, err := n.server.Listen(network, address, s)
		if err != nil {
			t.Fatal(err)
		}
		if network == "tcp" {
			name = address
		}
		n.sockets[name] = s
		n.files[name+"_info"], n.files[name+"_stat"] = r.Info, r.Stat
		return address
	}
	for name, r := range recordings {
		add("unix", filepath.Join(dir, name), name, r)
	}
	port := add("tcp", "127.0.0.1:0", "", recordings["admin1.sock"].WithLastCheck("\xff\n\n\""))
	done := make(chan error, 1)
	go func() { done <- n.server.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := n.server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return n, Socket{"tcp", port}
}

func TestSnapshotOfSimulatedSockets(t *testing.T) {
	dir := t.TempDir()
	node, server := simulate(t, dir)
	spool := new(memory)
	var log logged
	p := &Puller{
		Spool: spool, Fetcher: &haproxy.Client{Timeout: 10 * time.Second}, SocketDir: dir, Servers: []Socket{server},
		Interval: 10 * time.Second, Timeout: time.Minute, Workers: 2, Log: log.logger(),
	}
	p.round(t.Context(), 1000, 0, new(epochs))
	snapshot := spool.stored[1000]
	if len(snapshot) != len(node.files) || spool.staged != 0 {
		t.Fatalf("%d files, %d wanted\n%s", len(snapshot), len(node.files), log.String())
	}
	for name, want := range node.files {
		if !bytes.Equal(snapshot[name], want) {
			t.Errorf("%s: %d bytes differ from the %d recorded", name, len(snapshot[name]), len(want))
		}
	}
	for name, s := range node.sockets {
		if s.Connections() != 1 || s.Commands() != 2 {
			t.Errorf("%s: %d connections, %d commands; 1, 2 wanted", name, s.Connections(), s.Commands())
		}
	}
}

// TestOneBadSocketDropsTheRound breaks one socket after another in every way.
func TestOneBadSocketDropsTheRound(t *testing.T) {
	dir := t.TempDir()
	node, server := simulate(t, dir)
	faults := map[string]haproxysim.Fault{
		"truncated reply":  {Kind: haproxysim.Cut, At: 3000},
		"empty reply":      {Kind: haproxysim.Drop},
		"connection reset": {Kind: haproxysim.Reset, At: 10},
		"time-out":         {Kind: haproxysim.Stall, At: 2000},
		"without end":      {Kind: haproxysim.Endless},
		"denied":           {Kind: haproxysim.Text, Text: "Permission denied"},
	}
	for message, fault := range faults {
		t.Run(message, func(t *testing.T) {
			spool := new(memory)
			p := &Puller{
				Spool: spool, Fetcher: &haproxy.Client{MaxReply: 1 << 16}, SocketDir: dir, Servers: []Socket{server},
				Interval: 10 * time.Second, Timeout: 10 * time.Second,
			}
			if fault.Kind == haproxysim.Stall {
				p.Timeout = 300 * time.Millisecond
			}
			for _, name := range []string{"admin3.sock", server.Address} {
				var log logged
				p.Log = log.logger()
				s := node.sockets[name]
				s.SetFault(fault)
				p.round(t.Context(), 1000, 0, new(epochs))
				s.SetFault(haproxysim.Fault{})
				wantDropped(t, spool, &log)
				if log.count("socket failed", name, message) != 1 || log.count("socket failed") != 1 {
					t.Errorf("log:\n%s", log.String())
				}
			}
			var log logged
			p.Log = log.logger()
			p.Timeout = 10 * time.Second
			p.round(t.Context(), 1010, 0, new(epochs))
			if len(spool.epochs()) != 1 {
				t.Errorf("no snapshot after the fault:\n%s", log.String())
			}
		})
	}
}

// BenchmarkRound is a round of 64 sockets of 2.1 MB each, written to files. A
// fifth of the CPU time is the simulator's.
func BenchmarkRound(b *testing.B) {
	recordings, err := haproxysim.Load(os.DirFS("../../testdata/recordings/3.2.0-zlib-rich/1795337158"))
	if err != nil {
		b.Fatal(err)
	}
	r := recordings["haproxy.sock"]
	header, rows, _ := bytes.Cut(r.Stat[:len(r.Stat)-1], []byte("\n"))
	r.Stat = slices.Concat(header, []byte("\n"), bytes.Repeat(rows, 2_100_000/len(rows)), []byte("\n"))
	sockets, out := b.TempDir(), b.TempDir()
	var server haproxysim.Server
	for i := range 64 {
		s := haproxysim.NewSocket(r)
		s.SetSizes(16384)
		name := "s" + string(rune('0'+i/10)) + string(rune('0'+i%10))
		if _, err := server.Listen("unix", filepath.Join(sockets, name), s); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	defer func() { cancel(); <-done }()
	p := &Puller{
		Spool: directory(out), Fetcher: new(haproxy.Client), SocketDir: sockets,
		Interval: time.Second, Workers: 8, Log: slog.New(slog.DiscardHandler),
	}
	b.SetBytes(64 * int64(len(r.Info)+len(r.Stat)))
	b.ReportAllocs()
	for b.Loop() {
		p.round(ctx, 1, 0, new(epochs))
	}
	files, err := os.ReadDir(out)
	if err != nil || len(files) != 128 {
		b.Fatalf("%d files, %v", len(files), err)
	}
	if got, err := os.ReadFile(filepath.Join(out, "s63_stat")); err != nil || !bytes.Equal(got, r.Stat) {
		b.Errorf("%d bytes, %v", len(got), err)
	}
}

// directory is a spool that writes every snapshot to the same files.
type directory string

func (d directory) Waiting() (int, error)       { return 0, nil }
func (d directory) Stage(int64) (Stage, error)  { return d, nil }
func (d directory) Commit(snapshot.Round) error { return nil }
func (d directory) Remove(string) error         { return nil }
func (d directory) Discard() error              { return nil }

func (d directory) Create(name string) (io.WriteCloser, error) {
	return os.Create(filepath.Join(string(d), name))
}
