package plaintext

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink/sinktest"
)

// parseTagged reads a path as carbon does, and refuses what carbon would refuse or file
// under another path.
func parseTagged(path string) (name string, tags map[string]string, err error) {
	segments := strings.Split(path, ";")
	name, tags = segments[0], make(map[string]string)
	switch {
	case name == "" || name[0] == '~':
		return "", nil, fmt.Errorf("the name %q can't be the tag \"name\"", name)
	case strings.HasSuffix(path, `"}`) && strings.Contains(path, "{"):
		return "", nil, fmt.Errorf("%q is read as OpenMetrics", path)
	case len(path) > MaxPath:
		return "", nil, fmt.Errorf("a path of %d bytes", len(path))
	case !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return "", nil, fmt.Errorf("%q has a character that breaks a line", path)
	}
	for _, segment := range segments[1:] {
		tag, value, ok := strings.Cut(segment, "=")
		_, twice := tags[tag]
		switch {
		case !ok || tag == "" || value == "" || value[0] == '~' || strings.ContainsAny(tag, ";!^="):
			return "", nil, fmt.Errorf("%q has the tag %q", path, segment)
		case len(value) > MaxTag:
			return "", nil, fmt.Errorf("%q has a value of %d bytes", path, len(value))
		case twice || tag == "name":
			return "", nil, fmt.Errorf("%q has the tag %q twice", path, tag)
		}
		tags[tag] = value
	}
	if !slices.IsSorted(slices.Collect(func(yield func(string) bool) {
		for _, segment := range segments[1:] {
			if !yield(";" + segment) {
				return
			}
		}
	})) {
		return "", nil, fmt.Errorf("%q is not in carbon's order", path)
	}
	return name, tags, nil
}

var someTags = []Tag{{"role", "edge"}, {"dc", "ams"}, {"zone", "a=b"}, {"host-id", "7"}}

func TestTaggedPaths(t *testing.T) {
	plain := Paths{Namespace: "lb", Hostname: "lb-01.example.com", Tagged: true}
	tagged := Paths{Namespace: "lb", Hostname: "h", Tagged: true, Tags: someTags}
	groups := Paths{Namespace: "lb", GroupNamespace: "grp", Tagged: true}
	double := Paths{Namespace: "lb", GroupNamespace: "grp", DoubleWrites: true, Tagged: true}
	dotted := Paths{Namespace: "lb", Hostname: "h", GroupNamespace: "grp", DoubleWrites: true, Tags: someTags}
	for _, c := range []struct {
		paths  Paths
		scope  metric.Scope
		entity metric.Entity
		want   []string
	}{
		{plain, metric.Daemon, metric.Entity{}, []string{"lb.haproxy.daemon.scur;host=lb-01.example.com;type=daemon"}},
		{plain, metric.Process, metric.Entity{Name: "2"}, []string{"lb.haproxy.daemon.process.scur;host=lb-01.example.com;process=2;type=process"}},
		{plain, metric.Frontend, metric.Entity{Name: "www"}, []string{"lb.haproxy.frontend.scur;host=lb-01.example.com;proxy=www;type=frontend"}},
		{plain, metric.Backend, metric.Entity{Name: "a.b/c"}, []string{"lb.haproxy.backend.scur;host=lb-01.example.com;proxy=a.b/c;type=backend"}},
		{plain, metric.Server, metric.Entity{Parent: "api", Name: "s.1"}, []string{"lb.haproxy.backend.server.scur;host=lb-01.example.com;proxy=api;server=s.1;type=server"}},
		{plain, metric.ServerProcesses, metric.Entity{Parent: "api", Name: "s"}, []string{"lb.haproxy.backend.server.processes.scur;host=lb-01.example.com;proxy=api;server=s;type=server-processes"}},
		{plain, metric.ServerName, metric.Entity{Name: "s"}, []string{"lb.haproxy.server.scur;host=lb-01.example.com;server=s;type=server-name"}},
		{plain, metric.Self, metric.Entity{}, []string{"lb.haproxy.haproxystats.scur;host=lb-01.example.com;type=haproxystats"}},
		{plain, metric.Listener, metric.Entity{Parent: "www", Name: "sock-1"}, []string{"lb.haproxy.frontend.listener.scur;host=lb-01.example.com;listener=sock-1;proxy=www;type=listener"}},
		{plain, metric.StickTable, metric.Entity{Name: "t"}, []string{"lb.haproxy.sticktable.scur;host=lb-01.example.com;table=t;type=stick-table"}},
		{plain, metric.Resolver, metric.Entity{Parent: "dns", Name: "ns"}, []string{"lb.haproxy.resolver.nameserver.scur;host=lb-01.example.com;nameserver=ns;resolver=dns;type=resolver"}},
		{plain, metric.Certificate, metric.Entity{Name: "/etc/a.pem"}, []string{"lb.haproxy.certificate.scur;certificate=/etc/a.pem;host=lb-01.example.com;type=certificate"}},
		{plain, metric.Socket, metric.Entity{Name: "a.sock"}, []string{"lb.haproxy.socket.scur;host=lb-01.example.com;socket=a.sock;type=socket"}},
		{plain, metric.Learned, metric.Entity{Parent: "frontend", Name: "h3_new"}, []string{"lb.haproxy.learned.scur;field=h3_new;host=lb-01.example.com;rows=frontend;type=learned"}},
		{tagged, metric.Frontend, metric.Entity{Name: "~a ;b\n\xff"}, []string{"lb.haproxy.frontend.scur;dc=ams;host-id=7;host=h;proxy=_a__b__;role=edge;type=frontend;zone=a=b"}},
		{groups, metric.Frontend, metric.Entity{Name: "www", Group: "g.h"}, []string{"lb.haproxy.grp.frontend.scur;group=g.h;proxy=www;type=frontend"}},
		{groups, metric.Frontend, metric.Entity{}, []string{"lb.haproxy.frontend.scur;proxy=_;type=frontend"}},
		{double, metric.Server, metric.Entity{Parent: "api", Name: "s", Group: "g"}, []string{
			"lb.haproxy.grp.backend.server.scur;group=g;proxy=api;server=s;type=server",
			"lb.haproxy.backend.server.scur;proxy=api;server=s;type=server",
		}},
		{Paths{Namespace: "~lb", Tagged: true}, metric.Daemon, metric.Entity{}, []string{"_lb.haproxy.daemon.scur;type=daemon"}},
		{dotted, metric.Server, metric.Entity{Parent: "a.b", Name: "s", Group: "g"}, []string{
			"lb.h.haproxy.grp.g.backend.a_b.server.s.scur;dc=ams;host-id=7;role=edge;zone=a=b",
			"lb.h.haproxy.backend.a_b.server.s.scur;dc=ams;host-id=7;role=edge;zone=a=b",
		}},
		{Paths{Namespace: "~lb", Tags: []Tag{{"a", "b"}}}, metric.Daemon, metric.Entity{}, []string{"_lb.haproxy.daemon.scur;a=b"}},
		{Paths{Namespace: "~lb"}, metric.Daemon, metric.Entity{}, []string{"~lb.haproxy.daemon.scur"}},
	} {
		want := ""
		for _, path := range c.want {
			want += path + " 12 1795335122\n"
			if _, _, err := parseTagged(path); err != nil && path[0] != '~' {
				t.Error(err)
			}
		}
		if got := format(t, New(c.paths), sinktest.One(c.scope, c.entity, "scur", 12)); got != want {
			t.Errorf("%+v %v %+v:\n got %q\nwant %q", c.paths, c.scope, c.entity, got, want)
		}
	}
}

// TestTaggedAbout: a batch of a node or a cluster has its tag, and one encoder takes both.
func TestTaggedAbout(t *testing.T) {
	e := New(Paths{Namespace: "lb", ClusterNamespace: "lb.clusters", Hostname: "self", Tagged: true})
	for _, c := range []struct{ node, cluster, want string }{
		{"", "", "lb.haproxy.backend.scur;host=self;proxy=b;type=backend"},
		{"n.example", "eu", "lb.haproxy.backend.scur;host=n;proxy=b;type=backend"},
		{"", "eu.west", "lb.clusters.haproxy.backend.scur;cluster=eu.west;proxy=b;type=backend"},
		{"", "", "lb.haproxy.backend.scur;host=self;proxy=b;type=backend"},
	} {
		b := sinktest.One(metric.Backend, metric.Entity{Name: "b"}, "scur", 1)
		b.Node, b.Cluster = c.node, c.cluster
		if got, want := format(t, e, b), c.want+" 1 1795335122\n"; got != want {
			t.Errorf("node %q, cluster %q: got %q, want %q", c.node, c.cluster, got, want)
		}
	}
}

// TestTaggedMeetings: names that differ only where dotted paths can't show it stay apart, and
// others are combined.
func TestTaggedMeetings(t *testing.T) {
	batch := func(names ...string) *metric.Batch {
		table := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: "scur"}})
		for _, name := range names {
			row := table.Row(metric.Entity{Name: name})
			table.Touch(row)
			table.Add(row, 0, 3)
		}
		return &metric.Batch{Epoch: 5, Tables: []*metric.Table{table.Table()}}
	}
	e := New(Paths{Tagged: true})
	out, result := encode(t, e, batch("a.b", "a_b"))
	if want := "haproxy.frontend.scur;proxy=a.b;type=frontend 3 5\nhaproxy.frontend.scur;proxy=a_b;type=frontend 3 5\n"; out != want || len(result.Met) > 0 {
		t.Errorf("got %q and %v, want %q and no meeting", out, result.Met, want)
	}
	out, result = encode(t, New(Paths{Tagged: true}), batch("a b", "a;b", "c"))
	if want := "haproxy.frontend.scur;proxy=a_b;type=frontend 6 5\nhaproxy.frontend.scur;proxy=c;type=frontend 3 5\n"; out != want || len(result.Met) != 1 {
		t.Errorf("got %q and %v, want %q and one meeting", out, result.Met, want)
	}
	table := metric.NewBuilder(metric.Process, []metric.Column{{Name: "x"}})
	for _, name := range []string{"1 ", "1;"} {
		row := table.Row(metric.Entity{Name: name})
		table.Touch(row)
		table.Add(row, 0, 1)
	}
	out = format(t, e, &metric.Batch{Epoch: 5, Tables: []*metric.Table{table.Table()}})
	if want := "haproxy.daemon.process.x;process=1_;type=process 1 5\nhaproxy.daemon.process.x;process=1__2;type=process 1 5\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

// TestTaggedLimits: values that Graphite-web's database does not take are left out and
// counted.
func TestTaggedLimits(t *testing.T) {
	for _, c := range []struct {
		paths  Paths
		entity metric.Entity
		lines  int
	}{
		{Paths{}, metric.Entity{Name: strings.Repeat("x", MaxTag)}, 1},
		{Paths{}, metric.Entity{Name: strings.Repeat("x", MaxTag+1)}, 0},
		{Paths{GroupNamespace: "g"}, metric.Entity{Name: "x", Group: strings.Repeat("x", MaxTag+1)}, 0},
		{Paths{Hostname: strings.Repeat("h", MaxTag+1)}, metric.Entity{Name: "x"}, 0},
		{Paths{Namespace: strings.Repeat("n", MaxTag)}, metric.Entity{Name: "x"}, 0},
	} {
		c.paths.Tagged = true
		out, result := encode(t, New(c.paths), sinktest.One(metric.Backend, c.entity, "scur", 1))
		if n := strings.Count(out, "\n"); n != c.lines || int(result.Skipped) != 1-c.lines {
			t.Errorf("%+v: got %d lines and %d skipped, want %d lines", c.entity, n, result.Skipped, c.lines)
		}
		if want := c.entity.Name; len(want) > MaxTag && (result.Longest != want || result.Limit != MaxTag) {
			t.Errorf("got longest name %q and limit %d, want %q and %d", result.Longest, result.Limit, want, MaxTag)
		}
	}
}

// TestTaggedIsDotted: a batch of every scope has as many tagged series as dotted paths, with
// the same values, and each name with its tags is there once.
func TestTaggedIsDotted(t *testing.T) {
	for _, batch := range []*metric.Batch{sinktest.Batch(100), sinktest.Load(2, 3, 40, 3)} {
		for _, paths := range []Paths{{Namespace: "n", Hostname: "h"}, {Namespace: "n", GroupNamespace: "g", DoubleWrites: true}} {
			dotted := strings.SplitAfter(format(t, New(paths), batch), "\n")
			paths.Tagged, paths.Tags = true, someTags
			tagged := strings.SplitAfter(format(t, New(paths), batch), "\n")
			if len(dotted) != len(tagged) {
				t.Fatalf("got %d lines, want %d", len(tagged), len(dotted))
			}
			seen := make(map[string]bool)
			for i, line := range tagged[:len(tagged)-1] {
				path, value, _ := strings.Cut(line, " ")
				if _, want, _ := strings.Cut(dotted[i], " "); value != want {
					t.Fatalf("%s: got %q, want %q", path, value, want)
				}
				if seen[path] {
					t.Errorf("%s is there twice", path)
				}
				seen[path] = true
				name, tags, err := parseTagged(path)
				if err != nil {
					t.Fatal(err)
				}
				// The dotted path has the parts of the name, and the values of tags, but for dots.
				part := strings.Split(strings.TrimSuffix(dotted[i], " "+value), ".")
				for _, p := range strings.Split(name, ".") {
					if !slices.Contains(part, p) {
						t.Errorf("%q has no %q of %s", part, p, path)
					}
				}
				for tag, v := range tags {
					if tag != "type" && !slices.ContainsFunc(someTags, func(s Tag) bool { return s.Name == tag }) && !slices.Contains(part, v) && !slices.Contains(part, Component(v)) {
						t.Errorf("%q has no %s=%s of %s", part, tag, v, path)
					}
				}
			}
		}
	}
}

func TestTaggedTarget(t *testing.T) {
	for _, c := range []struct {
		paths Paths
		want  string
	}{
		{Paths{Namespace: "lb", Hostname: "x"}, "lb.h_example.haproxy.haproxystats.M"},
		{Paths{Namespace: "lb", Hostname: "x", FQDN: true, Tagged: true, Tags: someTags}, `seriesByTag("name=lb.haproxy.haproxystats.M","dc=ams","host-id=7","host=h.example","role=edge","type=haproxystats","zone=a=b")`},
		{Paths{Namespace: "lb", Hostname: "x", Tags: someTags[:1]}, `seriesByTag("name=lb.h.haproxy.haproxystats.M","role=edge")`},
	} {
		if c.paths.Tagged == false && c.paths.Tags == nil {
			c.paths.FQDN = true
		}
		if got := c.paths.Self("h.example", "M"); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestTaggedWithoutAllocation(t *testing.T) {
	batch := sinktest.Load(10, 20, 500, 3)
	for _, paths := range []Paths{
		{Namespace: "n", Hostname: "h", GroupNamespace: "g", DoubleWrites: true, Tagged: true, Tags: someTags},
		{Namespace: "n", Hostname: "h", GroupNamespace: "g", DoubleWrites: true, Tags: someTags},
	} {
		e := New(paths)
		if n := testing.AllocsPerRun(10, func() {
			if _, err := e.Encode(io.Discard, batch); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%v allocations a batch", n)
		}
	}
}

// FuzzTagged: each path is one that carbon takes and reads as the tags that were meant.
func FuzzTagged(f *testing.F) {
	f.Add("loadbalancers", "lb-01.example.com", "grp", "www", "parent", "name", "scur", "ams", int64(12), 0.5)
	f.Add("~", "~~", "", "", "", "../../etc", "Unstoppable Jobs", `"}`, int64(-1), math.NaN())
	f.Add("\n", " ", ";", "/", "\x00", "a b\nc.d 1 2\n;x=y", "\xff\xfe{", "=", int64(math.MinInt64), math.Inf(1))
	f.Add("n", "", "g", "a.b", strings.Repeat("p", 192), strings.Repeat("n", 191), strings.Repeat("c", 252), "a;b", int64(1), 1.)
	f.Add("é", "\u2028", "\u0085", "\ufeff", "x", "...", "-", "~", int64(1), 1e300)
	f.Fuzz(func(t *testing.T, namespace, hostname, groups, group, parent, name, column, constant string, i int64, v float64) {
		constant = cmp.Or(strings.Map(func(r rune) rune {
			if r == '"' || r == '\'' {
				return '_'
			}
			return r
		}, constant[:min(len(constant), MaxTag)]), "x")
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
		tags := []Tag{{"zone", constant}, {"a", "b"}}
		for _, tagged := range []bool{true, false} {
			e := New(Paths{Namespace: namespace, Hostname: hostname, GroupNamespace: groups, DoubleWrites: true, Tagged: tagged, Tags: tags})
			out, result := encode(t, e, b)
			lines := 0
			for line := range strings.Lines(out) {
				lines++
				path, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
				if err := checkLine("a " + rest); err != nil {
					t.Error(err)
				}
				_, got, err := parseTagged(path)
				if err != nil {
					t.Fatal(err)
				}
				want := map[string]string{"a": "b", "zone": TagValue(constant)}
				if tagged {
					var values [numTags]string
					scope := slices.IndexFunc(b.Tables, func(t *metric.Table) bool { return typeOf(t.Scope()) == got["type"] })
					e.tags.fill(&values, metric.Scope(scope), metric.Entity{Parent: parent, Name: name}, "")
					for i, v := range values {
						if v != "" {
							want[TagNames[i]] = TagValue(v)
						}
					}
					if g := got["group"]; g != "" {
						want["group"] = TagValue(group)
					}
				}
				if !maps.Equal(got, want) {
					t.Errorf("%q reads as %q, want %q", path, got, want)
				}
			}
			if again := format(t, e, b); again != out {
				t.Errorf("%q the second time, %q the first", again, out)
			}
			points := b.Points()
			if e.group != nil && group != "" {
				points *= 2
			}
			if skipped := int(result.Skipped); lines+skipped != points {
				t.Errorf("%d lines and %d skipped of %d", lines, skipped, points)
			}
			if bytes.Count([]byte(out), []byte("\n")) != lines {
				t.Error("a line is cut")
			}
		}
	})
}
