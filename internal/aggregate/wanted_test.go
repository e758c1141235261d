package aggregate

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haproxystats/bench/workload"
	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
)

// names returns names and, between slashes, patterns.
func names(all ...string) *Names {
	n := &Names{}
	for _, name := range all {
		if text, ok := strings.CutPrefix(name, "/"); ok {
			text = strings.TrimSuffix(text, "/")
			n.Patterns = append(n.Patterns, Group{text, regexp.MustCompile(text).MatchString})
			continue
		}
		n.Exact = append(n.Exact, name)
	}
	return n
}

func TestWanted(t *testing.T) {
	const text = "# pxname,svname,type,scur,status\n" +
		"f.x,FRONTEND,0,1,OPEN\nf.y,FRONTEND,0,1,OPEN\n" +
		"b.x,s.1,2,1,UP\nb.x,s2,2,1,DOWN\nb.x,BACKEND,1,1,UP\n" +
		"b.y,s.1,2,1,UP\nb.y,s2,2,1,UP\nb.y,BACKEND,1,1,UP\n"
	for _, tt := range []struct {
		name                         string
		frontends, backends, servers Wanted
		want                         string
		unmatched                    Unmatched
	}{
		{
			name: "all",
			want: "f_x f_y b_x b_y b_x/s_1 b_x/s2 b_y/s_1 b_y/s2; by name s_1=2 s2=2; servers b_x=2 b_y=2; up b_x=1 b_y=2",
		},
		{
			name: "included", frontends: Wanted{Include: names("f_y", "no")}, backends: Wanted{Include: names("/y$/", "/^z/")},
			want:      "f_y b_y b_y/s_1 b_y/s2; by name s_1=2 s2=2; servers b_y=2; up b_y=2",
			unmatched: Unmatched{Frontends: UnmatchedNames{Include: []string{"no"}}, Backends: UnmatchedNames{Include: []string{"/^z/"}}},
		},
		{
			name: "an exclusion wins", frontends: Wanted{names("/^f/"), names("f_x")},
			want: "f_y b_x b_y b_x/s_1 b_x/s2 b_y/s_1 b_y/s2; by name s_1=2 s2=2; servers b_x=2 b_y=2; up b_x=1 b_y=2",
		},
		{
			name: "a server of all backends", servers: Wanted{Exclude: names("s_1")},
			want: "f_x f_y b_x b_y b_x/s2 b_y/s2; by name s2=2; servers b_x=2 b_y=2; up b_x=1 b_y=2",
		},
		{
			name: "a server of one backend", servers: Wanted{Exclude: names("b_x/s_1")},
			want: "f_x f_y b_x b_y b_x/s2 b_y/s_1 b_y/s2; by name s_1=1 s2=2; servers b_x=2 b_y=2; up b_x=1 b_y=2",
		},
		{
			name: "a pattern has backend/server", servers: Wanted{Include: names("/^b_y/s/", "/^s/")},
			want:      "f_x f_y b_x b_y b_y/s_1 b_y/s2; by name s_1=1 s2=1; servers b_x=2 b_y=2; up b_x=1 b_y=2",
			unmatched: Unmatched{Servers: UnmatchedNames{Include: []string{"/^s/"}}},
		},
		{
			name: "no server", servers: Wanted{Exclude: names("/./")}, backends: Wanted{Exclude: names("b_x")},
			want: "f_x f_y b_y; by name; servers b_y=2; up b_y=2",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := New(Options{Spell: plaintext.Component, Frontends: tt.frontends, Backends: tt.backends, Servers: tt.servers, ServerNames: true})
			got := map[string]string{}
			// The second time, names are known.
			for range 2 {
				a.Reset()
				var r reply.Reader
				if _, err := r.Read(files(map[string]string{"a_info": "Pid: 1", "a_stat": text}), a); err != nil {
					t.Fatal(err)
				}
				clear(got)
				for _, table := range a.Batch(1).Tables {
					for _, row := range table.Rows() {
						e := table.Entity(row)
						id := plaintext.Component(e.Name)
						if e.Parent != "" {
							id = plaintext.Component(e.Parent) + "/" + id
						}
						for key, name := range map[string]string{"TotalServers": "servers", "active_up": "up", "scur": "rows"} {
							c := table.Column(key)
							if c < 0 {
								continue
							}
							v, ok := table.At(row, c)
							switch {
							case !ok:
							case key == "scur" && table.Scope() == metric.ServerName:
								got["by name"] += " " + id + "=" + fmt.Sprint(v.Number())
							case key == "scur":
								got["rows"] += " " + id
							case table.Scope() == metric.Backend:
								got[name] += " " + id + "=" + fmt.Sprint(v.Number())
							}
						}
					}
				}
			}
			line := strings.TrimSpace(got["rows"]) + "; by name" + got["by name"] + "; servers" + got["servers"] + "; up" + got["up"]
			if line != tt.want {
				t.Errorf("got  %s\nwant %s", line, tt.want)
			}
			if d := cmp.Diff(tt.unmatched, a.Unmatched()); d != "" {
				t.Errorf("unmatched: -want +got\n%s", d)
			}
		})
	}
}

// TestWantedLeavesTheRest: what files of names leave out changes nothing about the rest, in
// every recording, and also where sockets have accounts.
func TestWantedLeavesTheRest(t *testing.T) {
	opt := Options{Spell: plaintext.Component, Series: true, PerProcess: true}
	some := opt
	some.Frontends.Exclude, some.Backends.Exclude = names("/e/"), names("/_be$/")
	some.Servers.Exclude = names("/[13579]$/")
	left := func(name string) bool { // of paths
		for _, part := range []string{"frontend", "listener", "backend"} {
			if rest, ok := strings.CutPrefix(name, part+"."); ok {
				proxy, metric, _ := strings.Cut(rest, ".")
				if part == "backend" {
					if metric, ok := strings.CutPrefix(metric, "server."); ok {
						server, _, _ := strings.Cut(metric, ".")
						if strings.ContainsAny(server[len(server)-1:], "13579") {
							return true
						}
					}
					return strings.HasSuffix(proxy, "_be")
				}
				return strings.Contains(proxy, "e")
			}
		}
		return false
	}
	compared, dropped := 0, 0
	compare := func(about string, all, wanted map[string]float64) {
		for name := range all {
			if left(name) {
				delete(all, name)
				dropped++
			}
		}
		compared += len(all)
		if d := cmp.Diff(all, wanted); d != "" {
			t.Errorf("%s: -want +got\n%s", about, d)
		}
	}
	for _, dir := range recordings(t) {
		compare(dir, paths(batchAt(t, opt, os.DirFS(dir), 1)), paths(batchAt(t, some, os.DirFS(dir), 1)))
	}
	for _, role := range []snapshot.Role{snapshot.Old, snapshot.Stale, snapshot.Silent} {
		one := opt
		one.Servers.Exclude = names("a1")
		all := paths(batch(t, opt, accounted(t, role)))
		for name := range all {
			if strings.Contains(name, ".server.a1.") {
				delete(all, name)
				dropped++
			}
		}
		if d := cmp.Diff(all, paths(batch(t, one, accounted(t, role)))); d != "" {
			t.Errorf("account with %v: -want +got\n%s", role, d)
		}
	}
	if compared < 10_000 || dropped < 1000 {
		t.Errorf("compared %d values, and %d were left out", compared, dropped)
	}
}

// BenchmarkWanted has how long a snapshot takes of which not all is wanted.
func BenchmarkWanted(b *testing.B) {
	five := catalogue.ParseList("scur stot bin bout hrsp_5xx")
	for _, c := range []struct {
		name string
		opt  Options
	}{
		{"all", Options{}},
		{"5 metrics", Options{Frontend: five, Backend: five, Server: five}},
		{"no servers", Options{Servers: Wanted{Exclude: names("/./")}}},
		{"no servers, 5 metrics", Options{Frontend: five, Backend: five, Servers: Wanted{Exclude: names("/./")}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			g, err := workload.New(workload.M, 1)
			if err != nil {
				b.Fatal(err)
			}
			fsys := g.Snapshot(0)
			b.SetBytes(bytesOf(b, fsys))
			a := New(c.opt)
			var r reply.Reader
			b.ReportAllocs()
			for b.Loop() {
				a.Reset()
				if _, err := r.Read(fsys, a); err != nil {
					b.Fatal(err)
				}
				a.Batch(0)
			}
		})
	}
}
