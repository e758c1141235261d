package status

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

// TestLimits: a process that floods the socket gets so many answers a second, and
// takes none from others.
func TestLimits(t *testing.T) {
	var l limits
	now := time.Unix(1e9, 0)
	flood, check := client{7, 1000}, client{8, 1000}
	for n := 1; n <= 3*perSecond; n++ {
		if got := l.count(flood, now); got != n {
			t.Fatalf("got %d, want %d", got, n)
		}
	}
	if got := l.count(check, now); got != 1 {
		t.Errorf("got %d for another process, want 1", got)
	}
	if got := l.count(flood, now.Add(time.Second)); got != 1 {
		t.Errorf("got %d in the next second, want 1", got)
	}
	for pid := range 10 * maxClients {
		l.count(client{pid, 0}, now)
	}
	if len(l.asked) > maxClients {
		t.Errorf("got %d processes remembered, want at most %d", len(l.asked), maxClients)
	}
}

// TestFlood asks more often than is answered, within one second.
func TestFlood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var l limits
	now := time.Unix(1e9, 0)
	for n := range 2 * perSecond {
		here, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		there, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if a := clientOf(there); a != thisClient() {
			t.Fatalf("got %v, want %v", a, thisClient())
		}
		if got, want := l.admits(there, now), n < perSecond; got != want {
			t.Errorf("connection %d: got %v, want %v", n, got, want)
		}
		here.Close()
		there.Close()
	}
}
