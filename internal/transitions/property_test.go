package transitions

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"haproxystats/internal/event"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/truth"
)

// server is a server as HAProxy has it: its operational state moves its age, its
// administrative state does not.
type server struct {
	name    string
	checked bool
	up      bool
	maint   bool
	drain   bool

	changed int64 // ms, when the operational state changed
	downs   int64
	// wasDown is the number of times that it went down since the sample before, moved
	// whether its operational state changed since then, and when before that.
	wasDown int64
	moved   bool
	before  int64
}

func (s *server) status() string {
	switch {
	case s.maint:
		return "MAINT"
	case !s.up:
		return "DOWN"
	case s.drain:
		return "DRAIN"
	case !s.checked:
		return "no check"
	}
	return "UP"
}

// shown is the state that an event has.
func (s *server) shown() string { return strings.Replace(s.status(), "no check", "UP", 1) }

func (s *server) running() bool { return s.up && !s.maint }

// set changes the state; now is in ms.
func (s *server) set(up, maint, drain bool, now int64) {
	was := s.running()
	s.up, s.maint, s.drain = up, maint, drain
	if was == s.running() {
		return
	}
	if was && s.checked {
		s.downs++
	}
	if was {
		s.wasDown++
	}
	s.changed, s.moved = now, true
}

// site is a HAProxy with a tracker of it.
type site struct {
	t       *rapid.T
	tr      *Tracker
	now     int64 // ms
	start   int64
	pid     int
	servers []*server
	// known is what events and samples so far tell of each server.
	known map[string]string
	ids   map[string]bool
	fresh bool // no sample of this worker yet
	last  int64
	// tally is that of the worker of, which was heard last at that time.
	tally *truth.Tally
	of    truth.Instance
	heard int64
}

// watch shows the tracker the rows as a tally reads them, which leaves out those without
// news. The tally goes on whether the tracker takes over what it has seen or not.
func (x *site) watch(info *truth.Info, stat string) {
	if x.of != info.Instance || rapid.IntRange(0, 9).Draw(x.t, "tally is lost") == 0 {
		x.tally, x.of, x.heard = new(truth.Tally), info.Instance, info.At
	}
	var s haproxy.StatScanner
	if err := s.Reset(strings.NewReader(stat)); err != nil {
		x.t.Fatal(err)
	}
	x.tally.Read(&s, info.At-x.heard, &truth.Watch{Columns: Columns, See: x.tr.See})
	x.heard = info.At
}

func (x *site) reply() (info, stat string) {
	info = fmt.Sprintf("Pid: %d\nStart_time_sec: %d\nUptime_sec: %d\nVersion: 2.8.0\n\n", x.pid, x.start/1000, (x.now-x.start)/1000)
	var b strings.Builder
	b.WriteString("# pxname,svname,status,chkdown,lastchg,type,check_status\n")
	for _, s := range x.servers {
		downs, check := "", ""
		if s.checked {
			downs, check = fmt.Sprint(s.downs), "L4CON"
			if s.up {
				check = "L4OK"
			}
		}
		fmt.Fprintf(&b, "app,%s,%s,%s,%d,2,%s\n", s.name, s.status(), downs, x.now/1000-s.changed/1000, check)
	}
	return info, b.String() + "\n"
}

// sample makes a round, unless it fails, and compares its events with what has happened.
func (x *site) sample() (counts bool) {
	infoText, stat := x.reply()
	at := (x.now + rapid.Int64Range(0, 900).Draw(x.t, "delay")) / 1000
	var tt testing.T
	info := readInfo(&tt, []byte(infoText), at)
	x.tr.Begin(info, at)
	x.watch(info, stat)
	if rapid.IntRange(0, 9).Draw(x.t, "abort") == 0 {
		x.tr.Abort() // nothing of it counts
		return false
	}
	if len(x.servers) == 0 {
		// A worker without rows says nothing, as those before 2.5 do while they stop.
		for _, e := range x.tr.End(Facts{At: at, Info: info, Members: []truth.Instance{info.Instance}, Change: Reloaded}) {
			if e.Kind != event.Reload && e.Kind != event.WorkerGone {
				x.t.Fatalf("got %+v, want at most a reload", e)
			}
		}
		return false
	}
	found := make(map[string]event.Event)
	for _, e := range x.tr.End(Facts{At: at, Info: info, Members: []truth.Instance{info.Instance}, Change: Reloaded}) {
		if x.ids[e.ID] {
			x.t.Fatalf("got the id %s twice", e.ID)
		}
		x.ids[e.ID] = true
		if e.Kind != event.ServerState {
			continue
		}
		if _, twice := found[e.Server]; twice {
			x.t.Fatalf("got two events of %s in one sample", e.Server)
		}
		found[e.Server] = e
	}
	for _, s := range x.servers {
		e, any := found[s.name]
		delete(found, s.name)
		before, seen := x.known[s.name]
		now := s.shown()
		flapped := seen && before == now && !x.fresh && s.wasDown > 0
		switch {
		case !seen && any:
			x.t.Fatalf("got %+v of a server that was not seen before", e)
		case seen && before != now && (!any || e.From != before || e.To != now):
			x.t.Fatalf("got %+v, want %s to go from %s to %s", e, s.name, before, now)
		case seen && before == now && any && !flapped:
			x.t.Fatalf("got %+v of %s, which is %s as before", e, s.name, now)
		case flapped && s.checked && (!any || e.Flaps != s.wasDown):
			x.t.Fatalf("got %+v, want %d flaps of %s", e, s.wasDown, s.name)
		case flapped && !s.checked && !any && s.changed/1000 < x.now/1000 && s.changed-s.before > 5000 && s.changed-x.last > 2000:
			x.t.Fatalf("got no event, want one of %s, which is %s again for %d ms", s.name, now, x.now-s.changed)
		}
		if any && s.checked && !x.fresh && before != now {
			told := e.Flaps
			if told == 0 && (before == "UP" || before == "DRAIN") && (now == "DOWN" || now == "MAINT") {
				told = 1
			}
			if told != s.wasDown {
				x.t.Fatalf("got %+v, want it to tell that %s went down %d times", e, s.name, s.wasDown)
			}
		}
		if any && e.Exact {
			if apart := e.Time - s.changed/1000; apart < -2 || apart > 2 {
				x.t.Fatalf("got %+v, want the time %d", e, s.changed/1000)
			}
		}
		if any && !e.Exact && s.moved && !x.fresh && movesAge(statusOf(2, []byte(before)), statusOf(2, []byte(now))) {
			x.t.Fatalf("got %+v, want its exact time", e)
		}
		if any && (e.Time > e.Seen || e.Seen != at) {
			x.t.Fatalf("got %+v, seen at %d, want it to happen before", e, at)
		}
		if !flapped || any || s.checked {
			s.moved, s.wasDown, s.before = false, 0, s.changed
		}
		x.known[s.name] = now
	}
	if len(found) > 0 {
		x.t.Fatalf("got %+v, want no events of servers that are gone", found)
	}
	for name := range x.known {
		if !slices.ContainsFunc(x.servers, func(s *server) bool { return s.name == name }) {
			delete(x.known, name)
		}
	}
	x.fresh, x.last = false, x.now
	return true
}

// restart goes on with what a tracker has written, as another process does.
func (x *site) restart() {
	text := x.tr.Append(nil, 7)
	next := &Tracker{Node: x.tr.Node, Address: x.tr.Address}
	g, err := next.Parse(text)
	if err != nil || g != 7 || next.Socket != x.tr.Socket {
		x.t.Fatalf("got generation %d, socket %q, error %v", g, next.Socket, err)
	}
	x.tr = next
}

func (x *site) begin() {
	x.pid++
	x.start, x.fresh = x.now, true
	for _, s := range x.servers {
		// The state is that of a state file, or that of the configuration.
		if rapid.Bool().Draw(x.t, "anew") {
			s.up, s.maint, s.drain = true, false, false
		}
		s.changed, s.downs = x.now, 0
	}
}

// TestEventsTellWhatHappened tries random lives of servers.
func TestEventsTellWhatHappened(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := &site{
			t: t, tr: &Tracker{Node: "lb1", Address: "/run/a.sock", Socket: "a.sock"}, now: 1_700_000_000_000 + rapid.Int64Range(0, 999).Draw(t, "ms"),
			known: make(map[string]string), ids: make(map[string]bool),
		}
		add := func() {
			name := fmt.Sprintf("s%d", rapid.IntRange(0, 9).Draw(t, "name"))
			if !slices.ContainsFunc(x.servers, func(s *server) bool { return s.name == name }) {
				s := &server{name: name, checked: rapid.Bool().Draw(t, "checked"), up: true, changed: x.now, before: x.now}
				delete(x.known, name)
				x.servers = slices.Insert(x.servers, rapid.IntRange(0, len(x.servers)).Draw(t, "at"), s)
			}
		}
		any := func(do func(*server)) {
			if len(x.servers) > 0 {
				do(x.servers[rapid.IntRange(0, len(x.servers)-1).Draw(t, "server")])
			}
		}
		removed := false
		x.begin()
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) { x.now += rapid.Int64Range(1, 20_000).Draw(t, "ms") },
			"up or down": func(*rapid.T) {
				any(func(s *server) {
					if s.checked && !s.maint {
						s.set(!s.up, s.maint, s.drain, x.now)
					}
				})
			},
			"maintenance": func(*rapid.T) { any(func(s *server) { s.set(s.up, !s.maint, s.drain, x.now) }) },
			"drain":       func(*rapid.T) { any(func(s *server) { s.set(s.up, s.maint, !s.drain, x.now) }) },
			"add": func(*rapid.T) {
				if !removed { // another server of one name is the same to a tracker
					add()
				}
			},
			"remove": func(*rapid.T) {
				any(func(s *server) {
					x.servers = slices.DeleteFunc(x.servers, func(o *server) bool { return o == s })
					removed = true
				})
			},
			"other order": func(t *rapid.T) {
				r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
				r.Shuffle(len(x.servers), func(i, j int) { x.servers[i], x.servers[j] = x.servers[j], x.servers[i] })
			},
			"sample": func(*rapid.T) {
				x.now += rapid.Int64Range(0, 10_000).Draw(t, "ms")
				removed = !x.sample() && removed
			},
			"reload":  func(*rapid.T) { x.begin() },
			"restart": func(*rapid.T) { x.restart() },
		})
	})
}
