package plaintext

import (
	"strings"
	"testing"

	"haproxystats/internal/metric"
)

// TestBatchNamesItsNode: the paths of a batch begin with its node, and the next
// one's with another.
func TestBatchNamesItsNode(t *testing.T) {
	builder := metric.NewBuilder(metric.Server, []metric.Column{{Name: "stot"}})
	for _, e := range []metric.Entity{{Parent: "a", Name: "s1"}, {Parent: "a", Name: "s2"}, {Parent: "b", Name: "s1", Group: "g"}} {
		row := builder.Row(e)
		builder.Touch(row)
		builder.Add(row, 0, 7)
	}
	tables := []*metric.Table{builder.Table()}
	for name, test := range map[string]struct {
		paths Paths
		hosts map[string]string // the component by the batch's node
	}{
		"all labels":  {Paths{Namespace: "n", Hostname: "start", FQDN: true, GroupNamespace: "x"}, map[string]string{"": "start.", "lb1.example.com": "lb1_example_com.", "lb2": "lb2."}},
		"first label": {Paths{Namespace: "n", Hostname: "start", GroupNamespace: "x"}, map[string]string{"": "start.", "lb1.example.com": "lb1.", "lb2": "lb2."}},
		"no host":     {Paths{Namespace: "n", GroupNamespace: "x"}, map[string]string{"": "", "lb1.example.com": "", "lb2": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			e := New(test.paths)
			for _, node := range []string{"", "lb1.example.com", "lb1.example.com", "lb2", ""} {
				var out strings.Builder
				if _, err := e.Encode(&out, &metric.Batch{Node: node, Epoch: 5, Tables: tables}); err != nil {
					t.Fatal(err)
				}
				root := "n." + test.hosts[node] + "haproxy."
				want := root + "backend.a.server.s1.stot 7 5\n" + root + "backend.a.server.s2.stot 7 5\n" + root + "x.g.backend.b.server.s1.stot 7 5\n"
				if got := out.String(); got != want {
					t.Errorf("node %q: got\n%swant\n%s", node, got, want)
				}
			}
		})
	}
}

// TestClusterPaths: the paths of a cluster have one component more than those of a node,
// so that no pattern for nodes counts a cluster, and do not depend on the host.
func TestClusterPaths(t *testing.T) {
	builder := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: "stot"}})
	row := builder.Row(metric.Entity{Name: "www"})
	builder.Touch(row)
	builder.Add(row, 0, 7)
	e := New(Paths{Namespace: "loadbalancers", Hostname: "central", ClusterNamespace: "loadbalancers.clusters"})
	for _, c := range []struct {
		node, cluster, want string
	}{
		{"", "eu.west", "loadbalancers.clusters.eu_west"},
		{"lb1.example.com", "eu.west", "loadbalancers.lb1"},
		{"", "", "loadbalancers.central"},
		{"", "us", "loadbalancers.clusters.us"},
	} {
		var out strings.Builder
		if _, err := e.Encode(&out, &metric.Batch{Node: c.node, Cluster: c.cluster, Epoch: 5, Tables: []*metric.Table{builder.Table()}}); err != nil {
			t.Fatal(err)
		}
		if got, want := out.String(), c.want+".haproxy.frontend.www.stot 7 5\n"; got != want {
			t.Errorf("node %q, cluster %q: got %q, want %q", c.node, c.cluster, got, want)
		}
	}
}
