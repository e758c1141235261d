package systemd

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"haproxystats/internal/haproxysim"
	"haproxystats/test/programs"
)

const recorded = "../../testdata/golden/2.6.12-multi3/snapshot"

// build compiles the programs and returns their directory.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := programs.Build(t.Context(), dir, "haproxystats-pull", "haproxystats-process", "haproxystats-central", "haproxystats"); err != nil {
		t.Fatal(err)
	}
	return dir
}

// shortDir returns a directory with a path that is short enough for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "units-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func snapshot(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(recorded, "*"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return found[0]
}

// hand puts a recorded snapshot into a spool.
func hand(t *testing.T, incoming string) {
	t.Helper()
	if err := os.CopyFS(filepath.Join(incoming, "1700000000"), os.DirFS(snapshot(t))); err != nil {
		t.Fatal(err)
	}
}

// serveStats answers as HAProxy does on UNIX sockets in a directory, which it
// makes, and on a TCP address, which it returns.
func serveStats(t *testing.T, dir string) string {
	t.Helper()
	recordings, err := haproxysim.Load(os.DirFS(snapshot(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	server := new(haproxysim.Server)
	address := ""
	for name, r := range recordings {
		_, err := server.Listen("unix", filepath.Join(dir, name), haproxysim.NewSocket(r))
		if err == nil && address == "" {
			address, err = server.Listen("tcp", "127.0.0.1:0", haproxysim.NewSocket(r))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-ended); err != nil {
			t.Error(err)
		}
	})
	return address
}

// listen returns the messages that come to a socket, until the test ends.
func listen(t *testing.T, path string) <-chan string {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	messages := make(chan string, 1000)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for buffer := make([]byte, 4096); ; {
			n, err := l.Read(buffer)
			if err != nil {
				return
			}
			messages <- string(slices.Clone(buffer[:n]))
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-read
	})
	return messages
}
