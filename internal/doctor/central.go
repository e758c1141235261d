package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/pull"
	"haproxystats/internal/spool"
	"haproxystats/internal/status"
)

// ofCentral adds the checks of haproxystats-central.
func (r *run) ofCentral(add func(string, time.Duration, func(context.Context) []Finding), c *config.Config) {
	add("nodes", socketsLimit, func(ctx context.Context) []Finding { return r.nodes(ctx, c) })
	if !r.isLinux() {
		return
	}
	add(string(config.ForCentral), localLimit, func(ctx context.Context) []Finding { return r.central(ctx, c) })
}

// central examines the files and directories of haproxystats-central, and whether it
// runs.
func (r *run) central(ctx context.Context, c *config.Config) []Finding {
	var found []Finding
	work := absolute(c.Central.WorkDir)
	u := r.unit(ctx, string(config.ForCentral))
	needs := []Need{{"work-dir", work, true}}
	instance := Instance{
		Program: string(config.ForCentral), Holder: nobodyKnows, Socket: c.Central.StatusSocket, Ask: status.Ask, SHA256: r.centralSHA256,
	}
	if c.Central.StatusSocket != "" { // nobody listens there, then
		instance.Holder = func(string) (spool.LockOwner, error) { return spool.LockOwner{}, nil }
	}
	for _, n := range c.Nodes {
		dir := absolute(n.Options.SrcDir)
		if len(n.Options.Servers) > 0 {
			dir = filepath.Join(work, "nodes", n.Name, "incoming")
		} else {
			needs = append(needs, Need{"src-dir of [node " + n.Name + "]", filepath.Dir(dir), true})
		}
		if instance.Dir == "" { // it locks the directory of each node
			instance.Dir, instance.Holder = dir, spool.ReaderOf
		}
	}
	for _, k := range c.Clusters {
		found = append(found, r.readable(needed{"nodes of " + sectionOf("cluster", k.Name), k.Options.Nodes.File})...)
	}
	found = append(found, r.sending(c, u, "status-socket of [central]", c.Central.StatusSocket, needs...)...)
	found = append(found, Writable(r.host, r.user, Directory{Option: "work-dir", Path: work, Made: r.isMade(u, work)}))
	rooms := []Room{{Option: "work-dir", Path: work, Bytes: uint64(c.Central.JournalMaxBytes)}}
	for _, q := range queuesOf(c) {
		rooms = append(rooms, Room{Option: q.option, Path: q.dir, Bytes: uint64(q.most)})
	}
	if c.LocalStore.Enabled {
		rooms = append(rooms, Room{Option: "dir of [local-store]", Path: absolute(c.LocalStore.Dir), Unbounded: true})
	}
	found = append(found, Space(r.host, r.host, rooms)...)
	return append(found, Running(ctx, r.root, instance)...)
}

func nobodyKnows(string) (spool.LockOwner, error) {
	return spool.LockOwner{}, errors.New("set status-socket in [central] to see it")
}

// shared judges a file for the programs of a node and for haproxystats-central.
func shared(c *config.Config) (found []Finding) {
	for _, q := range queuesOf(c) {
		found = append(found, about{"directory", q.dir}.warning("haproxystats-process and haproxystats-central have one "+q.option+": on one host, the one that starts later is refused",
			"Give haproxystats-central a configuration file of its own, with its own queue-dir, if it runs on a host with haproxystats-process"))
	}
	return found
}

// sectionOf returns a section as it is written.
func sectionOf(kind, name string) string {
	if name == "" {
		return "[" + kind + "]"
	}
	return "[" + kind + " " + name + "]"
}

// nodes examines what brings the statistics of each node, and the clusters.
func (r *run) nodes(ctx context.Context, c *config.Config) []Finding {
	found := Clusters(c)
	var targets []pull.Target
	for _, n := range c.Nodes {
		for _, s := range n.Options.Servers {
			targets = append(targets, pull.Target{Name: n.Name, Socket: pull.Socket(s), Listed: true})
		}
		if n.Options.SrcDir != "" && r.isLinux() {
			found = append(found, r.spoolOf(n.Name, absolute(n.Options.SrcDir), c.Cluster(n.Options.Cluster).Interval)...)
		}
	}
	return append(found, r.ask(ctx, c, targets, newReplies())...)
}

// spoolOf examines the directory that a node's snapshots come to.
func (r *run) spoolOf(node, dir string, interval time.Duration) []Finding {
	found := []Finding{Writable(r.host, r.user, Directory{Option: "src-dir of [node " + node + "]", Path: dir, Beside: besideSpool})}
	a := about{"node", node}
	info, err := os.Stat(dir)
	if isMissing(err) {
		return append(found, a.warning("none of its snapshots has come: "+dir+" does not exist", "See what is to bring them there"))
	}
	if err != nil {
		return append(found, a.unseen("its snapshots can't be seen: "+bare(err), err))
	}
	entries, err := spool.List(dir)
	if err != nil {
		return append(found, a.unseen("its snapshots can't be seen: "+bare(err), err))
	}
	arrivals := Arrivals{Dir: dir, Changed: info.ModTime(), Interval: interval}
	for _, e := range entries {
		arrivals.Newest = max(arrivals.Newest, e.Epoch)
	}
	if n := len(entries); n > 0 {
		arrivals.Waiting = n
		arrivals.Their = intervalOf(entries[n-1].Path)
	}
	return append(found, NodeSpool(node, arrivals, time.Now())...)
}

// intervalOf returns the time between two rounds of the node that has made a snapshot,
// and 0 if the snapshot does not tell.
func intervalOf(snapshot string) time.Duration {
	v, err := spool.OpenView(snapshot, nil)
	if err != nil {
		return 0
	}
	defer v.Close()
	s, err := v.Snapshot()
	if err != nil || s.Round == nil {
		return 0
	}
	return s.Round.Interval
}

// Arrivals is what is known of the snapshots of a node.
type Arrivals struct {
	Dir string
	// Changed is when a snapshot last came or was taken away.
	Changed time.Time
	// Waiting is the number of snapshots, and Newest the time of the newest.
	Waiting int
	Newest  int64
	// Interval is the length of the cluster's windows, and Their the time between two
	// snapshots of the node; 0 if it is not known.
	Interval, Their time.Duration
}

// shortRest is how long a node's directory may rest before doctor says so, or ten
// intervals if that is longer.
const shortRest = time.Minute

// NodeSpool judges whether snapshots of a node come, and whether they fit its cluster.
func NodeSpool(node string, n Arrivals, now time.Time) []Finding {
	a := about{"node", node}
	const bring = "See on the node whether haproxystats-pull runs, and what brings its snapshots here"
	patience := max(10*n.Interval, shortRest)
	var found []Finding
	switch newest := now.Sub(time.Unix(n.Newest, 0)); {
	case n.Waiting == 0 && now.Sub(n.Changed) > patience:
		found = append(found, a.error(fmt.Sprintf("nothing has come to %s for %s", n.Dir, lasting(now.Sub(n.Changed))), bring))
	case n.Waiting > 0 && newest > patience:
		found = append(found, a.error(fmt.Sprintf("the newest of %s in %s is %s old", count(n.Waiting, "snapshot"), n.Dir, lasting(newest)),
			bring+". If haproxystats-central does not run, start it: it takes them away"))
	case n.Waiting > 0 && -newest > n.Interval:
		found = append(found, a.error(fmt.Sprintf("its newest snapshot is %s ahead of this host's clock", lasting(-newest)), "Synchronise the clocks of the node and of this host, for example with chrony"))
	}
	if n.Their > 0 && n.Their != n.Interval {
		found = append(found, a.error(fmt.Sprintf("its rounds are %s apart, and the windows of its cluster %s: it is left out", lasting(n.Their), lasting(n.Interval)),
			"Set pull-interval of the node and interval of the cluster to the same time"))
	}
	if len(found) == 0 {
		found = append(found, a.ok("its snapshots come to %s, and %d wait", n.Dir, n.Waiting))
	}
	return found
}

// Clusters judges whether nodes and clusters fit together.
func Clusters(c *config.Config) []Finding {
	nodes := make(map[string][]string) // by cluster
	for _, n := range c.Nodes {
		nodes[n.Options.Cluster] = append(nodes[n.Options.Cluster], n.Name)
	}
	var found []Finding
	for _, k := range c.Clusters {
		if k.Name != "" && len(nodes[k.Name]) == 0 && !c.Central.Kafka { // by Kafka, its nodes name it
			found = append(found, about{"cluster", k.Name}.warning("no node belongs to it", "Set cluster = "+k.Name+" in the sections of its nodes, or remove [cluster "+k.Name+"]"))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		found = append(found, members(name, nodes[name], c.Cluster(name).Nodes, c.Central.Kafka)...)
	}
	return found
}

// members judges whether the nodes of a cluster are those that are expected. With Kafka
// there are others, which only their records name.
func members(cluster string, nodes []string, expected config.NodeList, kafka bool) []Finding {
	a := about{"cluster", cluster}
	if expected.Names == nil {
		return []Finding{a.ok("it has %s, and learns which are expected", count(len(nodes), "node"))}
	}
	var found []Finding
	for _, n := range expected.Names {
		if !kafka && !slices.Contains(nodes, n) {
			found = append(found, a.error("node "+n+" is expected, and nothing brings its statistics: it is missing in each window", "Add a section [node "+n+"], or remove the name from "+expected.File))
		}
	}
	for _, n := range nodes {
		if !slices.Contains(expected.Names, n) {
			found = append(found, a.warning("node "+n+" belongs to it, and is not expected: nobody is told when it is missing", "Add the name to "+expected.File))
		}
	}
	if len(found) == 0 {
		found = append(found, a.ok("it has the %s of %s", count(len(nodes), "node"), expected.File))
	}
	return found
}

// centralSays judges haproxystats-central by its status document.
func centralSays(a about, text string, d status.Document) []Finding {
	found := processes(a, text, d)
	for _, name := range slices.Sorted(maps.Keys(d.Central.Clusters)) {
		k := d.Central.Clusters[name]
		of := about{"cluster", name}
		if n := len(k.Missing); n > 0 {
			found = append(found, of.warning(fmt.Sprintf("%d of %d nodes were missing in the last window, such as %s", n, k.Expected, k.Missing[0]),
				"See the findings about these nodes in this report, and the log of haproxystats-central"))
		}
		for _, c := range k.Conflicting {
			found = append(found, of.error(fmt.Sprintf("two machines use the name of node %s, and one of them does not count: %s and %s", c.Node, c.Instance, c.Other),
				"Give each machine a name of its own, with node in [forward]"))
		}
	}
	return found
}
