package measure

import (
	"io"
	"net"
	"path/filepath"
	"strconv"
	"testing"

	"haproxystats/bench/workload"
)

// sinkWith starts a sink and sends it text on a connection, all of which it has
// taken note of.
func sinkWith(t *testing.T, text string) (*Sink, func(), *net.TCPConn) {
	t.Helper()
	s, stop, err := StartSink()
	if err != nil {
		t.Fatal(err)
	}
	first := s.First()
	conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(s.Port()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	<-first
	return s, stop, conn.(*net.TCPConn)
}

func TestSinkCountsAndConfirms(t *testing.T) {
	s, stop, conn := sinkWith(t, "a 1 2\nb 1 2\nc")
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	// The end of the stream is the sink's confirmation.
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the half-close: %d bytes, %v, want EOF", n, err)
	}
	if s.Lines() != 2 {
		t.Errorf("counted %d lines, want 2", s.Lines())
	}
	stop()
}

func TestSinkCloseEndsOpenConnections(t *testing.T) {
	_, stop, conn := sinkWith(t, "x")
	stop()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("after the end of the sink: %d bytes, %v, want an error", n, err)
	}
}

func TestSocketsServeProcessesInTurn(t *testing.T) {
	dir := t.TempDir()
	files := []workload.File{
		{Name: "1_info", Data: []byte("Name: 1\n\n")},
		{Name: "1_stat", Data: []byte("# 1,\n\n")},
		{Name: "2_info", Data: []byte("Name: 2\n\n")},
		{Name: "2_stat", Data: []byte("# 2,\n\n")},
	}
	served, err := serveSockets(t.Context(), dir, 3, files)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ socket, commands, want string }{
		{"proc00.sock", "show info\n", "Name: 1\n\n"},
		{"proc01.sock", "show stat\n", "# 2,\n\n"},
		{"proc02.sock", "show info;show stat\n", "Name: 1\n\n# 1,\n\n"},
	} {
		got, err := ask(filepath.Join(dir, tt.socket), tt.commands)
		if err != nil || got != tt.want {
			t.Errorf("%s %q: %q, %v, want %q", tt.socket, tt.commands, got, err, tt.want)
		}
	}
	served.serve(append(files[2:4:4], files[:2]...))
	if got, err := ask(filepath.Join(dir, "proc00.sock"), "show info\n"); err != nil || got != "Name: 2\n\n" {
		t.Errorf("got %q, %v after another snapshot, want the second process", got, err)
	}
	if got, want := served.size(files), int64(3*(9+6)); got != want {
		t.Errorf("got a size of %d, want %d", got, want)
	}
	if err := served.stop(); err != nil {
		t.Error(err)
	}
}
