package top

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/haproxysim"
	"haproxystats/internal/snapshot"
)

// site returns what a process says that has handled n requests.
func site(pid int64, up, n int64) said {
	return said{pid, start.Unix() - 100, up, n, []map[string]any{
		frontend("www", "req_tot", n, "stot", n, "hrsp_5xx", n/10, "ereq", n/20, "bin", 100*n, "scur", 3),
		server("app", "s1", "req_tot", n, "stot", n, "econ", n/10, "eresp", n/10, "rtime", 12, "check_status", "L7OK"),
		server("app", "s2", "status", "DOWN", "check_status", "L4CON", "lastchg", 30),
		backend("app", "req_tot", n, "stot", n, "bout", 1000*n),
	}}
}

func TestRates(t *testing.T) {
	m := newMachine(t)
	m.take(round(0, map[string]said{"a": site(1, 100, 1000)}))
	if m.Elapsed != 0 {
		t.Errorf("got rates over %v after one round, want none", m.Elapsed)
	}
	m.want(m.row(Frontend, "", "www"), Requests, None)
	m.want(m.row(Frontend, "", "www"), Sessions, 3)
	m.take(round(2, map[string]said{"a": site(1, 102, 1200)}))
	www := m.row(Frontend, "", "www")
	m.want(www, Requests, 100)
	m.want(www, Responses5xx, 10)
	m.want(www, Errors, 5)
	m.want(www, BytesIn, 10_000)
	m.want(m.row(Server, "app", "s1"), Errors, 20)
	m.want(m.row(Server, "app", "s1"), ResponseTime, 12)
	m.want(m.row(Backend, "", "app"), BytesOut, 100_000)
	process := m.row(Process, "", "a")
	m.want(process, Requests, 100)
	m.want(process, CPU, 10)
	m.want(&m.node, Requests, 100)
	if got := www.History(10); len(got) != 2 || Known(got[0]) || got[1] != 100 {
		t.Errorf("history: got %v, want none and 100", got)
	}
}

func TestSessionsStandForRequests(t *testing.T) {
	tcp := func(n int) said {
		return said{1, 1, int64(n), int64(n), []map[string]any{
			frontend("in", "mode", "tcp", "stot", n), server("out", "s", "mode", "tcp", "stot", n, "req_tot", 0), backend("out", "mode", "tcp", "stot", n, "req_tot", 0),
		}}
	}
	m := newMachine(t)
	m.take(round(0, map[string]said{"a": tcp(10)}))
	m.take(round(2, map[string]said{"a": tcp(30)}))
	m.want(m.row(Frontend, "", "in"), Requests, 10)
	m.want(m.row(Backend, "", "out"), Requests, 10)
	m.want(m.row(Server, "out", "s"), Requests, 10)
}

// TestReload: the counters of another process are no growth, up or down.
func TestReload(t *testing.T) {
	for _, c := range []struct {
		name  string
		after said
	}{
		{"new process", site(2, 1, 10)},
		{"new process with the counters of the old one", site(2, 1, 5000)},
		{"same pid, younger", site(1, 1, 5000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.take(round(0, map[string]said{"a": site(1, 100, 1000)}))
			m.take(round(2, map[string]said{"a": site(1, 102, 1100)}))
			n := m.take(round(4, map[string]said{"a": c.after}))
			if !slices.Equal(n.Replaced, []string{"a"}) {
				t.Errorf("replaced: got %q, want a", n.Replaced)
			}
			for _, r := range []*Row{m.row(Frontend, "", "www"), m.row(Server, "app", "s1"), m.row(Process, "", "a"), &m.node} {
				m.want(r, Requests, None)
				m.want(r, SessionRate, None)
			}
			m.want(m.row(Frontend, "", "www"), Sessions, 3)
			next := c.after
			next.up += 2
			later := site(next.pid, next.up, next.requests+50)
			m.take(round(6, map[string]said{"a": later}))
			m.want(m.row(Frontend, "", "www"), Requests, 25)
			m.want(m.row(Process, "", "a"), Requests, 25)
		})
	}
}

// TestReloadOfOne: the rates are those of the processes that go on.
func TestReloadOfOne(t *testing.T) {
	m := newMachine(t)
	m.take(round(0, map[string]said{"a": site(1, 100, 1000), "b": site(2, 100, 900_000)}))
	m.want(m.row(Frontend, "", "www"), Sessions, 6)
	m.take(round(2, map[string]said{"a": site(1, 102, 1100), "b": site(3, 1, 500_000)}))
	m.want(m.row(Frontend, "", "www"), Requests, 50)
	m.want(m.row(Backend, "", "app"), BytesOut, 50_000)
	m.want(&m.node, Requests, 50)
	m.want(m.row(Process, "", "b"), Requests, None)
	// A socket that fails and comes back is no growth either.
	m.take(round(4, map[string]said{"a": site(1, 104, 1200)}))
	m.want(m.row(Frontend, "", "www"), Requests, 50)
	m.take(round(6, map[string]said{"a": site(1, 106, 1300), "b": site(3, 5, 600_000)}))
	m.want(m.row(Frontend, "", "www"), Requests, 50)
	m.take(round(8, map[string]said{"a": site(1, 108, 1400), "b": site(3, 7, 600_100)}))
	m.want(m.row(Frontend, "", "www"), Requests, 100)
}

// TestCountersSetBack: after `clear counters`, a rate is not known for a round.
func TestCountersSetBack(t *testing.T) {
	m := newMachine(t)
	m.take(round(0, map[string]said{"a": site(1, 100, 1000)}))
	m.take(round(2, map[string]said{"a": site(1, 102, 10)}))
	m.want(m.row(Frontend, "", "www"), Requests, None)
	m.take(round(4, map[string]said{"a": site(1, 104, 30)}))
	m.want(m.row(Frontend, "", "www"), Requests, 10)
}

// TestServerComesBack: a row that was not in the round before has no rates.
func TestServerComesBack(t *testing.T) {
	without := func(n int64, up int64) said {
		s := site(1, up, n)
		s.rows = slices.DeleteFunc(s.rows, func(r map[string]any) bool { return r["svname"] == "s1" })
		return s
	}
	m := newMachine(t)
	m.take(round(0, map[string]said{"a": site(1, 100, 1000)}))
	m.take(round(2, map[string]said{"a": without(1100, 102)}))
	if m.Find(Server, "app", "s1") != nil {
		t.Error("got a row for the server that is gone")
	}
	m.take(round(4, map[string]said{"a": site(1, 104, 5000)}))
	m.want(m.row(Server, "app", "s1"), Requests, None)
}

func TestStates(t *testing.T) {
	one := said{1, 1, 1, 1, []map[string]any{
		frontend("full", "scur", 100), frontend("paused", "status", "PAUSED"), frontend("stopped", "status", "STOP"),
		server("app", "up"), server("app", "going", "status", "UP 1/3"), server("app", "down", "status", "DOWN"),
		server("app", "maint", "status", "MAINT"), server("app", "drain", "status", "DRAIN"), server("app", "nolb", "status", "NOLB"),
		server("app", "nocheck", "status", "no check"), server("app", "split"), backend("app"), backend("dead", "status", "DOWN"),
	}}
	two := said{2, 1, 1, 1, []map[string]any{server("app", "split", "status", "DOWN"), backend("app")}}
	m := newMachine(t)
	r := round(0, map[string]said{"a": one, "b": two})
	r.Failures = []Failure{{Name: "c", Socket: "/run/c", Problem: "connection refused", Hint: "Start it"}}
	m.take(r)
	for _, c := range []struct {
		kind         Kind
		parent, name string
		want         string
		problem      bool
	}{
		{Frontend, "", "full", "FULL", true},
		{Frontend, "", "paused", "PAUSED", true},
		{Frontend, "", "stopped", "DOWN", true},
		{Server, "app", "up", "UP", false},
		{Server, "app", "going", "UP↓", true},
		{Server, "app", "down", "DOWN", true},
		{Server, "app", "maint", "MAINT", true},
		{Server, "app", "drain", "DRAIN", true},
		{Server, "app", "nolb", "NOLB", true},
		{Server, "app", "nocheck", "UP", false},
		{Server, "app", "split", "DOWN 1/2", true},
		{Backend, "", "dead", "DOWN", true},
		{Process, "", "a", "UP", false},
		{Process, "", "c", "SILENT", true},
	} {
		row := m.row(c.kind, c.parent, c.name)
		if got := row.StateText(); got != c.want || row.IsProblem() != c.problem {
			t.Errorf("%s: got %q, problem %v, want %q, %v", row.FullName(), got, row.IsProblem(), c.want, c.problem)
		}
	}
	if got := m.row(Process, "", "c").Info.Problem; got != "connection refused" {
		t.Errorf("got %q, want the cause", got)
	}
	if s := m.Summary; s.Processes != 2 || s.Silent != 1 || s.Count(Server) != 8 {
		t.Errorf("summary: got %+v", s)
	}
}

func TestRows(t *testing.T) {
	m := newMachine(t)
	rows := func(n int) said {
		return said{1, 1, int64(n), 1, []map[string]any{
			server("api", "a1", "req_tot", 3*n, "scur", 1), server("api", "a2", "status", "DOWN"), backend("api"),
			server("web", "Web1", "req_tot", 9*n, "scur", 5), server("web", "web2", "status", "MAINT", "req_tot", 5*n), backend("web"),
		}}
	}
	m.take(round(0, map[string]said{"a": rows(1)}))
	m.take(round(1, map[string]said{"a": rows(2)}))
	for _, c := range []struct {
		name string
		q    Query
		want string
	}{
		{"requests", Query{Key: ByMetric(Requests)}, "web/Web1 web/web2 api/a1 api/a2"},
		{"reversed", Query{Key: ByMetric(Requests), Reverse: true}, "api/a1 web/web2 web/Web1 api/a2"},
		{"name", Query{Key: ByName}, "api/a1 api/a2 web/Web1 web/web2"},
		{"names downward", Query{Key: ByName, Reverse: true}, "web/web2 web/Web1 api/a2 api/a1"},
		{"state", Query{Key: ByState}, "api/a2 web/web2 api/a1 web/Web1"},
		{"unknown values", Query{Key: ByMetric(CPU)}, "api/a1 api/a2 web/Web1 web/web2"},
		{"backend", Query{Key: ByName, Backend: "web"}, "web/Web1 web/web2"},
		{"filter", Query{Key: ByName, Filter: "WEB1"}, "web/Web1"},
		{"two words", Query{Key: ByName, Filter: "web/ 2"}, "web/web2"},
		{"state as a word", Query{Key: ByName, Filter: "down"}, "api/a2"},
		{"problems", Query{Key: ByName, Problems: true}, "api/a2 web/web2"},
		{"none", Query{Key: ByName, Filter: "nothing"}, ""},
	} {
		c.q.Kind = Server
		var got []string
		for _, r := range m.Rows(c.q) {
			got = append(got, r.FullName())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, want %q", c.name, strings.Join(got, " "), c.want)
		}
	}
}

// TestDuplicate: a process with two sockets is one.
func TestDuplicate(t *testing.T) {
	m := newMachine(t)
	m.take(round(0, map[string]said{"a": site(1, 100, 1000), "b": site(1, 100, 1000)}))
	if m.Summary.Processes != 1 {
		t.Errorf("got %d processes, want 1", m.Summary.Processes)
	}
	m.want(m.row(Frontend, "", "www"), Sessions, 3)
}

// TestRecordings: rows are those of the recording, twice the same round has rates of 0, and
// every fact that a row shows can be asked for.
func TestRecordings(t *testing.T) {
	dirs, err := filepath.Glob("../../testdata/recordings/*/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, dir := range dirs {
		recordings, err := haproxysim.Load(os.DirFS(dir))
		if err != nil {
			continue // not one of replies
		}
		files := make(snapshot.Memory)
		for socket, r := range recordings {
			files[socket+snapshot.InfoSuffix], files[socket+snapshot.StatSuffix] = r.Info, r.Stat
		}
		m := newMachine(t)
		for i := range 2 {
			m.take(&Round{At: start.Add(time.Duration(i) * time.Second), Snapshot: snapshot.Snapshot{Epoch: start.Unix(), Files: files}})
		}
		rows := 0
		for _, k := range Kinds() {
			for _, r := range m.Rows(Query{Kind: k}) {
				rows++
				if v := r.Value(Requests); Known(v) && v != 0 {
					t.Errorf("%s: %s: got %v requests a second, want 0", dir, r.FullName(), v)
				}
				if r.State == Unknown {
					t.Errorf("%s: %v %s: no state", dir, k, r.FullName())
				}
				if rows < 50 && len(m.Reading.FactsOf(r)) == 0 {
					t.Errorf("%s: %v %s: no facts", dir, k, r.FullName())
				}
			}
		}
		if rows == 0 {
			t.Errorf("%s: no rows", dir)
		}
	}
}
