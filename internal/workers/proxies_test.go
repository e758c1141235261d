package workers

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
)

// ask makes the rounds ask for all rows, or for those of proxies only, as a reload of the
// configuration does.
func (x *site) ask(proxiesOnly bool) {
	x.client = &haproxy.Client{Timeout: x.client.Timeout, ProxiesOnly: proxiesOnly}
	x.k.Change(func(o *Options) { o.Client = x.client })
}

// serverTotal returns the sessions of app/a1 as the reader of a snapshot adds them up, and
// whether a worker tells them.
func serverTotal(t *testing.T, s snapshot.Snapshot) (sum int64, told bool) {
	t.Helper()
	a := &truth.Account{Base: &truth.Base{}}
	for _, account := range s.Round.Accounts {
		if account.Generation > 0 {
			text, err := fs.ReadFile(s.Files, account.Socket+snapshot.BaseSuffix)
			if err != nil {
				t.Fatal(err)
			}
			if a.Base, err = truth.ParseBase(text); err != nil {
				t.Fatal(err)
			}
		}
		for _, i := range account.Instances {
			text, err := fs.ReadFile(s.Files, i.File(account.Socket, snapshot.StatSuffix))
			if err != nil {
				t.Fatal(err)
			}
			stat, err := truth.ReadStat(bytes.NewReader(text), 0)
			if err != nil {
				t.Fatal(err)
			}
			a.Members = append(a.Members, &truth.Member{Instance: truth.Instance{Pid: i.Pid, Start: i.Start}, Stat: stat})
		}
	}
	return a.Total(truth.Key{Type: haproxy.ServerRow, Proxy: "app", Service: "a1"}, "stot")
}

// wantServer checks the sessions of app/a1; 0 means that they are not told.
func (x *site) wantServer(s snapshot.Snapshot, want int64) {
	x.t.Helper()
	if got, told := serverTotal(x.t, s); got != want || told != (want > 0) {
		x.t.Errorf("got %d sessions of app/a1, told: %t, want %d", got, told, want)
	}
}

// wantNoEvents checks that a snapshot carries no event about a server.
func (x *site) wantNoEvents(s snapshot.Snapshot) {
	x.t.Helper()
	for _, e := range told(x.t, s) {
		if strings.Contains(e, "server") {
			x.t.Errorf("got the event %q, want none of a server", e)
		}
	}
}

// TestProxiesOnly switches the rows of servers off and on between rounds, over reloads: no
// total falls, and no server changes its state.
func TestProxiesOnly(t *testing.T) {
	for _, c := range []struct {
		name         string
		hold, master bool
	}{{"held connections", true, false}, {"no connections", false, false}, {"the master", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			x := newSite(t, c.hold)
			if c.master {
				failed := 0
				x.stop()
				x.master = x.f.master(&failed)
				x.start()
			}
			a := x.f.current
			// The rows of a server are the same for all workers here.
			x.f.app("app,a1,0,10,0,2,UP,100,0", "app,BACKEND,0,10,0,1,UP,100,0")
			x.f.work(a, 5, 4, 200)
			s := x.round()
			x.want(s, 5, 200, "101 current")
			x.wantServer(s, 10)

			x.ask(true)
			x.f.app("app,a1,0,12,0,2,DOWN,1,1", "app,BACKEND,0,12,0,1,UP,100,0")
			for range 2 {
				s = x.round()
				x.want(s, 5, 200, "101 current")
				x.wantServer(s, 0)
				x.wantNoEvents(s)
			}

			x.ask(false)
			x.f.app("app,a1,0,15,0,2,UP,1,1", "app,BACKEND,0,15,0,1,UP,100,0")
			s = x.round()
			x.want(s, 5, 200, "101 current")
			x.wantServer(s, 15)
			x.wantNoEvents(s)

			x.ask(true)
			x.round()
			b := x.f.reload()
			x.f.work(b, 1, 1, 1)
			s = x.round()
			x.wantServer(s, 0)
			x.wantNoEvents(s)
			if c.hold || c.master {
				x.want(s, 6, 201, "101 old, 102 current")
			}
			x.f.app("app,a1,0,20,0,2,UP,1,1", "app,BACKEND,0,20,0,1,UP,100,0")
			x.f.work(a, 0, 1, 0) // a has no client any more
			if c.hold {
				x.looks() // and says its final words
			}
			<-a.ended
			s = x.round()
			x.want(s, 6, 201, "102 current")

			x.ask(false)
			s = x.round()
			// What a did for servers after it was asked for them last is lost.
			x.wantServer(s, 15+20)
			x.wantNoEvents(s)
			x.f.app("app,a1,0,21,0,2,DOWN,1,1", "app,BACKEND,0,21,0,1,UP,100,0")
			s = x.round()
			x.wantServer(s, 15+21)
			if got := told(t, s); len(got) != 1 || !strings.HasPrefix(got[0], "server app/a1 is DOWN, was UP") {
				t.Errorf("got the events %q, want that of the server", got)
			}
		})
	}
}

// TestProxiesOnlyRestarted switches the rows of servers while haproxystats-pull starts again.
func TestProxiesOnlyRestarted(t *testing.T) {
	x := newSite(t, true)
	x.f.app("app,a1,0,10,0,2,UP,100,0")
	x.wantServer(x.round(), 10)
	for _, turn := range []struct {
		proxiesOnly bool
		row         string
		want        int64
	}{
		{true, "app,a1,0,12,0,2,DOWN,1,1", 0}, {true, "app,a1,0,13,0,2,UP,1,1", 0}, {false, "app,a1,0,14,0,2,DOWN,1,1", 14}, {false, "app,a1,0,15,0,2,DOWN,1,1", 15},
	} {
		x.stop()
		x.client = &haproxy.Client{Timeout: x.client.Timeout, ProxiesOnly: turn.proxiesOnly}
		x.start()
		x.f.app(turn.row)
		s := x.round()
		x.wantServer(s, turn.want)
		if got := told(t, s); slices.ContainsFunc(got, func(e string) bool { return strings.Contains(e, "server") }) {
			t.Errorf("%+v: got the events %q, want none of a server", turn, got)
		}
	}
}
