package transitions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"haproxystats/internal/event"
	"haproxystats/internal/truth"
)

// lab is a tracker with a clock.
type lab struct {
	t    *testing.T
	tr   *Tracker
	now  int64
	info *truth.Info
}

func newLab(t *testing.T) *lab {
	x := &lab{t: t, tr: &Tracker{Node: "lb1", Address: "/run/a.sock", Socket: "a.sock"}, now: 1_800_000_000}
	x.worker(100)
	return x
}

// worker makes another worker the current one.
func (x *lab) worker(pid int) truth.Instance {
	before := x.info
	x.info = &truth.Info{Instance: truth.Instance{Pid: pid, Start: x.now}, Exact: true}
	if before == nil {
		return truth.Instance{}
	}
	return before.Instance
}

// facts are those of a round in which the current worker alone lives.
func (x *lab) facts(old ...truth.Instance) Facts {
	i := *x.info
	i.At, i.Uptime = x.now, x.now-i.Instance.Start
	return Facts{At: x.now, Info: &i, Members: append(slices.Clone(old), i.Instance), Change: Reloaded}
}

const columns = "# pxname,svname,status,chkdown,lastchg,downtime,type,throttle,check_status,agent_status\n"

// round makes a round ten seconds later, with rows.
func (x *lab) round(f func() Facts, rows ...string) []event.Event {
	x.t.Helper()
	x.now += 10
	facts := f()
	x.tr.Begin(facts.Info, x.now)
	scan(x.t, x.tr, []byte(columns+strings.Join(rows, "\n")+"\n\n"))
	return x.tr.End(facts)
}

func (x *lab) rows(rows ...string) []event.Event {
	x.t.Helper()
	return x.round(func() Facts { return x.facts() }, rows...)
}

func wantLines(t *testing.T, events []event.Event, want ...string) {
	t.Helper()
	got := make([]string, 0, len(events))
	for _, e := range events {
		got = append(got, line(e))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// TestCrashBeforeRestart has a crash that is known only when the next worker answers.
func TestCrashBeforeRestart(t *testing.T) {
	x := newLab(t)
	const row = "web,FRONTEND,OPEN,,,,0,,,"
	x.rows(row)
	x.worker(101)
	events := x.round(func() Facts {
		f := x.facts(truth.Instance{Pid: 9, Start: 5})
		f.Change, f.Crashed = Restarted, true
		return f
	}, row)
	wantLines(t, events, "?: worker 100 of HAProxy has crashed", "10: HAProxy was restarted: worker 101 follows 100")
	if crash := events[0]; crash.Time != x.info.Instance.Start || crash.OldWorkers != 1 {
		t.Errorf("got %+v, want the time of the successor's start, and one old worker", crash)
	}
}

func TestRowBytes(t *testing.T) {
	if got := unsafe.Sizeof(row{}); got != rowBytes {
		t.Errorf("got %d bytes a row, want %d", got, rowBytes)
	}
}

func TestStates(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after string
		want          []string
	}{
		{"down", "app,a,UP,0,500,0,2,,L4OK,", "app,a,DOWN,1,4,4,2,,L4CON,", []string{"4: server app/a is DOWN, was UP (L4CON)"}},
		{"down while a check runs", "app,a,UP,0,500,0,2,,L4OK,", "app,a,DOWN,1,4,4,2,,* L4TOUT,", []string{"4: server app/a is DOWN, was UP (L4TOUT)"}},
		{"going down is no state", "app,a,UP,0,500,0,2,,L4OK,", "app,a,UP 1/3,0,510,0,2,,L4CON,", nil},
		{"down after flaps", "app,a,UP,7,500,30,2,,L4OK,", "app,a,DOWN,10,1,33,2,,L4CON,", []string{"1: server app/a is DOWN, was UP (L4CON, went down 3 times, down for 3 seconds)"}},
		{"down and up again", "app,a,UP,7,500,30,2,,L4OK,", "app,a,UP,8,1,33,2,,L4OK,", []string{"1: server app/a is UP again (L4OK, went down, down for 3 seconds)"}},
		{"up", "app,a,DOWN,7,20,30,2,,L4CON,", "app,a,UP,7,1,39,2,,L4OK,", []string{"1: server app/a is UP, was DOWN (L4OK, down for 29 seconds)"}},
		{"up with the result of a later check", "app,a,DOWN,7,20,30,2,,L4CON,", "app,a,UP 2/3,7,1,39,2,,L7STS,", []string{"1: server app/a is UP, was DOWN (down for 29 seconds)"}},
		{"health down", "app,a,UP,0,500,0,2,,L4OK,", "app,a,DOWN,1,4,4,2,,L4OK,", []string{"4: server app/a is DOWN, was UP (L4OK, forced)"}},
		{"down and rising", "app,a,UP,0,500,0,2,,L4OK,", "app,a,DOWN 1/2,1,4,4,2,,L4OK,", []string{"4: server app/a is DOWN, was UP"}},
		{"by the agent", "app,a,UP,0,500,0,2,,L4OK,L7OK", "app,a,DOWN (agent),1,4,4,2,,L4OK,L7STS", []string{"4: server app/a is DOWN, was UP (L7STS, agent)"}},
		{"drain", "app,a,UP,0,500,0,2,,L4OK,", "app,a,DRAIN,0,510,0,2,,L4OK,", []string{"?: server app/a is DRAIN, was UP (forced)"}},
		{"drain by the agent", "app,a,UP,0,500,0,2,,L4OK,L7OK", "app,a,DRAIN (agent),0,510,0,2,,L4OK,* L7OK", []string{"?: server app/a is DRAIN, was UP (L7OK, agent)"}},
		{"no drain any more", "app,a,DRAIN,0,500,0,2,,L4OK,", "app,a,UP,0,510,0,2,,L4OK,", []string{"?: server app/a is UP, was DRAIN"}},
		{"maintenance", "app,a,no check,,500,,2,,,", "app,a,MAINT,,3,,2,,,", []string{"3: server app/a is MAINT, was UP (forced)"}},
		{"maintenance while down", "app,a,DOWN,1,500,9,2,,L4CON,", "app,a,MAINT,1,510,19,2,,,", []string{"?: server app/a is MAINT, was DOWN (forced)"}},
		{"maintenance by track", "app,a,UP,0,500,0,2,,,", "app,a,MAINT (via app/b),1,3,3,2,,,", []string{"3: server app/a is MAINT, was UP (tracked)"}},
		{"no address", "app,a,UP,0,500,0,2,,L4OK,", "app,a,MAINT (resolution),1,3,3,2,,,", []string{"3: server app/a is MAINT, was UP (resolution)"}},
		{"another kind of maintenance", "app,a,MAINT,,500,,2,,,", "app,a,MAINT (resolution),,510,,2,,,", nil},
		{"ready and maintenance again", "app,a,MAINT,1,500,9,2,,,", "app,a,MAINT,2,3,12,2,,,", []string{"3: server app/a is MAINT again (forced, went down, down for 3 seconds)"}},
		{"404", "app,a,UP,0,500,0,2,,L7OK,", "app,a,NOLB 1/2,0,3,0,2,,L7OKC,", []string{"3: server app/a is NOLB, was UP (L7OKC)"}},
		{"flap without checks", "app,a,no check,,500,,2,,,", "app,a,no check,,3,,2,,,", []string{"3: server app/a is UP again (went down)"}},
		{"end of a slow start without checks", "app,a,no check,,20,,2,55,,", "app,a,no check,,3,,2,,,", nil},
		{"now", "app,a,UP,0,500,0,2,,L4OK,", "app,a,DOWN,1,0,0,2,,L4CON,", []string{"0: server app/a is DOWN, was UP (L4CON)"}},
		{"cleared", "app,a,UP,9,500,9,2,,L4OK,", "app,a,UP,0,0,0,2,,L4OK,", nil},
		{"downtime jumps", "app,a,DOWN,9,500,9,2,,L4CON,", "app,a,DOWN,10,3,1799591279,2,,L4CON,", []string{"3: server app/a is DOWN again (L4CON, went down)"}},
		{"backend", "app,BACKEND,UP,0,500,0,1,,,", "app,BACKEND,DOWN,1,4,4,1,,,", []string{"4: backend app is DOWN, was UP"}},
		{"backend, unpublished", "app,BACKEND,UP,0,500,0,1,,,", "app,BACKEND,UP (UNPUB),0,510,0,1,,,", nil},
		{"backend again", "app,BACKEND,UP,0,500,0,1,,,", "app,BACKEND,UP,2,4,4,1,,,", []string{"4: backend app is UP again (went down 2 times, down for 4 seconds)"}},
		{"frontend", "web,FRONTEND,OPEN,,,,0,,,", "web,FRONTEND,PAUSED,,,,0,,,", []string{"?: frontend web is PAUSED, was OPEN"}},
		{"another version's words", "app,a,UP,0,500,0,2,,L4OK,", "app,a,ASLEEP,0,510,0,2,,,", nil},
		{"first", "", "app,a,DOWN,1,4,4,2,,L4CON,", nil},
		{"gone", "app,a,UP,0,500,0,2,,L4OK,", "", nil},
		{"of a name twice", "app,a,UP,0,500,0,2,,L4OK,", "app,a,UP,0,510,0,2,,L4OK,\napp,a,DOWN,0,3,0,2,,L4CON,", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newLab(t)
			x.now += 1000
			const other = "app,z,UP,0,900,0,2,,L4OK,"
			wantLines(t, x.rows(strings.Trim(other+"\n"+c.before, "\n")))
			wantLines(t, x.rows(strings.Trim(other+"\n"+c.after, "\n")), c.want...)
			wantLines(t, x.rows(other))
		})
	}
}

// TestAgeOfZero is that of HAProxy 3.0 and later after `clear counters all`: it stays
// until the next change.
func TestAgeOfZero(t *testing.T) {
	x := newLab(t)
	x.now += 1000
	rows := func(age string) []event.Event {
		return x.rows("app,a,no check,,"+age+",,2,,,", "app,b,DOWN,0,"+age+",0,2,,L4CON,")
	}
	wantLines(t, rows("500"))
	x.tr.Clean()
	for range 3 {
		wantLines(t, rows("0"))
	}
	if x.tr.Dirty() {
		t.Error("an age of zero is news each time")
	}
	wantLines(t, x.rows("app,a,MAINT,,2,,2,,,", "app,b,UP,0,4,0,2,,L4OK,"),
		"4: server app/b is UP, was DOWN (L4OK, down for 536 seconds)", "2: server app/a is MAINT, was UP (forced)")
}

// TestFlapAtTheSample finds a change of the second in which the sample was taken in the
// next one.
func TestFlapAtTheSample(t *testing.T) {
	x := newLab(t)
	x.now += 1000
	wantLines(t, x.rows("app,a,no check,,500,,2,,,"))
	wantLines(t, x.rows("app,a,no check,,0,,2,,,"))
	wantLines(t, x.rows("app,a,no check,,10,,2,,,"), "10: server app/a is UP again (went down)")
	wantLines(t, x.rows("app,a,no check,,20,,2,,,"))
}

// TestClock sets the clock by an hour: no server has changed.
func TestClock(t *testing.T) {
	for _, jump := range []int64{3600, -3600} {
		x := newLab(t)
		x.now += 1000
		wantLines(t, x.rows("app,a,no check,,500,,2,,,", "app,b,UP,0,500,0,2,,,"))
		x.now += jump
		f := func() Facts {
			f := x.facts()
			f.Info.Uptime -= jump
			return f
		}
		wantLines(t, x.round(f, "app,a,no check,,510,,2,,,", "app,b,UP,0,510,0,2,,,"))
		wantLines(t, x.round(f, "app,a,no check,,520,,2,,,", "app,b,UP,0,520,0,2,,,"))
	}
}

// TestReloadKeepsStates makes no event of a server that has its state over a reload, and
// knows since when.
func TestReloadKeepsStates(t *testing.T) {
	x := newLab(t)
	x.now += 1000
	rows := []string{"app,a,DOWN,3,100,100,2,,L4CON,", "app,b,UP,3,100,0,2,,L4OK,", "app,c,DRAIN,3,100,0,2,,L4OK,"}
	wantLines(t, x.rows(rows...))
	old := x.worker(101)
	wantLines(t, x.round(func() Facts { return x.facts(old) }, "app,b,UP,0,10,0,2,,L4OK,", "app,a,DOWN,1,8,8,2,,L4CON,", "app,c,UP,0,10,0,2,,L4OK,", "app,new,DOWN,1,8,8,2,,L4CON,"),
		"10: HAProxy was reloaded: worker 101 follows 100, 1 old worker left", "?: server app/c is UP, was DRAIN")
	events := x.rows("app,b,UP,0,20,0,2,,L4OK,", "app,a,UP,1,3,15,2,,L4OK,", "app,c,UP,0,20,0,2,,L4OK,", "app,new,DOWN,1,18,18,2,,L4CON,")
	wantLines(t, events,
		"3: server app/a is UP, was DOWN (L4OK, down for 117 seconds)", "?: old worker 100 of HAProxy has ended, no old worker is left")
}

func TestWorkers(t *testing.T) {
	const row = "app,a,UP,0,10,0,2,,L4OK,"
	x := newLab(t)
	first := x.info.Instance
	x.tr.End(x.facts())
	wantLines(t, x.rows(row))

	t.Log("reload, and the end of the old worker with its final words")
	x.now += 90
	x.worker(101)
	second := x.info.Instance
	events := x.round(func() Facts { return x.facts(first) }, row)
	wantLines(t, events, "10: HAProxy was reloaded: worker 101 follows 100, 1 old worker left")
	reload := events[0]
	if reload.Seconds != 100 || reload.NewPid != 101 || reload.ID != fmt.Sprintf("lb1/a.sock/101-%d/%d", x.info.Instance.Start, 1_800_000_000_001) {
		t.Errorf("got %+v, want the old worker to have served for 100 seconds", reload)
	}
	x.now += 50
	events = x.tr.End(Facts{At: x.now, Members: []truth.Instance{second}, Notices: []truth.Notice{{Kind: truth.Ended, Instance: first, Final: true}}})
	wantLines(t, events, "0: old worker 100 of HAProxy has ended, no old worker is left")
	if e := events[0]; e.Ref != reload.ID || e.Seconds != 60 || e.Time-e.Seconds != reload.Time || e.Reason != event.Drained {
		t.Errorf("got %+v, want the end of %s after 60 seconds", e, reload.ID)
	}

	t.Log("the last words of a worker whose successor has not been seen yet")
	x.now += 10
	x.worker(102)
	third := x.info.Instance
	wantLines(t, x.tr.End(Facts{At: x.now, Members: nil, Notices: []truth.Notice{{Kind: truth.Ended, Instance: second, Final: true}}}))
	wantLines(t, x.rows(row), "10: HAProxy was reloaded: worker 102 follows 101, no old worker is left", "10: old worker 101 of HAProxy has ended, no old worker is left")

	t.Log("an old worker that ends without final words")
	x.worker(103)
	wantLines(t, x.round(func() Facts { return x.facts(third) }, row), "10: HAProxy was reloaded: worker 103 follows 102, 1 old worker left")
	wantLines(t, x.round(func() Facts {
		f := x.facts()
		f.Notices = []truth.Notice{{Kind: truth.Ended, Instance: third}}
		f.Loss = truth.Loss{Seconds: 7, Requests: 20}
		return f
	}, row), "?: old worker 102 of HAProxy has ended, its last 7 seconds and some 20 requests were not heard, no old worker is left")

	t.Log("restart")
	x.now += 20
	x.worker(104)
	events = x.round(func() Facts {
		f := x.facts()
		f.Change, f.Loss = Restarted, truth.Loss{Seconds: 20, Requests: 5}
		return f
	}, row)
	wantLines(t, events, "10: HAProxy was restarted: worker 104 follows 103, none was heard for 20 seconds")
	if e := events[0]; e.SecondsUnaccounted != 20 || e.RequestsUnaccounted != 5 {
		t.Errorf("got %+v, want the loss of the worker before", e)
	}

	t.Log("crash, and a new worker")
	x.now += 10
	crash := Facts{At: x.now, Members: []truth.Instance{x.info.Instance}, Crashed: true}
	wantLines(t, x.tr.End(crash), "?: worker 104 of HAProxy has crashed")
	wantLines(t, x.tr.End(crash))
	x.worker(105)
	wantLines(t, x.round(func() Facts {
		f := x.facts()
		f.Change = Restarted
		return f
	}, row), "10: HAProxy was restarted: worker 105 follows 104, none was heard for 10 seconds")

	t.Log("pull was away")
	x.now += 600
	away := func() Facts {
		f := x.facts()
		f.Away, f.Change = 600, Unseen
		return f
	}
	wantLines(t, x.round(away, row), "0: HAProxy was not asked for 600 seconds")
	x.worker(106)
	events = x.round(away, row)
	wantLines(t, events, "0: HAProxy was not asked for 600 seconds")
	if e := events[0]; e.OldPid != 105 || e.NewPid != 106 {
		t.Errorf("got %+v, want both workers", e)
	}

	t.Log("another process takes the path; a moment after a reload it only seems so")
	before := x.worker(107)
	serving := func() Facts {
		f := x.facts(before)
		f.Serving = true
		return f
	}
	wantLines(t, x.round(serving, row))
	wantLines(t, x.round(func() Facts { return x.facts(before) }, row), "20: HAProxy was reloaded: worker 107 follows 106, 1 old worker left")
	before = x.worker(108)
	wantLines(t, x.round(serving, row))
	wantLines(t, x.round(serving, row), "?: process 108 answers at the stats socket of 107, which goes on", "?: old worker 106 of HAProxy has ended, 1 old worker left")
	wantLines(t, x.round(serving, row))
}

func TestCounters(t *testing.T) {
	x := newLab(t)
	x.rows("app,a,UP,0,10,0,2,,L4OK,")
	now := x.info.Instance
	events := x.tr.End(Facts{At: x.now, Members: []truth.Instance{now}, FailedReloads: 2, Notices: []truth.Notice{
		{Kind: truth.Cleared, Instance: now, Rows: 12},
		{Kind: truth.Wrapped, Instance: now, Rows: 1},
		{Kind: truth.Removed, Instance: now, Rows: 1},
		{Kind: truth.Preloaded, Instance: now, Rows: 3},
		{Kind: truth.Preloaded, Instance: now},
	}})
	wantLines(t, events, "10: worker 100 of HAProxy began with counters of its predecessor (3 rows)", "?: reload of HAProxy has failed 2 times",
		"?: counters of HAProxy were cleared (12 rows)", "?: 1 counter of HAProxy began at 0 after 4294967295")
}

// TestBound leaves out events of servers beyond the bound of a minute, and tells of them
// once.
func TestBound(t *testing.T) {
	x := newLab(t)
	x.now = 1_800_000_000 / 60 * 60
	x.tr.Max = 3
	rows := func(state string) []string {
		var all []string
		for i := range 5 {
			all = append(all, fmt.Sprintf("app,s%d,%s,0,%d,0,2,,L4CON,", i, state, i))
		}
		return append(all, fmt.Sprintf("app,BACKEND,%s,0,0,0,1,,,", state))
	}
	x.rows(rows("UP")...)
	wantLines(t, x.rows(rows("DOWN")...), "4: server app/s4 is DOWN, was UP (L4CON)", "3: server app/s3 is DOWN, was UP (L4CON)", "0: backend app is DOWN, was UP")
	wantLines(t, x.rows(rows("UP")...))
	x.now += 30
	wantLines(t, x.rows(rows("UP")...), "?: 9 more events of HAProxy were left out")
	wantLines(t, x.rows(rows("UP")...))
	if got := x.rows(rows("DOWN")...); len(got) != 3 {
		t.Errorf("got %d events, want 3 in the next minute", len(got))
	}
}

func TestDirty(t *testing.T) {
	x := newLab(t)
	x.now += 1000
	x.rows("app,a,DOWN,0,100,100,2,,L4CON,", "app,b,UP,0,100,0,2,,L4OK,", "app,b,UP,0,100,0,2,,L4OK,")
	if !x.tr.Dirty() {
		t.Error("got a tracker that need not be stored, want news")
	}
	x.tr.Clean()
	x.rows("app,a,DOWN,0,110,110,2,,L4CON,", "app,b,UP,0,110,0,2,,L4OK,", "app,b,UP,0,100,0,2,,L4OK,")
	x.rows("app,a,DOWN,0,120,120,2,,L4CON,", "app,b,UP,0,121,0,2,,L4OK,", "app,b,UP,0,100,0,2,,L4OK,")
	if x.tr.Dirty() {
		t.Error("got news of rows that have not changed")
	}
	x.rows("app,b,UP,0,130,0,2,,L4OK,")
	if !x.tr.Dirty() {
		t.Error("got no news of a row that is gone")
	}
}

func TestFile(t *testing.T) {
	x := newLab(t)
	x.rows("app,a,DOWN,0,100,100,2,,L4CON,", "app,b,UP,0,100,0,2,,L4OK,")
	good := x.tr.Append([]byte("before"), 3)[len("before"):]
	for _, c := range []struct {
		name string
		text []byte
		node string
		want error
	}{
		{"empty", nil, "lb1", ErrDamaged},
		{"cut", good[:len(good)-5], "lb1", ErrDamaged},
		{"cut in its first line", good[:20], "lb1", ErrDamaged},
		{"longer", append(slices.Clone(good), 0), "lb1", ErrDamaged},
		{"a flipped bit", slices.Concat(good[:len(good)-10], []byte{^good[len(good)-10]}, good[len(good)-9:]), "lb1", ErrDamaged},
		{"newer", []byte(strings.Replace(string(good), `"version":1`, `"version":2`, 1)), "lb1", ErrNewer},
		{"of another node", good, "lb2", ErrForeign},
	} {
		tr := &Tracker{Node: c.node, Address: "/run/a.sock"}
		if _, err := tr.Parse(c.text); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if tr.number != 0 || len(tr.rows.rows) != 0 {
			t.Errorf("%s: got %+v, want a tracker as before", c.name, tr)
		}
	}
	tr := &Tracker{Node: "lb1", Address: "/run/b.sock"}
	if _, err := tr.Parse(good); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v of another socket, want %v", err, ErrForeign)
	}
	tr = &Tracker{Node: "lb1"}
	if g, err := tr.Parse(good); g != 3 || err != nil || tr.Address != "/run/a.sock" || string(tr.Append(nil, 3)) != string(good) {
		t.Errorf("got generation %d, error %v and other content, want the same", g, err)
	}
}

func FuzzParse(f *testing.F) {
	x := newLab(&testing.T{})
	x.rows("app,a,DOWN,0,100,100,2,,L4CON,")
	f.Add(x.tr.Append(nil, 3))
	f.Fuzz(func(t *testing.T, text []byte) {
		tr := &Tracker{Node: "lb1"}
		if _, err := tr.Parse(text); err != nil {
			return
		}
		again := &Tracker{Node: "lb1"}
		if _, err := again.Parse(tr.Append(nil, 1)); err != nil {
			t.Errorf("got %v of what was read", err)
		}
	})
}
