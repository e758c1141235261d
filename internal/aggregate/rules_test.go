package aggregate

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"haproxystats/internal/catalogue"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/encode/plaintext"
)

// files makes a snapshot of texts by file name. Each line's indentation is
// dropped and HAProxy's end mark added.
func files(texts map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range texts {
		var lines []string
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
		fsys[name] = &fstest.MapFile{Data: []byte(strings.Join(lines, "\n") + "\n\n")}
	}
	return fsys
}

// some keeps the paths that end in one of the suffixes or begin with it.
func some(all map[string]float64, parts ...string) map[string]float64 {
	m := maps.Clone(all)
	maps.DeleteFunc(m, func(path string, _ float64) bool {
		return !slices.ContainsFunc(parts, func(s string) bool { return strings.HasSuffix(path, s) || strings.HasPrefix(path, s) })
	})
	return m
}

func TestProxyRules(t *testing.T) {
	const header = "# pxname,svname,type,scur,bin,weight,lbtot,rtime,eint,lastsess,qtime_max,brand_new,status,\n"
	tests := []struct {
		name  string
		opt   Options
		files map[string]string
		keep  []string
		want  map[string]float64
	}{
		{
			name: "counters add up, weights are averaged, times only of active rows",
			files: map[string]string{
				"a_stat": header + `
					b,s1,2,1,10,3,5,100,1,-1,7,2,UP,
					b,s2,2,1,10,4,0,900,,,,,UP,`,
				"b_stat": header + `
					b,s1,2,2,20,4,3,200,2,3,9,,UP,
					b,s2,2,2,,5,0,900,,,,,UP,`,
			},
			keep: []string{".scur", ".bin", ".weight", ".rtime", ".eint", ".lastsess", ".qtime_max", ".brand_new", ".status"},
			want: map[string]float64{
				"backend.b.server.s1.scur": 3, "backend.b.server.s1.bin": 30, "backend.b.server.s1.weight": 3.5,
				"backend.b.server.s1.rtime": 150, "backend.b.server.s1.eint": 3, "backend.b.server.s1.lastsess": 3,
				"backend.b.server.s1.qtime_max": 9, "backend.b.server.s1.brand_new": 2,
				"backend.b.server.s2.scur": 3, "backend.b.server.s2.bin": 10, "backend.b.server.s2.weight": 4.5,
			},
		},
		{
			name: "classic leaves newer and unknown fields out",
			opt:  Options{Classic: true},
			files: map[string]string{"a_stat": header + `
				b,s1,2,1,10,3,5,100,1,-1,7,2,UP,`},
			keep: []string{".eint", ".lastsess", ".qtime_max", ".brand_new", ".rtime"},
			want: map[string]float64{"backend.b.server.s1.rtime": 100},
		},
		{
			name: "only the metrics that are asked for, each by its own rule",
			opt:  Options{Server: catalogue.ParseList("bin rtime eint"), ServerNames: true},
			files: map[string]string{
				"a_stat": header + "b,s1,2,1,10,3,5,100,1,-1,7,2,UP,",
				"b_stat": header + "b,s1,2,1,10,3,0,300,1,-1,7,2,UP,",
			},
			keep: []string{"backend.", "server."},
			want: map[string]float64{
				"backend.b.TotalServers":  1,
				"backend.b.server.s1.bin": 20, "backend.b.server.s1.rtime": 100, "backend.b.server.s1.eint": 2,
				"server.s1.bin": 20, "server.s1.rtime": 100, "server.s1.eint": 2,
			},
		},
		{
			name: "a column that one process lacks counts as 0, a newer one is left out there",
			files: map[string]string{
				"a_stat": header + "b,s1,2,1,10,3,5,100,1,4,7,2,UP,",
				"b_stat": "# pxname,svname,type,bin,lbtot,\nb,s1,2,10,1,",
			},
			keep: []string{".scur", ".bin", ".weight", ".rtime", ".lastsess"},
			want: map[string]float64{
				"backend.b.server.s1.scur": 1, "backend.b.server.s1.bin": 20, "backend.b.server.s1.weight": 1.5,
				"backend.b.server.s1.rtime": 50, "backend.b.server.s1.lastsess": 4,
			},
		},
		{
			name: "the first of a double column counts",
			files: map[string]string{"a_stat": "# pxname,svname,type,scur,lbtot,rtime,scur,lbtot,rtime,odd,odd,\n" +
				"b,s1,2,1,5,100,2,0,300,3,4,"},
			keep: []string{".scur", ".lbtot", ".rtime", ".odd"},
			want: map[string]float64{
				"backend.b.server.s1.scur": 1, "backend.b.server.s1.lbtot": 5, "backend.b.server.s1.rtime": 100,
				"backend.b.server.s1.odd": 3,
			},
		},
		{
			name: "a number that is no int64 counts once, and by the rule of its field",
			files: map[string]string{"a_stat": "# pxname,svname,type,lbtot,weight,rtime,ctime,\n" +
				"b,s1,2,5,2.5,1.5,18446744073709551616,\nb,s2,2,0,2.5,1.5,18446744073709551616,\nb,s3,2,0.5,,4,,\nb,s4,2,-0.5,,4,,"},
			keep: []string{".weight", ".rtime", ".ctime"},
			want: map[string]float64{
				"backend.b.server.s1.weight": 2.5, "backend.b.server.s1.rtime": 1.5, "backend.b.server.s1.ctime": 1 << 64,
				"backend.b.server.s2.weight": 2.5, "backend.b.server.s3.weight": 0, "backend.b.server.s3.rtime": 4,
				"backend.b.server.s3.ctime": 0, "backend.b.server.s4.weight": 0,
			},
		},
		{
			name:  "times that are not shown are 0 where there are connections",
			files: map[string]string{"a_stat": "# pxname,svname,type,lbtot,-,,\nb,s1,2,5,6,7\nb,s2,2,0,6,7"},
			keep:  []string{".rtime", ".-", "."},
			want:  map[string]float64{"backend.b.server.s1.rtime": 0},
		},
		{
			name: "a row is what its type says",
			files: map[string]string{"a_stat": header + `
				BACKEND,FRONTEND,2,1,10,3,5,100,,,,,UP,
				FRONTEND,BACKEND,2,2,10,3,5,100,,,,,UP,
				FRONTEND,odd,0,4,10,3,5,100,,,,,UP,
				x,listener,3,8,10,3,5,100,,,,,UP,`},
			keep: []string{".scur"},
			want: map[string]float64{
				"backend.BACKEND.server.FRONTEND.scur": 1, "backend.FRONTEND.server.BACKEND.scur": 2, "frontend.FRONTEND.scur": 4,
			},
		},
		{
			name: "nor does the row before say what it is",
			files: map[string]string{
				"a_stat": header + "b,BACKEND,2,1,,,,,,,,,,\nx,BACKEND,1,8,,,,,,,,,,\nb,BACKEND,1,2,,,,,,,,,,",
				"b_stat": header + "b,BACKEND,1,4,,,,,,,,,,",
			},
			keep: []string{".scur"},
			want: map[string]float64{"backend.b.server.BACKEND.scur": 1, "backend.b.scur": 6, "backend.x.scur": 8},
		},
		{
			name: "names that can't stand in a path",
			files: map[string]string{"a_stat": header + `
				"a b;c/d.é	` + "\xff\x00" + `",FRONTEND,0,1,,,,,,,,,,
				null,NA,2,1,,,,,,,,,,
				a` + "\x7f" + `b,FRONTEND,0,8,,,,,,,,,,
				-1,nan,2,2,,,,,,,,,,`},
			keep: []string{".scur"},
			want: map[string]float64{"frontend.a_b_c_d_é___.scur": 1, "frontend.a_b.scur": 8, "backend.null.server.NA.scur": 1, "backend.-1.server.nan.scur": 2},
		},
		{
			name: "exclusion reaches servers, but not the totals of their names",
			opt:  Options{Spell: plaintext.Component, Frontends: Wanted{Exclude: &Names{Exact: []string{"f_x"}}}, Backends: Wanted{Exclude: &Names{Exact: []string{"b_x"}}}, ServerNames: true},
			files: map[string]string{"a_stat": header + `
				f.x,FRONTEND,0,1,,,,,,,,,,
				f.y,FRONTEND,0,1,,,,,,,,,,
				b.x,BACKEND,1,1,,,,,,,,,,
				b.x,s1,2,1,,,,,,,,,,
				b.y,s1,2,1,,,,,,,,,,
				b.y,s2,2,1,,,,,,,,,,`},
			keep: []string{".scur", ".TotalServers"},
			want: map[string]float64{
				"frontend.f_y.scur": 1, "backend.b_y.TotalServers": 2, "backend.b_y.server.s1.scur": 1,
				"backend.b_y.server.s2.scur": 1, "server.s1.scur": 2, "server.s2.scur": 1,
			},
		},
		{
			name: "numbers beyond 63 bits and text in a number's place",
			files: map[string]string{
				"a_stat": header + "f,FRONTEND,0,9223372036854775807,18446744073709551615,,,,,,,1.5,,",
				"b_stat": header + "f,FRONTEND,0,9223372036854775807,1,,,,,,,2.25,,\nf,FRONTEND,0,oops,oops,,,,,,,oops,,",
			},
			keep: []string{".scur", ".bin", ".brand_new"},
			want: map[string]float64{"frontend.f.scur": 2 * 9223372036854775807., "frontend.f.bin": 1 << 64, "frontend.f.brand_new": 3.75},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := some(paths(aggregateFS(t, tt.opt, files(tt.files))), tt.keep...)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("want -, got +\n%s", d)
			}
		})
	}
}

func TestDaemonRules(t *testing.T) {
	tests := []struct {
		name  string
		opt   Options
		files map[string]string
		want  map[string]float64
	}{
		{
			name: "a key that one process lacks is left out there",
			opt:  Options{Classic: true},
			files: map[string]string{
				"a_info": "Tasks: 5\nIdle_pct: 90\nZlibMemUsage: 7\nUptime_sec: 10\nName: HAProxy",
				"b_info": "Tasks: 6\nIdle_pct: 81\nUptime_sec: 20",
			},
			want: map[string]float64{
				"daemon.Tasks": 11, "daemon.Idle_pct": 85.5, "daemon.ZlibMemUsage": 7, "daemon.Uptime_sec": 15,
				"daemon.CpuUsagePct": 14.5, "daemon.25PercentileCpuUsagePct": 10, "daemon.50PercentileCpuUsagePct": 10,
				"daemon.75PercentileCpuUsagePct": 19, "daemon.95PercentileCpuUsagePct": 19, "daemon.99PercentileCpuUsagePct": 19,
				"daemon.StdCpuUsagePct": 6.363961030678928,
			},
		},
		{
			name:  "newer and unknown fields, names cleaned",
			files: map[string]string{"a_info": "Unstoppable Jobs: 3\nNew.Thing: -4\nNew.Thing: 9\nPid: 77\nPid: 78\nTainted: 0x1\n3.5: 2.5"},
			want:  map[string]float64{"daemon.Unstoppable_Jobs": 3, "daemon.New_Thing": -4, "daemon.3_5": 2.5},
		},
		{
			name:  "an idle share need not be a whole number",
			opt:   Options{Classic: true, PerProcess: true},
			files: map[string]string{"a_info": "Idle_pct: 99.7", "b_info": "Idle_pct: 0.5"},
			want: map[string]float64{
				"daemon.Idle_pct": 50.1, "daemon.CpuUsagePct": 49.9, "daemon.StdCpuUsagePct": 70.14499269370552,
				"daemon.25PercentileCpuUsagePct": 0.3, "daemon.50PercentileCpuUsagePct": 0.3,
				"daemon.75PercentileCpuUsagePct": 99.5, "daemon.95PercentileCpuUsagePct": 99.5, "daemon.99PercentileCpuUsagePct": 99.5,
				"daemon.process.a.Idle_pct": 99.7, "daemon.process.a.CpuUsagePct": 0.3,
				"daemon.process.b.Idle_pct": 0.5, "daemon.process.b.CpuUsagePct": 99.5,
			},
		},
		{
			name:  "CPU usage is a share, whatever HAProxy says of its idle time",
			opt:   Options{Classic: true, PerProcess: true},
			files: map[string]string{"a_info": "Idle_pct: 150", "b_info": "Idle_pct: -5", "c_info": "Idle_pct: 101.5", "d_info": "Idle_pct: all"},
			want: map[string]float64{
				"daemon.Idle_pct": 82.16666666666667, "daemon.CpuUsagePct": 33.333333333333336, "daemon.StdCpuUsagePct": 57.735026918962575,
				"daemon.25PercentileCpuUsagePct": 0, "daemon.50PercentileCpuUsagePct": 0,
				"daemon.75PercentileCpuUsagePct": 100, "daemon.95PercentileCpuUsagePct": 100, "daemon.99PercentileCpuUsagePct": 100,
				"daemon.process.a.Idle_pct": 150, "daemon.process.a.CpuUsagePct": 0,
				"daemon.process.b.Idle_pct": -5, "daemon.process.b.CpuUsagePct": 100,
				"daemon.process.c.Idle_pct": 101.5, "daemon.process.c.CpuUsagePct": 0,
			},
		},
		{
			name: "a share of SSL sessions is a mean",
			files: map[string]string{
				"a_info": "SslFrontendSessionReuse_pct: 100", "b_info": "SslFrontendSessionReuse_pct: 50",
			},
			want: map[string]float64{"daemon.SslFrontendSessionReuse_pct": 75},
		},
		{
			name: "and a sum in the classic metric set, as the original has it",
			opt:  Options{Classic: true},
			files: map[string]string{
				"a_info": "SslFrontendSessionReuse_pct: 100", "b_info": "SslFrontendSessionReuse_pct: 50",
			},
			want: map[string]float64{"daemon.SslFrontendSessionReuse_pct": 150},
		},
		{
			name: "percentages: sums first, rounded down, 0 without a limit",
			opt:  Options{Classic: true, Percentages: true, PerProcess: true},
			files: map[string]string{
				"a_info": "Process_num: 1\nCurrConns: 99\nMaxconn: 100\nConnRate: 5\nConnRateLimit: 0",
				"b_info": "Process_num: 2\nCurrConns: 0\nMaxconn: 100\nConnRate: 5\nConnRateLimit: 0",
			},
			want: map[string]float64{
				"daemon.CurrConns": 99, "daemon.Maxconn": 200, "daemon.ConnRate": 10, "daemon.ConnRateLimit": 0,
				"daemon.ConnPercentage": 49, "daemon.ConnRatePercentage": 0,
				"daemon.process.1.CurrConns": 99, "daemon.process.1.Maxconn": 100, "daemon.process.1.ConnRate": 5,
				"daemon.process.1.ConnRateLimit": 0, "daemon.process.1.ConnPercentage": 99, "daemon.process.1.ConnRatePercentage": 0,
				"daemon.process.2.CurrConns": 0, "daemon.process.2.Maxconn": 100, "daemon.process.2.ConnRate": 5,
				"daemon.process.2.ConnRateLimit": 0, "daemon.process.2.ConnPercentage": 0, "daemon.process.2.ConnRatePercentage": 0,
			},
		},
		{
			name: "numbers that leave an int64",
			opt:  Options{Classic: true, Percentages: true},
			files: map[string]string{
				"a_info": "Idle_pct: -9223372036854775808\nCurrConns: 9223372036854775807\nMaxconn: 1\nSslRate: 3\nSslRateLimit: -2",
				"b_info": "Idle_pct: -9223372036854775000",
				"c_info": "Idle_pct: -9223372036854775000",
			},
			want: map[string]float64{
				"daemon.Idle_pct": -9223372036854775269, "daemon.CurrConns": 1 << 63, "daemon.Maxconn": 1, "daemon.ConnPercentage": 100 * (1 << 63),
				"daemon.SslRate": 3, "daemon.SslRateLimit": -2, "daemon.SslRatePercentage": -150,
				"daemon.CpuUsagePct": 100, "daemon.StdCpuUsagePct": 0,
				"daemon.25PercentileCpuUsagePct": 100, "daemon.50PercentileCpuUsagePct": 100, "daemon.75PercentileCpuUsagePct": 100,
				"daemon.95PercentileCpuUsagePct": 100, "daemon.99PercentileCpuUsagePct": 100,
			},
		},
		{
			name: "processes that share a number go by their sockets, and none hides another",
			opt:  Options{Classic: true, PerProcess: true},
			files: map[string]string{
				"x.1_info": "Process_num: 1\nTasks: 1", "x_1_info": "Process_num: 1\nTasks: 2",
				"y_info": "Process_num: 2\nTasks: 4", "z_info": "Tasks: 8", "2_info": "Tasks: 16", "_info": "Tasks: 32",
			},
			want: map[string]float64{
				"daemon.process.2_2.Tasks": 16, "daemon.process._2.Tasks": 32,
				"daemon.Tasks": 63, "daemon.process.x_1.Tasks": 1, "daemon.process.x_1_2.Tasks": 2,
				"daemon.process.2.Tasks": 4, "daemon.process.z.Tasks": 8,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := paths(aggregateFS(t, tt.opt, files(tt.files)))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("want -, got +\n%s", d)
			}
		})
	}
}

func TestNearestRank(t *testing.T) {
	// What numpy's 'nearest' gives for the values 0 to n-1, which are their ranks.
	for _, tt := range []struct {
		n    int64
		want []int64
	}{
		{2, []int64{0, 0, 1, 1, 1}},
		{3, []int64{0, 1, 2, 2, 2}},
		{4, []int64{1, 2, 2, 3, 3}},
		{7, []int64{2, 3, 4, 6, 6}},
		{11, []int64{2, 5, 8, 10, 10}},
	} {
		var values []int64
		for v := range tt.n {
			values = append(values, v)
		}
		for i, p := range percentiles {
			if got := nearestRank(values, p.quantile); got != tt.want[i] {
				t.Errorf("of %d values, %v: %d, want %d", tt.n, p.quantile, got, tt.want[i])
			}
		}
	}
}
