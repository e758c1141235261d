package aggregate

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
	"haproxystats/internal/truth/truthtest"
)

// node makes snapshots of one socket, as haproxystats-pull does.
type node struct {
	t *testing.T
	a truth.Account
	// bases is the number of bases so far.
	bases  uint64
	socket string
	// last has the latest rows of each instance.
	last map[truth.Instance][]byte
}

// told is what a worker says.
type told struct {
	info, stat     []byte
	current, stale bool
}

// snapshot returns the snapshot of a round.
func (n *node) snapshot(at int64, workers []told) snapshot.Snapshot {
	n.t.Helper()
	if n.last == nil {
		n.last = make(map[truth.Instance][]byte)
	}
	var words []truth.Word
	by := make(map[truth.Instance]told)
	for _, w := range workers {
		info, err := truth.ReadInfo(bytes.NewReader(w.info), at)
		if err != nil {
			n.t.Fatal(err)
		}
		stat, err := truth.ReadStat(bytes.NewReader(w.stat), 0)
		if err != nil {
			stat = nil
		}
		words = append(words, truth.Word{Info: info, Stat: stat, Current: w.current})
		if _, twice := by[info.Instance]; twice {
			continue // over another socket
		}
		if stat.IsEmpty() {
			w.stat, w.stale = n.last[info.Instance], true
		}
		n.last[info.Instance], by[info.Instance] = w.stat, w
	}
	var ended []truth.Instance
	for _, m := range n.a.Members {
		if _, answers := by[m.Instance]; !answers && len(words) > 0 {
			ended = append(ended, m.Instance)
		}
	}
	if n.a.Step(words, ended, at).Changed {
		n.bases++
	}
	account := snapshot.Account{Socket: n.socket, Generation: n.bases}
	files := snapshot.Memory{}
	if n.bases > 0 {
		files[n.socket+snapshot.BaseSuffix] = n.a.Base.Append(nil)
	}
	for _, m := range n.a.Members {
		w := by[m.Instance]
		i := snapshot.Instance{Pid: m.Instance.Pid, Start: m.Instance.Start, Role: snapshot.Old}
		switch {
		case m.Current:
			i.Role = snapshot.Current
		case w.stale:
			i.Role = snapshot.Stale
		}
		files[i.File(n.socket, snapshot.InfoSuffix)] = w.info
		if len(w.stat) > 0 {
			files[i.File(n.socket, snapshot.StatSuffix)] = w.stat
		}
		account.Instances = append(account.Instances, i)
	}
	return snapshot.Snapshot{Epoch: at, Files: files, Round: &snapshot.Round{Accounts: []snapshot.Account{account}}}
}

// batch aggregates a snapshot.
func batch(t *testing.T, opt Options, s snapshot.Snapshot) *metric.Batch {
	t.Helper()
	a := New(opt)
	var r reply.Reader
	report, err := r.ReadSnapshot(s, s.Files, a)
	if err != nil || len(report.BadFiles) > 0 {
		t.Fatalf("got %v, bad files %v", err, report.BadFiles)
	}
	return a.Batch(s.Epoch)
}

// value returns a metric of a batch.
func value(b *metric.Batch, scope metric.Scope, parent, name, column string) (int64, bool) {
	for _, t := range b.Tables {
		c := t.Column(column)
		if t.Scope() != scope || c < 0 {
			continue
		}
		for _, row := range t.Rows() {
			if e := t.Entity(row); e.Parent == parent && e.Name == name {
				v, ok := t.At(row, c)
				return v.Int, ok && v.Exact
			}
		}
	}
	return 0, false
}

// valueOf returns a metric of a name in expected.json.
func valueOf(b *metric.Batch, name, column string) (int64, bool) {
	proxy, service, _ := strings.Cut(name, "/")
	switch service {
	case "FRONTEND":
		return value(b, metric.Frontend, "", proxy, column)
	case "BACKEND":
		return value(b, metric.Backend, "", proxy, column)
	}
	return value(b, metric.Server, proxy, service, column)
}

// TestRecordedReloads makes batches of all recordings: counters are totals, and levels
// those of all workers.
func TestRecordedReloads(t *testing.T) {
	values := 0
	for _, r := range truthtest.Recordings(t, "../truth/testdata/recordings", "") {
		t.Run(r.Version+"/"+r.Scenario, func(t *testing.T) {
			n := &node{t: t, socket: "haproxy.sock"}
			began := int64(0) // of the totals
			for _, s := range r.Steps {
				var workers []told
				for _, name := range slices.Sorted(maps.Keys(s.Files)) {
					if socket, ok := strings.CutSuffix(name, "_info"); ok {
						info := s.Files[name]
						workers = append(workers, told{info: info, stat: s.Files[socket+"_stat"], current: socket == "haproxy.sock" && !bytes.Contains(info, []byte("\nStopping: 1\n"))})
					}
				}
				snap := n.snapshot(int64(s.Time), workers)
				if !slices.ContainsFunc(snap.Round.Accounts[0].Instances, func(i snapshot.Instance) bool { return i.Role == snapshot.Current }) || len(workers) == 0 {
					continue
				}
				if len(snap.Files.(snapshot.Memory)["haproxy.sock_stat"]) == 0 {
					continue // the worker has crashed
				}
				b := batch(t, Options{}, snap)
				if began > 0 && b.Began != began {
					t.Errorf("%s: got totals that began at %d, before it was %d", s.Name, b.Began, began)
				}
				began = b.Began
				for _, group := range []map[string]map[string]int64{s.Want.Totals, s.Want.Gauges} {
					for name, columns := range group {
						for column, want := range columns {
							if got, ok := valueOf(b, name, column); !ok || got != want {
								t.Errorf("%s: %s %s: got %d, %t, want %d", s.Name, name, column, got, ok, want)
							}
							values++
						}
					}
				}
				for name, want := range s.Want.Info {
					if got, ok := value(b, metric.Daemon, "", "", name); !ok || got != want {
						t.Errorf("%s: %s: got %d, %t, want %d", s.Name, name, got, ok, want)
					}
				}
			}
		})
	}
	if values < 20_000 {
		t.Errorf("got %d values compared, want at least 20,000", values)
	}
}

const (
	currentInfo = "Name: HAProxy\nVersion: 2.6.12\nPid: 2\nStart_time_sec: 1000\nUptime_sec: 50\nMaxconn: 100\nCurrConns: 10\nCumReq: 7\nMaxConnRate: 3\nConnRate: 1\nIdle_pct: 90\nStopping: 0\n\n"
	oldInfo     = "Name: HAProxy\nVersion: 2.6.12\nPid: 1\nStart_time_sec: 900\nUptime_sec: 150\nMaxconn: 100\nCurrConns: 30\nCumReq: 5\nMaxConnRate: 9\nConnRate: 2\nIdle_pct: 10\nStopping: 1\n\n"
	statHeader  = "# pxname,svname,scur,smax,slim,stot,rate,status,weight,chkdown,downtime,lbtot,rtime,type,\n"
	currentStat = statHeader +
		"web,FRONTEND,1,5,100,10,4,OPEN,,,,,,0,\n" +
		"app,BACKEND,1,5,10,10,4,UP,2,1,3,0,8,1,\n" +
		"app,a1,1,5,,4,1,UP,1,1,3,0,8,2,\n" +
		"web,door,1,4,,9,,OPEN,,,,,,3,\n\n"
	oldStat = statHeader +
		"web,FRONTEND,20,50,100,7,1,STOP,,,,,,0,\n" +
		"app,BACKEND,20,50,10,7,1,UP,3,1,9,7,500,1,\n" +
		"app,gone,3,4,,6,1,UP,1,2,9,6,500,2,\n" +
		"web,door,20,50,,7,,WAITING,,,,,,3,\n" +
		"web,gone,2,3,,5,,WAITING,,,,,,3,\n\n"
)

// TestBegan: what counters are of began with the first worker in them.
func TestBegan(t *testing.T) {
	process := func(start string) string { return "Name: HAProxy\nPid: 7\nUptime_sec: 5\n" + start }
	for _, c := range []struct {
		name   string
		starts []string // of the processes
		want   int64
	}{
		{"one process", []string{"Start_time_sec: 50"}, 50},
		{"several", []string{"Start_time_sec: 60", "Start_time_sec: 40"}, 40},
		{"one is not known", []string{"Start_time_sec: 60", ""}, 0},
		{"out of range", []string{"Start_time_sec: 99999999999999999999"}, 0},
	} {
		texts := make(map[string]string)
		for i, start := range c.starts {
			texts[fmt.Sprint(i, "_info")] = process(start)
		}
		if got := batchAt(t, Options{}, files(texts), 100).Began; got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
	// The current worker has started at 1000, and an old one at 900.
	s := accounted(t, snapshot.Old)
	if got := batch(t, Options{}, s).Began; got != 900 {
		t.Errorf("with an old worker: got %d, want 900", got)
	}
	if got := batch(t, Options{Raw: true}, s).Began; got != 1000 {
		t.Errorf("without totals: got %d, want 1000", got)
	}
}

// accounted returns a snapshot of a socket after a reload, with a base.
func accounted(t *testing.T, role snapshot.Role) snapshot.Snapshot {
	t.Helper()
	b := base(t, `row 0 1 - "web" "FRONTEND" 100`, `row 2 1 - "app" "a1" 1000`, `row 2 1 - "app" "gone" 2000`, `row 2 1 - "app" "long gone" 5`,
		`row 3 1 - "web" "door" 300`, `row 3 1 - "web" "gone" 20`, `row 3 1 - "web" "long gone" 5`)
	i := snapshot.Instance{Pid: 1, Start: 900, Role: role}
	return snapshot.Snapshot{
		Epoch: 1050,
		Files: snapshot.Memory{
			"s_info": []byte(currentInfo), "s_stat": []byte(currentStat), "s_base": b,
			i.File("s", snapshot.InfoSuffix): []byte(oldInfo), i.File("s", snapshot.StatSuffix): []byte(oldStat),
		},
		Round: &snapshot.Round{Accounts: []snapshot.Account{{Socket: "s", Generation: 1, Instances: []snapshot.Instance{{Pid: 2, Start: 1000, Role: snapshot.Current}, i}}}},
	}
}

// base returns the text of a base.
func base(t *testing.T, rows ...string) []byte {
	t.Helper()
	text := []byte("haproxystats base 1\ngeneration 1\ninfo \"CumReq\" 1000\ncolumns stot\n" + strings.Join(rows, "\n") + "\n")
	text = fmt.Appendf(text, "end %08x\n", snapshot.Sum(0, text))
	if _, err := truth.ParseBase(text); err != nil {
		t.Fatal(err)
	}
	return text
}

type wanted struct {
	scope                metric.Scope
	parent, name, column string
	want                 int64 // -1: none
}

func check(t *testing.T, b *metric.Batch, all []wanted) {
	t.Helper()
	for _, c := range all {
		got, ok := value(b, c.scope, c.parent, c.name, c.column)
		if !ok {
			got = -1
		}
		if got != c.want {
			t.Errorf("%v %s/%s %s: got %d, want %d", c.scope, c.parent, c.name, c.column, got, c.want)
		}
	}
}

// TestOldWorkers combines the values of a current and an old worker, each by its rule.
func TestOldWorkers(t *testing.T) {
	b := batch(t, Options{Percentages: true, ServerNames: true, PerProcess: true}, accounted(t, snapshot.Old))
	check(t, b, []wanted{
		{metric.Frontend, "", "web", "stot", 117},
		{metric.Frontend, "", "web", "scur", 21},
		{metric.Frontend, "", "web", "smax", 50},
		{metric.Frontend, "", "web", "slim", 100},
		{metric.Frontend, "", "web", "rate", 5},
		{metric.Backend, "", "app", "stot", 17},
		{metric.Backend, "", "app", "weight", 2},
		{metric.Backend, "", "app", "chkdown", 2},
		{metric.Backend, "", "app", "downtime", 3}, // the old worker's goes on
		{metric.Backend, "", "app", "lbtot", 7},
		{metric.Backend, "", "app", "rtime", -1}, // the current worker has had no connection
		{metric.Backend, "", "app", "TotalServers", 1},
		{metric.Server, "app", "a1", "stot", 1004},
		{metric.Server, "app", "gone", "stot", 2006}, // as long as the old worker lives
		{metric.Server, "app", "gone", "scur", 3},
		{metric.Server, "app", "gone", "weight", -1},
		{metric.Server, "app", "long gone", "stot", -1},
		{metric.ServerName, "", "gone", "stot", 2006},
		{metric.Daemon, "", "", "CumReq", 1012},
		{metric.Daemon, "", "", "CurrConns", 40},
		{metric.Daemon, "", "", "Maxconn", 100},
		{metric.Daemon, "", "", "MaxConnRate", 9},
		{metric.Daemon, "", "", "ConnRate", 3},
		{metric.Daemon, "", "", "Idle_pct", 90},
		{metric.Daemon, "", "", "Stopping", 0},
		{metric.Daemon, "", "", "ConnPercentage", 10},
		{metric.Daemon, "", "", "OldWorkers", 1},
		{metric.Daemon, "", "", "OldWorkersConns", 30},
		{metric.Daemon, "", "", "OldestWorkerSec", 50},
		{metric.Process, "", "s", "CurrConns", 40},
	})
}

// TestListenersOfOldWorkers: the counters of listeners go on, too.
func TestListenersOfOldWorkers(t *testing.T) {
	b := batch(t, Options{Series: true}, accounted(t, snapshot.Old))
	check(t, b, []wanted{
		{metric.Listener, "web", "door", "stot", 316},
		{metric.Listener, "web", "door", "scur", 21},
		{metric.Listener, "web", "door", "smax", 50},
		{metric.Listener, "web", "gone", "stot", 25}, // as long as the old worker lives
		{metric.Listener, "web", "long gone", "stot", -1},
		{metric.Frontend, "", "web", "stot", 117},
		{metric.Server, "app", "gone", "stot", 2006},
	})
	b = batch(t, Options{Series: true, Frontends: Wanted{Exclude: &Names{Exact: []string{"web"}}}}, accounted(t, snapshot.Old))
	check(t, b, []wanted{{metric.Listener, "web", "door", "stot", -1}, {metric.Listener, "web", "gone", "stot", -1}})
}

// TestReplaced: the age of a worker that a reload has just replaced says nothing about how
// long its last clients stay.
func TestReplaced(t *testing.T) {
	for _, c := range []struct {
		name    string
		old     []int64
		current int64
		want    int64
	}{
		{"none", nil, 5000, 0},
		{"one that had served for long", []int64{86400}, 3, 3},
		{"three", []int64{60, 900, 300}, 5, 300},
		{"two of one second", []int64{300, 300}, 5, 300},
		{"the current one has not answered", []int64{900}, 0, 0},
	} {
		var w oldWorkers
		for _, age := range c.old {
			w.count++
			w.add(age)
		}
		if got := w.replaced(c.current); got != c.want {
			t.Errorf("%s: got %d seconds, want %d", c.name, got, c.want)
		}
	}
}

// TestStaleWorkers counts the counters of workers whose rows are old, and not their
// levels.
func TestStaleWorkers(t *testing.T) {
	b := batch(t, Options{}, accounted(t, snapshot.Stale))
	check(t, b, []wanted{
		{metric.Frontend, "", "web", "stot", 117},
		{metric.Frontend, "", "web", "scur", 1},
		{metric.Frontend, "", "web", "smax", 5},
		{metric.Daemon, "", "", "CurrConns", 40},
		{metric.Daemon, "", "", "OldWorkers", 1},
		{metric.Server, "app", "gone", "stot", -1},
	})
	b = batch(t, Options{}, accounted(t, snapshot.Silent))
	check(t, b, []wanted{
		{metric.Frontend, "", "web", "stot", 117},
		{metric.Frontend, "", "web", "scur", 1},
		{metric.Daemon, "", "", "CumReq", 1012},
		{metric.Daemon, "", "", "CurrConns", 10},
		{metric.Daemon, "", "", "OldWorkers", 0},
	})
}

func TestRawCounters(t *testing.T) {
	b := batch(t, Options{Raw: true}, accounted(t, snapshot.Old))
	check(t, b, []wanted{
		{metric.Frontend, "", "web", "stot", 10},
		{metric.Frontend, "", "web", "scur", 1},
		{metric.Server, "app", "gone", "stot", -1},
		{metric.Daemon, "", "", "CumReq", 7},
		{metric.Daemon, "", "", "OldWorkers", -1},
	})
}

// TestSilentSocket keeps the totals of a socket that does not answer in the sums.
func TestSilentSocket(t *testing.T) {
	s := accounted(t, snapshot.Silent)
	files := s.Files.(snapshot.Memory)
	files["t_info"], files["t_stat"] = files["s_info"], files["s_stat"]
	delete(files, "s_info")
	delete(files, "s_stat")
	s.Round.Accounts[0].Instances = s.Round.Accounts[0].Instances[1:]
	b := batch(t, Options{PerProcess: true}, s)
	check(t, b, []wanted{
		{metric.Frontend, "", "web", "stot", 117},
		{metric.Frontend, "", "web", "scur", 1},
		{metric.Server, "app", "a1", "stot", 1004},
		{metric.Server, "app", "gone", "stot", -1},
		{metric.Daemon, "", "", "CumReq", 1012},
		{metric.Daemon, "", "", "Maxconn", 100},
		{metric.Process, "", "t", "CumReq", 7},
		{metric.Process, "", "s", "CumReq", -1},
	})
}

// TestBadAccount leaves out an account that can't be read.
func TestBadAccount(t *testing.T) {
	for name, damage := range map[string]func(snapshot.Memory){
		"no base":       func(m snapshot.Memory) { delete(m, "s_base") },
		"a damaged one": func(m snapshot.Memory) { m["s_base"] = m["s_base"][:20] },
		"a newer one": func(m snapshot.Memory) {
			m["s_base"] = bytes.Replace(m["s_base"], []byte("base 1"), []byte("base 2"), 1)
		},
	} {
		s := accounted(t, snapshot.Old)
		damage(s.Files.(snapshot.Memory))
		a := New(Options{})
		var r reply.Reader
		report, err := r.ReadSnapshot(s, s.Files, a)
		if err != nil || len(report.BadFiles) != 1 {
			t.Errorf("%s: got %v, bad files %v, want one", name, err, report.BadFiles)
		}
		check(t, a.Batch(0), []wanted{{metric.Frontend, "", "web", "stot", 10}, {metric.Daemon, "", "", "CumReq", 7}})
	}
}

// TestAccountOfTwoSockets counts the account of a process with two sockets once.
func TestAccountOfTwoSockets(t *testing.T) {
	s := accounted(t, snapshot.Old)
	files := s.Files.(snapshot.Memory)
	for name, data := range maps.Clone(files) {
		files["t"+strings.TrimPrefix(name, "s")] = data
	}
	s.Round.Accounts = append(s.Round.Accounts, snapshot.Account{Socket: "t", Generation: 1, Instances: s.Round.Accounts[0].Instances})
	check(t, batch(t, Options{}, s), []wanted{
		{metric.Frontend, "", "web", "stot", 117},
		{metric.Frontend, "", "web", "scur", 21},
		{metric.Server, "app", "gone", "stot", 2006},
		{metric.Daemon, "", "", "CumReq", 1012},
		{metric.Daemon, "", "", "OldWorkers", 1},
	})
}
