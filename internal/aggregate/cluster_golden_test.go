package aggregate

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/encode/tables"
	"haproxystats/internal/snapshot"
)

// TestClusterGolden: a cluster of one node has the node's own numbers, and the processes
// of a recorded node, each as a node of its own, make the same cluster.
func TestClusterGolden(t *testing.T) {
	dirs, err := filepath.Glob("../../testdata/golden/*/snapshot/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no golden snapshots", err)
	}
	divided := 0
	for _, dir := range dirs {
		opt := Options{ServerNames: true, Percentages: true}
		whole := os.DirFS(dir)
		want := paths(aggregateFS(t, opt, whole))
		if len(want) == 0 {
			t.Errorf("%s: no metrics", dir)
		}
		if diff := cmp.Diff(want, paths(clusterOf(t, opt, whole).Batch(0))); diff != "" {
			t.Errorf("%s as a cluster of one node (-want +got):\n%s", dir, diff)
		}
		nodes := eachProcess(t, whole)
		if diff := cmp.Diff(want, paths(clusterOf(t, opt, nodes...).Batch(0))); diff != "" {
			t.Errorf("%s as a cluster of %d nodes (-want +got):\n%s", dir, len(nodes), diff)
		}
		if len(nodes) >= 4 {
			divided++
		}
	}
	if divided == 0 {
		t.Error("no recording has four processes, want one or more")
	}
}

// clusterOf returns a cluster that has got the tables of nodes, as they travel.
func clusterOf(t *testing.T, opt Options, nodes ...fs.FS) *Aggregator {
	t.Helper()
	e, d := tables.NewEncoder(), tables.NewDecoder()
	defer d.Close()
	c := New(opt)
	opt.Processes = true
	for i, node := range nodes {
		h := tables.Head{Node: fmt.Sprint("node", i), Shards: 1}
		frame, err := e.Encode(nil, h, aggregateFS(t, opt, node))
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Decode(frame)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Tables {
			c.AddTable(p.Node, &p.Tables[i])
		}
		c.AddTexts(p.Texts)
	}
	return c
}

// eachProcess returns the files of each socket of a snapshot.
func eachProcess(t *testing.T, whole fs.FS) (nodes []fs.FS) {
	t.Helper()
	names, err := fs.Glob(whole, "*"+snapshot.InfoSuffix)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range names {
		files := snapshot.Memory{}
		for _, name := range []string{info, strings.TrimSuffix(info, snapshot.InfoSuffix) + snapshot.StatSuffix} {
			if files[name], err = fs.ReadFile(whole, name); err != nil {
				t.Fatal(err)
			}
		}
		nodes = append(nodes, files)
	}
	return nodes
}
