package aggregate

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
)

// dump writes a batch out with all that a sink can see, in its order.
func dump(b *metric.Batch) string {
	var out strings.Builder
	for _, t := range b.Tables {
		if t.Scope() == metric.Socket || t.Scope() == metric.ServerProcesses {
			continue // they are about a node, and its processes among themselves
		}
		for _, row := range t.Rows() {
			for col, c := range t.Columns() {
				if v, ok := t.Filled(row, col); ok {
					fmt.Fprintln(&out, t.Scope(), t.Entity(row), c.Name+[]string{"", "", "*"}[c.Outputs], v)
				}
			}
		}
	}
	return out.String()
}

// anySnapshot draws the replies of a few processes that overlap in names and
// differ in columns.
func anySnapshot(t *rapid.T) []fstest.MapFS { return anyProcesses(t, 1) }

// anyProcesses is anySnapshot, where Stopping is at most a number.
func anyProcesses(t *rapid.T, stopping int) []fstest.MapFS {
	fields := []string{"scur", "weight", "lbtot", "rtime", "eint", "qtime_max", "brand_new", "lastchg", "lastsess", "downtime", "comp_in", "status", "mode"}
	number := rapid.SampledFrom([]string{"", "0", "1", "7", "100", "9223372036854775807", "18446744073709551615", "-1", "0.5", "x"})
	var parts []fstest.MapFS
	for i := range rapid.IntRange(1, 4).Draw(t, "processes") {
		columns := rapid.Permutation(fields).Draw(t, "columns")[:rapid.IntRange(0, len(fields)).Draw(t, "n")]
		stat := "# pxname,svname,type," + strings.Join(columns, ",") + "\n"
		for range rapid.IntRange(0, 8).Draw(t, "rows") {
			typ := rapid.IntRange(0, 3).Draw(t, "type")
			stat += rapid.SampledFrom([]string{"a.b", "a_b", "c"}).Draw(t, "proxy") + "," +
				[]string{"FRONTEND", "BACKEND", rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "server"), "l"}[typ] + "," + fmt.Sprint(typ)
			for _, c := range columns {
				switch c {
				case "status":
					stat += "," + rapid.SampledFrom([]string{"", "OPEN", "STOP", "UP 1/2", "DOWN", "MAINT", "no check"}).Draw(t, c)
				case "mode":
					stat += "," + rapid.SampledFrom([]string{"", "http", "tcp"}).Draw(t, c)
				default:
					stat += "," + number.Draw(t, "value")
				}
			}
			stat += "\n"
		}
		info := fmt.Sprintf("Process_num: %d\nIdle_pct: %d\nTasks: %s\nNew: %s\nNbproc: 2\nUptime_sec: %d\nStopping: %d",
			rapid.IntRange(1, 2).Draw(t, "number"), rapid.IntRange(0, 100).Draw(t, "idle"), number.Draw(t, "tasks"), number.Draw(t, "new"),
			rapid.IntRange(0, 9).Draw(t, "uptime"), rapid.IntRange(0, stopping).Draw(t, "stopping"))
		parts = append(parts, files(map[string]string{
			fmt.Sprintf("%d_stat", i): stat,
			fmt.Sprintf("%d_info", i): info,
		}))
	}
	return parts
}

func anyOptions(t *rapid.T) Options {
	return Options{
		Classic:     rapid.Bool().Draw(t, "classic"),
		ServerNames: rapid.Bool().Draw(t, "names"),
		PerProcess:  rapid.Bool().Draw(t, "per process"),
		Percentages: rapid.Bool().Draw(t, "percentages"),
		Series:      rapid.Bool().Draw(t, "series"),
		Server:      rapid.SampledFrom([]catalogue.List{nil, nil, catalogue.ParseList("*c* -rtime")}).Draw(t, "list"),
		Frontends:   anyWanted(t, "a.b"),
		Backends:    anyWanted(t, "a_b"),
		Servers:     anyWanted(t, rapid.SampledFrom([]string{"s1", "a.b/s1"}).Draw(t, "exact")),
	}
}

func anyWanted(t *rapid.T, name string) Wanted {
	only := &Names{Exact: []string{name}}
	some := &Names{Patterns: []Group{{"b", func(name string) bool { return strings.Contains(name, "b") }}}}
	return Wanted{
		Include: rapid.SampledFrom([]*Names{nil, nil, only, some}).Draw(t, "include"),
		Exclude: rapid.SampledFrom([]*Names{nil, nil, only, some}).Draw(t, "exclude"),
	}
}

func feed(t *rapid.T, a *Aggregator, parts ...fstest.MapFS) {
	whole := fstest.MapFS{}
	for _, p := range parts {
		for name, f := range p {
			whole[name] = f
		}
	}
	var r reply.Reader
	if _, err := r.Read(whole, a); err != nil {
		t.Fatal(err)
	}
}

func TestMergeOfPartsIsTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts, opt := anySnapshot(t), anyOptions(t)
		whole := New(opt)
		whole.Reset()
		feed(t, whole, parts...)

		merged := New(opt)
		merged.Reset()
		for _, i := range rapid.Permutation(indices(parts)).Draw(t, "order") {
			part := New(opt)
			part.Reset()
			feed(t, part, parts[i])
			merged.Merge(part)
		}
		merged.Batch(1) // may be asked for again
		if d := cmp.Diff(dump(whole.Batch(1)), dump(merged.Batch(1))); d != "" {
			t.Fatalf("whole -, merged +\n%s", d)
		}
	})
}

func indices[T any](s []T) []int {
	var is []int
	for i := range s {
		is = append(is, i)
	}
	return is
}

// The sockets' names give the order of the files; the replies are moved around
// among them. Processes are told apart by their names, so they stay out.
func TestOrderOfFilesDoesNotShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts, opt := anySnapshot(t), anyOptions(t)
		opt.PerProcess = false
		moved := make([]fstest.MapFS, len(parts))
		for to, from := range rapid.Permutation(indices(parts)).Draw(t, "order") {
			moved[to] = fstest.MapFS{
				fmt.Sprintf("%d_stat", to): parts[from][fmt.Sprintf("%d_stat", from)],
				fmt.Sprintf("%d_info", to): parts[from][fmt.Sprintf("%d_info", from)],
			}
		}
		a := New(opt)
		a.Reset()
		feed(t, a, parts...)
		before := dump(a.Batch(1))
		if rapid.Bool().Draw(t, "new aggregator") {
			a = New(opt)
		}
		a.Reset()
		feed(t, a, moved...)
		if d := cmp.Diff(before, dump(a.Batch(1))); d != "" {
			t.Fatalf("in order -, moved +\n%s", d)
		}
	})
}

// What an aggregator has seen before must not show in what it says now.
func TestUsedAggregatorIsAsGoodAsNew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := anyOptions(t)
		used := New(opt)
		for range 3 {
			parts := anySnapshot(t)
			used.Reset()
			feed(t, used, parts...)
			fresh := New(opt)
			fresh.Reset()
			feed(t, fresh, parts...)
			if d := cmp.Diff(dump(fresh.Batch(1)), dump(used.Batch(1))); d != "" {
				t.Fatalf("fresh -, used +\n%s", d)
			}
		}
	})
}

func TestRowsAreCounted(t *testing.T) {
	fsys := files(map[string]string{
		"a_stat": "# pxname,svname,type,scur,\nf,FRONTEND,0,1,\nb,s1,2,1,\nb,s2,2,1,\nb,s2,2,1,\nb,BACKEND,1,1,\nb,BACKEND,7,1,\nl,sock,3,1,",
		"b_stat": "# pxname,svname,type,scur,\nb,BACKEND,1,1,\nx,BACKEND,1,1,",
	})
	a := New(Options{Backends: Wanted{Exclude: &Names{Exact: []string{"x"}}}})
	for range 2 { // each snapshot begins at 0
		a.Reset()
		var r reply.Reader
		if _, err := r.Read(fsys, a); err != nil {
			t.Fatal(err)
		}
		for typ, want := range []int{1, 3, 3, 0} {
			if got := a.Rows(haproxy.RowType(typ)); got != want {
				t.Errorf("%d rows of type %d, want %d", got, typ, want)
			}
		}
	}
}

func TestWhatIsGoneIsForgotten(t *testing.T) {
	fields := []string{"scur", "smax", "stot", "bin", "bout", "rate"}
	for _, test := range []struct {
		name string
		stat func(round int) string
	}{
		{"names", func(round int) string {
			stat := "# pxname,svname,type,scur,\n"
			for i := range 300 { // each name three times, as of three processes
				stat += fmt.Sprintf("b,server-%d-%d,2,1,\n", round, i%100)
			}
			return stat
		}},
		{"headers with the same columns", func(round int) string {
			for i := range fields {
				j := i + round%(len(fields)-i)
				fields[i], fields[j] = fields[j], fields[i]
			}
			return "# pxname,svname,type," + strings.Join(fields, ",") + "\nb,s,2,1,1,1,1,1,1\n"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := New(Options{})
			var names, rows, headers int
			for round := range 300 {
				a.Reset()
				var r reply.Reader
				if _, err := r.Read(files(map[string]string{"a_stat": test.stat(round)}), a); err != nil {
					t.Fatal(err)
				}
				names = max(names, len(a.proxies.names.byName))
				rows = max(rows, a.proxies.scopes[haproxy.ServerRow].table.Capacity())
				headers = max(headers, len(a.proxies.layouts))
			}
			if most := 3*100 + slack; names > most || rows > most || headers > maxHeaders+1 {
				t.Errorf("%d names, %d rows and %d headers are remembered", names, rows, headers)
			}
		})
	}
}

// A load balancer whose names and columns change for ever must not cost more
// and more.
func TestStaleNamesAndColumnsAreForgotten(t *testing.T) {
	a := New(Options{ServerNames: true})
	var most, columns int
	for round := range 300 {
		stat := fmt.Sprintf("# pxname,svname,type,scur,column%d,\n", round)
		for i := range 100 {
			stat += fmt.Sprintf("b,server-%d-%d,2,1,1,\n", round/3, i)
		}
		a.Reset()
		var r reply.Reader
		if _, err := r.Read(files(map[string]string{"a_stat": stat}), a); err != nil {
			t.Fatal(err)
		}
		if n := paths(a.Batch(1))["backend.b.TotalServers"]; n != 100 {
			t.Fatalf("round %d: %v servers", round, n)
		}
		for _, table := range a.proxies.tables() {
			most = max(most, table.Capacity(), len(a.proxies.names.byName))
			columns = max(columns, len(table.Columns()))
		}
	}
	if most > 2*100+slack+100 {
		t.Errorf("%d names are remembered", most)
	}
	initial := len(New(Options{}).proxies.scopes[1].table.Columns()) // the backends have most
	if columns > initial+maxHeaders/3+1 {                            // each header widens three tables
		t.Errorf("%d columns are remembered, of %d at first", columns, initial)
	}
}

// TestColumnsWithoutEnd: sockets that all show other columns cost no more than
// columns times sockets.
func TestColumnsWithoutEnd(t *testing.T) {
	const sockets, each = 32, 500
	stats := make(map[string]string)
	for n := range sockets {
		stat := "# pxname,svname,type"
		for i := range each {
			stat += fmt.Sprintf(",column%d-%d", n, i)
		}
		stats[fmt.Sprintf("%d_stat", n)] = stat + "\nf,FRONTEND,0" + strings.Repeat(",1", each) + "\n"
	}
	a := New(Options{})
	a.Reset()
	var r reply.Reader
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := r.Read(files(stats), a); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<30 {
		t.Errorf("%d MB were allocated", grown>>20)
	}
	ones := 0
	for _, v := range paths(a.Batch(1)) {
		if v == 1 {
			ones++
		}
	}
	if ones != sockets*each {
		t.Errorf("%d values, want %d", ones, sockets*each)
	}
}

func TestSteadyStateAllocatesNothingPerRow(t *testing.T) {
	for _, rows := range []int{100, 1000} {
		stat := "# pxname,svname,type,scur,lbtot,rtime,\n"
		for i := range rows {
			stat += fmt.Sprintf("b,s%d,2,1,1,5,\n", i)
		}
		fsys := files(map[string]string{"a_stat": stat, "b_stat": stat})
		a := New(Options{})
		var r reply.Reader
		allocs := testing.AllocsPerRun(10, func() {
			a.Reset()
			if _, err := r.Read(fsys, a); err != nil {
				t.Fatal(err)
			}
			a.Batch(1)
		})
		if allocs > 60 {
			t.Errorf("%d rows: %v allocations", rows, allocs)
		}
	}
}

func TestGroups(t *testing.T) {
	in := func(name string, members ...string) Group {
		return Group{name, func(n string) bool { return slices.Contains(members, n) }}
	}
	fsys := files(map[string]string{"a_stat": `
		# pxname,svname,type,scur,
		f.1,FRONTEND,0,1,
		f.2,FRONTEND,0,1,
		b.1,BACKEND,1,1,
		b.1,s.1,2,1,
		b.2,s.1,2,1,`})
	b := aggregateFS(t, Options{
		Spell:          plaintext.Component,
		ServerNames:    true,
		FrontendGroups: []Group{in("first", "f_1"), in("second", "f_1", "f_2")},
		BackendGroups:  []Group{in("backs", "b_1")},
		ServerGroups:   []Group{in("servs", "s_1")},
	}, fsys)
	got := map[string]string{}
	for _, t := range b.Tables {
		for _, row := range t.Rows() {
			e := t.Entity(row)
			got[strings.Join([]string{t.Scope().String(), t.Columns()[0].Name, e.Parent, e.Name}, " ")] = e.Group
		}
	}
	want := map[string]string{
		"frontend stot  f.1": "first", "frontend stot  f.2": "second", "backend stot  b.1": "backs",
		"backend TotalServers  b.1": "backs", "backend TotalServers  b.2": "",
		"server stot b.1 s.1": "backs", "server stot b.2 s.1": "", "server-name stot  s.1": "servs",
	}
	first := func(m map[string]string) map[string]string { // whatever the first column is
		out := map[string]string{}
		for k, v := range m {
			f := strings.SplitN(k, " ", 3)
			if f[1] != "TotalServers" {
				f[1] = "stot"
			}
			out[strings.Join(f, " ")] = v
		}
		return out
	}
	if d := cmp.Diff(want, first(got)); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
}
