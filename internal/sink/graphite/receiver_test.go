package graphite

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
)

// fault is what a receiver does to one connection once it has read that many bytes,
// including those of TLS.
type fault struct {
	after int
	how   string // "reset" or "close"
}

// cut is a connection that ends after a number of bytes.
type cut struct {
	net.Conn
	from io.Reader
}

func (c cut) Read(p []byte) (int, error) { return c.from.Read(p) }

// receiver is a Graphite server on loopback. It records the lines that it has read, and
// its connections fail on demand.
type receiver struct {
	t       testing.TB
	address string
	wg      sync.WaitGroup
	tls     *tls.Config // nil for plain text
	buffer  int         // for the kernel to receive into; 0 for its own choice

	mu       sync.Mutex
	accepted int
	listener net.Listener
	open     map[net.Conn]bool
	faults   []fault // of the next connections
	lines    []string
	seen     map[string]int
	changed  chan struct{}
}

func newReceiver(t testing.TB) *receiver { return newTLSReceiver(t, nil) }

// newTLSReceiver returns a receiver that speaks TLS if settings is not nil.
func newTLSReceiver(t testing.TB, settings *tls.Config) *receiver {
	r := &receiver{
		t: t, address: "127.0.0.1:0", tls: settings,
		seen: map[string]int{}, open: map[net.Conn]bool{}, changed: make(chan struct{}),
	}
	r.start()
	t.Cleanup(r.stop)
	return r
}

// start listens, on the same port each time.
func (r *receiver) start() {
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.listener, r.address = l, l.Addr().String()
	r.mu.Unlock()
	r.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			f := fault{}
			if len(r.faults) > 0 {
				f, r.faults = r.faults[0], r.faults[1:]
			}
			r.open[conn] = true
			r.accepted++
			if r.buffer > 0 {
				conn.(*net.TCPConn).SetReadBuffer(r.buffer)
			}
			r.mu.Unlock()
			r.wg.Go(func() { r.serve(conn.(*net.TCPConn), f) })
		}
	})
}

// stop refuses connections, and resets those that are open.
func (r *receiver) stop() {
	r.mu.Lock()
	r.listener.Close()
	for conn := range r.open {
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

func (r *receiver) serve(raw *net.TCPConn, f fault) {
	var conn net.Conn = raw
	if f.how != "" {
		conn = cut{raw, io.LimitReader(raw, int64(f.after))}
	}
	if r.tls != nil {
		conn = tls.Server(conn, r.tls)
	}
	defer func() {
		r.mu.Lock()
		delete(r.open, raw)
		r.mu.Unlock()
		conn.Close()
	}()
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break // what is left is no line
		}
		r.take(line)
	}
	if f.how == "reset" {
		raw.SetLinger(0)
	}
}

// arm adds faults for the next connections.
func (r *receiver) arm(f fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, f)
}

// connections returns the number of connections so far.
func (r *receiver) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accepted
}

func (r *receiver) take(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	r.seen[line]++
	close(r.changed)
	r.changed = make(chan struct{})
}

// await returns nil once all lines of content have been read.
func (r *receiver) await(ctx context.Context, content string) error {
	for line := range strings.Lines(content) {
		for {
			there, changed := r.has(line)
			if there {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return fmt.Errorf("missing %q", line)
			}
		}
	}
	return nil
}

// strange returns the received lines that are in none of the contents.
func (r *receiver) strange(contents ...string) (lines []string) {
	known := map[string]bool{}
	for _, c := range contents {
		for line := range strings.Lines(c) {
			known[line] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.lines {
		if !known[line] {
			lines = append(lines, line)
		}
	}
	return lines
}

var testPaths = plaintext.Paths{Namespace: "loadbalancers", Hostname: "lb1"}

func content(t testing.TB, b *metric.Batch) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := plaintext.New(testPaths).Encode(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
