package aggregate

import (
	"encoding/csv"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/metric"
	"haproxystats/internal/snapshot"
)

// processReplies is what one process has told: its reply to `show info`, and its rows.
type processReplies struct {
	info map[string]string
	rows []map[string]string
}

// tell returns what the files of a socket say, without the scanners of the program.
func tell(t *testing.T, node fs.FS) processReplies {
	t.Helper()
	p := processReplies{info: make(map[string]string)}
	names, err := fs.Glob(node, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(node, name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, snapshot.InfoSuffix) {
			for line := range strings.Lines(string(data)) {
				if key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), ": "); ok {
					p.info[key] = value
				}
			}
			continue
		}
		records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(strings.TrimSpace(string(data)), "# "))).ReadAll()
		if err != nil {
			t.Fatal(name, err)
		}
		for _, record := range records[1:] {
			row := make(map[string]string)
			for i, column := range records[0] {
				row[column] = record[i]
			}
			p.rows = append(p.rows, row)
		}
	}
	return p
}

// scopeOf has the scopes of rows by their type.
var scopeOf = map[string]metric.Scope{"0": metric.Frontend, "1": metric.Backend, "2": metric.Server, "3": metric.Listener}

func entityOf(row map[string]string) metric.Entity {
	switch row["type"] {
	case "2", "3":
		return metric.Entity{Parent: row["pxname"], Name: row["svname"]}
	}
	return metric.Entity{Name: row["pxname"]}
}

// smallestOf, largestOf and meanOf are the rules that differ from Graphite's.
func smallestOf(v []float64) float64 { return slices.Min(v) }
func largestOf(v []float64) float64  { return slices.Max(v) }
func meanOf(v []float64) float64     { return sumOf(v) / float64(len(v)) }
func sumOf(v []float64) (sum float64) {
	for _, n := range v {
		sum += n
	}
	return sum
}

func smallestKnownOf(v []float64) float64 {
	if known := slices.DeleteFunc(slices.Clone(v), func(n float64) bool { return n < 0 }); len(known) > 0 {
		return slices.Min(known)
	}
	return slices.Max(v)
}

// elsewhere has the rules of outputs other than Graphite, and of a few fields that have one
// rule.
var elsewhere = map[string]func([]float64) float64{
	"lastchg": smallestOf, "lastsess": smallestKnownOf, "check_duration": largestOf, "agent_duration": largestOf, "downtime": meanOf,
	"stot": sumOf, "bin": sumOf, "scur": sumOf, "smax": sumOf, "dreq": sumOf, "ereq": sumOf, "weight": meanOf, "qtime_max": largestOf,
	"comp_in": sumOf, "comp_out": sumOf, "comp_byp": sumOf, "comp_rsp": sumOf, "req_rate_max": sumOf,
}

// elsewhereInfo has the same of the processes as a whole.
var elsewhereInfo = map[string]func([]float64) float64{
	"Nbproc":   func(v []float64) float64 { return float64(len(v)) },
	"Nbthread": sumOf, "NbThreadGroups": sumOf, "Uptime_sec": smallestOf, "Start_time_sec": largestOf, "BootTime_ms": largestOf,
	"BusyPolling": largestOf, "SslFrontendSessionReuse_pct": meanOf, "CurrConns": sumOf, "Maxconn": sumOf, "Idle_pct": meanOf,
}

// onlyHTTP has the fields in which HAProxy shows 0 for a proxy without HTTP.
var onlyHTTP = []string{"comp_in", "comp_out", "comp_byp", "comp_rsp", "req_rate_max"}

// hasField reports whether the rows of a scope have a field.
func hasField(s metric.Scope, name string) bool {
	f, _ := catalogue.LookupStat(name)
	return f.In&map[metric.Scope]catalogue.Scopes{
		metric.Frontend: catalogue.Frontend, metric.Backend: catalogue.Backend, metric.Server: catalogue.Server, metric.Listener: catalogue.Listener,
	}[s] != 0
}

// wantStates returns the states that may be shown for the texts of the processes, none for
// no state.
func wantStates(s metric.Scope, field string, texts []string) []string {
	word := func(text string) string { return strings.Fields(text + " -")[0] }
	if field != columnStatus {
		var good, bad []string
		for _, text := range texts {
			switch result := word(strings.TrimPrefix(text, "* ")); {
			case !slices.Contains(catalogue.StateLabels(catalogue.Server, field), result): // none is 1
			case strings.Contains(result, "OK"):
				good = append(good, result)
			default:
				bad = append(bad, result)
			}
		}
		if len(bad) > 0 {
			return bad
		}
		return good
	}
	order := map[metric.Scope][]string{ // the first one of these that a process sees
		metric.Frontend: {"UP", "DOWN"}, metric.Listener: {"OPEN", "FULL", "WAITING"}, metric.Backend: {"DOWN", "UP"},
		metric.Server: {"DOWN", "MAINT", "DRAIN", "NOLB", "UP"},
	}[s]
	names := map[string]string{"OPEN": "UP", "FULL": "UP", "PAUSED": "UP", "STOP": "DOWN"}
	for _, state := range order {
		for _, text := range texts {
			seen := word(text)
			if s == metric.Frontend {
				seen = names[seen]
			}
			if s == metric.Server && seen == "no" { // no check
				seen = "UP"
			}
			if seen == state {
				return []string{state}
			}
		}
	}
	return nil
}

// compared counts what was compared, so that a test can't pass on nothing.
type compared map[string]int

// compareOthers compares what a batch has for outputs other than Graphite with what the
// processes have told.
func compareOthers(t *testing.T, b *metric.Batch, processes []processReplies) compared {
	t.Helper()
	done := make(compared)
	type key struct {
		scope metric.Scope
		metric.Entity
	}
	rows := make(map[key][]map[string]string)
	states := make(map[key][]map[string]string)  // of the processes that count
	leaving := make(map[key][]map[string]string) // of those that stop
	for _, p := range processes {
		for _, row := range p.rows {
			k := key{scopeOf[row["type"]], entityOf(row)}
			rows[k] = append(rows[k], row)
			if n, _ := strconv.Atoi(p.info["Stopping"]); n > 0 {
				leaving[k] = append(leaving[k], row)
			} else {
				states[k] = append(states[k], row)
			}
		}
	}
	seen := make(map[key]bool)
	check := func(where string, have metric.Value, ok bool, values []float64, rule func([]float64) float64) {
		t.Helper()
		if len(values) == 0 {
			if ok {
				t.Errorf("%s: got %v, want no value", where, have)
			}
			return
		}
		if want := rule(values); !ok || math.Abs(have.Number()-want) > 1e-9*math.Abs(want) {
			t.Errorf("%s: got %v (%t), want %v of %v", where, have, ok, want, values)
		}
	}
	for _, table := range b.Tables {
		for i, c := range table.Columns() {
			if !c.Outputs.ForOthers() {
				continue
			}
			scope := table.Scope()
			for _, row := range table.Rows() {
				have, ok := table.At(row, i)
				e := table.Entity(row)
				e.Group = ""
				k := key{scope, e}
				where := fmt.Sprintf("%s %s/%s %s", scope, e.Parent, e.Name, c.Name)
				if scope == metric.Daemon {
					rule, known := elsewhereInfo[c.Name]
					if !known {
						continue
					}
					var values []float64
					for _, p := range processes {
						n, err := strconv.ParseFloat(p.info[c.Name], 64)
						if err != nil && c.Name == fieldStart { // before HAProxy 2.4 the age tells, at the epoch 0
							n, err = strconv.ParseFloat("-"+p.info[fieldUptime], 64)
						}
						if err == nil {
							values = append(values, n)
						}
					}
					check(where, have, ok, values, rule)
					done[c.Name]++
					continue
				}
				seen[k] = true
				if rule, known := elsewhere[c.Name]; known && hasField(scope, c.Name) {
					var values []float64
					for _, row := range rows[k] {
						if slices.Contains(onlyHTTP, c.Name) && row["mode"] != "" && row["mode"] != "http" {
							done["not "+c.Name]++
							continue
						}
						if n, err := strconv.ParseFloat(row[c.Name], 64); err == nil {
							values = append(values, n)
						}
					}
					check(where, have, ok, values, rule)
					done[c.Name]++
				}
				if c.Name == columnStatus || c.Name == "check_status" || c.Name == "agent_status" {
					if c.Outputs != metric.ExceptGraphite {
						t.Errorf("%s: got a column for outputs %d, want none for Graphite", where, c.Outputs)
					}
					of := states[k]
					if len(of) == 0 {
						of = leaving[k]
					}
					var texts []string
					for _, row := range of {
						texts = append(texts, row[c.Name])
					}
					names := catalogue.States(map[metric.Scope]catalogue.Scopes{
						metric.Frontend: catalogue.Frontend, metric.Backend: catalogue.Backend,
						metric.Server: catalogue.Server, metric.Listener: catalogue.Listener,
					}[scope], c.Name)
					state := ""
					if ok && have.Exact && have.Int >= 0 && int(have.Int) < len(names) {
						state = names[have.Int]
					} else if ok {
						t.Errorf("%s: got %v, want the number of one of %q", where, have, names)
					}
					want := wantStates(scope, c.Name, texts)
					if len(want) == 0 && state != "" || len(want) > 0 && !slices.Contains(want, state) {
						t.Errorf("%s: got %q, want one of %q of %q", where, state, want, texts)
					}
					done[c.Name+" "+state]++
				}
			}
		}
	}
	disagree := make(map[metric.Entity]map[string]int)
	for k, of := range states {
		counts := make(map[string]int)
		for _, row := range of {
			if s := wantStates(metric.Server, columnStatus, []string{row[columnStatus]}); k.scope == metric.Server && len(s) > 0 {
				counts[s[0]]++
			}
		}
		if len(counts) > 1 {
			disagree[k.Entity] = counts
			done["disagree"]++
		}
	}
	got := make(map[metric.Entity]map[string]int)
	for _, table := range b.Tables {
		if table.Scope() != metric.ServerProcesses {
			continue
		}
		for _, row := range table.Rows() {
			counts := make(map[string]int)
			for i, c := range table.Columns() {
				if v, ok := table.At(row, i); ok {
					counts[c.Name] = int(v.Int)
				}
			}
			got[table.Entity(row)] = counts
		}
	}
	if diff := cmp.Diff(disagree, got); diff != "" {
		t.Errorf("servers about which processes disagree (-want +got):\n%s", diff)
	}
	for k := range rows {
		if !seen[k] {
			t.Errorf("%s %s/%s: got no row", k.scope, k.Parent, k.Name)
		}
	}
	var texts []metric.Text
	for _, p := range processes {
		for _, field := range []string{"Version", "node", "description"} {
			if value, ok := p.info[field]; ok && value != "" && !slices.Contains(texts, metric.Text{Field: field, Value: value}) {
				texts = append(texts, metric.Text{Field: field, Value: value})
			}
		}
	}
	slices.SortFunc(texts, func(a, b metric.Text) int { return strings.Compare(a.Field+"\x00"+a.Value, b.Field+"\x00"+b.Value) })
	if diff := cmp.Diff(texts, b.Texts); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	return done
}

// recordedNodes returns directories with snapshots of several and of single processes.
func recordedNodes(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../../testdata/golden/*/snapshot/*", "testdata/*/1*"} {
		dirs, err := filepath.Glob(pattern)
		if err != nil || len(dirs) == 0 {
			t.Fatal("no recordings", pattern, err)
		}
		all = append(all, dirs...)
	}
	return all
}

// TestOthersOfRecordings compares with a plain model: recorded nodes of several processes,
// and the steps of a recorded node as processes that disagree, some of which stop.
func TestOthersOfRecordings(t *testing.T) {
	done := make(compared)
	add := func(c compared) {
		for k, n := range c {
			done[k] += n
		}
	}
	for _, dir := range []string{
		"../../testdata/golden/1.8.0-nbproc4", "../../testdata/golden/2.4.0-single", "../../testdata/golden/2.6.12-multi3",
	} {
		found, err := filepath.Glob(dir + "/snapshot/*")
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			node := os.DirFS(found[0])
			var processes []processReplies
			for _, p := range eachProcess(t, node) {
				processes = append(processes, tell(t, p))
			}
			add(compareOthers(t, aggregateFS(t, Options{Series: true}, node), processes))
		})
	}
	for _, version := range []string{"2.6.12", "3.4.0"} {
		steps, err := filepath.Glob("testdata/states/" + version + "/*")
		if err != nil || len(steps) < 5 {
			t.Fatal(steps, err)
		}
		for _, stopping := range []map[int]bool{nil, {1: true}, {0: true, 3: true}} {
			t.Run(fmt.Sprint(version, stopping), func(t *testing.T) {
				whole := snapshot.Memory{}
				var processes []processReplies
				for i, step := range steps {
					p := asProcess(t, os.DirFS(step), i, stopping[i])
					processes = append(processes, tell(t, p))
					for name, data := range p {
						whole[name] = data
					}
				}
				add(compareOthers(t, aggregateFS(t, Options{Series: true}, whole), processes))
				// A process that stops alone is shown as it is.
				alone := asProcess(t, os.DirFS(steps[1]), 1, true)
				add(compareOthers(t, aggregateFS(t, Options{Series: true}, alone), []processReplies{tell(t, alone)}))
			})
		}
	}
	for _, what := range []string{
		"lastchg", "lastsess", "check_duration", "downtime", "Nbproc", "Nbthread", "Start_time_sec", "Uptime_sec", "not comp_in",
		"not req_rate_max", "status DOWN", "status UP", "status MAINT", "status DRAIN", "status NOLB", "status OPEN", "check_status L4CON",
		"check_status L7OK", "disagree",
	} {
		if done[what] == 0 {
			t.Errorf("%s: got nothing to compare", what)
		}
	}
	t.Logf("compared: %v", done)
}

// asProcess returns a recording that has no reply to `show info` as the files of process i.
func asProcess(t *testing.T, recording fs.FS, i int, stopping bool) snapshot.Memory {
	t.Helper()
	names, err := fs.Glob(recording, "*"+snapshot.StatSuffix)
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	stat, err := fs.ReadFile(recording, names[0])
	if err != nil {
		t.Fatal(err)
	}
	info := fmt.Sprintf("Name: HAProxy\nVersion: 3.%d\nnode: lb1\ndescription: number %d\nNbproc: 1\nNbthread: %d\nNbThreadGroups: 1\n"+
		"Process_num: 1\nPid: %d\nUptime_sec: %d\nStart_time_sec: %d\nBootTime_ms: %d\nBusyPolling: %d\nSslFrontendSessionReuse_pct: %d\n"+
		"CurrConns: %d\nMaxconn: 100\nIdle_pct: %d\nStopping: %d\n\n",
		i%2, i, i+1, 1000+i, 50+i*(7-i), 1_700_000_000+i*(5-i), 90-i, i%2, 30*i%100, 2*i, 100-i, one(stopping))
	return snapshot.Memory{fmt.Sprintf("p%d%s", i, snapshot.StatSuffix): stat, fmt.Sprintf("p%d%s", i, snapshot.InfoSuffix): []byte(info)}
}

// TestOthersLeaveGraphite: what other outputs need changes nothing for Graphite, on a node
// and in a cluster, and without them nothing of it is there.
func TestOthersLeaveGraphite(t *testing.T) {
	for _, dir := range recordedNodes(t) {
		node := os.DirFS(dir)
		for _, opt := range []Options{{ServerNames: true, PerProcess: true, Percentages: true}, {Classic: true, ServerNames: true}} {
			without := aggregateFS(t, opt, node)
			for _, table := range without.Tables {
				for _, c := range table.Columns() {
					if c.Outputs != metric.EveryOutput || table.Scope() == metric.Listener {
						t.Errorf("%s: got column %s of scope %s for outputs %d without other outputs", dir, c.Name, table.Scope(), c.Outputs)
					}
				}
			}
			if len(without.Texts) > 0 {
				t.Errorf("%s: got texts %v without other outputs", dir, without.Texts)
			}
			want := paths(without)
			opt.Series = true
			with := aggregateFS(t, opt, node)
			if diff := cmp.Diff(want, paths(with)); diff != "" {
				t.Errorf("%s, %+v (-without +with other outputs):\n%s", dir, opt, diff)
			}
			opt.PerProcess, opt.Series = false, false
			cluster := clusterOf(t, opt, eachProcess(t, node)...).Batch(0)
			opt.Series = true
			if diff := cmp.Diff(paths(cluster), paths(clusterOf(t, opt, eachProcess(t, node)...).Batch(0))); diff != "" {
				t.Errorf("%s as a cluster, %+v (-without +with other outputs):\n%s", dir, opt, diff)
			}
		}
	}
}

// others returns every value that outputs other than Graphite get.
func others(b *metric.Batch) map[string]float64 {
	all := make(map[string]float64)
	for _, table := range b.Tables {
		if table.Scope() == metric.Socket || table.Scope() == metric.ServerProcesses {
			continue // they are about a node
		}
		for i, c := range table.Columns() {
			if !c.Outputs.ForOthers() {
				continue
			}
			for _, row := range table.Rows() {
				if v, ok := table.At(row, i); ok {
					e := table.Entity(row)
					all[fmt.Sprintf("%s %q %q %s", table.Scope(), e.Parent, e.Name, c.Name)] = v.Number()
				}
			}
		}
	}
	return all
}

// TestOthersOfClusters: the processes of a recorded node, each as a node of its own, have
// the same values in outputs other than Graphite as the node.
func TestOthersOfClusters(t *testing.T) {
	divided := 0
	for _, dir := range recordedNodes(t) {
		if strings.Contains(dir, "dup-sockets") {
			continue // two nodes are two
		}
		opt := Options{ServerNames: true, Percentages: true, Series: true}
		node := os.DirFS(dir)
		want := others(aggregateFS(t, opt, node))
		if diff := cmp.Diff(want, others(clusterOf(t, opt, node).Batch(0))); diff != "" {
			t.Errorf("%s as a cluster of one node (-want +got):\n%s", dir, diff)
		}
		nodes := eachProcess(t, node)
		combined := clusterOf(t, opt, nodes...).Batch(0)
		if diff := cmp.Diff(want, others(combined)); diff != "" {
			t.Errorf("%s as a cluster of %d nodes (-want +got):\n%s", dir, len(nodes), diff)
		}
		if texts := aggregateFS(t, opt, node).Texts; len(texts) == 0 || !slices.Equal(texts, combined.Texts) {
			t.Errorf("%s as a cluster of %d nodes: got the texts %q, want %q", dir, len(nodes), combined.Texts, texts)
		}
		if texts := clusterOf(t, Options{}, nodes...).Batch(0).Texts; len(texts) > 0 {
			t.Errorf("%s without other outputs: got the texts %q, want none", dir, texts)
		}
		if len(nodes) >= 4 {
			divided++
		}
	}
	if divided == 0 {
		t.Error("no recording has four processes, want one or more")
	}
}
