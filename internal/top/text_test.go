package top

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"haproxystats/internal/snapshot"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// odd has names that are hard to show.
func odd(n int) said {
	return said{4711, 1_799_000_000, 1_000_000 + int64(n), int64(n), []map[string]any{
		frontend("www", "scur", 90, "req_tot", 1234*n, "stot", n, "hrsp_5xx", n, "bin", 5_000_000*n),
		server("b\x1b[31mx", "s\u009b1", "req_tot", 3*n, "rtime", 12345),
		server("b\x1b[31mx", "\xff\u202etxt", "status", "DOWN", "check_status", "L4CON", "lastchg", 100_000),
		server("b\x1b[31mx", "日本", "qcur", 3, "status", "MAINT (via x/y)"),
		backend("b\x1b[31mx", "lastchg", 59),
	}}
}

func oddMachine(t *testing.T) *machine {
	m := newMachine(t)
	m.take(round(0, map[string]said{"haproxy": odd(10)}))
	r := round(2, map[string]said{"haproxy": odd(20)})
	r.Failures = []Failure{{Name: "b\n", Socket: "/run/b\n", Problem: "connection refused", Hint: "Check that HAProxy runs"}}
	m.take(r)
	return m
}

func TestWriteText(t *testing.T) {
	m := oddMachine(t)
	var plain, coloured bytes.Buffer
	if err := m.WriteText(&plain, Kinds(), Query{Key: ByMetric(Requests)}, false); err != nil {
		t.Fatal(err)
	}
	golden(t, "once.txt", plain.Bytes())
	if err := m.WriteText(&coloured, Kinds(), Query{Key: ByMetric(Requests)}, true); err != nil {
		t.Fatal(err)
	}
	got := coloured.String()
	for _, e := range escapes {
		got = strings.ReplaceAll(got, e, "")
	}
	if got = strings.ReplaceAll(got, "\x1b[0m", ""); got != plain.String() {
		t.Errorf("in colour: got other text\n%s", got)
	}
	if !strings.Contains(coloured.String(), "\x1b[31mDOWN") {
		t.Error("DOWN is not red")
	}
	if strings.ContainsAny(plain.String(), "\x1b\u009b\u202e") {
		t.Error("a name controls the terminal")
	}
}

func TestWriteJSON(t *testing.T) {
	m := oddMachine(t)
	var b bytes.Buffer
	if err := m.WriteJSON(&b, Kinds(), Query{Key: ByName}); err != nil {
		t.Fatal(err)
	}
	golden(t, "once.json", b.Bytes())
	var doc struct {
		Seconds  float64
		Servers  []map[string]any
		Backends []map[string]any
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Seconds != 2 || len(doc.Servers) != 3 || doc.Backends[0]["name"] != "b\x1b[31mx" {
		t.Errorf("got %+v", doc)
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit Unit
		want string
	}{
		{None, Count, "-"},
		{0, Count, "0"},
		{9999, Count, "9999"},
		{10_000, Count, "10.0k"},
		{123_456, Count, "123k"},
		{999_950, Count, "1.0M"},
		{0, PerSecond, "0"},
		{0.04, PerSecond, "0"},
		{0.5, PerSecond, "0.5"},
		{3, PerSecond, "3"},
		{9.96, PerSecond, "10"},
		{4e9, PerSecond, "4.0G"},
		{999, Bytes, "999B"},
		{1000, Bytes, "1.0kB"},
		{5e18, Bytes, "5.0EB"},
		{1e22, Bytes, "10000EB"},
		{12.4, Millis, "12ms"},
		{9999, Millis, "9999ms"},
		{61_000, Millis, "1m01s"},
		{99.6, Percent, "100%"},
		{-1, Seconds, "-"},
		{59, Seconds, "59s"},
		{3599, Seconds, "59m59s"},
		{90_000, Seconds, "1d01h"},
		{1e9, Seconds, "11574d"},
	} {
		if got := Format(c.v, c.unit); got != c.want {
			t.Errorf("%v: got %q, want %q", c.v, got, c.want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		right bool
		want  string
	}{
		{"abc", 5, false, "abc  "}, {"abc", 5, true, "  abc"}, {"abcdef", 4, false, "abc…"}, {"日本語", 4, false, "日… "}, {"日本", 5, true, " 日本"}, {"x", 0, false, ""},
	} {
		if got := Fit(c.text, c.width, c.right); got != c.want || Width(got) != c.width {
			t.Errorf("%q in %d: got %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestSparkline(t *testing.T) {
	if got, want := Sparkline([]float64{None, 0, 1, 4, 8}), " ▁▂▅█"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Sparkline([]float64{0, 0}), "▁▁"; got != want {
		t.Errorf("without traffic: got %q, want %q", got, want)
	}
}

func TestHistory(t *testing.T) {
	var r ring
	for i := range historyLength + 5 {
		r.add(float64(i))
	}
	if got := r.last(2); len(got) != 2 || got[0] != historyLength+3 || got[1] != historyLength+4 {
		t.Errorf("got %v, want the last two", got)
	}
	if got := r.last(1000); len(got) != historyLength || got[0] != 5 {
		t.Errorf("got %d values from %v, want %d from 5", len(got), got[0], historyLength)
	}
}

// TestColumns: at every width the columns fit, the name comes first, and what counts most
// stays longest.
func TestColumns(t *testing.T) {
	for i, kinds := range [][]Kind{Kinds(), {Process}, {Frontend}, {Backend}, {Server}, Kinds(), {Server}} {
		before, state := 0, 0
		if i >= 5 {
			state = 11
		}
		for width := 1; width <= 300; width++ {
			columns := Columns(kinds, width, Widths{Name: 30, State: state}, true)
			sum := len(columns) - 1
			for _, c := range columns {
				sum += c.Width
			}
			if sum > width && width >= minName {
				t.Fatalf("%v: %d columns take %d of %d", kinds, len(columns), sum, width)
			}
			if columns[0].Key != ByName || len(columns) > 1 && columns[1].Key != ByState {
				t.Fatalf("%v: %d: got %q first", kinds, width, columns[0].Title)
			}
			if len(columns) < before {
				t.Errorf("%v: a terminal of %d has fewer columns than a narrower one", kinds, width)
			}
			before = len(columns)
		}
	}
}

// TestWidths: states of several processes and names of other widths are shown in whole.
func TestWidths(t *testing.T) {
	row := &Row{Kind: Server, Parent: "日本", Name: "a\x1be\u0301", State: Maint, Seen: 12, Agree: 10}
	var w Widths
	w.Add(&Row{Kind: Server, Parent: "b", Name: "s"}, true)
	w.Add(row, true)
	if want := (Widths{Name: len("日") + len("/a?e") + 1, State: len("MAINT 10/12")}); w != want {
		t.Errorf("got %+v, want %+v", w, want)
	}
	columns := Columns([]Kind{Server}, 0, w, true)
	for i, want := range []string{"日本/a?e\u0301", "MAINT 10/12"} {
		text, _ := columns[i].Cell(row)
		if got := Fit(text, columns[i].Width, false); got != want {
			t.Errorf("%s: got %q, want %q", columns[i].Title, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, k := range Keys() {
		got, ok := ParseKey(strings.ToUpper(k.String()))
		if !ok || got != k {
			t.Errorf("%v: got %v, %v", k, got, ok)
		}
	}
	if _, ok := ParseKey("speed"); ok {
		t.Error("speed: got a key, want none")
	}
	for _, m := range Metrics() {
		if d := m.Describe(); len(d.Title) > 7 || d.Help == "" || d.Key == "" {
			t.Errorf("%+v: incomplete", d)
		}
	}
}

// TestBadRows: rows that can't be read are told, not passed over.
func TestBadRows(t *testing.T) {
	m := newMachine(t)
	r := round(0, map[string]said{"a": site(1, 1, 1)})
	files := r.Snapshot.Files.(snapshot.Memory)
	files["a_stat"] = append(bytes.TrimSuffix(files["a_stat"], []byte("\n")), "www,BACKEND\n\n"...)
	m.take(r)
	var out bytes.Buffer
	if err := m.WriteText(&out, []Kind{Frontend}, Query{}, false); err != nil {
		t.Fatal(err)
	}
	if want := "\nnot used in whole: 1 bad row is left out\n"; !strings.Contains(out.String(), want) {
		t.Errorf("got %s, want %q in it", out.String(), want)
	}
}

// TestFactsOfTwoSockets: a process that answers at two sockets is one process.
func TestFactsOfTwoSockets(t *testing.T) {
	m := newMachine(t)
	m.take(round(0, map[string]said{"a": site(1, 1, 1), "b": site(1, 1, 1), "c": site(2, 1, 1)}))
	r := m.row(Server, "app", "s1")
	if got := m.Reading.FactsOf(r); len(got) != 2 || got[0].Socket != "a" || got[1].Socket != "c" || r.Seen != 2 {
		t.Errorf("got %d processes for the facts and %d for the row, want 2 and 2", len(got), r.Seen)
	}
}

func TestFacts(t *testing.T) {
	m := oddMachine(t)
	facts := m.Reading.FactsOf(m.row(Server, "b\x1b[31mx", "日本"))
	if len(facts) != 1 {
		t.Fatalf("got %d processes, want 1", len(facts))
	}
	told := facts[0].Told()
	if told[0].Field != "state" || told[0].Value != "MAINT (via x/y): the server that it tracks is in maintenance" {
		t.Errorf("got %q first", told[0])
	}
	down := m.Reading.FactsOf(m.row(Server, "b\x1b[31mx", "\xff\u202etxt"))[0].Told()
	if down[1] != (Fact{"since", "1d03h"}) {
		t.Errorf("got %q, want since when", down[1])
	}
	for _, status := range []string{"UP", "UP 1/2", "DOWN 1/2", "MAINT", "MAINT (resolution)", "DRAIN", "NOLB", "no check"} {
		if got := reason(status); !strings.HasPrefix(got, status) || got == status && status != "UP" {
			t.Errorf("%s: got %q, want a reason", status, got)
		}
	}
}
