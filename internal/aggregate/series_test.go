package aggregate

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
)

// recordings returns the directories of recorded snapshots.
func recordings(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../../testdata/recordings/*/*", "../../testdata/golden/*/snapshot/*"} {
		dirs, err := filepath.Glob(pattern)
		if err != nil || len(dirs) == 0 {
			t.Fatalf("no recordings in %s: %v", pattern, err)
		}
		all = append(all, dirs...)
	}
	return all
}

// batchAt aggregates a snapshot with its time.
func batchAt(t *testing.T, opt Options, fsys fs.FS, epoch int64) *metric.Batch {
	t.Helper()
	a := New(opt)
	var r reply.Reader
	if report, err := r.Read(fsys, a); err != nil || len(report.BadFiles) > 0 {
		t.Fatalf("got %v, bad files %v", err, report.BadFiles)
	}
	return a.Batch(epoch)
}

// recorded are the replies of the processes of a snapshot as they are.
type recorded struct {
	info map[string][]string            // by field
	rows map[string][]map[string]string // by entity, of all processes
}

var modelScopes = map[string]string{"0": "frontend", "1": "backend", "2": "server", "3": "listener"}

func readRecorded(t *testing.T, dir string) recorded {
	t.Helper()
	r := recorded{map[string][]string{}, map[string][]map[string]string{}}
	infos, err := filepath.Glob(dir + "/*_info")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range infos {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
				r.info[name] = append(r.info[name], value)
			}
		}
		text, err = os.ReadFile(strings.TrimSuffix(file, "_info") + "_stat")
		if err != nil {
			t.Fatal(err)
		}
		in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("# "))))
		in.FieldsPerRecord, in.LazyQuotes = -1, true
		rows, err := in.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			fields := map[string]string{}
			for i, name := range rows[0] {
				if _, twice := fields[name]; !twice && i < len(row) {
					fields[name] = row[i]
				}
			}
			id := modelScopes[fields["type"]] + " " + fields["pxname"]
			if t := fields["type"]; t == "2" || t == "3" {
				id += "/" + fields["svname"]
			}
			r.rows[id] = append(r.rows[id], fields)
		}
	}
	return r
}

// combined combines values by a rule of series.tsv; nil for none.
func combined(t *testing.T, rule string, values []*big.Rat) *big.Rat {
	t.Helper()
	if len(values) == 0 {
		return nil
	}
	sum := new(big.Rat)
	for _, v := range values {
		sum.Add(sum, v)
	}
	compare := func(a, b *big.Rat) int { return a.Cmp(b) }
	switch rule {
	case "sum", "monotone sum":
		return sum
	case "mean", "mean (monotone)", "mean of active":
		return sum.Quo(sum, big.NewRat(int64(len(values)), 1))
	case "largest", "of the process whose state is shown":
		return slices.MaxFunc(values, compare)
	case "smallest":
		return slices.MinFunc(values, compare)
	case "smallest (lastsess: -1 only if all say -1)":
		known := slices.DeleteFunc(slices.Clone(values), func(v *big.Rat) bool { return v.Sign() < 0 })
		if len(known) == 0 {
			return slices.MaxFunc(values, compare)
		}
		return slices.MinFunc(known, compare)
	case "number of processes":
		return big.NewRat(int64(len(values)), 1)
	}
	t.Fatalf("unknown rule %q", rule)
	return nil
}

// modelStates are the states of A status by the texts of all processes.
var modelStates = map[string][]string{
	"frontend": {"UP", "DOWN"}, "listener": {"OPEN", "FULL", "WAITING"},
	"backend": {"DOWN", "UP"}, "server": {"DOWN", "MAINT", "DRAIN", "NOLB", "UP"},
}

// modelState returns the state to show: the first one in modelStates.
func modelState(scope string, texts []string) string {
	found := map[string]bool{}
	for _, text := range texts {
		word, _, _ := strings.Cut(text, " ")
		switch {
		case scope == "frontend" && word == "STOP":
			word = "DOWN"
		case scope == "frontend" && word != "", scope == "server" && text == "no check":
			word = "UP"
		}
		found[word] = true
	}
	for _, state := range modelStates[scope] {
		if found[state] {
			return state
		}
	}
	return ""
}

// seriesOf returns the values for outputs other than Graphite by entity and field.
func seriesOf(t *testing.T, b *metric.Batch) map[string]metric.Value {
	t.Helper()
	m := map[string]metric.Value{}
	for _, table := range b.Tables {
		if table.Scope() == metric.Socket || table.Scope() == metric.ServerProcesses {
			continue // they are about a node
		}
		for _, row := range table.Rows() {
			e := table.Entity(row)
			id := table.Scope().String() + " " + e.Name
			if e.Parent != "" {
				id = table.Scope().String() + " " + e.Parent + "/" + e.Name
			}
			for col, c := range table.Columns() {
				if v, ok := table.At(row, col); ok && c.Outputs.ForOthers() {
					if _, twice := m[id+" "+c.Name]; twice {
						t.Errorf("%s %s has two values", id, c.Name)
					}
					m[id+" "+c.Name] = v
				}
			}
		}
	}
	return m
}

var modelCatalogue = map[string]catalogue.Scopes{
	"frontend": catalogue.Frontend, "listener": catalogue.Listener, "backend": catalogue.Backend, "server": catalogue.Server,
}

// TestSeriesOfRecordings compares each series of HAProxy's exporter with what plain rules
// make of the recorded replies.
func TestSeriesOfRecordings(t *testing.T) {
	table, err := os.ReadFile("../../testdata/series.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(table)), "\n")[1:]
	for _, dir := range recordings(t) {
		t.Run(strings.TrimPrefix(dir, "../../testdata/"), func(t *testing.T) {
			epoch, err := strconv.ParseInt(filepath.Base(dir), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			b := batchAt(t, Options{Series: true}, os.DirFS(dir), epoch)
			got, r := seriesOf(t, b), readRecorded(t, dir)
			compared := map[string]int{}
			for _, line := range lines {
				f := strings.Split(line, "\t")
				kind, field, _ := strings.Cut(f[1], ":")
				scope, rule, when := f[2], f[3], f[4]
				check := func(id, rule string, values []*big.Rat) {
					want := combined(t, rule, values)
					v, ok := got[id]
					switch {
					case ok != (want != nil):
						t.Errorf("%s by %s: got %v, %t, want %v", id, rule, v, ok, want)
					case ok:
						if number, _ := want.Float64(); v.Number() != number {
							t.Errorf("%s by %s: got %v, want %v", id, rule, v.Number(), number)
						}
						compared[rule]++
					}
				}
				switch {
				case strings.HasPrefix(rule, "count of servers"):
				case rule == "one series per distinct value":
					var texts []string
					for _, text := range b.Texts {
						if text.Field == field {
							texts = append(texts, text.Value)
						}
					}
					want := slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(r.info[field]))), func(s string) bool { return s == "" })
					if !slices.Equal(texts, want) {
						t.Errorf("%s: got %q, want %q", field, texts, want)
					}
				case kind == "info":
					values := numbers(r.info[field])
					if field == fieldStart && len(values) == 0 {
						for _, up := range numbers(r.info[fieldUptime]) {
							values = append(values, up.Sub(big.NewRat(epoch, 1), up))
						}
					}
					check("daemon  "+field, rule, values)
				default:
					for id, rows := range r.rows {
						if !strings.HasPrefix(id, scope+" ") {
							continue
						}
						var texts []string
						for _, row := range rows {
							switch {
							case when == "mode http" && row["mode"] != "" && row["mode"] != "http":
							case rule == "mean of active" && len(numbers([]string{row["lbtot"]})) == 1 && numbers([]string{row["lbtot"]})[0].Sign() == 0:
							default:
								texts = append(texts, row[field])
							}
						}
						if rule != "one state (precedence)" {
							check(id+" "+field, rule, numbers(texts))
							continue
						}
						v, ok := got[id+" "+field]
						state := ""
						if states := catalogue.States(modelCatalogue[scope], field); ok && v.Exact && v.Int >= 0 && int(v.Int) < len(states) {
							state = states[v.Int]
						}
						switch want := modelState(scope, texts); {
						case field == "status":
							if !ok || state != want {
								t.Errorf("%s status: got %v %q, want %q of %q", id, v, state, want, texts)
							}
							compared[rule]++
						case len(texts) == 1: // one process: its own result
							want := strings.TrimPrefix(texts[0], "* ")
							if ok != (want != "") || state != want && want != "INI" && want != "UNK" && want != "CHECKED" {
								t.Errorf("%s %s: got %v %q, want %q", id, field, v, state, want)
							}
							compared[rule]++
						}
					}
				}
			}
			for _, rule := range []string{"sum", "monotone sum", "largest", "smallest", "mean", "mean of active", "mean (monotone)", "one state (precedence)", "number of processes"} {
				if compared[rule] == 0 {
					t.Errorf("nothing compared by the rule %q", rule)
				}
			}
		})
	}
}

// numbers returns the numbers among texts.
func numbers(texts []string) []*big.Rat {
	var all []*big.Rat
	for _, text := range texts {
		if n, ok := new(big.Rat).SetString(text); ok {
			all = append(all, n)
		}
	}
	return all
}

// TestSeriesLeaveGraphite: what is for other outputs changes nothing for Graphite.
func TestSeriesLeaveGraphite(t *testing.T) {
	for _, dir := range recordings(t) {
		for _, opt := range []Options{
			{ServerNames: true, PerProcess: true, Percentages: true},
			{Classic: true, ServerNames: true, PerProcess: true},
			{Server: catalogue.ParseList("scur lastchg"), Backend: catalogue.ParseList("downtime comp_in")},
		} {
			want := paths(batchAt(t, opt, os.DirFS(dir), 1795335356))
			opt.Series = true
			if d := cmp.Diff(want, paths(batchAt(t, opt, os.DirFS(dir), 1795335356))); d != "" {
				t.Errorf("%s with %+v (-without series +with):\n%s", dir, opt, d)
			}
		}
	}
}

// TestSeriesOfClusters: the processes of a node, each as a node of its own, make the same
// series; and a cluster that wants none gets what it got before.
func TestSeriesOfClusters(t *testing.T) {
	for _, dir := range recordings(t) {
		whole := os.DirFS(dir)
		with, without := Options{ServerNames: true, Series: true}, Options{ServerNames: true}
		nodes := eachProcess(t, whole)
		plain := paths(aggregateFS(t, without, whole))
		for name, cluster := range map[string]*metric.Batch{
			"both":         clusterOf(t, with, nodes...).Batch(0),
			"only nodes":   mixedCluster(t, without, with, nodes...).Batch(0),
			"only cluster": mixedCluster(t, with, without, nodes...).Batch(0),
		} {
			if d := cmp.Diff(plain, paths(cluster)); d != "" {
				t.Errorf("%s, %s: Graphite (-want +got):\n%s", dir, name, d)
			}
			if name == "both" {
				if d := cmp.Diff(seriesOf(t, aggregateFS(t, with, whole)), seriesOf(t, cluster)); d != "" {
					t.Errorf("%s: series (-want +got):\n%s", dir, d)
				}
			}
		}
	}
}

// mixedCluster is clusterOf for nodes with other options.
func mixedCluster(t *testing.T, opt, ofNodes Options, nodes ...fs.FS) *Aggregator {
	t.Helper()
	c := New(opt)
	ofNodes.Processes = true
	for i, node := range nodes {
		addBatch(c, fmt.Sprint(i), aggregateFS(t, ofNodes, node))
	}
	if d := c.Disputed(); len(d) > 0 {
		t.Errorf("the rules of %q are disputed", d)
	}
	return c
}

// TestStoppingProcess: the states of a process that stops count only where no other process
// has said one.
func TestStoppingProcess(t *testing.T) {
	const header = "# pxname,svname,type,status,\n"
	snapshot := files(map[string]string{
		"a_info": "Pid: 1\nStopping: 1\nUptime_sec: 100",
		"a_stat": header + "f,FRONTEND,0,STOP,\nb,s,2,DOWN,\nb,BACKEND,1,DOWN,\ngone,FRONTEND,0,STOP,\ngone,s,2,MAINT,\nf,l,3,WAITING,",
		"b_info": "Pid: 2\nStopping: 0\nUptime_sec: 10",
		"b_stat": header + "f,FRONTEND,0,OPEN,\nb,s,2,UP 1/3,\nb,BACKEND,1,UP,\nf,l,3,OPEN,",
	})
	b := batchAt(t, Options{Series: true}, snapshot, 1000)
	got := seriesOf(t, b)
	for id, want := range map[string]int64{
		"frontend f status": 1, "server b/s status": 0, "backend b status": 0,
		"frontend gone status": 0, "server gone/s status": 3, "listener f/l status": 2,
		"daemon  Start_time_sec": 990, "daemon  Uptime_sec": 10,
	} {
		if v, ok := got[id]; !ok || !v.Exact || v.Int != want {
			t.Errorf("%s: got %+v, %t, want %d", id, v, ok, want)
		}
	}
}

// TestStoppingOnly: if all processes stop, their states count.
func TestStoppingOnly(t *testing.T) {
	b := batchAt(t, Options{Series: true}, files(map[string]string{
		"a_info": "Pid: 1\nStopping: 1",
		"a_stat": "# pxname,svname,type,status,check_status,\nb,s,2,DOWN,* L4CON,\nb,s2,2,UP,INI,\n",
	}), 1000)
	got := seriesOf(t, b)
	states := catalogue.States(catalogue.Server, "check_status")
	if v := got["server b/s status"]; v.Int != 4 {
		t.Errorf("got the state %v, want 4", v)
	}
	if v := got["server b/s check_status"]; states[v.Int] != "L4CON" {
		t.Errorf("got the result %v, want L4CON", v)
	}
	if v, ok := got["server b/s2 check_status"]; !ok || states[v.Int] != "" {
		t.Errorf("got the result %v, %t, want one without a name", v, ok)
	}
}

// TestListenersOfExcluded: the listeners of an excluded frontend are excluded.
func TestListenersOfExcluded(t *testing.T) {
	snapshot := files(map[string]string{
		"a_info": "Pid: 1",
		"a_stat": "# pxname,svname,type,status,scur,\nx,FRONTEND,0,OPEN,1,\nx,l,3,OPEN,1,\nf,FRONTEND,0,OPEN,1,\nf,l,3,OPEN,5,",
	})
	got := seriesOf(t, batchAt(t, Options{Series: true, Frontends: Wanted{Exclude: &Names{Exact: []string{"x"}}}}, snapshot, 1))
	if v := got["listener f/l scur"]; v.Int != 5 {
		t.Errorf("got %v sessions of the listener, want 5", v)
	}
	if v, ok := got["listener x/l scur"]; ok {
		t.Errorf("got %v sessions of an excluded listener, want none", v)
	}
}

// TestListenersAreForgotten: memory follows the present listeners.
func TestListenersAreForgotten(t *testing.T) {
	a := New(Options{Series: true})
	var r reply.Reader
	for i := range 40 {
		stat := "# pxname,svname,type,scur,\nf,FRONTEND,0,1,\n"
		for k := range 200 {
			stat += fmt.Sprintf("f,l%d,3,1,\n", 200*i+k)
		}
		a.Reset()
		if _, err := r.Read(fstest.MapFS{"a_stat": {Data: []byte(stat + "\n")}, "a_info": {Data: []byte("Pid: 1\n\n")}}, a); err != nil {
			t.Fatal(err)
		}
		if rows := len(a.proxies.listeners.table.Table().Rows()); rows != 200 {
			t.Fatalf("round %d: got %d listeners, want 200", i, rows)
		}
	}
	if got := a.proxies.listeners.table.Capacity(); got > 2000 {
		t.Errorf("got room for %d listeners, want at most 2000", got)
	}
}
