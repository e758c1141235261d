package top

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/haproxysim"
	"haproxystats/internal/pull"
	"haproxystats/internal/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve serves what a process says at a socket in a directory.
func serve(t *testing.T, dir, name string, s said) *haproxysim.Socket {
	t.Helper()
	socket := haproxysim.NewSocket(haproxysim.Recording{Info: s.info(), Stat: s.stat()})
	var server haproxysim.Server
	if _, err := server.Listen("unix", filepath.Join(dir, name), socket); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return socket
}

func newAsker(dir string) *Asker {
	p := pull.Puller{SocketDir: dir}
	return &Asker{
		Targets: p.Targets, Missing: p.Missing, Client: &haproxy.Client{Timeout: time.Minute},
		Interval: time.Millisecond, Timeout: time.Minute, Where: dir, FindMasters: true,
	}
}

// TestAsk: each socket gets one connection a round, and the files of a round stay as they are
// while the next one is made.
func TestAsk(t *testing.T) {
	dir := t.TempDir()
	a, b := serve(t, dir, "a", site(1, 1, 1)), serve(t, dir, "b", site(2, 1, 2))
	asker := newAsker(dir)
	first, err := asker.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files := first.Snapshot.Files.(snapshot.Memory)
	before := string(files["a_stat"])
	changed := site(1, 3, 100)
	a.SetRecording(haproxysim.Recording{Info: changed.info(), Stat: changed.stat()})
	second, err := asker.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if string(files["a_stat"]) != before {
		t.Error("the files of the round before have changed")
	}
	if got := string(second.Snapshot.Files.(snapshot.Memory)["a_stat"]); got == before || !strings.HasSuffix(got, "\n\n") {
		t.Errorf("second round: got %q", got)
	}
	if a.Connections() != 2 || b.Connections() != 2 {
		t.Errorf("got %d and %d connections, want 2 each", a.Connections(), b.Connections())
	}
}

// TestAskFails: a socket that fails costs only itself; if all fail, that is an error with what
// to do about it, and the next round is a round again.
func TestAskFails(t *testing.T) {
	dir := t.TempDir()
	a, b := serve(t, dir, "a", site(1, 1, 1)), serve(t, dir, "b", site(2, 1, 2))
	asker := newAsker(dir)
	b.SetFault(haproxysim.Fault{Kind: haproxysim.Drop})
	r, err := asker.Next(t.Context())
	if err != nil || len(r.Failures) != 1 || r.Failures[0].Name != "b" || len(r.Snapshot.Files.(snapshot.Memory)) != 2 {
		t.Fatalf("one fails: got %+v, %v", r, err)
	}
	kept := r.Snapshot.Files.(snapshot.Memory)
	before := string(kept["a_stat"])
	a.SetFault(haproxysim.Fault{Kind: haproxysim.Text, Text: "Permission denied"})
	_, err = asker.Next(t.Context())
	var p *Problem
	if !errors.As(err, &p) || !strings.Contains(err.Error(), "none of 2 sockets answers") || p.Hint == "" {
		t.Errorf("both fail: got %v", err)
	}
	for range 20 { // whoever fails first, the message stays
		if _, again := asker.Next(t.Context()); again == nil || again.Error() != err.Error() || !strings.Contains(err.Error(), "/a: ") {
			t.Fatalf("both fail again: got %v after %v, want the same about a", again, err)
		}
	}
	a.SetFault(haproxysim.Fault{})
	if _, err := asker.Next(t.Context()); err != nil {
		t.Errorf("after the failure: %v", err)
	}
	if string(kept["a_stat"]) != before {
		t.Error("the files of the last round have changed over a failure")
	}
}

// TestAskHangs: a socket that hangs takes no longer than the time-out.
func TestAskHangs(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "a", site(1, 1, 1))
	release := make(chan struct{})
	defer close(release)
	serve(t, dir, "b", site(2, 1, 2)).SetFault(haproxysim.Fault{Kind: haproxysim.Stall, At: 40, Release: release})
	asker := newAsker(dir)
	asker.Timeout = 300 * time.Millisecond
	r, err := asker.Next(t.Context())
	if err != nil || len(r.Failures) != 1 || r.Failures[0].Name != "b" {
		t.Fatalf("got %+v, %v, want a failure of b", r, err)
	}
}

func TestAskNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := newAsker(dir).Next(t.Context()); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("empty directory: got %v", err)
	}
	// Another program's socket.
	l, err := net.Listen("unix", filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 1000)) // else the question meets a closed connection
			c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			c.Close()
		}
	}()
	if _, err := newAsker(dir).Next(t.Context()); err == nil || !strings.Contains(err.Error(), "no stats socket") {
		t.Errorf("another program's socket: got %v", err)
	}
}

func TestAskEnds(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "a", site(1, 1, 1))
	asker := newAsker(dir)
	asker.Interval = time.Hour
	if _, err := asker.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := asker.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}
