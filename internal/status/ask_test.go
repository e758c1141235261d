package status

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// other is a server that is not one of ours.
func other(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "status")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		os.RemoveAll(dir)
	})
	return path
}

func TestAskNobody(t *testing.T) {
	dir := t.TempDir()
	if _, err := asked(t, filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "ask "+dir+"/none: ") {
		t.Error(err)
	}
	if _, err := asked(t, filepath.Join(dir, "nowhere", "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	l, err := Listen(filepath.Join(dir, "s"), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.socket.Close() // as after a kill
	if _, err := asked(t, filepath.Join(dir, "s")); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := asked(t, filepath.Join(dir, "file")); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	_ = l.Close()
}

// TestAskAmongMany has a program that listens and lets nobody in, and as many
// who have asked as the kernel keeps waiting.
func TestAskAmongMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(fd)
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	first, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Ask(ctx, path); !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that too many wait", err)
	}

	// It lets somebody in after all: Ask is among these.
	served := make(chan error, 1)
	time.AfterFunc(50*time.Millisecond, func() {
		var failed error
		for range 2 {
			c, _, err := unix.Accept(fd)
			if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			f := os.NewFile(uintptr(c), "client")
			failed = errors.Join(failed, pullDocument().Encode(f), f.Close())
		}
		served <- failed
	})
	if _, err := asked(t, path); err != nil {
		t.Errorf("got %v, want the document", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestAskInVain(t *testing.T) {
	release := make(chan struct{})
	silent := other(t, func(net.Conn) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Ask(ctx, silent); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one that is silent: %v", err)
	}
	endless := other(t, func(c net.Conn) {
		for {
			if _, err := io.WriteString(c, "                                  "); err != nil {
				return
			}
		}
	})
	if _, err := asked(t, endless); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("one that is endless: %v", err)
	}
	for name, text := range map[string]string{"nothing": "", "half": `{"format": 1, "pid"`, "HTTP": "HTTP/1.0 200 OK\r\n\r\n"} {
		if _, err := asked(t, other(t, func(c net.Conn) { io.WriteString(c, text) })); err == nil || !strings.Contains(err.Error(), "status document: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
