package app

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/config"
	"haproxystats/internal/metric"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/snapshot"
)

// TestScopes: a window's batch has the scopes that the cluster sends, and the numbers of
// servers whether or not these are among them.
func TestScopes(t *testing.T) {
	for _, c := range []struct {
		scopes []string
		want   []metric.Scope
	}{
		{[]string{"daemon", "frontend", "backend", "server"}, []metric.Scope{metric.Frontend, metric.Backend, metric.Server}},
		{[]string{"backend"}, []metric.Scope{metric.Backend}},
		{[]string{"server", "frontend"}, []metric.Scope{metric.Frontend, metric.Server}},
		{[]string{"daemon"}, nil},
	} {
		a := scoped{aggregate.New(aggregate.Options{}), scopesOf(c.scopes)}
		a.Reset()
		for _, of := range []struct {
			scope  metric.Scope
			entity metric.Entity
		}{
			{metric.Frontend, metric.Entity{Name: "www"}},
			{metric.Backend, metric.Entity{Name: "app"}},
			{metric.Server, metric.Entity{Parent: "app", Name: "s1"}},
		} {
			b := metric.NewBuilder(of.scope, []metric.Column{{Name: "stot"}})
			row := b.Row(of.entity)
			b.Touch(row)
			b.Add(row, 0, 1)
			a.AddTable("n", b.Table())
		}
		var got []metric.Scope
		for _, table := range a.Batch(1).Tables {
			got = append(got, table.Scope())
			if total := table.Column("TotalServers"); table.Scope() == metric.Backend && total >= 0 {
				if v, _ := table.At(table.Rows()[0], total); v.Int != 1 {
					t.Errorf("scopes %q: got %d servers, want 1", c.scopes, v.Int)
				}
			}
		}
		slices.Sort(got)
		got = slices.Compact(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("scopes %q: got %v, want %v", c.scopes, got, c.want)
		}
	}
}

// TestNoBrokers: a program that links no client of Kafka says that it can't read topics.
func TestNoBrokers(t *testing.T) {
	_, err := openClusters(&config.Config{Central: config.Central{Kafka: true}}, nil, "", nil, nil, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "set kafka = false in [central]") {
		t.Errorf("got %v, want that this program can't speak to Kafka", err)
	}
}

// TestServerIdentity: servers of a cluster that says so are named by their addresses, and
// the log names a node whose socket does not show them once.
func TestServerIdentity(t *testing.T) {
	var out strings.Builder
	p := NewPipeline(aggregate.Options{}, selfstat.Sources{}, slog.New(slog.NewTextHandler(&out, nil)))
	p.addressed = func(cluster string) bool { return cluster == "eu" }
	const header = "# pxname,svname,stot,type,addr,\n"
	for _, c := range []struct{ cluster, stat, want string }{
		{"us", "app,s1,1,2,10.0.0.1:80,\napp,s2,2,2,10.0.0.1:80,\n", "app/s1=1 app/s2=2 "},
		{"eu", "app,s1,1,2,10.0.0.1:80,\napp,s2,2,2,10.0.0.1:80,\napp,s3,4,2,[::1]:80,\n", "app/10.0.0.1:80=3 app/[::1]:80=4 "},
		{"eu", "app,s1,1,2,,\n", "app/s1=1 "},
		{"eu", "app,s1,1,2,,\napp,s2,2,2,,\n", "app/s1=1 app/s2=2 "},
	} {
		b, err := p.Aggregate(snapshot.Snapshot{Node: "n", Cluster: c.cluster, Files: snapshot.Memory{
			"a_info": []byte("Name: HAProxy\nProcess_num: 1\nPid: 1\n\n"), "a_stat": []byte(header + c.stat + "\n"),
		}})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, table := range b.Tables {
			if table.Scope() != metric.Server {
				continue
			}
			for _, row := range table.Rows() {
				v, _ := table.At(row, table.Column("stot"))
				got += fmt.Sprintf("%s/%s=%d ", table.Entity(row).Parent, table.Entity(row).Name, v.Int)
			}
		}
		if got != c.want {
			t.Errorf("cluster %s: got %q, want %q", c.cluster, got, c.want)
		}
	}
	if n := strings.Count(out.String(), "addresses of servers are not shown"); n != 1 {
		t.Errorf("got the message %d times, want once:\n%s", n, out.String())
	}
	if n := p.faults.addressesHidden(); n != 3 {
		t.Errorf("got %d rows without an address, want 3", n)
	}
	if strings.Contains(out.String(), "two rows of one name") {
		t.Errorf("the log tells of rows that are meant to be one:\n%s", out.String())
	}
}
