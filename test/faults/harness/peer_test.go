package harness

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// send sends a text, half-closes the connection and returns how it ended.
func send(s *Site, addr, text string) error {
	s.T.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	s.Must(c.SetDeadline(time.Now().Add(10 * time.Second)))
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err = io.ReadAll(c)
	return err
}

// TestFaults sends lines through each fault, to a Graphite and through a Proxy.
func TestFaults(t *testing.T) {
	const line = "a 1 5\n"
	text := strings.Repeat(line, 1000)
	for name, test := range map[string]struct {
		fault Fault
		lines int64
	}{
		"none":          {Fault{}, 1000},
		"trickle":       {Fault{Kind: Trickle, Piece: 601}, 1000},
		"reset":         {Fault{Kind: Reset, At: 20}, 3},
		"reset at once": {Fault{Kind: Reset}, 0},
		"close":         {Fault{Kind: Close, At: 20}, 3},
		"finish":        {Fault{Kind: Finish, At: 20}, 3},
		"finish behind": {Fault{Kind: Finish, At: int64(len(text))}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSite(t)
			graphite := s.Graphite(nil)
			graphite.Received.Allow(func(string, float64) bool { return true })
			graphite.SetPlan(Always(test.fault))
			whole := test.lines == 1000
			if err := send(s, graphite.Addr(), text); whole && err != nil {
				t.Error(err)
			}
			graphite.Kill()
			if n := graphite.Received.Lines(); n != test.lines || len(graphite.Received.Problems()) > 0 {
				t.Errorf("Graphite has %d lines, want %d: %q", n, test.lines, graphite.Received.Problems())
			}
			graphite.Restart()
			graphite.SetPlan(Always(Fault{}))
			proxy := s.Proxy(graphite.Addr())
			proxy.SetPlan(Always(test.fault))
			if err := send(s, proxy.Addr(), text); whole && err != nil {
				t.Error(err)
			}
			proxy.Kill()
			s.Must(graphite.WaitConnections(s.Ctx, 2))
			s.Within(EndLimit, func() bool { return graphite.Received.Lines() >= 2*test.lines }) // or too many, or too few
			graphite.Kill()
			if n := graphite.Received.Lines(); n != 2*test.lines {
				t.Errorf("Graphite has %d lines through the proxy, want %d", n-test.lines, test.lines)
			}
		})
	}
}

// TestKilled wants a receiver that is killed to refuse and to break what is
// open, and to be the same one afterwards.
func TestKilled(t *testing.T) {
	s := NewSite(t)
	graphite := s.Graphite(nil)
	graphite.SetPlan(Always(Fault{Kind: Stall, At: 1}))
	ended := make(chan error)
	go func() { ended <- send(s, graphite.Addr(), "a 1 5\n") }()
	s.Must(graphite.WaitConnections(s.Ctx, 1))
	graphite.Kill()
	graphite.Kill()
	if err := <-ended; err == nil {
		t.Error("what was sent to a receiver that was killed is confirmed")
	}
	addr := graphite.Addr()
	var refused *net.OpError
	if err := send(s, addr, "a 1 5\n"); !errors.As(err, &refused) || refused.Op != "dial" {
		t.Errorf("a receiver that was killed: %v", err)
	}
	graphite.Restart()
	graphite.SetPlan(Always(Fault{}))
	graphite.Received.Allow(func(string, float64) bool { return true })
	if err := send(s, addr, "a 1 5\n"); err != nil || graphite.Received.Lines() != 1 {
		t.Errorf("after a restart: %v, %d lines", err, graphite.Received.Lines())
	}
	if graphite.Addr() != addr || graphite.Connections() != 2 {
		t.Errorf("%s was %s; %d connections", graphite.Addr(), addr, graphite.Connections())
	}
}

// TestMute wants all to be noted and nothing to be confirmed.
func TestMute(t *testing.T) {
	s := NewSite(t)
	graphite := s.Graphite(nil)
	graphite.Received.Allow(func(string, float64) bool { return true })
	graphite.SetPlan(Always(Fault{Kind: Mute}))
	ended := make(chan error, 1)
	go func() { ended <- send(s, graphite.Addr(), "a 1 5\n") }()
	s.Must(graphite.Received.WaitLines(s.Ctx, 0))
	select {
	case err := <-ended:
		t.Errorf("the connection has ended: %v", err)
	default:
	}
	graphite.Kill()
	<-ended
}

// TestPortIsFree wants the port of a listener free although another descriptor of
// it is still open.
func TestPortIsFree(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	held, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	stopListening(l.(*net.TCPListener))
	again, err := net.Listen("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
