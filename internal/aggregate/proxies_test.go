package aggregate

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/haproxysim"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
)

// proxiesOf returns a snapshot of which HAProxy was asked for the rows of proxies only.
func proxiesOf(t testing.TB, recording fs.FS) snapshot.Snapshot {
	t.Helper()
	names, err := fs.Glob(recording, "*_*")
	if err != nil || len(names) == 0 {
		t.Fatalf("got %d files, error %v", len(names), err)
	}
	files := make(snapshot.Memory)
	for _, name := range names {
		if !snapshot.IsReply(name) {
			continue
		}
		data, err := fs.ReadFile(recording, name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, snapshot.StatSuffix) {
			data = haproxysim.ProxiesOf(data)
		}
		files[name] = data
	}
	return snapshot.Snapshot{Files: files, Round: &snapshot.Round{ProxiesOnly: true}}
}

func aggregateSnapshot(t testing.TB, opt Options, s snapshot.Snapshot) *metric.Batch {
	t.Helper()
	a := New(opt)
	a.Reset()
	if _, err := new(reply.Reader).ReadSnapshot(s, s.Files, a); err != nil {
		t.Fatal(err)
	}
	return a.Batch(0)
}

// hasServers reports whether a line of a dump says something that only rows of servers or
// listeners tell.
func hasServers(line string) bool {
	fields := strings.Fields(line)
	switch fields[0] {
	case "server", "server-name", "listener":
		return true
	}
	return slices.ContainsFunc(fields, func(f string) bool {
		f = strings.TrimSuffix(f, "*")
		return f == totalServers || f == "percent_up" || strings.HasPrefix(f, "active_") || strings.HasPrefix(f, "backup_") || strings.HasPrefix(f, "listeners_")
	})
}

// TestProxiesOnly: without the rows of servers and listeners, all other metrics are what they
// are with them, and those that follow from servers are not there. None of them is 0.
func TestProxiesOnly(t *testing.T) {
	recordings, err := filepath.Glob("../../testdata/recordings/*/*")
	states, err2 := filepath.Glob("testdata/states/*/*")
	if recordings = append(recordings, states...); err != nil || err2 != nil || len(recordings) < 10 {
		t.Fatalf("got %d recordings, %v, %v", len(recordings), err, err2)
	}
	for _, opt := range []Options{{}, {Classic: true}, {Series: true, ServerNames: true, Percentages: true}} {
		for _, dir := range recordings {
			recording := os.DirFS(dir)
			var want []string
			left := 0
			for line := range strings.Lines(dump(aggregateFS(t, opt, recording))) {
				if hasServers(line) {
					left++
				} else {
					want = append(want, line)
				}
			}
			if left == 0 {
				t.Errorf("%s: got no metric of servers, want some to leave out", dir)
			}
			got := slices.Collect(strings.Lines(dump(aggregateSnapshot(t, opt, proxiesOf(t, recording)))))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %+v (-want +got):\n%s", dir, opt, diff)
			}
		}
	}
}

// TestProxiesOnlyIsNotRemembered: a snapshot with rows of servers follows one without, and the
// other way round.
func TestProxiesOnlyIsNotRemembered(t *testing.T) {
	recording := os.DirFS("testdata/states/3.4.0/01-settled")
	whole := snapshot.Snapshot{Files: recording, Round: &snapshot.Round{}}
	only := proxiesOf(t, recording)
	a := New(Options{Servers: Wanted{Exclude: names("nobody")}})
	for n, s := range []snapshot.Snapshot{whole, only, whole, only} {
		a.Reset()
		if _, err := new(reply.Reader).ReadSnapshot(s, s.Files, a); err != nil {
			t.Fatal(err)
		}
		unmatched := a.Unmatched()
		if got, want := len(unmatched.Servers.Exclude) > 0, !s.Round.ProxiesOnly; got != want {
			t.Errorf("%d: got a name of a server that nothing matches: %t, want %t", n, got, want)
		}
		if got, want := dump(a.Batch(0)), dump(aggregateSnapshot(t, Options{}, s)); got != want {
			t.Errorf("%d (-want +got):\n%s", n, cmp.Diff(want, got))
		}
	}
}

// TestProxiesOnlyOfANode: in a cluster, the servers are those of the nodes that tell them.
func TestProxiesOnlyOfANode(t *testing.T) {
	recording := os.DirFS("testdata/states/3.4.0/01-settled")
	whole := aggregateFS(t, Options{Processes: true}, recording)
	for _, c := range []struct {
		name  string
		nodes []*metric.Batch
		want  map[string]float64
	}{
		{"no node tells servers", []*metric.Batch{aggregateSnapshot(t, Options{Processes: true}, proxiesOf(t, recording))}, map[string]float64{"backend.app.act": 2}},
		{
			"one of two nodes tells servers",
			[]*metric.Batch{whole, aggregateSnapshot(t, Options{Processes: true}, proxiesOf(t, recording))},
			map[string]float64{
				"backend.app.act": 2, "backend.app.active_up": 2, "backend.app.percent_up": 100, "backend.app.TotalServers": 2, "backend.app.server.a1.state": 1,
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := New(Options{})
			for i, b := range c.nodes {
				addBatch(a, string(rune('a'+i)), b)
			}
			got := paths(a.Batch(1))
			for path, want := range c.want {
				if have, ok := got[path]; !ok || have != want {
					t.Errorf("%s: got %v (there: %t), want %v", path, have, ok, want)
				}
			}
			for _, path := range []string{"backend.app.active_up", "backend.app.percent_up", "backend.app.TotalServers", "backend.app.server.a1.state"} {
				if have, ok := got[path]; ok && len(c.nodes) == 1 {
					t.Errorf("%s: got %v, want no value", path, have)
				}
			}
		})
	}
}
