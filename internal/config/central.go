package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Cluster returns the options of a cluster: those of its section, or of [cluster].
func (c *Config) Cluster(name string) Cluster {
	if o, ok := c.Clusters.Get(name); ok {
		return o
	}
	o, _ := c.Clusters.Get("")
	return o
}

// checkCentral refuses nodes and clusters that can't work.
func (l *loader) checkCentral() {
	taken := make(map[string]string)
	for _, s := range l.kinds["node"] {
		n, _ := l.config.Nodes.Get(s.instance)
		l.checkNode(s, n, taken)
	}
	l.checkPlaces()
	l.checkTopics()
	if l.config.Process.MaxMetrics > 0 {
		l.warnOwn("process", "max-metrics", "no effect here: haproxystats-central sends whole clusters and nodes, because sums without some nodes' groups would be too low",
			"Remove it, and bound what is sent by max-series, server-metrics or exclude-servers")
	}
	for _, s := range l.kinds["cluster"] {
		c := l.config.Clusters.of(s.instance)
		l.readNodes(s.name, &c.Nodes)
		l.checkCluster(s.name, *c)
		l.checkIdentity(s.name, *c)
	}
}

// checkPlaces refuses paths of clusters that nodes have, too, and warns of options that
// this program does not use.
func (l *loader) checkPlaces() {
	for _, s := range l.kinds["graphite"] {
		g := l.config.graphite(s.instance)
		if s.instance == "" || g.Enabled {
			l.checkPlace(s.name, g.Namespace, g.ClusterNamespace, g.PrefixHostname, g.PathStyle)
		}
		l.warnOwn(s.name, "verify-url", "no effect here: haproxystats-central does not ask which metrics have arrived", "Remove it")
	}
	for _, k := range l.config.Kafkas {
		if o := k.Options; o.Topic != "" && o.Format == KafkaGraphite {
			l.checkPlace(KafkaSection(k.Name), o.Namespace, o.ClusterNamespace, o.PrefixHostname, o.PathStyle)
		}
	}
}

// checkPlace refuses the paths of a section. The other sections have those of [graphite]
// where they set none, which are told once.
func (l *loader) checkPlace(section, namespace, clusterNamespace string, prefixHostname bool, style PathStyle) {
	parts := func(path string) []string {
		return strings.FieldsFunc(path, func(r rune) bool { return r == '.' })
	}
	nodes, clusters := parts(namespace), parts(clusterNamespace)
	if prefixHostname {
		nodes = append(nodes, "<node>")
	}
	own := func(names ...string) bool {
		return section == "graphite" || slices.ContainsFunc(names, func(name string) bool { return l.isOwn(section, name) })
	}
	switch {
	case style == PathTagged:
		if namespace == clusterNamespace && own("namespace", "cluster-namespace", "path-style") {
			l.refuseIn(section, "cluster-namespace",
				"the names of clusters are those of nodes: what asks for a name would count clusters, too", "Set it to another path than namespace")
		}
	case len(clusters)+1 <= len(nodes) && own("namespace", "cluster-namespace", "prefix-hostname", "path-style"):
		l.refuseIn(section, "cluster-namespace", fmt.Sprintf(
			"with the name of a cluster it has %d components, as the paths of nodes have: patterns for nodes would count clusters, too", len(clusters)+1),
			"Give it more components than namespace")
	}
	if l.config.Central.NodeMetrics && !prefixHostname && own("prefix-hostname") {
		l.refuseIn(section, "prefix-hostname", "all nodes would have the same paths, because node-metrics is true in [central]", "Set it to true")
	}
}

// checkNode refuses a node from which nothing can come. taken has the node of each
// directory so far.
func (l *loader) checkNode(s inFile, n Node, taken map[string]string) {
	section, _ := l.doc.Section(s.name)
	_, hasDir := l.doc.Lookup(s.name, "src-dir")
	_, hasServers := l.doc.Lookup(s.name, "servers")
	switch {
	case !hasDir && !hasServers:
		l.problems = append(l.problems, Problem{Pos: section.Pos, Section: s.name, Reason: "nothing says where the node's statistics come from", Hint: "Set src-dir or servers"})
	case hasDir && hasServers:
		l.refuse(s.name, "src-dir", "the node has servers, too, and its statistics can come from one of them only", "Remove src-dir or servers")
	}
	if _, ok := l.doc.Lookup(s.name, "cluster"); !ok {
		l.problems = append(l.problems, Problem{Pos: section.Pos, Section: s.name, Reason: "the node belongs to no cluster", Hint: "Set cluster"})
	}
	if n.SrcDir == "" {
		return
	}
	dir := filepath.Clean(n.SrcDir)
	if other, ok := taken[dir]; ok {
		l.refuse(s.name, "src-dir", "node "+other+" has the same directory", "Give each node a directory of its own")
	}
	taken[dir] = s.instance
}

// checkCluster refuses times that do not fit together.
func (l *loader) checkCluster(section string, c Cluster) {
	if c.Interval <= 0 {
		return // refused already
	}
	switch {
	case c.Grace >= 3*c.Interval:
		l.refuse(section, "grace", "values would come too late to be of use", fmt.Sprintf("Set it below three intervals (%v)", 3*c.Interval))
	case c.Late < c.Interval:
		l.refuse(section, "late", "nodes would be late in the window that follows theirs", fmt.Sprintf("Set it to the interval (%v) or more", c.Interval))
	case c.Late < c.Grace:
		l.refuse(section, "late", "a window would be closed before grace ends", fmt.Sprintf("Set it to grace (%v) or more", c.Grace))
	case c.NodeExpiry > c.Late+c.Interval:
		l.refuse(section, "node-expiry", "a program that starts again learns the nodes from late and interval together", fmt.Sprintf("Set it to that time (%v) or less", c.Late+c.Interval))
	}
}

// clusterName is one component of a path.
var clusterName = kind[string]{"cluster", "letters, digits, '.', '_' and '-'", func(text string) (string, error) {
	switch {
	case text == "":
		return "", errors.New("the name is empty")
	case len(text) > maxInstanceName:
		return "", fmt.Errorf("longer than %d bytes", maxInstanceName)
	case strings.Trim(text, instanceBytes) != "" || strings.Trim(text, ".") == "":
		return "", errors.New("not a name that can be part of a path")
	}
	return text, nil
}}

// CheckClusterName refuses names that can't be one component of a path.
func CheckClusterName(name string) error {
	_, err := clusterName.parse(name)
	return err
}

var onIncomplete = oneOf(map[string]Incomplete{"emit": IncompleteEmit, "skip": IncompleteSkip}, "emit", "skip")

// nodeFile is a file of the names of nodes.
var nodeFile = kind[NodeList]{"file", "a file with a node a line", func(text string) (NodeList, error) {
	path, err := parsePath(text)
	return NodeList{File: path}, err
}}

// maxNodeName is the largest length of a node's name, in bytes.
const maxNodeName = 255

// readNodes fills in the names of the nodes of a cluster.
func (l *loader) readNodes(section string, to *NodeList) {
	if to.File == "" {
		return
	}
	data, err := readAll(to.File, true)
	switch {
	case err != nil:
		l.refuse(section, "nodes", cause(err), fileHint(err))
		return
	case !utf8.Valid(data):
		l.refuse(section, "nodes", "the file is not UTF-8 text", "Save it as UTF-8")
		return
	}
	to.Names = readLines(string(data))
	if len(to.Names) == 0 {
		l.refuse(section, "nodes", "the file has no names, so no node would be expected", "Write one node a line, or remove the option to learn the nodes")
	}
	for _, name := range to.Names {
		if strings.Contains(name, "/") || len(name) > maxNodeName {
			l.refuse(section, "nodes", fmt.Sprintf("%.80q is not the name of a node: no name has a slash or more than %d bytes", name, maxNodeName),
				"Write one node a line")
			return
		}
	}
}

// centralOptions are the options of haproxystats-central.
func centralOptions() []Option {
	nodes := func(c *Config) *Named[Node] { return &c.Nodes }
	clusters := func(c *Config) *Named[Cluster] { return &c.Clusters }
	options := []Option{
		optional("central", "loglevel", logLevel, func(c *Config) *slog.Level { return &c.Central.LogLevel }),
		optional("central", "log-format", logFormat, func(c *Config) *LogFormat { return &c.Central.LogFormat }),
		option("central", "node-metrics", "false", boolean, func(c *Config) *bool { return &c.Central.NodeMetrics }),
		option("central", "work-dir", "${paths:base-dir}/central", directory, func(c *Config) *string { return &c.Central.WorkDir }),
		option("central", "journal-max-bytes", "1073741824", wholeBetween[int64](1, math.MaxInt64), func(c *Config) *int64 { return &c.Central.JournalMaxBytes }),
		option("central", "status-socket", "${paths:base-dir}/central.status", socketFile, func(c *Config) *string { return &c.Central.StatusSocket }),

		named("node", "cluster", clusterName, nodes, func(n *Node) *string { return &n.Cluster }),
		named("node", "src-dir", directory, nodes, func(n *Node) *string { return &n.SrcDir }),
		named("node", "servers", serverList, nodes, func(n *Node) *[]Server { return &n.Servers }),

		namedWith("cluster", "interval", "10", wholeSeconds, clusters, func(c *Cluster) *time.Duration { return &c.Interval }),
		namedWith("cluster", "grace", "5", anySeconds, clusters, func(c *Cluster) *time.Duration { return &c.Grace }),
		namedWith("cluster", "late", "60", positiveSeconds, clusters, func(c *Cluster) *time.Duration { return &c.Late }),
		namedWith("cluster", "node-expiry", "60", positiveSeconds, clusters, func(c *Cluster) *time.Duration { return &c.NodeExpiry }),
		named("cluster", "nodes", nodeFile, clusters, func(c *Cluster) *NodeList { return &c.Nodes }),
		namedWith("cluster", "on-incomplete", "emit", onIncomplete, clusters, func(c *Cluster) *Incomplete { return &c.OnIncomplete }),
	}
	options = append(options, topicOptions()...)
	for i := range options {
		options[i].New = true
	}
	return options
}
