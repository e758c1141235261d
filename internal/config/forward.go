package config

import (
	"cmp"
	"math"
)

// ForwardMode is what a node sends to the centre.
type ForwardMode string

// The values of ForwardMode.
const (
	ForwardTables    ForwardMode = "tables"
	ForwardSnapshots ForwardMode = "snapshots"
)

var forwardMode = oneOf(map[string]ForwardMode{"tables": ForwardTables, "snapshots": ForwardSnapshots}, "tables", "snapshots")

// forwardOptions are the options of [forward].
func forwardOptions() []Option {
	options := []Option{
		optional("forward", "mode", forwardMode, func(c *Config) *ForwardMode { return &c.Forward.Mode }),
		optional("forward", "cluster", clusterName, func(c *Config) *string { return &c.Forward.Cluster }),
		optional("forward", "node", clusterName, func(c *Config) *string { return &c.Forward.Node }),
		optional("forward", "topic", ownTopic, func(c *Config) *string { return &c.Forward.Topic }),
		option("forward", "shards", "1", wholeBetween(1, maxShards), func(c *Config) *int { return &c.Forward.Shards }),
		option("forward", "metric-set", "all", metricSet, func(c *Config) *MetricSet { return &c.Forward.MetricSet }),
		option("forward", "scopes", "daemon frontend backend server", scopeList, func(c *Config) *[]string { return &c.Forward.Scopes }),
		option("forward", "chunk-bytes", "524288", wholeBetween(65536, 900_000), func(c *Config) *int { return &c.Forward.ChunkBytes }),
		option("forward", "create-topics", "false", boolean, func(c *Config) *bool { return &c.Forward.CreateTopics }),
		option("forward", "queue-dir", "${paths:base-dir}/queue/forward", directory, func(c *Config) *string { return &c.Forward.QueueDir }),
		option("forward", "queue-max-bytes", "1073741824", wholeBetween[int64](1, math.MaxInt64), func(c *Config) *int64 { return &c.Forward.QueueMaxBytes }),
	}
	for i := range options {
		options[i].New = true
	}
	return options
}

// checkForward refuses a section that can't work, and warns of options without effect.
func (l *loader) checkForward() {
	section, ok := l.doc.Section("forward")
	if !ok {
		return
	}
	missing := func(name, hint string) {
		if _, ok := l.doc.Lookup("forward", name); !ok {
			l.problems = append(l.problems, Problem{Pos: section.Pos, Section: "forward", Reason: "needs " + name, Hint: hint})
		}
	}
	missing("mode", "Set mode = tables, or mode = snapshots for nodes that do nothing but pull")
	missing("cluster", "Set cluster to the name of the cluster that the node belongs to")
	if _, ok := l.doc.Section("kafka"); !ok {
		l.problems = append(l.problems, Problem{Pos: section.Pos, Section: "forward", Reason: "has no connection", Hint: "Add a section [kafka] with brokers"})
	}
	topic := defaultTopic("tables-topic")
	if l.config.Forward.Mode == ForwardSnapshots {
		topic = defaultTopic("snapshots-topic")
	}
	l.refuseOwnTopics(cmp.Or(l.config.Forward.Topic, topic))
	idle := map[ForwardMode][]string{ForwardTables: {"chunk-bytes"}, ForwardSnapshots: {"shards", "metric-set", "scopes"}}
	for _, name := range idle[l.config.Forward.Mode] {
		l.warnOwn("forward", name, "no effect with mode = "+string(l.config.Forward.Mode), "Remove this option")
	}
	if l.program == ForProcess && l.config.Forward.Mode == ForwardTables && l.config.Process.MaxMetrics > 0 {
		l.warnOwn("process", "max-metrics", "with mode = tables in [forward] the centre does not get what is left out, so sums of the cluster are too low",
			"Remove it, and bound what is sent elsewhere by max-series, server-metrics or exclude-servers")
	}
	if l.config.Process.MetricSet == MetricsClassic && l.isOwn("forward", "metric-set") && l.config.Forward.MetricSet == MetricsAll {
		l.warnOwn("forward", "metric-set", "no effect: metric-set in [process] is classic, so there are no other metrics", "Set metric-set = all in [process], or remove this option")
	}
}
