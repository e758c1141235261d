package truth

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"haproxystats/internal/haproxy"
)

func (t *Tally) read(tb testing.TB, stat string, elapsed int64) Findings {
	tb.Helper()
	var s haproxy.StatScanner
	if err := s.Reset(strings.NewReader(stat)); err != nil {
		tb.Fatal(err)
	}
	return t.Read(&s, elapsed)
}

// TestTallyOfRecordings finds every change of the base that an account makes of the
// replies of one instance.
func TestTallyOfRecordings(t *testing.T) {
	changes, quiet := 0, 0
	for _, r := range recordings(t, "") {
		a := &Account{}
		tallies := make(map[Instance]*Tally)
		last := make(map[Instance]int64)
		for _, s := range r.Steps {
			for _, socket := range sortedKeys(s.Files) {
				name, ok := strings.CutSuffix(socket, "_stat")
				if !ok || len(s.Files[socket]) == 0 {
					continue
				}
				info, err := ReadInfo(bytes.NewReader(s.Files[name+"_info"]), int64(s.Time))
				if err != nil {
					t.Fatal(err)
				}
				stat, err := ReadStat(bytes.NewReader(s.Files[socket]), 0)
				if err != nil {
					t.Fatal(err)
				}
				i := info.Instance
				if tallies[i] == nil {
					tallies[i] = new(Tally)
					a.Members = append(a.Members, &Member{Instance: i, Info: info, Stat: stat, StatInfo: info, Current: true})
					tallies[i].read(t, string(s.Files[socket]), 0)
					last[i] = info.At
					continue
				}
				o := a.Step([]Word{{Info: &Info{Instance: i, Exact: true, At: info.At, Uptime: info.Uptime}, Stat: stat, Current: true}}, nil, int64(s.Time))
				if stat.IsEmpty() {
					continue
				}
				f := tallies[i].read(t, string(s.Files[socket]), info.At-last[i])
				last[i] = info.At
				if o.Changed {
					changes++
				} else {
					quiet++
				}
				if o.Changed && !f.Matters() {
					t.Errorf("%s/%s %s %s: got %+v, want a finding for %+v", r.Version, r.Scenario, s.Name, name, f, o)
				}
			}
		}
	}
	if changes < 10 || quiet < 100 {
		t.Errorf("got %d changes and %d replies without, want at least 10 and 100", changes, quiet)
	}
}

func TestTally(t *testing.T) {
	row := func(name string, v ...int64) map[string][4]int64 {
		return map[string][4]int64{name: [4]int64(v), "web/FRONTEND": {100, 100, 100}}
	}
	for name, c := range map[string]struct {
		before, after script
		want          func(Findings) bool
	}{
		"grown":           {script{rows: row("app/BACKEND", 1, 1, 1, 0)}, script{rows: row("app/BACKEND", 2, 1, 1, 5)}, func(f Findings) bool { return !f.Matters() }},
		"sessions fell":   {script{rows: row("app/BACKEND", 2, 1, 1, 0)}, script{rows: row("app/BACKEND", 1, 9, 9, 0)}, func(f Findings) bool { return f.Fell == 1 }},
		"bytes fell":      {script{rows: row("app/BACKEND", 2, 5, 1, 0)}, script{rows: row("app/BACKEND", 9, 4, 9, 0)}, func(f Findings) bool { return f.Fell == 1 }},
		"module fell":     {script{rows: row("app/BACKEND", 2, 5, 2, 0)}, script{rows: row("app/BACKEND", 9, 9, 1, 0)}, func(f Findings) bool { return f.Fell == 1 }},
		"downtime jumped": {script{rows: row("app/BACKEND", 2, 5, 2, 0)}, script{rows: row("app/BACKEND", 9, 9, 9, 50)}, func(f Findings) bool { return f.Downtime == 1 }},
		"gone":            {script{rows: row("app/BACKEND", 2, 5, 2, 0)}, script{rows: row("app/x", 2, 5, 2, 0)}, func(f Findings) bool { return f.Gone == 1 }},
		"replaced": {
			script{rows: row("app/x", 2, 5, 2, 0)},
			script{rows: row("app/x", 2, 5, 2, 0), id: map[string]int{"app/x": 1}},
			func(f Findings) bool { return f.Replaced == 1 },
		},
		"more rows": {script{rows: row("app/a", 2, 5, 2, 0)}, script{rows: map[string][4]int64{"app/0": {}, "app/a": {2, 5, 2, 0}, web: {100, 100, 100}}}, func(f Findings) bool { return !f.Matters() && f.Rows == 3 }},
	} {
		var tally Tally
		if f := tally.read(t, c.before.stat(), 0); f.Matters() || !f.First {
			t.Errorf("%s: got %+v for the first reply, want no finding", name, f)
		}
		if f := tally.read(t, c.after.stat(), 10); f.First || !c.want(f) {
			t.Errorf("%s: got %+v", name, f)
		}
	}
}

// TestWatch shows rows with their texts, in parts of a reply and by a header that lacks a
// column.
func TestWatch(t *testing.T) {
	var got []string
	names := make(map[uint64]bool)
	w := &Watch{Columns: []string{"status", "unknown", "lastchg"}, See: func(s *Seen) {
		names[s.Name] = true
		got = append(got, fmt.Sprintf("%d %s/%s %q %q %q %d", s.Row.Type, s.Row.Proxy, s.Row.Service, s.Text(0), s.Text(1), s.Text(2), s.Age))
	}}
	ages := 0
	second := &Watch{Columns: []string{"lastchg"}, See: func(s *Seen) { ages += len(s.Text(0)) }}
	var tally Tally
	for _, stat := range []string{
		"# pxname,svname,stot,status,lastchg,sid,type,\napp,a1,5,UP 1/3,600,7,2,\napp,a2,1,MAINT,,8,2,\n\n",
		"# pxname,svname,stot,type,status,\napp,a1,5,2,DOWN,\n\n",
	} {
		var s haproxy.StatScanner
		if err := s.Reset(strings.NewReader(stat)); err != nil {
			t.Fatal(err)
		}
		tally.Read(&s, 0, w, second)
	}
	want := []string{`2 app/a1 "UP 1/3" "" "600" 600`, `2 app/a2 "MAINT" "" "" -1`, `2 app/a1 "DOWN" "" "" -1`}
	if !slices.Equal(got, want) || len(names) != 2 || ages != len("600") {
		t.Errorf("got %q, %d names and %d digits, want %q, 2 and 3", got, len(names), ages, want)
	}
}

// manyServers is a reply of a backend with n servers.
func manyServers(n int) string {
	var b strings.Builder
	header := "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,"
	b.WriteString(header + "\n")
	for i := range n {
		fmt.Fprintf(&b, "app,srv-%05d,0,0,1,9,,%d,%d,%d,0,0,,0,0,0,0,UP,1,1,0,0,1,600,5,,1,3,%d,,%d,,2,0,,9,L7OK,200,1,0,%d,0,0,0,0,0,,,%d,0,0,\n", i, 1000+i, 5_000_000+i, 70_000_000+i, i+1, 1000+i, 1000+i, 1000+i)
	}
	return b.String() + "\n"
}

// TestMemoryOfTally bounds what pull keeps in memory for 8 processes with 20,000
// servers each.
func TestMemoryOfTally(t *testing.T) {
	const servers, processes, most = 20_000, 8, 41
	stat := manyServers(servers)
	tallies := make([]Tally, processes)
	for i := range tallies {
		for range 3 {
			if f := tallies[i].read(t, stat, 10); f.Rows != servers || f.Matters() {
				t.Fatalf("got %+v, want %d rows and no finding", f, servers)
			}
		}
	}
	size := 0
	for i := range tallies {
		size += cap(tallies[i].rows) * int(unsafe.Sizeof(tallied{}))
	}
	got := float64(size) / (servers * processes)
	if got > most { // with those of a tracker less than 64
		t.Errorf("got %.1f bytes a row, want at most %d", got, most)
	}
}

func BenchmarkTally(b *testing.B) {
	const servers = 20_000
	stat := []byte(manyServers(servers))
	var t Tally
	var s haproxy.StatScanner
	b.SetBytes(int64(len(stat)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Reset(bytes.NewReader(stat)); err != nil {
			b.Fatal(err)
		}
		if f := t.Read(&s, 10); f.Matters() {
			b.Fatalf("got %+v", f)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/servers, "ns/row")
}

// TestKeys: a tally that leaves out rows without news finds what one finds that reads all
// of them, over servers that are idle, busy, cleared, moved, and removed and added again.
func TestKeys(t *testing.T) {
	const order = "pxname,svname,status,stot,bin,dresp,chkdown,%sdowntime,sid,throttle,lbtot,type,%ssrid,"
	rapid.Check(t, func(r *rapid.T) {
		type server struct {
			name, status                 string
			counts                       [5]int64
			age, downtime, sid, revision int64
		}
		var servers []server
		for i := range rapid.IntRange(1, 6).Draw(r, "servers") {
			servers = append(servers, server{name: fmt.Sprint("srv-", i), status: "UP", age: 1000, sid: int64(i + 1)})
		}
		var keyed, plain Tally
		for range rapid.IntRange(2, 12).Draw(r, "rounds") {
			elapsed := int64(rapid.IntRange(1, 20).Draw(r, "elapsed"))
			for i := range servers {
				s := &servers[i]
				s.age += elapsed
				switch rapid.IntRange(0, 9).Draw(r, "what") {
				case 0:
					s.counts[rapid.IntRange(0, 4).Draw(r, "counter")]++
				case 1:
					s.counts = [5]int64{}
				case 2: // removed and added again; the counters may be the same by chance
					s.revision, s.age = s.revision+1, int64(rapid.IntRange(0, int(elapsed)).Draw(r, "age"))
					if rapid.Bool().Draw(r, "zero") {
						s.counts = [5]int64{}
					}
				case 3:
					s.downtime += int64(rapid.IntRange(-3, 30).Draw(r, "downtime"))
					s.downtime = max(0, s.downtime)
				case 4:
					s.status = rapid.SampledFrom([]string{"UP", "DOWN", "\"UP\""}).Draw(r, "status")
				}
			}
			if rapid.IntRange(0, 5).Draw(r, "moves") == 0 {
				at := rapid.IntRange(0, len(servers)-1).Draw(r, "moved")
				servers[0], servers[at] = servers[at], servers[0]
			}
			// Behind the type, the column that ages hides what has not changed.
			texts := [2]string{"# " + fmt.Sprintf(order, "lastchg,", "") + "\n", "# " + fmt.Sprintf(order, "", "lastchg,") + "\n"}
			for _, s := range servers {
				row := fmt.Sprintf("app,%s,%s,%d,%d,%d,%d,%%s%d,%d,,%d,2,%%s%d,\n", s.name, s.status, s.counts[0], s.counts[1], s.counts[2], s.counts[3], s.downtime, s.sid, s.counts[4], s.revision)
				texts[0] += fmt.Sprintf(row, fmt.Sprint(s.age, ","), "")
				texts[1] += fmt.Sprintf(row, "", fmt.Sprint(s.age, ","))
			}
			var got, want []string
			watch := func(to *[]string) *Watch {
				return &Watch{Columns: []string{"status", "lastchg", "chkdown"}, See: func(s *Seen) {
					*to = append(*to, fmt.Sprintf("%x %s %q", s.Name, s.Row.Service, [][]byte{s.Text(0), s.Text(1), s.Text(2)}))
				}}
			}
			f, g := readWith(r, &keyed, texts[0]+"\n", elapsed, watch(&got)), readWith(r, &plain, texts[1]+"\n", elapsed, watch(&want))
			if keyed.typ == 0 || plain.typ != 0 {
				r.Fatal("want keys in one of the two only")
			}
			if f.First {
				continue
			}
			f.Sessions, g.Sessions = 0, 0
			if f != g || !slices.Equal(got, want) {
				r.Fatalf("got %+v, want %+v; got rows %q, want %q", f, g, got, want)
			}
		}
	})
}

func readWith(tb rapid.TB, t *Tally, stat string, elapsed int64, w *Watch) Findings {
	tb.Helper()
	var s haproxy.StatScanner
	if err := s.Reset(strings.NewReader(stat)); err != nil {
		tb.Fatal(err)
	}
	f := t.Read(&s, elapsed, w)
	if s.Err() != nil || !s.Complete() {
		tb.Fatalf("got %v, want a whole reply", s.Err())
	}
	return f
}
