package cli_test

import (
	"context"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"haproxystats/internal/haproxysim"
)

// haproxy is a stats socket that answers from a recording.
type haproxy struct {
	socket  *haproxysim.Socket
	stalled chan struct{}
	stop    context.CancelFunc
	done    chan error
}

func (h *haproxy) close() error {
	h.stop()
	return <-h.done
}

// cmdHAProxy serves all sockets of a recording in a directory, or one of them,
// the first if none is named, at another address: a path, or host:port. That one answers
// the further commands of a file, too.
func cmdHAProxy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: haproxy address recording[:socket] [file]")
	}
	s := onStage(ts)
	name, socket, _ := strings.Cut(args[1], ":")
	recordings, err := haproxysim.Load(os.DirFS(recorded(ts, name)))
	ts.Check(err)
	names := slices.Sorted(maps.Keys(recordings))
	if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
		for _, socket := range names {
			s.serve(ts, filepath.Join(args[0], socket), recordings[socket])
		}
		return
	}
	if socket == "" {
		socket = names[0]
	}
	r := recordings[socket]
	if len(args) == 3 {
		r.More, err = haproxysim.ReadAnswers([]byte(ts.ReadFile(args[2])))
		ts.Check(err)
	}
	s.serve(ts, args[0], r)
}

func (s *stage) serve(ts *testscript.TestScript, address string, r haproxysim.Recording) {
	if s.haproxies[address] != nil {
		ts.Fatalf("%s is served already", address)
	}
	h := &haproxy{socket: haproxysim.NewSocket(r), stalled: make(chan struct{}), done: make(chan error, 1)}
	network := "tcp"
	if filepath.IsAbs(address) {
		network = "unix"
	}
	var server haproxysim.Server
	_, err := server.Listen(network, address, h.socket)
	ts.Check(err)
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	go func() { h.done <- server.Run(ctx) }()
	s.haproxies[address] = h
}

func (s *stage) haproxy(ts *testscript.TestScript, address string) *haproxy {
	h := s.haproxies[address]
	if h == nil {
		ts.Fatalf("nothing is served at %s", address)
	}
	return h
}

func cmdHADown(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hadown address")
	}
	s := onStage(ts)
	ts.Check(s.haproxy(ts, args[0]).close())
	delete(s.haproxies, args[0])
}

var faults = map[string]haproxysim.Kind{
	"none": haproxysim.None, "one-command": haproxysim.OneCommand, "cut": haproxysim.Cut, "reset": haproxysim.Reset,
	"stall": haproxysim.Stall, "text": haproxysim.Text, "drop": haproxysim.Drop,
}

func cmdFault(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: fault address kind [at|text]")
	}
	kind, ok := faults[args[1]]
	if !ok {
		ts.Fatalf("unknown fault %s", args[1])
	}
	h := onStage(ts).haproxy(ts, args[0])
	f := haproxysim.Fault{Kind: kind, Reached: h.stalled}
	switch {
	case len(args) == 2:
	case kind == haproxysim.Text:
		f.Text = args[2]
	default:
		f.At = number(ts, args[2])
	}
	h.socket.SetFault(f)
}

func cmdStalled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stalled address")
	}
	select {
	case <-onStage(ts).haproxy(ts, args[0]).stalled:
	case <-time.After(patience):
		ts.Fatalf("no connection to %s stalls", args[0])
	}
}

func cmdDead(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: dead path")
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: args[0], Net: "unix"})
	ts.Check(err)
	l.SetUnlinkOnClose(false)
	ts.Check(l.Close())
}

// cmdDeaf listens on a port of loopback with a queue that is full, so that the
// kernel drops what else arrives.
func cmdDeaf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: deaf port")
	}
	s := onStage(ts)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	ts.Check(err)
	unix.CloseOnExec(fd)
	s.cleanup = append(s.cleanup, func() { unix.Close(fd) })
	ts.Check(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	ts.Check(unix.Bind(fd, &unix.SockaddrInet4{Port: number(ts, args[0]), Addr: [4]byte{127, 0, 0, 1}}))
	ts.Check(unix.Listen(fd, 0))
	for range 64 {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+args[0], 100*time.Millisecond)
		if err != nil {
			return
		}
		s.cleanup = append(s.cleanup, func() { c.Close() })
	}
	ts.Fatalf("port %s still answers", args[0])
}

// recorded returns the directory of a snapshot under testdata.
func recorded(ts *testscript.TestScript, name string) string {
	for _, pattern := range []string{"recordings/" + name + "/*", "golden/" + name + "/snapshot/*"} {
		found, err := filepath.Glob(filepath.Join(ts.Getenv("RECORDINGS"), pattern))
		ts.Check(err)
		if len(found) == 1 {
			return found[0]
		}
	}
	ts.Fatalf("no recording %s", name)
	return ""
}

func cmdSnapshot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: snapshot dir recording")
	}
	to := ts.MkAbs(args[0])
	made := filepath.Join(ts.Getenv("WORK"), ".snapshot")
	ts.Check(os.CopyFS(made, os.DirFS(recorded(ts, args[1]))))
	ts.Check(os.MkdirAll(filepath.Dir(to), 0o750))
	ts.Check(os.Rename(made, to))
}

// cmdAwait waits for files to be there, or with ! to be gone.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] await glob")
	}
	pattern := ts.MkAbs(args[0])
	w, err := fsnotify.NewWatcher()
	ts.Check(err)
	defer w.Close()
	ts.Check(w.Add(filepath.Dir(pattern)))
	late := time.After(patience)
	for {
		found, err := filepath.Glob(pattern)
		ts.Check(err)
		if neg == (len(found) == 0) {
			return
		}
		select {
		case <-w.Events:
		case err := <-w.Errors:
			ts.Check(err)
		case <-late:
			ts.Fatalf("still waiting for %s; there is %q", args[0], found)
		}
	}
}
