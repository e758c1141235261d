package haproxy_test

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
	"testing/synctest"
	"time"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/haproxysim"
)

func TestFetchRetries(t *testing.T) {
	for _, test := range []struct {
		name     string
		retries  int
		failures int // tries that fail before one succeeds
		deadline time.Duration
		tries    int
		took     time.Duration
		want     error
	}{
		{"none needed", 2, 0, time.Minute, 1, 0, nil},
		{"none allowed", 0, 1, time.Minute, 1, 0, syscall.ECONNREFUSED},
		{"enough", 2, 2, time.Minute, 3, time.Second, nil},
		{"not enough", 2, 3, time.Minute, 3, time.Second, syscall.ECONNREFUSED},
		{"without end", -1, 50, time.Minute, 51, 25 * time.Second, nil},
		{"to the deadline", -1, 1 << 30, 2250 * time.Millisecond, 5, 2250 * time.Millisecond, syscall.ECONNREFUSED},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), test.deadline)
				defer cancel()
				connect := piped(ctx, haproxysim.NewSocket(rich(t)))
				tries := 0
				client := &haproxy.Client{
					Retries:  test.retries,
					Interval: 500 * time.Millisecond,
					Timeout:  100 * time.Millisecond,
					Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
						if tries++; tries <= test.failures {
							return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
						}
						return connect(ctx, network, address)
					},
				}
				start := time.Now()
				err := client.Fetch(ctx, "tcp", "lb:1", io.Discard, io.Discard)
				if !errors.Is(err, test.want) {
					t.Errorf("%v, %v wanted", err, test.want)
				}
				if tries != test.tries || time.Since(start) != test.took {
					t.Errorf("%d tries in %v, %d in %v wanted", tries, time.Since(start), test.tries, test.took)
				}
			})
		})
	}
}

// TestFetchDoesNotSpin: there is a pause between two tries also where none is asked for.
func TestFetchDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &haproxy.Client{
			Retries: 3,
			Dial:    func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED },
		}
		start := time.Now()
		err := client.Fetch(t.Context(), "tcp", "lb:1", io.Discard, io.Discard)
		if took := time.Since(start); !errors.Is(err, syscall.ECONNREFUSED) || took != 30*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestFetchNamesTheCauseOfATryBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 550*time.Millisecond)
		defer cancel()
		tries := 0
		client := &haproxy.Client{
			Retries:  1,
			Interval: 500 * time.Millisecond,
			Timeout:  100 * time.Millisecond,
			Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				if tries++; tries == 1 {
					return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
				}
				<-ctx.Done()
				return nil, ctx.Err()
			},
		}
		start := time.Now()
		err := client.Fetch(ctx, "tcp", "lb:1", io.Discard, io.Discard)
		if !errors.Is(err, syscall.ECONNREFUSED) || tries != 2 || time.Since(start) != 550*time.Millisecond {
			t.Errorf("after %d tries and %v: %v", tries, time.Since(start), err)
		}
	})
}

func TestFetchTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &haproxy.Client{
			Timeout: 100 * time.Millisecond,
			Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, errors.New("the dialer's own words")
			},
		}
		start := time.Now()
		err := client.Fetch(t.Context(), "unix", "/run/a", io.Discard, io.Discard)
		want := "connect /run/a: time-out (Check whether HAProxy is stopped: it does not accept connections)"
		if err == nil || err.Error() != want || time.Since(start) != 100*time.Millisecond {
			t.Errorf("connect: after %v: %v", time.Since(start), err)
		}
	})
	// The kernel's time is over before the context's.
	early := &haproxy.Client{
		Timeout: time.Hour,
		Dial: func(_ context.Context, network, _ string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.ErrDeadlineExceeded}
		},
	}
	err := early.Fetch(t.Context(), "tcp", "lb:1", io.Discard, io.Discard)
	if want := "connect lb:1: time-out (Check that the host is up and that no firewall drops the connection)"; err == nil || err.Error() != want {
		t.Errorf("connect: %v, %s wanted", err, want)
	}
	for _, at := range []int{0, 100, len(rich(t).Info), len(rich(t).Info) + 20} {
		synctest.Test(t, func(t *testing.T) {
			s := haproxysim.NewSocket(rich(t))
			s.SetFault(haproxysim.Fault{Kind: haproxysim.Stall, At: at})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			client := &haproxy.Client{Dial: piped(ctx, s)}
			start := time.Now()
			err := client.Fetch(ctx, "unix", "/run/a", io.Discard, io.Discard)
			if !errors.Is(err, haproxy.ErrTimeout) || time.Since(start) != 2*time.Second {
				t.Errorf("stalled after %d bytes: after %v: %v", at, time.Since(start), err)
			}
		})
	}
}

func TestFetchEndsWithContext(t *testing.T) {
	t.Run("reading", func(t *testing.T) {
		reached := make(chan struct{})
		s := haproxysim.NewSocket(rich(t))
		s.SetFault(haproxysim.Fault{Kind: haproxysim.Stall, At: 700, Reached: reached})
		path := serve(t, "unix", filepath.Join(t.TempDir(), "s"), s)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-reached; cancel() }()
		err := new(haproxy.Client).Fetch(ctx, "unix", path, io.Discard, io.Discard)
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("connecting", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		client := &haproxy.Client{Dial: func(context.Context, string, string) (net.Conn, error) {
			cancel()
			return nil, syscall.ECONNREFUSED
		}}
		if err := client.Fetch(ctx, "tcp", "lb:1", io.Discard, io.Discard); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("between tries", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(1700*time.Millisecond, cancel)
			client := &haproxy.Client{Retries: -1, Interval: time.Hour}
			start := time.Now()
			err := client.Fetch(ctx, "unix", "/nonexistent/a", io.Discard, io.Discard)
			if !errors.Is(err, context.Canceled) || time.Since(start) != 1700*time.Millisecond {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		})
	})
}

func TestFetchStallAndGoOn(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	s := haproxysim.NewSocket(rich(t))
	s.SetFault(haproxysim.Fault{Kind: haproxysim.Stall, At: 700, Reached: reached, Release: release})
	path := serve(t, "unix", filepath.Join(t.TempDir(), "s"), s)
	go func() { <-reached; close(release) }()
	if err := new(haproxy.Client).Fetch(t.Context(), "unix", path, io.Discard, io.Discard); err != nil {
		t.Error(err)
	}
}

func TestConnectErrors(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()

	for _, test := range []struct {
		name, network, address string
		want                   error
		message                string
	}{
		{"missing", "unix", filepath.Join(dir, "none"), fs.ErrNotExist, "no such file or directory (tried 2 times) (Check that HAProxy runs with this path on a `stats socket` line)"},
		{"stale", "unix", stale, syscall.ECONNREFUSED, "connection refused (tried 2 times) (Check that HAProxy runs: no process listens on the socket. "},
		{"no socket", "unix", file, syscall.ECONNREFUSED, "connection refused (tried 2 times) (Set servers to the path of a socket: this file is not one)"},
		{"long path", "unix", filepath.Join(dir, strings.Repeat("x", 120)), nil, "invalid argument (tried 2 times) (Use a path of at most 107 bytes"},
		{"no listener", "tcp", free.Addr().String(), syscall.ECONNREFUSED, "connection refused (tried 2 times) (Check that HAProxy runs with this address on a `stats socket` line: no process listens there)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := &haproxy.Client{Retries: 1}
			err := client.Fetch(t.Context(), test.network, test.address, io.Discard, io.Discard)
			if err == nil {
				t.Fatal("no error")
			}
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error is not %q", test.want)
			}
			if want := "connect " + test.address + ": " + test.message; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error: %v\nwanted: %s", err, want)
			}
			if !strings.Contains(err.Error(), " (tried 2 times) (") {
				t.Errorf("error does not tell the number of tries: %v", err)
			}
		})
	}
}

// TestPermissionError passes the kernel's error in, because root is never
// refused; owner and mode are the real ones.
func TestPermissionError(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o710); err != nil {
		t.Fatal(err)
	}
	client := &haproxy.Client{Dial: func(_ context.Context, network, _ string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.EACCES)}
	}}
	for address, want := range map[string]string{
		path:                       "or run this program in that group: the socket belongs to user ",
		filepath.Join(dir, "none"): "permission denied (Let this program pass through the directory (mode x): the directory " + dir + " belongs to user ",
	} {
		err := client.Fetch(t.Context(), "unix", address, io.Discard, io.Discard)
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), want) {
			t.Errorf("error: %v\nwanted: %s", err, want)
		}
		for _, part := range []string{", group ", " has mode 0", ", and this program runs as user "} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("error lacks %q: %v", part, err)
			}
		}
	}
}

func TestTooManyFiles(t *testing.T) {
	client := &haproxy.Client{Dial: func(_ context.Context, network, _ string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("socket", syscall.EMFILE)}
	}}
	err := client.Fetch(t.Context(), "unix", "/run/a", io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "too many open files (Raise the number of files") {
		t.Error(err)
	}
}
