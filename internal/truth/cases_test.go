package truth

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/haproxy"
)

const none = -1 // no instance that lives has the row

// TestRecordedCases follows one counter over the steps of a recording.
func TestRecordedCases(t *testing.T) {
	for _, c := range []struct {
		name, scenario, row, column string
		// versions are those of the recordings; nil means all that have the scenario.
		versions []string
		want     []int64
	}{
		{"three reloads", "reload3", "web/FRONTEND", "stot", nil, []int64{0, 57, 57, 67, 67, 87, 87, 117, 117, 117}},
		{"failed reloads, then a good one", "failed-reload", "web/FRONTEND", "stot", nil, []int64{20, 20, 25, 25, 25, 25}},
		{"crash", "crash-exit", "web/FRONTEND", "stot", nil, []int64{20, 20, 20, 20, 23, 23}},
		{"crash beside an old worker", "crash-stay", "web/FRONTEND", "stot", []string{"2.6.12"}, []int64{26, 26, 26, 26, 29, 29}},
		{"clear counters and clear counters all", "clear-counters", "web/FRONTEND", "stot", []string{"2.6.12", "3.0.0"}, []int64{30, 30, 30, 34}},
		{"clear counters: columns of modules", "clear-counters", "web/FRONTEND", "h1_total_connections", []string{"2.6.12", "3.0.0"}, []int64{30, 30, 30, 34}},
		{"clear counters of one server", "clear-counters", "app/a1", "stot", []string{"3.5-dev5"}, []int64{15, 15, 15, 16, 16}},
		{"a server is deleted and added", "dynamic-servers", "app/dyn1", "stot", []string{"2.6.12", "3.0.0"}, []int64{none, 3, 3, none, 5, none}},
		{"another server has the number", "dynamic-servers", "app/dyn2", "stot", []string{"2.6.12", "3.0.0"}, []int64{none, none, none, none, none, 1}},
		{"a server is renamed", "config-change", "app/a1", "stot", []string{"2.6.12"}, []int64{10, 10, 10}},
		{"a server has a new name", "config-change", "app/renamed", "stot", []string{"2.6.12"}, []int64{none, 4, 4}},
		{"stats-file", "stats-file", "web/FRONTEND", "stot", nil, []int64{21, 27, 27, 31, 31}},
		{"shm-stats-file", "shm-stats-file", "web/FRONTEND", "stot", []string{"3.4.0", "3.5-dev5"}, []int64{21, 21, 25, 25, 25, 25}},
		{"shm-stats-file, a backend that is not shared", "shm-stats-file", "app/BACKEND", "stot", []string{"3.4.0", "3.5-dev5"}, []int64{21, 21, 25, 25, 25, 25}},
		{"hard-stop-after: sessions", "hard-stop", "tcpsvc/FRONTEND", "stot", nil, []int64{1, 1, 1, 1, 1, 1, 1}},
		{"hard-stop-after: bytes", "hard-stop", "tcpsvc/FRONTEND", "bin", nil, []int64{0, 0, 0, 0, 0, 0, 0}},
		{"a worker of 2.4 says no row while it stops", "reload3", "tcpsvc/echo", "stot", []string{"2.4.0"}, []int64{0, 3, 3, 4, 4, 5, 5, 6, 6, 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ran := 0
			for _, r := range recordings(t, c.scenario) {
				if c.versions != nil && !slices.Contains(c.versions, r.Version) {
					continue
				}
				ran++
				a := &Account{}
				var got []int64
				for _, s := range r.Steps {
					words := wordsOf(t, s)
					a.Step(words, ended(a, words), int64(s.Time))
					v, ok := a.Total(keyed(c.row), c.column)
					if !ok {
						v = none
					}
					got = append(got, v)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("%s: got %v, want %v", r.Version, got, c.want)
				}
			}
			if want := max(1, len(c.versions)); ran < want {
				t.Errorf("got %d recordings, want at least %d", ran, want)
			}
		})
	}
}

func TestWrapOfRecordedCounter(t *testing.T) {
	for _, r := range recordings(t, "wrap") {
		a := &Account{}
		var last int64
		wraps := 0
		for _, s := range r.Steps {
			words := wordsOf(t, s)
			for _, n := range a.Step(words, ended(a, words), int64(s.Time)).Notices {
				if n.Kind == Wrapped {
					wraps++
				}
			}
			got, _ := a.InfoTotal("CumReq")
			if got < last {
				t.Errorf("%s: %s: got %d after %d", r.Version, s.Name, got, last)
			}
			last = got
		}
		if wraps == 0 || last < 1<<32 {
			t.Errorf("%s: got %d wraps and the total %d, want a total behind 2^32", r.Version, wraps, last)
		}
	}
}

// script makes words from a line for each row: type/proxy/service and stot, bin,
// h1_total_connections, downtime.
type script struct {
	pid     int
	start   int64
	info    map[string]int64
	rows    map[string][4]int64
	id      map[string]int
	version string
}

func (s script) word(t *testing.T, at int64) Word {
	t.Helper()
	var info strings.Builder
	version := s.version
	if version == "" {
		version = "2.6.12"
	}
	fmt.Fprintf(&info, "Name: HAProxy\nVersion: %s\nPid: %d\nStart_time_sec: %d\nUptime_sec: %d\n", version, s.pid, s.start, at-s.start)
	for k, v := range s.info {
		fmt.Fprintf(&info, "%s: %d\n", k, v)
	}
	i, err := ReadInfo(strings.NewReader(info.String()+"\n"), at)
	if err != nil {
		t.Fatal(err)
	}
	stat, err := ReadStat(strings.NewReader(s.stat()), 0)
	if err != nil {
		t.Fatal(err)
	}
	return Word{Info: i, Stat: stat, Current: true}
}

func (s script) stat() string {
	var b strings.Builder
	b.WriteString("# pxname,svname,stot,bin,bout,conn_tot,chkdown,downtime,type,sid,-,h1_total_connections,\n")
	for _, name := range sortedKeys(s.rows) {
		k, v := keyed(name), s.rows[name]
		down, time := "", ""
		if k.Type != haproxy.FrontendRow {
			down, time = "0", fmt.Sprint(v[3])
		}
		fmt.Fprintf(&b, "%s,%s,%d,%d,0,,%s,%s,%d,%d,-,%d,\n", k.Proxy, k.Service, v[0], v[1], down, time, k.Type, s.id[name], v[2])
	}
	return b.String() + "\n"
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

const web = "web/FRONTEND"

func sessions(n int64) map[string][4]int64 { return map[string][4]int64{web: {n, 10 * n, n}} }

func wantTotal(t *testing.T, a *Account, row, column string, want int64) {
	t.Helper()
	got, ok := a.Total(keyed(row), column)
	if want == none {
		if ok {
			t.Errorf("%s %s: got %d, want no row", row, column, got)
		}
		return
	}
	if !ok || got != want {
		t.Errorf("%s %s: got %d, %t, want %d", row, column, got, ok, want)
	}
}

// TestFinalWord folds what a worker says over a held connection when its last client
// has gone.
func TestFinalWord(t *testing.T) {
	a := &Account{}
	old := script{pid: 1, start: 100, rows: map[string][4]int64{"tcpsvc/FRONTEND": {1, 0}}}
	a.Step([]Word{old.word(t, 110)}, nil, 110)
	current := script{pid: 2, start: 111, rows: map[string][4]int64{"tcpsvc/FRONTEND": {0, 0}}}
	last := script{pid: 1, start: 100, rows: map[string][4]int64{"tcpsvc/FRONTEND": {1, 5700}}}.word(t, 115)
	last.Current, last.Final = false, true
	o := a.Step([]Word{current.word(t, 120), last}, nil, 120)
	wantTotal(t, a, "tcpsvc/FRONTEND", "bin", 5700)
	wantTotal(t, a, "tcpsvc/FRONTEND", "stot", 1)
	if o.Loss != (Loss{}) {
		t.Errorf("got loss %+v, want none", o.Loss)
	}
	// The words of an instance that has ended are not taken again.
	a.Step([]Word{current.word(t, 130), last}, nil, 130)
	wantTotal(t, a, "tcpsvc/FRONTEND", "bin", 5700)
	if len(a.Members) != 1 {
		t.Errorf("got %d members, want 1", len(a.Members))
	}
}

func TestMissingRound(t *testing.T) {
	a := &Account{}
	a.Step([]Word{script{pid: 1, start: 100, rows: sessions(5)}.word(t, 110)}, nil, 110)
	if o := a.Step(nil, nil, 120); o.Changed {
		t.Error("got a changed base for a round without an answer")
	}
	a.Step([]Word{script{pid: 1, start: 100, rows: sessions(9)}.word(t, 130)}, nil, 130)
	wantTotal(t, a, web, "stot", 9)
}

// TestAbsence goes on from the base and the last words on disk, after two reloads that
// nobody saw.
func TestAbsence(t *testing.T) {
	a := &Account{}
	a.Step([]Word{script{pid: 1, start: 100, rows: sessions(5)}.word(t, 110)}, nil, 110)
	a.Step([]Word{script{pid: 2, start: 111, rows: sessions(7)}.word(t, 120)}, []Instance{{1, 100}}, 120)
	base, err := ParseBase(a.Base.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	b := &Account{Base: base, Members: a.Members}
	o := b.Step([]Word{script{pid: 9, start: 3000, rows: sessions(2), info: map[string]int64{"SessRate": 3}}.word(t, 3720)}, []Instance{{2, 111}}, 3720)
	wantTotal(t, b, web, "stot", 5+7+2)
	if want := int64(3000 - 120); o.Loss.Seconds != want {
		t.Errorf("got %d seconds unaccounted, want %d: until the next worker began", o.Loss.Seconds, want)
	}
}

// TestTwoWordsOfOneInstance counts an instance once, whatever the number of ways to it.
func TestTwoWordsOfOneInstance(t *testing.T) {
	a := &Account{}
	w := script{pid: 1, start: 100, rows: sessions(5)}.word(t, 110)
	a.Step([]Word{w, w}, nil, 110)
	wantTotal(t, a, web, "stot", 5)
	again := script{pid: 1, start: 100, rows: sessions(6)}.word(t, 120)
	a.Step([]Word{again, w}, nil, 120)
	wantTotal(t, a, web, "stot", 6)
}

// TestStartFromUptime takes a start time that differs by the rounding of an uptime for
// the same life.
func TestStartFromUptime(t *testing.T) {
	a := &Account{}
	for i, uptime := range []int{10, 19, 31} {
		at := int64(1000 + 10*i)
		info, err := ReadInfo(strings.NewReader(fmt.Sprintf("Name: HAProxy\nVersion: 2.2.0\nPid: 7\nUptime_sec: %d\n\n", uptime)), at)
		if err != nil {
			t.Fatal(err)
		}
		stat := script{pid: 7, start: 1, rows: sessions(int64(i))}.word(t, at).Stat
		a.Step([]Word{{Info: info, Stat: stat, Current: true}}, nil, at)
	}
	if len(a.Members) != 1 {
		t.Errorf("got %d members, want 1", len(a.Members))
	}
	wantTotal(t, a, web, "stot", 2)
}

// TestClockJumps counts nothing twice if the clock is set while HAProxy, older than 2.4,
// tells its uptime only.
func TestClockJumps(t *testing.T) {
	a := &Account{}
	for i, c := range []struct{ at, uptime, sessions, want int64 }{
		{1_000_000, 100, 50, 50},
		{1_003_610, 110, 60, 60}, // an hour ahead
		{1_000_020, 120, 70, 70}, // and back
		{1_000_030, 5, 2, 72},    // another life with the same process identifier
	} {
		info, err := ReadInfo(strings.NewReader(fmt.Sprintf("Name: HAProxy\nVersion: 2.2.0\nPid: 1\nUptime_sec: %d\n\n", c.uptime)), c.at)
		if err != nil {
			t.Fatal(err)
		}
		words := []Word{{Info: info, Stat: script{pid: 1, start: 1, rows: sessions(c.sessions)}.word(t, c.at).Stat, Current: true}}
		a.Step(words, ended(a, words), c.at)
		if got, _ := a.Total(keyed(web), "stot"); got != c.want {
			t.Errorf("reply %d: got %d, want %d", i, got, c.want)
		}
	}
}

func TestDowntime(t *testing.T) {
	row := func(n int64) map[string][4]int64 { return map[string][4]int64{"app/BACKEND": {0, 0, 0, n}} }
	a := &Account{}
	for _, c := range []struct {
		pid       int
		at, raw   int64
		want      int64
		otherwise string
	}{
		{1, 1100, 20, 20, "at first sight"},
		{1, 1110, 1, 20, "gone back"},
		{1, 1120, 11, 30, "ten seconds more"},
		{1, 1130, 1_799_591_279, 30, "a jump"},
		{1, 1140, 1_799_591_280, 31, "goes on after the jump"},
		{2, 1150, 4, 35, "a new worker"},
	} {
		start := int64(1000)
		if c.pid == 2 {
			start = 1145
		}
		a.Step([]Word{script{pid: c.pid, start: start, rows: row(c.raw)}.word(t, c.at)}, nil, c.at)
		got, _ := a.Total(keyed("app/BACKEND"), ColumnDowntime)
		if got != c.want {
			t.Errorf("%s: got %d, want %d", c.otherwise, got, c.want)
		}
	}
	// The old worker's time goes on, and does not count.
	old := script{pid: 1, start: 1000, rows: row(1_799_591_290)}.word(t, 1160)
	old.Current = false
	a.Step([]Word{old, script{pid: 2, start: 1145, rows: row(14)}.word(t, 1160)}, nil, 1160)
	wantTotal(t, a, "app/BACKEND", ColumnDowntime, 45)
	a.Step(nil, []Instance{{1, 1000}}, 1170)
	wantTotal(t, a, "app/BACKEND", ColumnDowntime, 45)
	// At first sight, no time can be longer than the worker's age.
	b := &Account{}
	b.Step([]Word{script{pid: 1, start: 1000, rows: row(500)}.word(t, 1100)}, nil, 1100)
	wantTotal(t, b, "app/BACKEND", ColumnDowntime, 0)
}

func TestLossOfRequests(t *testing.T) {
	a := &Account{}
	first := script{pid: 1, start: 100, rows: sessions(5), info: map[string]int64{"CumReq": 100}}
	a.Step([]Word{first.word(t, 110)}, nil, 110)
	look := script{pid: 1, start: 100, info: map[string]int64{"CumReq": 130, "SessRate": 7}}.word(t, 115)
	look.Stat = nil
	a.Step([]Word{look}, nil, 115)
	o := a.Step([]Word{script{pid: 2, start: 117, rows: sessions(0)}.word(t, 120)}, []Instance{{1, 100}}, 120)
	if want := (Loss{Seconds: 2, Requests: 30 + 2*7}); o.Loss != want {
		t.Errorf("got %+v, want %+v", o.Loss, want)
	}
}

// TestLossOfALookBefore has a look and a round in one second: which of them came first, the
// time does not tell.
func TestLossOfALookBefore(t *testing.T) {
	for _, c := range []struct {
		name               string
		sample, look, want int64
	}{
		{"the look came before", 100, 99, 0},
		{"the counter went round", 1<<32 - 1, 4, 5},
	} {
		a := &Account{}
		a.Step([]Word{script{pid: 1, start: 100, rows: sessions(5), info: map[string]int64{"CumReq": c.sample}}.word(t, 110)}, nil, 110)
		a.Members[0].Look = script{pid: 1, start: 100, info: map[string]int64{"CumReq": c.look}}.word(t, 110).Info
		o := a.Step(nil, []Instance{{1, 100}}, 110)
		if want := (Loss{Requests: c.want}); o.Loss != want {
			t.Errorf("%s: got %+v, want %+v", c.name, o.Loss, want)
		}
	}
}
