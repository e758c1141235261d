package workers

import (
	"errors"
	"slices"
	"testing"

	"haproxystats/internal/pull"
)

// TestFetchFails: a reply that breaks changes neither totals nor what is known of states.
func TestFetchFails(t *testing.T) {
	x := newSite(t, true)
	a := x.f.current
	x.f.app("app,a1,0,0,0,2,UP,100,0")
	x.f.work(a, 5, 5, 200)
	x.want(x.round(), 5, 200, "101 current")
	x.f.work(a, 1, 1, 100)
	x.f.app("app,a1,0,0,0,2,DOWN,0,1")
	x.fault = errors.New("reset")
	if got := told(t, x.round()); len(got) != 0 {
		t.Errorf("got the events %q of a reply that has failed, want none", got)
	}
	x.fault = nil
	s := x.round()
	x.want(s, 6, 300, "101 current")
	if got, want := told(t, s), []string{"server app/a1 is DOWN, was UP (tracked)"}; !slices.Equal(got, want) {
		t.Errorf("got the events %q, want %q", got, want)
	}
}

// TestNobodyListens reads the replies from the snapshot.
func TestNobodyListens(t *testing.T) {
	x := newSite(t, true)
	x.deaf = true
	a := x.f.current
	x.f.app("app,a1,0,0,0,2,UP,100,0")
	x.f.work(a, 5, 5, 200)
	x.want(x.round(), 5, 200, "101 current")
	x.f.app("app,a1,0,0,0,2,DOWN,0,1")
	x.wantEvents("server app/a1 is DOWN, was UP (tracked)")
}

// TestLookWhileRepliesArrive: rows that have arrived are those of the round to come,
// whatever a look sees before it.
func TestLookWhileRepliesArrive(t *testing.T) {
	x := newSite(t, true)
	a := x.f.current
	x.f.app("app,a1,0,0,0,2,UP,100,0")
	x.f.work(a, 5, 4, 200)
	x.round()
	x.f.app("app,a1,0,0,0,2,DOWN,0,1")
	x.fetched = x.looks
	x.wantEvents("server app/a1 is DOWN, was UP (tracked)")

	t.Log("a reload between the reply and the round")
	x.f.app("app,a1,0,0,0,2,UP,0,1")
	x.fetched = func() {
		x.f.reload()
		x.looks()
	}
	s := x.round()
	x.want(s, 5, 200, "101 current, 102 old")
	first := told(t, s)
	x.fetched = nil
	all := append(first, told(t, x.round())...)
	all = append(all, told(t, x.round())...)
	slices.Sort(all)
	want := []string{"HAProxy was reloaded: worker 102 follows 101, 1 old worker left", "server app/a1 is UP, was DOWN (tracked)"}
	if !slices.Equal(all, want) {
		t.Errorf("got the events %q, want %q", all, want)
	}
}

// TestListenerOfAStranger: a socket that does not tell who it is makes no account.
func TestListenerOfAStranger(t *testing.T) {
	x := newSite(t, true)
	l := x.k.Listen(pull.Socket{Network: "unix", Address: "/nobody"}, "nobody")
	l.Info([]byte("Name: HAProxy\n\n"))
	l.Stat([]byte("# pxname,svname,\n\n"))
	l.End(nil)
	if all := x.k.all(); len(all) != 0 {
		t.Errorf("got %d sockets, want none", len(all))
	}
	l = x.k.Listen(pull.Socket{Network: "unix", Address: "/nobody"}, "nobody")
	for range 3 {
		l.Info(make([]byte, maxInfo))
	}
	if got := l.(*listener).text.Len(); got > 2*maxInfo {
		t.Errorf("got %d bytes kept, want at most %d", got, 2*maxInfo)
	}
	l.End(errors.New("reset"))
}
