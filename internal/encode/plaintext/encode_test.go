package plaintext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink/sinktest"
)

// grammar is the form of a line but for the characters of a component, which
// checkLine looks at.
var grammar = regexp.MustCompile(`^([^. ;/]+(?:\.[^. ;/]+)*) (-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?) (-?[0-9]+)$`)

func checkLine(line string) error {
	m := grammar.FindStringSubmatch(line)
	switch {
	case m == nil:
		return fmt.Errorf("%q is no line", line)
	case len(m[1]) > MaxPath:
		return fmt.Errorf("a path of %d bytes", len(m[1]))
	case !utf8.ValidString(line):
		return fmt.Errorf("%q is not UTF-8", line)
	}
	parts := strings.Split(m[1], ".")
	for i, part := range parts {
		if most := MaxComponent; len(part) > most || i == len(parts)-1 && len(part) > most-len(".wsp") {
			return fmt.Errorf("a component of %d bytes", len(part))
		}
	}
	for _, r := range m[1] {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return fmt.Errorf("%q holds %q", line, r)
		}
	}
	return nil
}

func format(t testing.TB, e *Encoder, b *metric.Batch) string {
	t.Helper()
	out, _ := encode(t, e, b)
	return out
}

func encode(t testing.TB, e *Encoder, b *metric.Batch) (string, Result) {
	t.Helper()
	var out bytes.Buffer
	result, err := e.Encode(&out, b)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != result.Lines {
		t.Errorf("got %d lines, and %d in the result", n, result.Lines)
	}
	return out.String(), result
}

func TestPaths(t *testing.T) {
	plain := Paths{Namespace: "loadbalancers", Hostname: "lb-01_example_com"}
	groups := Paths{Namespace: "lb", GroupNamespace: "grp"}
	double := Paths{Namespace: "lb", GroupNamespace: "grp", DoubleWrites: true}
	for _, c := range []struct {
		paths  Paths
		scope  metric.Scope
		entity metric.Entity
		column string
		want   []string
	}{
		{plain, metric.Daemon, metric.Entity{}, "Ulimit-n", []string{"loadbalancers.lb-01_example_com.haproxy.daemon.Ulimit-n"}},
		{plain, metric.Process, metric.Entity{Name: "2"}, "CpuUsagePct", []string{"loadbalancers.lb-01_example_com.haproxy.daemon.process.2.CpuUsagePct"}},
		{plain, metric.Frontend, metric.Entity{Name: "www"}, "scur", []string{"loadbalancers.lb-01_example_com.haproxy.frontend.www.scur"}},
		{plain, metric.Backend, metric.Entity{Name: "api"}, "TotalServers", []string{"loadbalancers.lb-01_example_com.haproxy.backend.api.TotalServers"}},
		{plain, metric.Server, metric.Entity{Parent: "api", Name: "srv1"}, "bin", []string{"loadbalancers.lb-01_example_com.haproxy.backend.api.server.srv1.bin"}},
		{plain, metric.ServerName, metric.Entity{Name: "srv1"}, "bin", []string{"loadbalancers.lb-01_example_com.haproxy.server.srv1.bin"}},
		{plain, metric.Self, metric.Entity{}, "MetricsServer", []string{"loadbalancers.lb-01_example_com.haproxy.haproxystats.MetricsServer"}},
		{plain, metric.Frontend, metric.Entity{Name: "www", Group: "g"}, "scur", []string{"loadbalancers.lb-01_example_com.haproxy.frontend.www.scur"}},
		{groups, metric.Frontend, metric.Entity{Name: "www"}, "scur", []string{"lb.haproxy.frontend.www.scur"}},
		{groups, metric.Frontend, metric.Entity{Name: "www", Group: "g"}, "scur", []string{"lb.haproxy.grp.g.frontend.www.scur"}},
		{double, metric.Server, metric.Entity{Parent: "api", Name: "s", Group: "tcp-group"}, "scur", []string{
			"lb.haproxy.grp.tcp-group.backend.api.server.s.scur",
			"lb.haproxy.backend.api.server.s.scur",
		}},
		{double, metric.ServerName, metric.Entity{Name: "s", Group: "a.b"}, "scur", []string{
			"lb.haproxy.grp.a.b.server.s.scur",
			"lb.haproxy.server.s.scur",
		}},
		{Paths{Namespace: "a.b"}, metric.Daemon, metric.Entity{}, "x", []string{"a.b.haproxy.daemon.x"}},
		{Paths{Namespace: ".a..b c."}, metric.Daemon, metric.Entity{}, "x", []string{"a.b_c.haproxy.daemon.x"}},
		{Paths{}, metric.Daemon, metric.Entity{}, "Version.Minor Two", []string{"haproxy.daemon.Version_Minor_Two"}},
		{Paths{}, metric.Frontend, metric.Entity{Name: ""}, "x", []string{"haproxy.frontend._.x"}},
		{Paths{}, metric.Frontend, metric.Entity{Name: "a.b c\n;/\x00\x7f\xff\u00a0\u0085é"}, "x", []string{"haproxy.frontend.a_b_c________é.x"}},
		{Paths{}, metric.Frontend, metric.Entity{Name: "../.."}, "x", []string{"haproxy.frontend._____.x"}},
	} {
		want := ""
		for _, path := range c.want {
			want += path + " 12 1795335122\n"
		}
		if got := format(t, New(c.paths), sinktest.One(c.scope, c.entity, c.column, 12)); got != want {
			t.Errorf("%+v %v %+v: got %q, want %q", c.paths, c.scope, c.entity, got, want)
		}
	}
}

func TestHostname(t *testing.T) {
	for _, c := range []struct {
		name string
		fqdn bool
		want string
	}{
		{"lb-01.example.com", true, "lb-01_example_com"},
		{"lb-01.example.com", false, "lb-01"},
		{"lb-01", false, "lb-01"},
		{"", true, ""},
		{"a b", true, "a_b"},
	} {
		if got := Hostname(c.name, c.fqdn); got != c.want {
			t.Errorf("%q, %v: got %q, want %q", c.name, c.fqdn, got, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		value metric.Value
		want  string
	}{
		{metric.Value{Exact: true}, "0"},
		{metric.Value{Exact: true, Int: math.MaxInt64}, "9223372036854775807"},
		{metric.Value{Exact: true, Int: math.MinInt64}, "-9223372036854775808"},
		{metric.Value{Float: math.Copysign(0, -1)}, "0"},
		{metric.Value{Float: 0.125}, "0.125"},
		{metric.Value{Float: -2.5}, "-2.5"},
		{metric.Value{Float: -0.5}, "-0.5"},
		{metric.Value{Float: 0.001}, "0.001"},
		{metric.Value{Float: 1. / 3}, "0.3333333333333333"},
		{metric.Value{Float: 1e21}, "1000000000000000000000"},
		{metric.Value{Float: 1e-7}, "0.0000001"},
		{metric.Value{Float: 1 << 50}, "1125899906842624"},
		{metric.Value{Float: math.NaN()}, ""},
		{metric.Value{Float: math.Inf(1)}, ""},
		{metric.Value{Float: math.Inf(-1)}, ""},
	} {
		var b [maxNumber]byte
		if got := string(b[:putNumber(b[:], c.value)]); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.value, got, c.want)
		}
	}
	for n, v := 0, int64(1); n < 19; n, v = n+1, v*10 {
		for _, v := range []int64{v - 1, v, v + 1, -v, v*9 + v/3} {
			var b [maxNumber]byte
			if got := string(b[:putInt(b[:], v)]); got != strconv.FormatInt(v, 10) {
				t.Errorf("%d: got %q", v, got)
			}
		}
	}
}

func FuzzNumbers(f *testing.F) {
	for _, v := range []float64{0, 1, 0.1, 12.5, 1e300, 5e-324, -math.MaxFloat64, -2.2250738585072014e-308, 1<<50 - 0.125} {
		f.Add(int64(v), v)
	}
	f.Fuzz(func(t *testing.T, i int64, v float64) {
		var b [maxNumber]byte
		if got := string(b[:putInt(b[:], i)]); got != strconv.FormatInt(i, 10) {
			t.Errorf("%d: got %q", i, got)
		}
		got := string(b[:putFloat(b[:], v)])
		if math.IsNaN(v) || math.IsInf(v, 0) {
			if got != "" {
				t.Errorf("%v: got %q", v, got)
			}
			return
		}
		if back, err := strconv.ParseFloat(got, 64); err != nil || back != v {
			t.Errorf("%v: got %q, which reads as %v, %v", v, got, back, err)
		}
		if err := checkLine("a " + got + " 1"); err != nil {
			t.Error(err)
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add("loadbalancers", "lb-01_example_com", "grp", "www", "parent", "name", "scur", int64(12), 0.5)
	f.Add("a..b", "", "", "", "", "../../etc", "Unstoppable Jobs", int64(-1), math.NaN())
	f.Add("\n", " ", ";", "/", "\x00", "a b\nc.d 1 2\n", "\xff\xfe", int64(math.MinInt64), math.Inf(1))
	f.Add("n", "", "g", "a.b", strings.Repeat("p", 256), strings.Repeat("n", 255), strings.Repeat("c", 252), int64(1), 1.)
	f.Add("é", "\u2028", "\u0085", "\ufeff", "x", "...", "-", int64(1), 1e300)
	f.Fuzz(func(t *testing.T, namespace, hostname, groups, group, parent, name, column string, i int64, v float64) {
		b := &metric.Batch{Epoch: 1795335122}
		for scope := metric.Scope(0); int(scope) < metric.NumScopes; scope++ {
			table := metric.NewBuilder(scope, []metric.Column{{Name: column}, {Name: "mean", Combine: metric.Mean}, {Name: "computed"}})
			row := table.Row(metric.Entity{Parent: parent, Name: name, Group: group})
			table.Touch(row)
			table.Add(row, 0, i)
			table.Add(row, 1, i)
			table.Add(row, 1, 1)
			table.Set(row, 2, v)
			b.Tables = append(b.Tables, table.Table())
		}
		f := New(Paths{Namespace: namespace, Hostname: hostname, GroupNamespace: groups, DoubleWrites: true})
		out, result := encode(t, f, b)
		if out != "" && !strings.HasSuffix(out, "\n") {
			t.Errorf("%q does not end in a newline", out)
		}
		lines := 0
		for line := range strings.Lines(out) {
			lines++
			if err := checkLine(strings.TrimSuffix(line, "\n")); err != nil {
				t.Error(err)
			}
		}
		if again := format(t, f, b); again != out {
			t.Errorf("%q the second time, %q the first", again, out)
		}
		points := b.Points()
		if f.group != nil && group != "" {
			points *= 2
		}
		if skipped := int(result.Skipped); lines+skipped != points {
			t.Errorf("%d lines and %d skipped of %d", lines, skipped, points)
		}
	})
}

// TestChunks: lines are never cut, and chunks are large.
func TestChunks(t *testing.T) {
	batch := sinktest.Load(10, 20, 1000, 3)
	var whole bytes.Buffer
	writes := 0
	result, err := New(Paths{Namespace: "n"}).Encode(writerFunc(func(p []byte) (int, error) {
		writes++
		if !bytes.HasSuffix(p, []byte("\n")) || len(p) > chunkSize {
			t.Errorf("a chunk of %d bytes ends in %q", len(p), p[len(p)-10:])
		}
		return whole.Write(p)
	}), batch)
	if lines := result.Lines; err != nil || lines != batch.Points() || bytes.Count(whole.Bytes(), []byte("\n")) != lines {
		t.Errorf("%d lines of %d, %v", lines, batch.Points(), err)
	}
	if most := whole.Len()/(chunkSize-maxLine) + 1; writes > most {
		t.Errorf("%d writes for %d bytes", writes, whole.Len())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestWriteStopsAtAnError(t *testing.T) {
	broken := errors.New("broken")
	writes := 0
	_, err := New(Paths{}).Encode(writerFunc(func([]byte) (int, error) {
		writes++
		return 0, broken
	}), sinktest.Load(10, 20, 1000, 3))
	if !errors.Is(err, broken) || writes != 1 {
		t.Errorf("%d writes, %v", writes, err)
	}
}

func TestLongPathsAreSkipped(t *testing.T) {
	var skipped int64
	// A group is a path, so that it may be long without a long component.
	room := MaxPath - len("haproxy.g.frontend.www.scur")
	for _, c := range []struct {
		length int
		lines  int
	}{{room, 1}, {room + 1, 0}, {100_000, 0}} {
		group := strings.Repeat("x.", c.length/2-1) + strings.Repeat("x", 1+c.length%2) + "."
		entity := metric.Entity{Name: "www", Group: group}
		out, result := encode(t, New(Paths{GroupNamespace: "g"}), sinktest.One(metric.Frontend, entity, "scur", 1))
		skipped += result.Skipped
		if n := strings.Count(out, "\n"); n != c.lines {
			t.Errorf("a group of %d bytes gives %d lines, want %d", c.length, n, c.lines)
		}
	}
	if skipped != 2 {
		t.Errorf("skipped %d values, want 2", skipped)
	}
}

// TestPrefixesFollowTheTable: what a formatter remembers of one table never
// shows in another's lines, and does not outgrow it.
func TestPrefixesFollowTheTable(t *testing.T) {
	f := New(Paths{Namespace: "n"})
	names := func(from, n int) *metric.Batch {
		table := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: fmt.Sprint("c", from)}})
		for i := range n {
			row := table.Row(metric.Entity{Name: fmt.Sprint("f", from+i)})
			table.Touch(row)
			table.Add(row, 0, 1)
		}
		return &metric.Batch{Epoch: 1, Tables: []*metric.Table{table.Table()}}
	}
	for round := range 50 {
		b := names(round*1000, 1+round%3*50)
		if got, want := format(t, f, b), format(t, New(Paths{Namespace: "n"}), b); got != want {
			t.Fatalf("round %d: got %q, want %q", round, got, want)
		}
		if have := len(f.paths[0].rows); have != b.Tables[0].Capacity() {
			t.Fatalf("round %d: %d prefixes for %d rows", round, have, b.Tables[0].Capacity())
		}
	}
}

func TestNoAllocationInSteadyState(t *testing.T) {
	batch := sinktest.Load(10, 20, 500, 3)
	f := New(Paths{Namespace: "n", GroupNamespace: "g", DoubleWrites: true})
	if n := testing.AllocsPerRun(10, func() {
		if _, err := f.Encode(io.Discard, batch); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

// TestTwins: of two columns of one name that for Graphite is written, and a table without
// one is left out.
func TestTwins(t *testing.T) {
	batch := &metric.Batch{Epoch: 5}
	for _, columns := range [][]metric.Column{
		{{Name: "new", Outputs: metric.ExceptGraphite}},
		{{Name: "age", Outputs: metric.GraphiteOnly}, {Name: "age", Combine: metric.Min, Outputs: metric.ExceptGraphite}, {Name: "scur"}},
	} {
		table := metric.NewBuilder(metric.Backend, columns)
		row := table.Row(metric.Entity{Name: "a"})
		table.Touch(row)
		for i := range columns {
			table.Add(row, i, 3)
			table.Add(row, i, int64(i))
		}
		batch.Tables = append(batch.Tables, table.Table())
	}
	want := "haproxy.backend.a.age 3 5\nhaproxy.backend.a.scur 5 5\n"
	if got := format(t, New(Paths{}), batch); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	long := New(Paths{Namespace: strings.Repeat("n", maxCopied)})
	if got := format(t, long, batch); strings.Count(got, "\n") != 2 {
		t.Errorf("got %q, want two lines", got)
	}
}

func TestBatchOfEveryScope(t *testing.T) {
	seen := map[string]bool{}
	for line := range strings.Lines(format(t, New(Paths{Namespace: "n"}), sinktest.Batch(100))) {
		if err := checkLine(strings.TrimSuffix(line, "\n")); err != nil {
			t.Error(err)
		}
		path, _, _ := strings.Cut(line, " ")
		if seen[path] {
			t.Errorf("%s twice", path)
		}
		seen[path] = true
	}
	if len(seen) != 2*(12*3+2) {
		t.Errorf("%d paths", len(seen))
	}
}
