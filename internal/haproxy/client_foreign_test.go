package haproxy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/haproxysim"
)

// master is what the master socket of HAProxy 2.6.12 (-W -S) answers to each
// command for statistics; then it waits for more.
const master = "Unknown command, but maybe one of the following ones is a better match:\n" +
	"  show cli level                          : display the level of the current CLI session\n" +
	"  show cli sockets                        : dump list of cli sockets\n" +
	"  show proc                               : show processes status\n" +
	"  show version                            : show version of the current process\n" +
	"  help [<command>]                        : list matching or all commands\n" +
	"  prompt                                  : toggle interactive mode with prompt\n" +
	"  quit                                    : disconnect\n\n"

// TestFetchFromWhatIsNotAStatsSocket: what a socket answers first shows what it is.
func TestFetchFromWhatIsNotAStatsSocket(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		notStats     bool
		hint         string
	}{
		{"docker", "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n", true, "another program listens there"},
		{"mysql", "J\x00\x00\x00\n5.7.33\x00", true, "another program listens there"},
		{"our status socket", "{\n  \"format\": 1\n", true, "another program listens there"},
		{"master", master, true, "HAProxy's master process (option -S), which has no statistics. Leave its permissions as they are"},
		{"denied", "Permission denied\n\n", false, "its level allows to ask for statistics"},
		{"denied, severity-output", "[3]: Permission denied\n\n", false, "its level allows to ask for statistics"},
		{"restricted", unknown24, false, "its level allows to ask for statistics"},
	} {
		t.Run(test.name, func(t *testing.T) {
			socket, asked := answering(t, []string{test.answer, test.answer})
			err := new(haproxy.Client).Fetch(t.Context(), "unix", socket, io.Discard, io.Discard)
			fault, ok := errors.AsType[*haproxy.SocketError](err)
			if !ok || fault.NotStats() != test.notStats || !strings.Contains(fault.Hint, test.hint) {
				t.Errorf("got %v; want %v for not a stats socket, and the hint %q", err, test.notStats, test.hint)
			}
			if n := len(asked()); test.notStats && n != 1 {
				t.Errorf("got %d connections, want 1", n)
			}
		})
	}
}

// TestMasterThatWaits: the master socket leaves the connection open, which costs no
// time-out.
func TestMasterThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		go func() {
			if _, err := there.Read(make([]byte, 100)); err == nil {
				_, _ = io.WriteString(there, master)
			}
		}()
		err := fetchOver(t, here)
		if text, ok := errors.AsType[*haproxy.TextError](err); !ok || !text.Master {
			t.Errorf("got %v, want the master's word", err)
		}
	})
}

// TestRemoteSocketThatIsNotAStatsSocket: no directory has it, only servers.
func TestRemoteSocketThatIsNotAStatsSocket(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	err = new(haproxy.Client).Fetch(t.Context(), "tcp", l.Addr().String(), io.Discard, io.Discard)
	want := "Correct its address in servers: another program listens there, or HAProxy with a `bind` line"
	if fault, ok := errors.AsType[*haproxy.SocketError](err); !ok || !fault.NotStats() || fault.Hint != want {
		t.Errorf("got %v, want the hint %q", err, want)
	}
}

func fetchOver(t *testing.T, conn net.Conn) error {
	t.Helper()
	start := time.Now()
	err := (&haproxy.Client{Dial: dialing(conn)}).Fetch(t.Context(), "unix", "m", io.Discard, io.Discard)
	if took := time.Since(start); took != 0 {
		t.Errorf("got an answer after %v, want it at once", took)
	}
	return err
}

// TestFetchFromDatagramSocket: a socket of another type can't become a stats
// socket, so there is one try.
func TestFetchFromDatagramSocket(t *testing.T) {
	for name, kind := range map[string]int{"datagram": unix.SOCK_DGRAM, "seqpacket": unix.SOCK_SEQPACKET} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			fd, err := unix.Socket(unix.AF_UNIX, kind, 0)
			if err != nil {
				t.Fatal(err)
			}
			unix.CloseOnExec(fd)
			defer unix.Close(fd)
			if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
				t.Fatal(err)
			}
			if kind == unix.SOCK_SEQPACKET {
				if err := unix.Listen(fd, 1); err != nil {
					t.Fatal(err)
				}
			}
			err = (&haproxy.Client{Retries: 3}).Fetch(t.Context(), "unix", path, io.Discard, io.Discard)
			want := "connect " + path + ": not a stats socket but one of datagrams or packets: protocol wrong type for socket (Move it out of socket-dir, or list the stats sockets in servers: another program uses it, such as syslog)"
			if !errors.Is(err, haproxy.ErrNotStats) || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "tried") {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

// TestFetchEmptyLinesInTheDescription: HAProxy shows the texts `description` and
// `node` of its configuration as they are.
func TestFetchEmptyLinesInTheDescription(t *testing.T) {
	r := rich(t)
	r.Info = append(bytes.TrimSuffix(bytes.Clone(r.Info), []byte("\n")), "Description: a\n\nb\n\n\nTasks: 7\n\n"...)
	for _, fault := range []haproxysim.Kind{haproxysim.None, haproxysim.OneCommand} {
		s := haproxysim.NewSocket(r)
		s.SetFault(haproxysim.Fault{Kind: fault})
		client := &haproxy.Client{Dial: piped(t.Context(), s)}
		for range 2 {
			var info, stat bytes.Buffer
			if err := client.Fetch(t.Context(), "unix", "a", &info, &stat); err != nil {
				t.Fatal(err)
			}
			wantReplies(t, r, &info, &stat)
		}
	}
}

// TestFetchFromHAProxyBefore15 has no space behind the header's mark.
func TestFetchFromHAProxyBefore15(t *testing.T) {
	r := rich(t)
	r.Stat = append([]byte("#"), r.Stat[len("# "):]...)
	var info, stat bytes.Buffer
	client := &haproxy.Client{Dial: piped(t.Context(), haproxysim.NewSocket(r))}
	if err := client.Fetch(t.Context(), "unix", "a", &info, &stat); err != nil {
		t.Fatal(err)
	}
	wantReplies(t, r, &info, &stat)
}

// TestFetchInfoWithoutEnd: what is kept of show info is bounded.
func TestFetchInfoWithoutEnd(t *testing.T) {
	r := haproxysim.Recording{Info: append([]byte("Name: HAProxy\n"), bytes.Repeat([]byte("Tasks: 1\n"), 1<<18)...), Stat: rich(t).Stat}
	client := &haproxy.Client{Dial: piped(t.Context(), haproxysim.NewSocket(r))}
	if err := client.Fetch(t.Context(), "unix", "a", io.Discard, io.Discard); !errors.Is(err, haproxy.ErrLongReply) {
		t.Errorf("got %v, want %v", err, haproxy.ErrLongReply)
	}
}

// dialing returns a dialer that hands conn out.
func dialing(conn net.Conn) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return conn, nil }
}
