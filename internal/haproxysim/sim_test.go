package haproxysim_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"haproxystats/internal/haproxysim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func recordings(t *testing.T) map[string]haproxysim.Recording {
	t.Helper()
	all, err := haproxysim.Load(os.DirFS("../../testdata/recordings/1.6.0-nbproc4/1795335509"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// run serves the sockets until the test ends.
func run(t *testing.T, server *haproxysim.Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func ask(t *testing.T, network, address, line string) ([]byte, error) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, line); err != nil {
		return nil, err
	}
	return io.ReadAll(conn)
}

func TestAnswers(t *testing.T) {
	r := recordings(t)["admin1.sock"]
	both := append(bytes.Clone(r.Info), r.Stat...)
	s := haproxysim.NewSocket(r)
	var server haproxysim.Server
	path, err := server.Listen("unix", filepath.Join(t.TempDir(), "a"), s)
	if err != nil {
		t.Fatal(err)
	}
	port, err := server.Listen("tcp", "127.0.0.1:0", s)
	if err != nil {
		t.Fatal(err)
	}
	run(t, &server)
	for _, test := range []struct {
		network, address, line string
		want                   []byte
	}{
		{"unix", path, "show info\n", r.Info},
		{"unix", path, "show stat\n", r.Stat},
		{"unix", path, "show info;show stat\n", both},
		{"tcp", port, " show info ; show stat \r\n", both},
	} {
		got, err := ask(t, test.network, test.address, test.line)
		if err != nil || !bytes.Equal(got, test.want) {
			t.Errorf("%q: %d bytes, %v; %d bytes wanted", test.line, len(got), err, len(test.want))
		}
	}
	if got, _ := ask(t, "unix", path, "nonsense\n"); !bytes.HasPrefix(got, []byte("Unknown command")) || !bytes.HasSuffix(got, []byte("\n\n")) {
		t.Errorf("an unknown command is answered %q", got)
	}
	if s.Connections() != 5 || s.Commands() != 7 {
		t.Errorf("%d connections, %d commands; 5, 7 wanted", s.Connections(), s.Commands())
	}
}

// TestInteractive asks again and again over one connection.
func TestInteractive(t *testing.T) {
	r := recordings(t)["admin1.sock"]
	var server haproxysim.Server
	path, err := server.Listen("unix", filepath.Join(t.TempDir(), "a"), haproxysim.NewSocket(r))
	if err != nil {
		t.Fatal(err)
	}
	run(t, &server)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, c := range []struct{ line, want string }{
		{"prompt i", "\n> "},
		{"show info", string(r.Info) + "> "},
		{"show servers state", haproxysim.NoServers + "> "},
		{"show info;show stat", string(r.Info) + "> " + string(r.Stat) + "> "},
	} {
		if _, err := io.WriteString(conn, c.line+"\n"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(c.want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.line, got, err, c.want)
		}
	}
}

func TestFaults(t *testing.T) {
	r := recordings(t)["admin2.sock"]
	both := append(bytes.Clone(r.Info), r.Stat...)
	for _, test := range []struct {
		name  string
		fault haproxysim.Fault
		want  []byte
		err   error
	}{
		{"one command", haproxysim.Fault{Kind: haproxysim.OneCommand}, r.Info, nil},
		{"cut", haproxysim.Fault{Kind: haproxysim.Cut, At: 1000}, both[:1000], nil},
		{"empty", haproxysim.Fault{Kind: haproxysim.Cut}, nil, nil},
		{"reset", haproxysim.Fault{Kind: haproxysim.Reset, At: 300}, both[:300], syscall.ECONNRESET},
		{"text", haproxysim.Fault{Kind: haproxysim.Text, Text: "Permission denied"}, []byte("Permission denied\n\n"), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := haproxysim.NewSocket(r)
			s.SetFault(test.fault)
			var server haproxysim.Server
			path, err := server.Listen("unix", filepath.Join(t.TempDir(), "a"), s)
			if err != nil {
				t.Fatal(err)
			}
			run(t, &server)
			got, err := ask(t, "unix", path, "show info;show stat\n")
			if !bytes.Equal(got, test.want) || !errors.Is(err, test.err) {
				t.Errorf("%d bytes, %v; %d bytes, %v wanted", len(got), err, len(test.want), test.err)
			}
		})
	}
}

func TestStallEndsWithRun(t *testing.T) {
	reached := make(chan struct{})
	s := haproxysim.NewSocket(recordings(t)["admin2.sock"])
	s.SetFault(haproxysim.Fault{Kind: haproxysim.Stall, At: 10, Reached: reached})
	var server haproxysim.Server
	path, err := server.Listen("unix", filepath.Join(t.TempDir(), "a"), s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	var asking sync.WaitGroup
	asking.Go(func() {
		got, _ := ask(t, "unix", path, "show info\n")
		if len(got) != 10 {
			t.Errorf("%d bytes before the stall, 10 wanted", len(got))
		}
	})
	if err := server.Run(ctx); err != nil {
		t.Error(err)
	}
	asking.Wait()
}

func TestWithLastCheck(t *testing.T) {
	r := haproxysim.Recording{Stat: []byte("# pxname,last_chk,x,\nweb,,1,\nbe,,2,\n\n")}
	got := r.WithLastCheck("a\"b\n\n\xff")
	if want := "# pxname,last_chk,x,\nweb,\"a\"\"b\n\n\xff\",1,\nbe,,2,\n\n"; string(got.Stat) != want {
		t.Errorf("got  %q\nwant %q", got.Stat, want)
	}
}

func TestLoad(t *testing.T) {
	if all := recordings(t); len(all) != 4 || len(all["admin4.sock"].Stat) != 4805 {
		t.Errorf("%d recordings, admin4.sock has %d bytes; 4 and 4805 wanted", len(all), len(all["admin4.sock"].Stat))
	}
	for name, snapshot := range map[string]fstest.MapFS{
		"empty":   {},
		"no stat": {"a_info": {Data: []byte("Name: HAProxy\n\n")}},
	} {
		if _, err := haproxysim.Load(snapshot); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, %v wanted", name, err, fs.ErrNotExist)
		}
	}
}

// TestMore: further commands are answered from the recording, and others as unknown ones.
func TestMore(t *testing.T) {
	more, err := haproxysim.ReadAnswers([]byte("> show table\n# table: t, type: ip, size:10, used:1\n\n> show ssl cert\n# filename\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := haproxysim.Recording{Info: []byte("i\n\n"), Stat: []byte("s\n\n"), More: more}
	var server haproxysim.Server
	address, err := server.Listen("tcp", "127.0.0.1:0", haproxysim.NewSocket(r))
	if err != nil {
		t.Fatal(err)
	}
	run(t, &server)
	got, err := ask(t, "tcp", address, "show info;show stat;show table;show ssl cert\n")
	if want := "i\n\ns\n\n# table: t, type: ip, size:10, used:1\n\n# filename\n\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if got, err = ask(t, "tcp", address, "show tables\n"); err != nil || !bytes.HasPrefix(got, []byte("Unknown command")) {
		t.Errorf("got %q, %v of a command without a recording, want that it is unknown", got, err)
	}
	for _, text := range []string{"# no command\n\n", "> cut\nhalf\n"} {
		if got, err := haproxysim.ReadAnswers([]byte(text)); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}
