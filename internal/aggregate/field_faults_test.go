package aggregate

import (
	"fmt"
	"maps"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
)

// readCase aggregates a snapshot below testdata.
func readCase(t *testing.T, opt Options, dir string) (*Aggregator, map[string]float64) {
	t.Helper()
	a := New(opt)
	a.Reset()
	var r reply.Reader
	report, err := r.Read(os.DirFS("testdata/"+dir), a)
	if err != nil || len(report.BadFiles) > 0 {
		t.Fatal(report, err)
	}
	return a, paths(a.Batch(0))
}

func TestFieldFaults(t *testing.T) {
	tests := []struct {
		dir  string
		opt  Options
		want map[string]float64
	}{
		{"dup-sockets-one-process/1795890966", Options{PerProcess: true, ServerNames: true}, map[string]float64{
			"daemon.Maxconn": 2000, "daemon.CumReq": 12645, "daemon.process.1.CumReq": 12645,
			"frontend.web.stot": 10, "backend.app.stot": 10, "backend.app.server.s1.stot": 10, "server.s1.stot": 10,
			"backend.app.TotalServers": 1,
		}},
		{"nbproc-missing-process/1795890966", Options{}, map[string]float64{"frontend.web.stot": 30, "daemon.Maxconn": 6000}},
		{"nbproc-shared-socket/1795890966", Options{}, map[string]float64{"frontend.web.stot": 1000}},
		{"idle-over-100/single-1795890966", Options{PerProcess: true}, map[string]float64{
			"daemon.CpuUsagePct": 0, "daemon.process.1.CpuUsagePct": 0, "daemon.Idle_pct": 101,
		}},
		{"idle-over-100/1795890966", Options{PerProcess: true}, map[string]float64{
			"daemon.CpuUsagePct": 49, "daemon.process.1.CpuUsagePct": 0, "daemon.25PercentileCpuUsagePct": 0,
			"daemon.StdCpuUsagePct": math.Sqrt((49.*49 + 48*48 + 1) / 2),
		}},
		{"lastsess-minus-one/1795890966", Options{ServerNames: true}, map[string]float64{
			"backend.app.lastsess": 3600, "backend.app.server.s1.lastsess": 3600, "server.s1.lastsess": 3600,
		}},
		{"check-code-mean/1795890966", Options{}, map[string]float64{"backend.app.server.s1.check_code": 503}},
		{"cumreq-signed/1795890966", Options{}, map[string]float64{"daemon.CumReq": 1<<32 - 1803464246}},
		{"header-without-space/1795890966", Options{}, map[string]float64{"frontend.fe.stot": 13853595, "backend.be.server.i-1.stot": 4398}},
		{"same-server-twice/1795890966", Options{}, map[string]float64{"backend.app.server.s1.stot": 20, "backend.app.server.s1.weight": 20}},
	}
	for _, tt := range tests {
		t.Run(tt.dir, func(t *testing.T) {
			_, got := readCase(t, tt.opt, tt.dir)
			maps.DeleteFunc(got, func(path string, _ float64) bool { _, asked := tt.want[path]; return !asked })
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("want -, got +\n%s", d)
			}
		})
	}
}

// TestMarkersAreTheOnlyNews: where all processes say "never", the metric does, too.
func TestMarkersAreTheOnlyNews(t *testing.T) {
	const header = "# pxname,svname,type,lbtot,lastsess,\n"
	got := paths(aggregateFS(t, Options{}, files(map[string]string{
		"a_stat": header + "b,s1,2,0,-1,\nb,s2,2,0,-1,\nb,s3,2,0,,",
		"b_stat": header + "b,s1,2,0,-1,\nb,s2,2,4,0,\nb,s3,2,0,,",
	})))
	want := map[string]float64{"backend.b.server.s1.lastsess": -1, "backend.b.server.s2.lastsess": 0}
	if d := cmp.Diff(want, some(got, ".lastsess")); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
}

func TestDuplicatesAreTold(t *testing.T) {
	a, _ := readCase(t, Options{}, "dup-sockets-one-process/1795890966")
	want := []Duplicate{{First: "admin.sock", Next: "user.sock", Pid: "10571"}}
	if d := cmp.Diff(want, a.Duplicates()); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
	if got := a.Rows(haproxy.ServerRow); got != 1 {
		t.Errorf("got %d rows of servers, want 1: those of a duplicate are not counted", got)
	}
}

func TestInstances(t *testing.T) {
	const (
		rows   = "# pxname,svname,type,iid,sid,stot,\nf,FRONTEND,0,2,0,10,\nb,s1,2,3,1,10,"
		moved  = "# pxname,svname,type,iid,sid,stot,\nf,FRONTEND,0,2,0,10,\nb,s1,2,3,2,10,"
		later  = "# pxname,svname,type,iid,sid,stot,\nf,FRONTEND,0,2,0,12,\nb,s1,2,3,1,12,"
		others = "# pxname,svname,type,iid,sid,stot,\nf,FRONTEND,0,2,0,10,\nb,s2,2,3,1,10,"
		quoted = "# pxname,svname,type,iid,sid,stot,last_chk,\nf,FRONTEND,0,2,0,10,,\nb,s1,2,3,1,10,\"a,b\","
	)
	info := func(lines ...string) string {
		return strings.Join(append([]string{"Name: HAProxy", "Version: 2.6.12", "node: lb", "Pid: 8", "Process_num: 1", "Tasks: 1"}, lines...), "\n")
	}
	tests := []struct {
		name  string
		files map[string]string
		stot  float64
		found []Duplicate
	}{
		{
			name:  "a moment later, with counters that have grown",
			files: map[string]string{"a_info": info("Start_time_sec: 100", "Uptime_sec: 5", "CumReq: 7"), "b_info": info("Start_time_sec: 100", "Uptime_sec: 6", "CumReq: 9"), "a_stat": rows, "b_stat": later},
			stot:  10, found: []Duplicate{{"a", "b", "8"}},
		},
		{
			name:  "the same in another order of rows is another configuration",
			files: map[string]string{"a_info": info("Start_time_sec: 100"), "b_info": info("Start_time_sec: 100"), "a_stat": rows, "b_stat": moved},
			stot:  20,
		},
		{
			name:  "two containers with a Pid: other rows",
			files: map[string]string{"a_info": info("Start_time_sec: 100"), "b_info": info("Start_time_sec: 100"), "a_stat": rows, "b_stat": others},
			stot:  20,
		},
		{
			name:  "two containers with a Pid: another start",
			files: map[string]string{"a_info": info("Start_time_sec: 100"), "b_info": info("Start_time_sec: 101"), "a_stat": rows, "b_stat": rows},
			stot:  20,
		},
		{
			name:  "two containers with a Pid: another node",
			files: map[string]string{"a_info": info("Start_time_sec: 100"), "b_info": strings.Replace(info("Start_time_sec: 100"), "node: lb", "node: lb2", 1), "a_stat": rows, "b_stat": rows},
			stot:  20,
		},
		{
			name:  "two containers with a Pid: another time to start",
			files: map[string]string{"a_info": info("Start_time_sec: 100", "BootTime_ms: 7"), "b_info": info("Start_time_sec: 100", "BootTime_ms: 9"), "a_stat": rows, "b_stat": rows},
			stot:  20,
		},
		{
			name:  "before HAProxy 2.4 the uptime tells, a second apart",
			files: map[string]string{"a_info": info("Uptime_sec: 51"), "b_info": info("Uptime_sec: 50"), "a_stat": rows, "b_stat": rows},
			stot:  10, found: []Duplicate{{"a", "b", "8"}},
		},
		{
			name:  "and two seconds are too much",
			files: map[string]string{"a_info": info("Uptime_sec: 52"), "b_info": info("Uptime_sec: 50"), "a_stat": rows, "b_stat": rows},
			stot:  20,
		},
		{
			name:  "without start and uptime nothing is known",
			files: map[string]string{"a_info": info(), "b_info": info(), "a_stat": rows, "b_stat": rows},
			stot:  20,
		},
		{
			name: "three sockets, of which the second leads to another process",
			files: map[string]string{
				"a_info": info("Start_time_sec: 100"), "b_info": info("Start_time_sec: 100"), "c_info": info("Start_time_sec: 100"), "d_info": info("Start_time_sec: 100"),
				"a_stat": rows, "b_stat": others, "c_stat": rows, "d_stat": others,
			},
			stot: 20, found: []Duplicate{{"a", "c", "8"}, {"b", "d", "8"}},
		},
		{
			name:  "a reply without rows speaks for itself",
			files: map[string]string{"a_info": info("Start_time_sec: 100"), "b_info": info("Start_time_sec: 100"), "a_stat": rows},
			stot:  10, found: []Duplicate{{"a", "b", "8"}},
		},
		{
			name:  "a row with quotes",
			files: map[string]string{"a_info": info("Start_time_sec: 100"), "b_info": info("Start_time_sec: 100"), "a_stat": quoted, "b_stat": quoted},
			stot:  10, found: []Duplicate{{"a", "b", "8"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := New(Options{})
			for range 2 { // what is remembered must not show
				a.Reset()
				var r reply.Reader
				if _, err := r.Read(files(tt.files), a); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(tt.found, a.Duplicates()); d != "" {
					t.Errorf("duplicates: want -, got +\n%s", d)
				}
				got := paths(a.Batch(0))
				if got["frontend.f.stot"] != tt.stot {
					t.Errorf("stot = %v, want %v", got["frontend.f.stot"], tt.stot)
				}
				if want := tt.stot / 10; got["daemon.Tasks"] != want {
					t.Errorf("got %v processes, want %v", got["daemon.Tasks"], want)
				}
			}
		})
	}
}

func TestMissingProcesses(t *testing.T) {
	for dir, want := range map[string][]Missing{
		"dup-sockets-one-process/1795890966": nil,
		"nbproc-missing-process/1795890966":  {{Nbproc: 4, Answered: 3, Missing: 1, Numbers: []int{3}}},
		"nbproc-shared-socket/1795890966":    {{Nbproc: 4, Answered: 1, Missing: 3, Numbers: []int{2, 3, 4}}},
		"nbproc-shared-socket/1795890968":    {{Nbproc: 4, Answered: 1, Missing: 3, Numbers: []int{1, 2, 4}}},
	} {
		a, _ := readCase(t, Options{}, dir)
		if d := cmp.Diff(want, a.Missing()); d != "" {
			t.Errorf("%s: want -, got +\n%s", dir, d)
		}
	}
	whole := New(Options{})
	whole.Reset()
	recording := "../../testdata/recordings/1.6.0-nbproc4"
	entries, err := os.ReadDir(recording)
	if err != nil {
		t.Fatal(err)
	}
	var r reply.Reader
	if _, err := r.Read(os.DirFS(recording+"/"+entries[0].Name()), whole); err != nil {
		t.Fatal(err)
	}
	if got := whole.Missing(); got != nil {
		t.Errorf("got %v of an HAProxy whose processes have all answered, want none", got)
	}
	// Two HAProxy on a node, and what no HAProxy would say.
	infos := map[string]string{"v_info": "Nbproc: 2\nnode: n", "w_info": "Nbproc: 2\nnode: n\nPid: 5", "x_info": "Nbproc: 99999999999\nProcess_num: 1", "y_info": "Nbproc: -3", "z_info": "Nbproc: many"}
	for i, number := range []int{1, 2, 3, 1, 3} {
		infos[fmt.Sprintf("%d_info", i)] = fmt.Sprintf("Nbproc: 3\nProcess_num: %d\nPid: %d", number, i)
	}
	a := New(Options{})
	a.Reset()
	if _, err := r.Read(files(infos), a); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Missing{{Nbproc: 3, Answered: 5, Missing: 1, Numbers: []int{2}}}, a.Missing()); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
}

func TestOutdatedVersions(t *testing.T) {
	a, _ := readCase(t, Options{}, "cumreq-signed/1795890966")
	if d := cmp.Diff([]Outdated{{"hap.sock", "1.5.10"}}, a.Outdated()); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
	for version, want := range map[string]bool{
		"1.5.10": true, "1.5-dev26": true, "1.4.27": true, "0.9.9": true,
		"1.6.0": false, "1.6-dev3": false, "1.10": false, "2.0.0": false, "3.5-dev5": false, "": false, "x.y": false, "1": false,
	} {
		if got := isOutdated(version); got != want {
			t.Errorf("isOutdated(%q) = %v, want %v", version, got, want)
		}
	}
}

// TestOnlyCountersWrap: what is below 0 may be meant, and a counter of 64 bits is
// not shown as one of 32.
func TestOnlyCountersWrap(t *testing.T) {
	got := paths(aggregateFS(t, Options{}, files(map[string]string{
		"a_info": "CumReq: -1\nCumConns: -2147483648\nCumSslConns: -2147483649\nTasks: -1\nTotalBytesOut: -1\nNew: -1",
	})))
	want := map[string]float64{
		"daemon.CumReq": 1<<32 - 1, "daemon.CumConns": 1 << 31, "daemon.CumSslConns": -2147483649,
		"daemon.Tasks": -1, "daemon.TotalBytesOut": -1, "daemon.New": -1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
}

func TestRepeatedNamesAreTold(t *testing.T) {
	a, _ := readCase(t, Options{}, "same-server-twice/1795890966")
	want := []Repeated{{metric.Server, "app/s1"}}
	if d := cmp.Diff(want, a.Repeated()); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
	// Processes and sockets may say a name as often as they like.
	twice := New(Options{Backends: Wanted{Exclude: &Names{Exact: []string{"x"}}}})
	for range 2 {
		twice.Reset()
		var r reply.Reader
		if _, err := r.Read(files(map[string]string{
			"a_stat": "# pxname,svname,type,stot,\nb,s1,2,1,\nx,s1,2,1,\nx,s1,2,1,",
			"b_stat": "# pxname,svname,type,stot,\nb,s1,2,1,",
		}), twice); err != nil {
			t.Fatal(err)
		}
	}
	if got := twice.Repeated(); len(got) > 0 {
		t.Errorf("got %v, want none", got)
	}
}
