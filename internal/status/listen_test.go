package status

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// served is a listener that answers until the test ends.
func served(t *testing.T, path string, log *slog.Logger, document func() Document) *Listener {
	t.Helper()
	l, err := Listen(path, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, document) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, l.Close()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// ask asks with maxDial.
func asked(t *testing.T, path string) (Document, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return Ask(ctx, path)
}

// longPath is longer than the address of a socket.
func longPath(t *testing.T) string {
	path := filepath.Join(t.TempDir(), strings.Repeat("a", 100), strings.Repeat("b", 100), strings.Repeat("s", 80))
	if len(path) < 280 {
		t.Fatal(len(path))
	}
	return path
}

func TestListenAndAsk(t *testing.T) {
	old := unix.Umask(0o077)
	t.Cleanup(func() { unix.Umask(old) })
	paths := []string{filepath.Join(t.TempDir(), "s")}
	if takesLongPaths {
		paths = append(paths, longPath(t))
	}
	for _, path := range paths {
		var n atomic.Int64
		served(t, path, nil, func() Document {
			d := pullDocument()
			d.PID = int(n.Add(1))
			return d
		})
		for want := range 5 {
			if d, err := asked(t, path); err != nil || d.PID != want+1 || d.Pull.Waiting != 3 {
				t.Errorf("%+v, %v", d, err)
			}
		}
		if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|socketMode {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if _, err := Listen(path, nil); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "set another status-socket") {
			t.Errorf("a second one: %v", err)
		}
		if _, err := asked(t, path); err != nil {
			t.Errorf("after a second one: %v", err)
		}
	}
}

func TestCloseTakesItAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for range 3 {
		l, err := Listen(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it is still there: %v", err)
		}
	}
	// What took its place stays.
	l, err := Listen(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte("mine"), 0o600), l.Close()); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if l, err = Listen(path, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("another program's socket was taken away: %v", err)
	}
}

// TestListenReplacesNone has something other than a dead socket at the path.
func TestListenReplacesNone(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func(t *testing.T, path string) error
		err   error
		says  string
	}{
		{"file", func(_ *testing.T, path string) error { return os.WriteFile(path, nil, 0o600) }, ErrNotSocket, "not a socket but a file: move it away"},
		{"directory", func(_ *testing.T, path string) error { return os.Mkdir(path, 0o700) }, ErrNotSocket, "a directory"},
		{"FIFO", func(_ *testing.T, path string) error { return unix.Mkfifo(path, 0o600) }, ErrNotSocket, "a FIFO"},
		{"dangling link", func(_ *testing.T, path string) error { return os.Symlink("nowhere", path) }, ErrNotSocket, "a symbolic link"},
		{"link to a dead socket", func(t *testing.T, path string) error {
			dead(t, path+".dead")
			return os.Symlink(path+".dead", path)
		}, ErrNotSocket, "a symbolic link"},
		{"somebody else's", func(t *testing.T, path string) error {
			l, err := net.Listen("unix", path)
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		}, ErrInUse, "a program answers there"},
		{"datagrams", func(t *testing.T, path string) error {
			c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path})
			if err == nil {
				t.Cleanup(func() { c.Close() })
			}
			return err
		}, ErrInUse, "move it away"},
		{"lock is a link", func(t *testing.T, path string) error { return os.Symlink("elsewhere", path+".lock") }, syscall.ELOOP, "lock"},
		{"lock is a FIFO", func(t *testing.T, path string) error { return unix.Mkfifo(path+".lock", 0o600) }, nil, "lock is not a regular file: move it away"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "status") // short, for others' sockets
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			path := filepath.Join(dir, "s")
			if err := c.plant(t, path); err != nil {
				t.Fatal(err)
			}
			before, statErr := os.Lstat(path)
			l, err := Listen(path, nil)
			if err == nil {
				l.Close()
			}
			if err == nil || c.err != nil && !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "open status socket "+path+": ") {
				t.Errorf("error %v", err)
			}
			if after, err := os.Lstat(path); statErr == nil && (err != nil || !os.SameFile(before, after)) {
				t.Errorf("it was replaced: %v", err)
			}
		})
	}
}

// dead leaves a socket behind as a program does that is killed.
func dead(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

// TestOneOfMany starts many at once where a dead socket is: one gets it, and
// keeps it.
func TestOneOfMany(t *testing.T) {
	dir, err := os.MkdirTemp("", "status")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	for range 20 {
		if _, err := os.Lstat(path); err != nil {
			dead(t, path)
		}
		got := make(chan *Listener, 16)
		var wg sync.WaitGroup
		for range cap(got) {
			wg.Go(func() {
				l, err := Listen(path, nil)
				if err == nil {
					got <- l
				} else if !errors.Is(err, ErrInUse) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(got) != 1 {
			t.Fatalf("%d have it", len(got))
		}
		l := <-got
		if c, err := net.Dial("unix", path); err != nil {
			t.Errorf("it is lost: %v", err)
		} else {
			c.Close()
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestManyAsk has more who ask and do not read than are answered at once.
func TestManyAsk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	d := pullDocument()
	for range maxFailures {
		d.Pull.Last.Failures = append(d.Pull.Last.Failures, snapshot.Failure{Socket: strings.Repeat("s", maxText), Cause: strings.Repeat("c", maxText)})
	}
	l := served(t, path, nil, func() Document { return d })
	var silent []net.Conn
	for range 5 * maxAnswers {
		c, err := net.Dial("unix", l.at.address())
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
	}
	if got, err := asked(t, path); err != nil || len(got.Pull.Last.Failures) != maxFailures {
		t.Errorf("%v: %d failures", err, len(got.Pull.Last.Failures))
	}
	for _, c := range silent {
		if text, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(text), "}\n") {
			t.Errorf("%d bytes, %v", len(text), err)
		}
		c.Close()
	}
}

// TestRunEnds ends it while somebody has come and gets no answer.
func TestRunEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	entered, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- l.Run(ctx, func() Document {
			close(entered)
			<-release
			return pullDocument()
		})
	}()
	answered := make(chan error, 1)
	go func() {
		_, err := asked(t, path)
		answered <- err
	}()
	<-entered
	cancel()
	select {
	case err := <-done:
		t.Errorf("it has ended before the answer: %v", err)
	default:
	}
	close(release)
	if err := errors.Join(<-done, <-answered, l.Close()); err != nil {
		t.Error(err)
	}
}

// told passes the lines of a log on.
type told chan string

func (t told) Write(p []byte) (int, error) {
	t <- string(p)
	return len(p), nil
}

// TestRunOutOfDescriptors lets nobody in while there are none, says so once, and
// goes on when there are some again.
func TestRunOutOfDescriptors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	log := make(told, 100)
	l := served(t, path, slog.New(slog.NewTextHandler(log, nil)), pullDocument)
	var clients []*os.File
	for range 3 {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.CloseOnExec(fd)
		clients = append(clients, os.NewFile(uintptr(fd), "client"))
		defer clients[len(clients)-1].Close()
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	var connected error
	for _, c := range clients {
		connected = errors.Join(connected, unix.Connect(int(c.Fd()), &unix.SockaddrUnix{Name: l.at.address()}))
	}
	line := <-log
	if err := errors.Join(connected, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(line, "nobody can be told the status, will try again") || !strings.Contains(line, "too many open files") {
		t.Errorf("log %s", line)
	}
	for _, c := range clients {
		if text, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(text), "}\n") {
			t.Errorf("%d bytes, %v", len(text), err)
		}
	}
	if len(log) > 0 {
		t.Errorf("it was told again: %s", <-log)
	}
}

func TestListenWithoutDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, cause := range map[string]error{
		filepath.Join(file, "s"): durable.ErrNotDir,
		"/sys/kernel/status":     fs.ErrPermission, // nobody may make files there, not even root
	} {
		if _, err := Listen(path, nil); !errors.Is(err, cause) || !strings.HasSuffix(err.Error(), ": let this program write there, or set another status-socket") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
