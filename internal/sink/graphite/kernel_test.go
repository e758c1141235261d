package graphite

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// connected returns both ends of a connection, which are closed with the test.
func connected(t *testing.T, network, address string) (conn, peer net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if conn, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if peer, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	return conn, peer
}

func TestUnreadDataIsSeen(t *testing.T) {
	conn, peer := connected(t, "unix", filepath.Join(t.TempDir(), "s"))
	if err := unread(conn); err != nil {
		t.Errorf("before anything was sent: %v", err)
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := unread(conn); err == nil || !strings.Contains(err.Error(), "early") {
		t.Errorf("with a byte on its way: %v", err)
	}
	if _, err := peer.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := unread(conn); err != nil {
		t.Errorf("when it has been read: %v", err)
	}
}

// TestAbortIsNoEnd checks that a peer does not see a clean end after a part of a line.
func TestAbortIsNoEnd(t *testing.T) {
	conn, peer := connected(t, "tcp", "127.0.0.1:0")
	if _, err := conn.Write([]byte("a.b 1 17953")); err != nil {
		t.Fatal(err)
	}
	(&link{raw: &patientConn{halfCloser: conn.(halfCloser)}}).abort()
	if got, err := io.ReadAll(peer); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer reads %q, %v", got, err)
	}
}

func TestPeek(t *testing.T) {
	conn, peer := connected(t, "tcp", "127.0.0.1:0")
	if _, _, err := peek(conn); !errors.Is(err, errNothing) {
		t.Errorf("of nothing: %v", err)
	}
	if _, err := peer.Write([]byte("ab")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is left there
		if first, n, err := peek(conn); first != 'a' || n != 1 || err != nil {
			t.Errorf("of a letter: %q, %d, %v", first, n, err)
		}
	}
	peer.Close()
	conn.Read(make([]byte, 2))
	if _, n, err := peek(conn); n != 0 || err != nil {
		t.Errorf("of the end: %d, %v", n, err)
	}
}
