package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/haproxysim"
	"haproxystats/internal/snapshot"
)

// lines passes each log line on.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// until returns the first line that holds all parts.
func (l lines) until(t *testing.T, parts ...string) string {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case line := <-l:
			if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
				return line
			}
		case <-timeout:
			t.Fatalf("%q is not logged", parts)
		}
	}
}

// twoSockets serves a.sock, and b.sock that denies every command.
func twoSockets(t *testing.T, dir string) {
	t.Helper()
	serveSockets(t, dir, map[string]haproxysim.Fault{
		"a.sock": {},
		"b.sock": {Kind: haproxysim.Text, Text: "Permission denied"},
	})
}

// serveSockets serves sockets in dir, each with its fault.
func serveSockets(t *testing.T, dir string, faults map[string]haproxysim.Fault) {
	t.Helper()
	recordings, err := haproxysim.Load(os.DirFS("../../testdata/recordings/3.2.0-zlib-rich/1795337158"))
	if err != nil {
		t.Fatal(err)
	}
	var server haproxysim.Server
	for name, fault := range faults {
		s := haproxysim.NewSocket(recordings["haproxy.sock"])
		s.SetFault(fault)
		if _, err := server.Listen("unix", filepath.Join(dir, name), s); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- server.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestPartialRound pulls from two sockets, one of which fails, and processes the result:
// with on-partial = keep a snapshot that has only the number of failed sockets, with
// discard nothing.
func TestPartialRound(t *testing.T) {
	for _, onPartial := range []string{"keep", "discard"} {
		t.Run(onPartial, func(t *testing.T) {
			base := t.TempDir()
			// Their paths must be short.
			sockets, err := os.MkdirTemp("", "app")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(sockets) })
			twoSockets(t, sockets)
			receiver := receive(t)
			conf := filepath.Join(base, "haproxystats.conf")
			write(t, conf, fmt.Appendf(nil, `[paths]
base-dir = %s
[pull]
socket-dir = %s
pull-interval = 3600
on-partial = %s
[graphite]
server = 127.0.0.1
port = %s
confirm-hold = 0.05
`, base, sockets, onPartial, receiver.port))
			incoming := filepath.Join(base, "incoming")

			log := runOne(t, config.ForPull, conf, runPullHere)
			if onPartial == "discard" {
				log.until(t, "level=ERROR", "round dropped", "sockets=2", "failed=1")
				if entries, err := os.ReadDir(incoming); err != nil || len(entries) > 0 {
					t.Errorf("kept %v, %v", entries, err)
				}
				return
			}
			log.until(t, "level=WARN", "stored without the sockets", "sockets=2", "failed=1")
			stored := one(t, incoming)
			var files []string
			for _, e := range entries(t, stored) {
				files = append(files, e.Name())
			}
			if want := []string{snapshot.ManifestName, "a.sock_info", "a.sock_stat"}; !slices.Equal(files, want) {
				t.Errorf("the snapshot holds %q, want %q", files, want)
			}
			m, err := snapshot.ParseManifest(readFile(t, filepath.Join(stored, snapshot.ManifestName)))
			if err != nil || len(m.Round.Failures) != 1 || m.Round.SocketsFailed != 1 || len(m.Files) != 2 ||
				m.Round.Failures[0].Socket != filepath.Join(sockets, "b.sock") || !strings.Contains(m.Round.Failures[0].Cause, "Permission denied") {
				t.Errorf("manifest %+v, %v", m, err)
			}

			runOne(t, config.ForProcess, conf, runProcessHere)
			got := parseLines(t, bytes.NewReader(receiver.next(t)), true)
			const prefix = "loadbalancers.host.haproxy."
			if s, ok := got[prefix+"haproxystats.SocketsFailed"]; !ok || s.value != 1 || s.epoch != filepath.Base(stored) {
				t.Errorf("SocketsFailed is %v, %t", s, ok)
			}
			if len(got) < 100 {
				t.Errorf("%d metrics of the other socket", len(got))
			}
		})
	}
}

// TestDamagedSnapshot changes a snapshot in the queue, and checks that nothing of it
// arrives.
func TestDamagedSnapshot(t *testing.T) {
	base := t.TempDir()
	sockets, err := os.MkdirTemp("", "app")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	twoSockets(t, sockets)
	receiver := receive(t)
	conf := filepath.Join(base, "haproxystats.conf")
	write(t, conf, fmt.Appendf(nil, `[paths]
base-dir = %s
[pull]
servers = unix://%s/a.sock
pull-interval = 3600
[graphite]
server = 127.0.0.1
port = %s
confirm-hold = 0.05
`, base, sockets, receiver.port))
	runOne(t, config.ForPull, conf, runPullHere).until(t, "level=INFO", "snapshot stored")
	snapshot := one(t, filepath.Join(base, "incoming"))
	reply := readFile(t, filepath.Join(snapshot, "a.sock_stat"))
	reply[bytes.IndexByte(reply, '\n')+200] ^= 1
	write(t, filepath.Join(snapshot, "a.sock_stat"), reply)

	runOne(t, config.ForProcess, conf, runProcessHere).until(t, "level=ERROR", "given up", "a.sock_stat: not what was handed over")
	select {
	case got := <-receiver.received:
		t.Errorf("arrived:\n%s", got)
	default:
	}
	if got := one(t, filepath.Join(base, "incoming.corrupt")); filepath.Base(got) != filepath.Base(snapshot) {
		t.Errorf("given up is %s", got)
	}
}

func runProcessHere(ctx context.Context, c *config.Config, service *Supervisor, log *slog.Logger) error {
	return runProcess(ctx, &config.Loaded{Config: *c}, named("host"), release{version: "test"}, service, nil, nil, nil, nil, Log{Logger: log})
}

func runPullHere(ctx context.Context, c *config.Config, service *Supervisor, log *slog.Logger) error {
	return runPull(ctx, c, release{version: "test"}, service, Log{Logger: log})
}

// runOne runs a program until the test ends and returns its log.
func runOne(t *testing.T, program config.Program, conf string,
	run func(context.Context, *config.Config, *Supervisor, *slog.Logger) error,
) lines {
	t.Helper()
	loaded, err := config.Load(program, config.Files{File: conf, Required: true}, CheckPatterns)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	log := make(lines, 1000)
	done := make(chan error, 1)
	go func() { done <- run(ctx, &loaded.Config, nil, slog.New(slog.NewTextHandler(log, nil))) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return log
}

func entries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// one returns the path of the only file in a directory.
func one(t *testing.T, dir string) string {
	t.Helper()
	e := entries(t, dir)
	if len(e) != 1 {
		t.Fatalf("%s holds %v", dir, e)
	}
	return filepath.Join(dir, e[0].Name())
}
