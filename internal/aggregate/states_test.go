package aggregate

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
)

// TestStatesOfRecordings reads recordings of HAProxy with servers in all states.
func TestStatesOfRecordings(t *testing.T) {
	const check = "backend.st_check."
	server := func(name, values string) map[string]float64 {
		want := make(map[string]float64)
		fields := strings.Fields(values)
		for i, metric := range []string{"state", "going", "health", "maint_reason", "up", "check_ok", "check_result"} {
			n := math.NaN() // no value
			if fields[i] != "-" {
				n = map[string]float64{
					"-1": -1, "0": 0, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "7": 7, "11": 11, "12": 12, "15": 15,
					"1/2": 0.5, "3/4": 0.75, "1/3": 0.333333,
				}[fields[i]]
			}
			want[check+"server."+name+"."+metric] = n
		}
		return want
	}
	for _, tt := range []struct {
		step string
		want []map[string]float64
	}{
		{"01-settled", []map[string]float64{
			server("flip", "1 0 1 0 1 1 11"),
			server("down", "0 0 0 0 0 0 7"),
			server("nocheck", "1 0 1 0 1 - -"),
			server("forced", "2 0 1 1 0 - -"),
			server("maint", "2 0 1 3 0 - -"),
			server("track", "2 0 1 2 0 - -"),
			server("drain", "3 0 1 0 0 1 11"),
			server("weight0", "1 0 1 0 0 1 11"),
			{
				check + "state": 1, "backend.st_alldown.state": 0, "backend.st_empty.state": 1,
				check + "active_maint": 3, check + "active_drain": 1, check + "active_nocheck": 1, check + "active_nolb": 0,
				check + "backup_up": 1, check + "backup_down": 0, check + "backup_maint": 0,
				"backend.st_alldown.active_down": 2, "backend.st_alldown.percent_up": 0,
				"backend.st_dns.server.unresolved.maint_reason": 4, "backend.st_dns.active_maint": 1,
				"backend.st_dns.percent_up": math.NaN(), "backend.st_empty.percent_up": math.NaN(),
				"backend.st_empty.active_up": 0, "backend.app.percent_up": 100,
				"frontend.web.state": 1, "frontend.web.listeners_open": 1, "frontend.web.listeners_full": 0, "frontend.web.listeners_waiting": 0,
				"backend.st_l4.server.l4.check_result": 5, "frontend.tcpsvc.listeners_open": math.NaN(),
			},
		}},
		{"02-going-down", []map[string]float64{
			server("flip", "1 -1 1/2 0 1 0 15"),
			{"backend.app.server.a1.health": 0.333333, "backend.app.active_going_down": 2, "backend.app.active_up": 2, "backend.app.percent_up": 100},
		}},
		{"04-going-up", []map[string]float64{
			server("flip", "0 1 1/2 0 0 1 11"),
			{"backend.app.active_going_up": math.Inf(1), check + "backup_down": 1, check + "backup_going_up": 1, check + "backup_up": 0},
		}},
		{"06-nolb-going-down", []map[string]float64{
			server("flip", "4 -1 3/4 0 0 0 15"),
			server("slow", "4 -1 1/3 0 0 0 15"),
			server("drain", "4 0 1 0 0 1 12"),
		}},
		{"11-frontend-disabled", []map[string]float64{{"frontend.web.state": 2}}},
	} {
		for _, version := range []string{"2.6.12", "3.4.0"} {
			got := paths(aggregateFS(t, Options{}, os.DirFS(filepath.Join("testdata/states", version, tt.step))))
			for _, values := range tt.want {
				for path, want := range values {
					switch have, ok := got[path]; {
					case math.IsInf(want, 1): // more than none
						if have < 1 {
							t.Errorf("%s of %s: got %s %v, want at least 1", tt.step, version, path, have)
						}
					case math.IsNaN(want) && ok, !math.IsNaN(want) && (!ok || have != want):
						t.Errorf("%s of %s: got %s %v (there: %v), want %v", tt.step, version, path, have, ok, want)
					}
				}
			}
		}
	}
}

// TestStatesOfProcesses combines what several processes say.
func TestStatesOfProcesses(t *testing.T) {
	const header = "# pxname,svname,type,status,weight,act,bck,check_status,\n"
	snapshot := files(map[string]string{
		"a_stat": header + `
			f,FRONTEND,0,OPEN,,,,,
			f,l1,3,WAITING,,,,,
			f,l2,3,FULL,,,,,
			b,s1,2,UP,1,1,0,L4OK,
			b,s2,2,DOWN 1/2,1,1,0,* L4OK,
			b,s3,2,UP,1,0,1,INI,
			b,BACKEND,1,UP (UNPUB),,,,,
			c,BACKEND,1,UP,,,,,`,
		"b_stat": header + `
			f,FRONTEND,0,STOP,,,,,
			b,s1,2,UP 1/4,1,1,0,L4CON,
			b,s2,2,UP,1,1,0,L4OK,
			b,s3,2,quite new,1,0,1,L9OK,
			b,BACKEND,1,DOWN,,,,,
			c,BACKEND,1,UP,,,,,`,
	})
	got := some(paths(aggregateFS(t, Options{}, snapshot)), "")
	for path, want := range map[string]float64{
		"frontend.f.state": 1, "frontend.f.listeners_waiting": 1, "frontend.f.listeners_full": 1, "frontend.f.listeners_open": 0,
		"backend.b.state": 1, "backend.b.active_up": 1.5, "backend.b.active_down": 0.5, "backend.b.active_going_down": 0.5,
		"backend.b.active_going_up": 0.5, "backend.b.backup_up": 0.5, "backend.b.percent_up": 83.3333335,
		"backend.c.active_up":        0,
		"backend.b.server.s1.state":  1,
		"backend.b.server.s1.health": 0.625, "backend.b.server.s1.check_ok": 0.5, "backend.b.server.s1.check_result": 7,
		"backend.b.server.s2.up": 0.5, "backend.b.server.s2.check_ok": 1, "backend.b.server.s3.state": 1, "backend.b.server.s3.check_result": 1,
	} {
		if have, ok := got[path]; !ok || math.Abs(have-want) > 1e-9 {
			t.Errorf("got %s %v (there: %v), want %v", path, have, ok, want)
		}
	}
	if have, ok := got["backend.b.server.s3.check_ok"]; ok {
		t.Errorf("got a check_ok of %v without a result, want none", have)
	}
}

// TestMaintReasons takes what the text of a row leaves open from the states of servers,
// also with an account, without any, and through records.
func TestMaintReasons(t *testing.T) {
	const header = "# pxname,svname,type,status,weight,act,bck,\n"
	snap := snapshot.Memory{
		"a_stat": []byte(header + "b,conf,2,MAINT,1,1,0,\nb,forced,2,MAINT,1,1,0,\nb,tracks,2,MAINT (via b/conf),1,1,0,\nb,dns,2,MAINT (resolution),1,1,0,\n" +
			"b,ready,2,UP,1,1,0,\nb,BACKEND,1,UP,,,,\n\n"),
		"a_servers": haproxy.AppendServersState(nil, []haproxy.ServerAdmin{
			{Backend: "b", Server: "conf", Reason: haproxy.MaintConfigured},
			{Backend: "b", Server: "tracks", Reason: haproxy.MaintConfigured},
			{Backend: "b", Server: "dns", Reason: haproxy.MaintConfigured},
			{Backend: "b", Server: "ready", Reason: haproxy.MaintConfigured},
			{Backend: "b", Server: "gone", Reason: haproxy.MaintConfigured},
			{Backend: "c", Server: "forced", Reason: haproxy.MaintConfigured},
		}),
		"b_stat": []byte(header + "c,conf,2,MAINT,1,1,0,\nc,BACKEND,1,UP,,,,\n\n"),
	}
	s := snapshot.Snapshot{Node: "lb1", Epoch: 1000, Files: snap, Round: &snapshot.Round{}}
	check := func(name string, b *metric.Batch) {
		t.Helper()
		for path, want := range map[string]int64{"b/conf": 3, "b/forced": 1, "b/tracks": 2, "b/dns": 4, "b/ready": 0, "c/conf": 1} {
			backend, server, _ := strings.Cut(path, "/")
			if got, ok := value(b, metric.Server, backend, server, "maint_reason"); !ok || got != want {
				t.Errorf("%s: %s: got %d (there: %t), want %d", name, path, got, ok, want)
			}
		}
	}
	check("accounts", batch(t, Options{}, s))
	check("raw", aggregateFS(t, Options{Raw: true}, snap))
	d := snapshot.NewDecoder(1 << 20)
	if err := snapshot.Encode(s, snapshot.MinRecord, func(record []byte) error {
		r, err := snapshot.ParseRecord(bytes.Clone(record))
		if err != nil {
			return err
		}
		return d.Add(r)
	}); err != nil {
		t.Fatal(err)
	}
	arrived, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	check("records", batch(t, Options{}, arrived))
	// The next snapshot has none.
	a := New(Options{})
	var r reply.Reader
	for _, fsys := range []fs.FS{snap, snapshot.Memory{"a_stat": snap["a_stat"]}} {
		a.Reset()
		if _, err := r.Read(fsys, a); err != nil {
			t.Fatal(err)
		}
	}
	if got, ok := value(a.Batch(0), metric.Server, "b", "conf", "maint_reason"); !ok || got != 1 {
		t.Errorf("got the reason %d (there: %t) of a snapshot without states of servers, want 1", got, ok)
	}
}

// TestStatesAreChosenByName leaves out what nobody asked for.
func TestStatesAreChosenByName(t *testing.T) {
	dir := os.DirFS("testdata/states/2.6.12/01-settled")
	for name, opt := range map[string]Options{
		"classic": {Classic: true},
		"others":  {Frontend: catalogue.ParseList("scur"), Backend: catalogue.ParseList("scur"), Server: catalogue.ParseList("scur")},
	} {
		got := paths(aggregateFS(t, opt, dir))
		for path := range got {
			if f, ok := catalogue.LookupStat(path[strings.LastIndexByte(path, '.')+1:]); ok {
				for _, s := range catalogue.StateFields() {
					if s.Name == f.Name {
						t.Errorf("%s: got %s, want no states", name, path)
					}
				}
			}
		}
	}
	got := paths(aggregateFS(t, Options{Frontend: catalogue.ParseList("listeners_open"), Backend: catalogue.ParseList("active_maint"), Server: catalogue.ParseList("scur")}, dir))
	if got["backend.st_check.active_maint"] != 3 || got["frontend.web.listeners_open"] != 1 {
		t.Errorf("got %v, want the counts that were asked for", some(got, ".active_maint", ".listeners_open"))
	}
}
