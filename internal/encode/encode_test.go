package encode

import (
	"errors"
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"haproxystats/internal/metric"
)

func TestHost(t *testing.T) {
	for _, c := range []struct {
		host          Host
		node, cluster string
		want          string
	}{
		{Host{Name: "here.example.com"}, "", "", "here"},
		{Host{Name: "here.example.com", FQDN: true}, "", "", "here.example.com"},
		{Host{Name: "here.example.com"}, "lb1.example.com", "eu", "lb1"},
		{Host{Name: "here.example.com", FQDN: true}, "lb1.example.com", "", "lb1.example.com"},
		{Host{Name: "here.example.com"}, "", "eu", ""},
	} {
		if got := c.host.Of(&metric.Batch{Node: c.node, Cluster: c.cluster}); got != c.want {
			t.Errorf("%+v, node %q, cluster %q: got %q, want %q", c.host, c.node, c.cluster, got, c.want)
		}
	}
}

// TestTextIsInjective: any names become valid UTF-8, and different ones stay different.
func TestTextIsInjective(t *testing.T) {
	name := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("\ufffdf0e"))),
		rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte("f0\xef\xbf\xbd\xff\xc3\xa9")), 0, 8), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		textA, textB := string(AppendText(nil, a)), string(AppendText(nil, b))
		if !utf8.ValidString(textA) || (textA == textB) != (a == b) {
			t.Fatalf("got %q for %q and %q for %q", textA, a, textB, b)
		}
	})
}

func table(s metric.Scope, column string, names ...string) *metric.Table {
	b := metric.NewBuilder(s, []metric.Column{{Name: column}})
	for _, name := range names {
		b.Touch(b.Row(metric.Entity{Parent: name[:1], Name: name}))
	}
	return b.Table()
}

// TestGroups: an entity is visited once, with its rows in all tables of its scope.
func TestGroups(t *testing.T) {
	b := &metric.Batch{Tables: []*metric.Table{
		table(metric.Backend, "one", "c", "a"),
		table(metric.Server, "x", "s"),
		table(metric.Backend, "two", "d", "b", "a"),
		table(metric.Backend, "none"),
	}}
	var groups []Group
	for range 2 { // the second time in used memory
		groups = Groups(groups[:0], b)
		var got []string
		for i := range groups {
			err := groups[i].Each(func(r *Row) error {
				got = append(got, fmt.Sprint(groups[i].Scope, " ", r.Name, " ", r.At))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		want := []string{"backend a [1 2 -1]", "backend b [-1 1 -1]", "backend c [0 -1 -1]", "backend d [-1 0 -1]", "server s [0]"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("want -, got +\n%s", d)
		}
	}
	stop := errors.New("stop")
	if err := groups[0].Each(func(*Row) error { return stop }); err != stop {
		t.Errorf("got %v, want %v", err, stop)
	}
}

// TestColumns: what was made of columns is kept as long as they are the same.
func TestColumns(t *testing.T) {
	var c Columns[string]
	made := 0
	build := func(g *Group) string {
		made++
		return g.Tables[0].Columns()[0].Name
	}
	a, b := table(metric.Server, "a", "s"), table(metric.Server, "b", "s")
	for _, next := range []struct {
		table *metric.Table
		want  string
		made  int
	}{{a, "a", 1}, {a, "a", 1}, {b, "b", 2}, {table(metric.Backend, "c", "s"), "c", 3}, {a, "a", 4}} {
		groups := Groups(nil, &metric.Batch{Tables: []*metric.Table{next.table}})
		if got := c.Of(0, &groups[0], build); got != next.want || made != next.made {
			t.Errorf("got %q, made %d times, want %q and %d", got, made, next.want, next.made)
		}
	}
}

// TestCells: a field with a column for Graphite and one for the others is there once, and
// the numbers of states, which need their names, are not.
func TestCells(t *testing.T) {
	b := metric.NewBuilder(metric.Server, []metric.Column{
		{Name: "scur"},
		{Name: "lastchg", Combine: metric.Mean, Outputs: metric.GraphiteOnly},
		{Name: "lastchg", Combine: metric.MinKnown, Outputs: metric.ExceptGraphite},
		{Name: "status", Combine: metric.Max, Nature: metric.State, Outputs: metric.ExceptGraphite},
		{Name: "state", Combine: metric.Max, Nature: metric.State},
		{Name: "empty"},
	})
	row := b.Row(metric.Entity{Parent: "app", Name: "s1"})
	for col := range 5 {
		b.Add(row, col, int64(10+col))
	}
	b.Touch(row)
	g := Groups(nil, &metric.Batch{Tables: []*metric.Table{b.Table()}})[0]
	var got []string
	err := g.Each(func(r *Row) error {
		return g.Cells(r, func(c Cell) error {
			v, ok := c.Value()
			got = append(got, fmt.Sprintf("%s=%d/%t", c.Table.Columns()[c.Column].Name, v.Int, ok))
			return nil
		})
	})
	want := []string{"scur=10/true", "lastchg=12/true", "state=14/true"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, got instead of the wanted cells (-):\n%s", err, diff)
	}
}
