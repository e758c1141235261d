package haproxy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/haproxysim"
)

func recording(t testing.TB, snapshot, socket string) haproxysim.Recording {
	t.Helper()
	all, err := haproxysim.Load(os.DirFS("../../testdata/" + snapshot))
	if err != nil {
		t.Fatal(err)
	}
	r, ok := all[socket]
	if !ok {
		t.Fatalf("%s holds no %s", snapshot, socket)
	}
	return r
}

func rich(t testing.TB) haproxysim.Recording {
	return recording(t, "recordings/3.2.0-zlib-rich/1795337158", "haproxy.sock")
}

// serve answers connections for a socket until the test ends.
func serve(t testing.TB, network, address string, s *haproxysim.Socket) string {
	t.Helper()
	var server haproxysim.Server
	address, err := server.Listen(network, address, s)
	if err != nil {
		t.Fatal(err)
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
	return address
}

// piped returns a dialer that connects to s without a kernel in between.
func piped(ctx context.Context, s *haproxysim.Socket) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go s.Serve(ctx, there)
		return here, nil
	}
}

func wantReplies(t *testing.T, r haproxysim.Recording, info, stat *bytes.Buffer) {
	t.Helper()
	if !bytes.Equal(info.Bytes(), r.Info) {
		t.Errorf("show info: got %d bytes that differ from the %d recorded", info.Len(), len(r.Info))
	}
	if !bytes.Equal(stat.Bytes(), r.Stat) {
		t.Errorf("show stat: got %d bytes that differ from the %d recorded", stat.Len(), len(r.Stat))
	}
}

func TestFetch(t *testing.T) {
	hostile := rich(t).WithLastCheck("\xff\xfe\x00 \"quoted\"\r\n\n\n# pxname,")
	for _, test := range []struct {
		name             string
		network, address string
		recording        haproxysim.Recording
		limit            int
	}{
		{"unix", "unix", filepath.Join(t.TempDir(), "a.sock"), rich(t), 0},
		{"tcp", "tcp", "127.0.0.1:0", rich(t), 0},
		{"tcp6", "tcp", "[::1]:0", rich(t), 0},
		{"small buffer", "unix", filepath.Join(t.TempDir(), "b.sock"), rich(t), 3},
		{"empty lines and no UTF-8 in a field", "unix", filepath.Join(t.TempDir(), "c.sock"), hostile, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := haproxysim.NewSocket(test.recording)
			address := serve(t, test.network, test.address, s)
			client := &haproxy.Client{Timeout: 10 * time.Second, BufferLimit: test.limit}
			for range 2 {
				var info, stat bytes.Buffer
				if err := client.Fetch(t.Context(), test.network, address, &info, &stat); err != nil {
					t.Fatal(err)
				}
				wantReplies(t, test.recording, &info, &stat)
			}
			if s.Connections() != 2 || s.Commands() != 4 {
				t.Errorf("%d connections and %d commands for two fetches, 2 and 4 wanted", s.Connections(), s.Commands())
			}
		})
	}
}

func TestFetchEveryRecording(t *testing.T) {
	snapshots, err := filepath.Glob("../../testdata/recordings/*/*")
	if err != nil || len(snapshots) == 0 {
		t.Fatalf("%d snapshots, %v", len(snapshots), err)
	}
	for _, snapshot := range snapshots {
		all, err := haproxysim.Load(os.DirFS(snapshot))
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range all {
			client := &haproxy.Client{Dial: piped(t.Context(), haproxysim.NewSocket(r))}
			var info, stat bytes.Buffer
			if err := client.Fetch(t.Context(), "unix", name, &info, &stat); err != nil {
				t.Fatal(err)
			}
			wantReplies(t, r, &info, &stat)
		}
	}
}

func TestFetchFromSocketOfOneCommand(t *testing.T) {
	s := haproxysim.NewSocket(rich(t))
	s.SetFault(haproxysim.Fault{Kind: haproxysim.OneCommand})
	client := &haproxy.Client{Dial: piped(t.Context(), s)}
	for round, want := range []int{2, 4} {
		var info, stat bytes.Buffer
		if err := client.Fetch(t.Context(), "unix", "a", &info, &stat); err != nil {
			t.Fatal(err)
		}
		wantReplies(t, rich(t), &info, &stat)
		// The first round tries both commands at once; 3 commands then.
		if s.Connections() != want || s.Commands() != want+1 {
			t.Errorf("round %d: %d connections and %d commands in all, %d and %d wanted",
				round, s.Connections(), s.Commands(), want, want+1)
		}
	}
}

// lineTaker takes a line of several commands for one unknown command.
type lineTaker struct{ *haproxysim.Socket }

func (s lineTaker) dial(ctx context.Context, first *atomic.Bool) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		s.SetFault(haproxysim.Fault{})
		if first.CompareAndSwap(false, true) {
			s.SetFault(haproxysim.Fault{Kind: haproxysim.Text, Text: "Unknown command. Please enter one of the following commands only :\n  show info"})
		}
		here, there := net.Pipe()
		go s.Serve(ctx, there)
		return here, nil
	}
}

func TestFetchFromSocketThatDoesNotKnowSemicolon(t *testing.T) {
	var asked atomic.Bool
	s := haproxysim.NewSocket(rich(t))
	client := &haproxy.Client{Dial: lineTaker{s}.dial(t.Context(), &asked)}
	var info, stat bytes.Buffer
	if err := client.Fetch(t.Context(), "unix", "a", &info, &stat); err != nil {
		t.Fatal(err)
	}
	wantReplies(t, rich(t), &info, &stat)
	if s.Connections() != 3 {
		t.Errorf("%d connections, 3 wanted", s.Connections())
	}
}

func TestFetchFaults(t *testing.T) {
	r := rich(t)
	info, stat := len(r.Info), len(r.Stat)
	type fault = haproxysim.Fault
	for _, test := range []struct {
		name    string
		fault   fault
		want    error
		message string
	}{
		{"nothing", fault{Kind: haproxysim.Cut}, haproxy.ErrEmptyReply, "read show info from SOCKET: empty reply: the socket has closed the connection (Check whether HAProxy"},
		{"dropped", fault{Kind: haproxysim.Drop}, haproxy.ErrEmptyReply, "SOCKET: empty reply: "},
		{"cut in the first word", fault{Kind: haproxysim.Cut, At: 3}, haproxy.ErrTruncated, "read show info from SOCKET: truncated reply: the socket has closed the connection after 3 bytes"},
		{"cut info", fault{Kind: haproxysim.Cut, At: info - 1}, haproxy.ErrTruncated, "read show info from SOCKET: truncated reply"},
		{"cut stat", fault{Kind: haproxysim.Cut, At: info + stat - 1}, haproxy.ErrTruncated, "read show stat from SOCKET: truncated reply"},
		{"reset at once", fault{Kind: haproxysim.Reset}, haproxy.ErrEmptyReply, "SOCKET: empty reply: connection reset by peer"},
		{"reset later", fault{Kind: haproxysim.Reset, At: info + 500}, haproxy.ErrTruncated, "read show stat from SOCKET: truncated reply: connection reset by peer after 500 bytes"},
		{"denied", fault{Kind: haproxysim.Text, Text: "Permission denied"}, nil, `read show info from SOCKET: the socket answers "Permission denied" (Check that this is a stats socket of HAProxy`},
		{"text that begins as a reply does", fault{Kind: haproxysim.Text, Text: "Nam\xff\x1b"}, nil, `the socket answers "Nam\xff\x1b" (`},
		{"long text", fault{Kind: haproxysim.Text, Text: strings.Repeat("x", 1<<20)}, nil, `answers "` + strings.Repeat("x", 200) + `" (`},
		{"a web server", fault{Kind: haproxysim.Text, Text: "HTTP/1.1 400 Bad request\r\nConnection: close\r"}, nil, `answers "HTTP/1.1 400 Bad request" (`},
		{"typed info", fault{Kind: haproxysim.Text, Text: "0.Name.1:POS:str:HAProxy"}, nil, `answers "0.Name.1:POS:str:HAProxy"`},
		{"endless", fault{Kind: haproxysim.Endless}, haproxy.ErrLongReply, "read show stat from SOCKET: reply without end: no end after "},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := haproxysim.NewSocket(r)
			s.SetFault(test.fault)
			path := serve(t, "unix", filepath.Join(t.TempDir(), "s"), s)
			client := &haproxy.Client{MaxReply: 1 << 20}
			err := client.Fetch(t.Context(), "unix", path, io.Discard, io.Discard)
			if err == nil {
				t.Fatal("no error")
			}
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error is not %q", test.want)
			}
			if _, ok := errors.AsType[*haproxy.TextError](err); ok != (test.fault.Kind == haproxysim.Text) {
				t.Errorf("TextError is %v", ok)
			}
			if message := strings.ReplaceAll(err.Error(), path, "SOCKET"); !strings.Contains(message, test.message) {
				t.Errorf("error: %s\nwanted:  %s", message, test.message)
			}
		})
	}
}

// TestFetchTextInPieces: a text is told whole, however it comes, and whichever
// command it answers, and is not asked for again.
func TestFetchTextInPieces(t *testing.T) {
	const unknown = "Unknown command, but maybe one of the following ones is a better match:"
	for _, text := range []string{"Permission denied", unknown, "# px is no reply", "Name of what?"} {
		s := haproxysim.NewSocket(haproxysim.Recording{Info: rich(t).Info, Stat: []byte(text + "\n\n")})
		s.SetSizes(len(rich(t).Info), 1)
		client := &haproxy.Client{Dial: piped(t.Context(), s)}
		err := client.Fetch(t.Context(), "unix", "a", io.Discard, io.Discard)
		if got, ok := errors.AsType[*haproxy.TextError](err); !ok || got.Text != text {
			t.Errorf("%v, want the text %q", err, text)
		}
		if s.Connections() != 1 {
			t.Errorf("%q: %d connections", text, s.Connections())
		}
	}
}

// babbling returns a dialer to a socket that says x until nobody listens, and
// counts how often.
func babbling(said *atomic.Int64) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			_, err := there.Read(make([]byte, 100))
			for err == nil && said.Load() < 1<<16 {
				_, err = there.Write([]byte("x"))
				said.Add(1)
			}
		}()
		return here, nil
	}
}

// TestTextWithoutEnd: of a line that never ends no more is read than is told.
func TestTextWithoutEnd(t *testing.T) {
	var said atomic.Int64
	client := &haproxy.Client{Dial: babbling(&said)}
	err := client.Fetch(t.Context(), "unix", "a", io.Discard, io.Discard)
	if text, ok := errors.AsType[*haproxy.TextError](err); !ok || text.Text != strings.Repeat("x", 200) || said.Load() > 300 {
		t.Errorf("%v, after %d bytes", err, said.Load())
	}
	said.Store(0)
	if _, err := client.Level(t.Context(), "unix", "a"); !errors.Is(err, haproxy.ErrLevel) || said.Load() > 5000 {
		t.Errorf("%v, after %d bytes", err, said.Load())
	}
}

// TestFetchLongestReply: a reply may be as long as is allowed, and no longer.
func TestFetchLongestReply(t *testing.T) {
	longest := max(len(rich(t).Info), len(rich(t).Stat))
	for _, less := range []int{0, 1} {
		client := &haproxy.Client{Dial: piped(t.Context(), haproxysim.NewSocket(rich(t))), MaxReply: int64(longest - less)}
		err := client.Fetch(t.Context(), "unix", "a", io.Discard, io.Discard)
		if errors.Is(err, haproxy.ErrLongReply) != (less > 0) || less == 0 && err != nil {
			t.Errorf("%d bytes of %d: %v", longest-less, longest, err)
		}
	}
}

func TestFetchCutAtEveryByte(t *testing.T) {
	r := recording(t, "recordings/1.6.0-nbproc4/1795335509", "admin4.sock")
	r = r.WithLastCheck("a\n\nb")
	s := haproxysim.NewSocket(r)
	s.SetSizes(1 << 20)
	client := &haproxy.Client{Dial: piped(t.Context(), s)}
	for at := range len(r.Info) + len(r.Stat) {
		s.SetFault(haproxysim.Fault{Kind: haproxysim.Cut, At: at})
		err := client.Fetch(t.Context(), "unix", "a", io.Discard, io.Discard)
		if !errors.Is(err, haproxy.ErrTruncated) && !(at == 0 && errors.Is(err, haproxy.ErrEmptyReply)) {
			t.Fatalf("cut after %d bytes: %v", at, err)
		}
	}
}

func TestFetchBytesAfterTheEnd(t *testing.T) {
	r := rich(t)
	r.Stat = append(bytes.Clone(r.Stat), r.Stat...)
	client := &haproxy.Client{Dial: piped(t.Context(), haproxysim.NewSocket(r))}
	err := client.Fetch(t.Context(), "unix", "a", io.Discard, io.Discard)
	if !errors.Is(err, haproxy.ErrLongReply) {
		t.Errorf("%v, %v wanted", err, haproxy.ErrLongReply)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestFetchToFullDisk(t *testing.T) {
	client := &haproxy.Client{Dial: piped(t.Context(), haproxysim.NewSocket(rich(t)))}
	err := client.Fetch(t.Context(), "unix", "/run/a", io.Discard, fullDisk{})
	if err == nil || err.Error() != "store show stat of /run/a: no space left on device" {
		t.Error(err)
	}
}
