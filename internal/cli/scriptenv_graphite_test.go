package cli_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// graphite takes what is sent to it, when it is up.
type graphite struct {
	address string
	batches watched[[]string] // what each connection has brought
	taken   watched[int]      // connections since it is up

	listener net.Listener // nil while it is down
	serving  sync.WaitGroup
	closing  chan struct{}
}

// up begins to listen and has each connection served.
func (g *graphite) up(serve func(net.Conn)) (err error) {
	g.down()
	if g.listener, err = net.Listen("tcp", g.address); err != nil {
		return err
	}
	g.closing = make(chan struct{})
	g.taken.update(func(int) int { return 0 })
	g.serving.Go(func() {
		for {
			c, err := g.listener.Accept()
			if err != nil {
				return
			}
			g.taken.update(func(n int) int { return n + 1 })
			g.serving.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	return nil
}

// take reads a connection to its end.
func (g *graphite) take(c net.Conn) {
	data, err := io.ReadAll(c)
	if err == nil && len(data) > 0 {
		g.batches.update(func(b []string) []string { return append(b[:len(b):len(b)], string(data)) })
	}
}

// ignore neither reads a connection nor closes it before the server is down.
func (g *graphite) ignore(net.Conn) { <-g.closing }

// serverless ends a connection as a proxy does whose server is down: it has read
// up to n bytes, and then waits for our end for half a second at most.
func (g *graphite) serverless(n int64) func(net.Conn) {
	return func(c net.Conn) {
		c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		io.CopyN(io.Discard, c, n)
	}
}

func (g *graphite) down() {
	if g.listener == nil {
		return
	}
	stopListening(g.listener)
	close(g.closing)
	g.serving.Wait()
	g.listener = nil
}

// stopListening closes a listener for good: a program that is being started at
// this moment still has its descriptor, and nobody could listen on the port anew.
func stopListening(l net.Listener) {
	if raw, err := l.(*net.TCPListener).SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
	l.Close()
}

func cmdGraphite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: graphite up|silent|serverless n|tls dir|down|accepted n")
	}
	g := onStage(ts).graphite
	switch args[0] {
	case "up":
		ts.Check(g.up(g.take))
	case "silent":
		ts.Check(g.up(g.ignore))
	case "serverless":
		ts.Check(g.up(g.serverless(int64(number(ts, args[1])))))
	case "tls":
		settings := serverTLS(ts, ts.MkAbs(args[1]))
		ts.Check(g.up(func(c net.Conn) {
			encrypted := tls.Server(c, settings)
			defer encrypted.Close()
			g.take(encrypted)
		}))
	case "down":
		g.down()
	case "accepted":
		wanted := number(ts, args[1])
		if n, ok := g.taken.wait(func(n int) bool { return n >= wanted }); !ok {
			ts.Fatalf("Graphite has %d connections, want %d", n, wanted)
		}
	default:
		ts.Fatalf("unknown: graphite %s", args[0])
	}
}

// batchesOf waits until Graphite has n batches at least.
func batchesOf(ts *testscript.TestScript, n int) []string {
	s := onStage(ts)
	batches, ok := s.graphite.batches.wait(func(b []string) bool { return len(b) >= n })
	if !ok {
		ts.Fatalf("Graphite has %d batches, want %d%s", len(batches), n, s.logs())
	}
	return batches
}

// cmdBatches waits for so many batches, no more, and prints the time of each,
// in the order in which they came.
func cmdBatches(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: batches n")
	}
	n := number(ts, args[0])
	batches := batchesOf(ts, n)
	if len(batches) > n {
		ts.Fatalf("Graphite has %d batches, want %d", len(batches), n)
	}
	for _, b := range batches {
		line, _, _ := strings.Cut(b, "\n")
		fmt.Fprintln(ts.Stdout(), line[strings.LastIndex(line, " ")+1:])
	}
}

func cmdBatch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: batch n file")
	}
	n := number(ts, args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(batchesOf(ts, n)[n-1]), 0o600))
}
