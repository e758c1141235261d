package truth

import (
	"testing"
	"time"
)

const server = "app/a1"

// proxiesWord is what an instance says that is asked for frontends and backends only.
func proxiesWord(t *testing.T, s script, at int64) Word {
	t.Helper()
	rows := s.rows
	s.rows = make(map[string][4]int64)
	for name, v := range rows {
		if keyed(name).Type.IsProxy() {
			s.rows[name] = v
		}
	}
	w := s.word(t, at)
	w.ProxiesOnly = true
	return w
}

// TestServersThatNobodyAskedFor switches the rows of a server off and on again. before is what
// the server has then, and now what it has when it is asked for again.
func TestServersThatNobodyAskedFor(t *testing.T) {
	for _, c := range []struct {
		name        string
		before, now [4]int64
		id          int
		want, down  int64
	}{
		{"it has worked on", [4]int64{5, 100, 0, 3}, [4]int64{9, 300, 0, 8}, 0, 9, 8},
		{"it has done nothing", [4]int64{5, 100, 0, 3}, [4]int64{5, 100, 0, 3}, 0, 5, 3},
		{"its counters were cleared", [4]int64{5, 100, 0, 3}, [4]int64{2, 10, 0, 3}, 0, 5 + 2, 3},
		{"another server has its name", [4]int64{5, 100, 0, 3}, [4]int64{9, 300, 0, 0}, 7, 5 + 9, 3},
		{"its downtime jumps", [4]int64{5, 100, 0, 3}, [4]int64{9, 300, 0, 5000}, 0, 9, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &Account{}
			s := script{pid: 1, start: 100, rows: map[string][4]int64{web: {10, 1, 1}, server: c.before}}
			a.Step([]Word{s.word(t, 110)}, nil, 110)
			for at := int64(120); at < 150; at += 10 {
				o := a.Step([]Word{proxiesWord(t, s, at)}, nil, at)
				wantTotal(t, a, web, "stot", 10)
				if _, ok := a.Total(keyed(server), "stot"); ok {
					t.Error("got a total of a server that nobody asked for")
				}
				if o.Changed != (at == 120) || len(o.Notices) > 0 {
					t.Errorf("%d: got %+v, want one change and no notice", at, o)
				}
			}
			s.rows[server], s.id = c.now, map[string]int{server: c.id}
			a.Step([]Word{s.word(t, 150)}, nil, 150)
			wantTotal(t, a, server, "stot", c.want)
			wantTotal(t, a, server, ColumnDowntime, c.down)
			wantTotal(t, a, web, "stot", 10)
			a.Step([]Word{s.word(t, 160)}, nil, 160)
			wantTotal(t, a, server, "stot", c.want)
			wantTotal(t, a, server, ColumnDowntime, c.down)
		})
	}
}

// TestServersRemovedUnseen keeps the total of a server that was removed while nobody asked.
func TestServersRemovedUnseen(t *testing.T) {
	a := &Account{}
	s := script{pid: 1, start: 100, rows: map[string][4]int64{web: {10, 1, 1}, server: {5, 1, 0, 0}}}
	a.Step([]Word{s.word(t, 110)}, nil, 110)
	a.Step([]Word{proxiesWord(t, s, 120)}, nil, 120)
	gone := script{pid: 1, start: 100, rows: map[string][4]int64{web: {10, 1, 1}}}
	a.Step([]Word{gone.word(t, 130)}, nil, 130)
	a.Step([]Word{s.word(t, 140)}, nil, 140) // added again
	wantTotal(t, a, server, "stot", 5+5)
}

// TestReloadUnseen counts both workers of a reload once, of which one began while nobody asked
// for servers.
func TestReloadUnseen(t *testing.T) {
	a := &Account{}
	rows := func(n int64) map[string][4]int64 {
		return map[string][4]int64{web: {n, 1, 1}, server: {n, 1, 0, n}}
	}
	old, next := script{pid: 1, start: 100, rows: rows(5)}, script{pid: 2, start: 125, rows: rows(1)}
	a.Step([]Word{old.word(t, 110)}, nil, 110)
	a.Step([]Word{proxiesWord(t, old, 120)}, nil, 120)
	replaced := proxiesWord(t, old, 130)
	replaced.Current = false
	a.Step([]Word{proxiesWord(t, next, 130), replaced}, nil, 130)
	wantTotal(t, a, web, "stot", 6)
	replaced = old.word(t, 140)
	replaced.Current = false
	a.Step([]Word{next.word(t, 140), replaced}, nil, 140)
	wantTotal(t, a, server, "stot", 6)
	wantTotal(t, a, server, ColumnDowntime, 6)
	replaced = proxiesWord(t, old, 150)
	replaced.Current, replaced.Final = false, true
	a.Step([]Word{proxiesWord(t, next, 150), replaced}, nil, 150)
	a.Step([]Word{next.word(t, 160)}, nil, 160)
	wantTotal(t, a, web, "stot", 6)
	wantTotal(t, a, server, "stot", 6)
}

// TestUnseenRowsAreNotOld keeps the base of servers that nobody asks for, for any time.
func TestUnseenRowsAreNotOld(t *testing.T) {
	a := &Account{}
	const month = 30 * 24 * 3600
	s := script{pid: 1, start: 100, rows: map[string][4]int64{web: {10, 1, 1}, server: {5, 1, 0, 0}}}
	a.Step([]Word{s.word(t, 110)}, nil, 110)
	at := int64(120)
	for pid := 2; pid < 5; pid++ { // reloads change the base
		next := script{pid: pid, start: at, rows: s.rows}
		a.Step([]Word{proxiesWord(t, next, at+1)}, []Instance{a.Members[0].Instance}, at+1)
		if n := a.Prune(DefaultLimits); n != 0 {
			t.Errorf("got %d forgotten rows, want none", n)
		}
		at += month
	}
	next := script{pid: 5, start: at, rows: s.rows}
	a.Step([]Word{next.word(t, at+1)}, []Instance{a.Members[0].Instance}, at+1)
	if n := a.Prune(DefaultLimits); n != 0 {
		t.Errorf("got %d forgotten rows, want none", n)
	}
	wantTotal(t, a, server, "stot", 5+5)
	wantTotal(t, a, web, "stot", 50)
	// A server that is told to be gone is old in time.
	a.Step([]Word{script{pid: 5, start: at, rows: sessions(10)}.word(t, at+2)}, nil, at+2)
	a.Step(nil, nil, at+month)
	if n := a.Prune(Limits{Keep: time.Hour, Times: 5}); n != 1 {
		t.Errorf("got %d forgotten rows, want that of the server", n)
	}
}

// TestPreloadedUnseen counts once what a worker of HAProxy 3.0 has from its predecessor, also
// if nobody asked for its servers at first. Later its stats socket has taken so many
// connections that nothing shows any more how it began.
func TestPreloadedUnseen(t *testing.T) {
	at := func(pid int, start, taken, n int64, only bool, when int64) Word {
		s := script{
			pid: pid, start: start, version: "3.0.0", info: map[string]int64{"CumReq": taken, "CumConns": taken},
			rows: map[string][4]int64{web: {n, n, n}, server: {n, n, 0, 0}},
		}
		w := s.word(t, when)
		if only {
			w = proxiesWord(t, s, when)
		}
		w.Stat.values[w.Stat.index[keyed(web)]*len(w.Stat.columns)+w.Stat.position(columnConns)] = n
		return w
	}
	for name, taken := range map[string]int64{"soon": 5, "late": 5000} {
		t.Run(name, func(t *testing.T) {
			a := &Account{}
			a.Step([]Word{at(1, 100, 1000, 1000, false, 110)}, nil, 110)
			a.Step([]Word{at(2, 120, 5, 1005, true, 130)}, []Instance{{1, 100}}, 130)
			wantTotal(t, a, web, "stot", 1005)
			text := a.Base.Append(nil) // as the store keeps it
			var err error
			if a.Base, err = ParseBase(text); err != nil {
				t.Fatal(err)
			}
			o := a.Step([]Word{at(2, 120, taken, 1005, false, 140)}, nil, 140)
			wantTotal(t, a, web, "stot", 1005)
			wantTotal(t, a, server, "stot", 1005)
			if !o.Changed || len(a.Base.Preloaded) > 0 {
				t.Errorf("got a change of the base: %t, and %v in it, want a change and none", o.Changed, a.Base.Preloaded)
			}
			a.Step([]Word{at(2, 120, taken+5, 1010, false, 150)}, nil, 150)
			wantTotal(t, a, server, "stot", 1010)
		})
	}
}
