package config

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// topicOptions are the options of haproxystats-central that are about topics of Kafka, and
// what a cluster's metrics are made of.
func topicOptions() []Option {
	clusters := func(c *Config) *Named[Cluster] { return &c.Clusters }
	return []Option{
		option("central", "kafka", "false", boolean, func(c *Config) *bool { return &c.Central.Kafka }),
		option("central", "snapshots-topic", "haproxystats.snapshots", ownTopic, func(c *Config) *string { return &c.Central.SnapshotsTopic }),
		option("central", "tables-topic", "haproxystats.tables", ownTopic, func(c *Config) *string { return &c.Central.TablesTopic }),
		option("central", "group", "haproxystats", groupName, func(c *Config) *string { return &c.Central.Group }),
		option("central", "instance", "{host}", instanceName, func(c *Config) *string { return &c.Central.Instance }),
		option("central", "session-timeout", "30", sessionSeconds, func(c *Config) *time.Duration { return &c.Central.SessionTimeout }),
		option("central", "start", "earliest", startAt, func(c *Config) *StartAt { return &c.Central.Start }),
		option("central", "fetch-max-bytes", "8388608", wholeBetween[int64](1<<20, 256<<20), func(c *Config) *int64 { return &c.Central.FetchMaxBytes }),
		option("central", "assembly-max-bytes", "67108864", wholeBetween[int64](1<<20, math.MaxInt64/64), func(c *Config) *int64 { return &c.Central.AssemblyMaxBytes }),
		option("central", "assembly-dir", "${work-dir}/assembly", directory, func(c *Config) *string { return &c.Central.AssemblyDir }),
		option("central", "commit-interval", "2", commitSeconds, func(c *Config) *time.Duration { return &c.Central.CommitInterval }),
		optional("central", "dead-letter-topic", ownTopic, func(c *Config) *string { return &c.Central.DeadLetterTopic }),

		namedWith("cluster", "scopes", "daemon frontend backend server", scopeList, clusters, func(c *Cluster) *[]string { return &c.Scopes }),
		namedWith("cluster", "shards", "1", wholeBetween(1, maxShards), clusters, func(c *Cluster) *int { return &c.Shards }),
		namedWith("cluster", "server-identity", "name", serverIdentity, clusters, func(c *Cluster) *ServerIdentity { return &c.ServerIdentity }),
	}
}

// checkTopics refuses topics that do not fit together, and warns of options that have no
// effect without Kafka.
func (l *loader) checkTopics() {
	c := l.config.Central
	if !c.Kafka {
		for _, name := range []string{
			"snapshots-topic", "tables-topic", "group", "instance", "session-timeout", "start",
			"fetch-max-bytes", "assembly-max-bytes", "assembly-dir", "commit-interval", "dead-letter-topic",
		} {
			option, _ := lookupOption("central", name)
			if o, _ := l.doc.Lookup("central", name); !o.Pos.IsZero() && (!option.HasDefault || o.Raw != option.Default) {
				l.warn(l.problem("central", name, "no effect without kafka = true: haproxystats-central reads no topics", "Set kafka = true in [central], or remove this option"))
			}
		}
		return
	}
	if _, ok := l.config.Kafkas.Get(""); !ok {
		l.refuse("central", "kafka", "no section [kafka] says how to reach the brokers", "Add [kafka] with brokers")
	}
	text, err := l.doc.Get("central", "tables-topic")
	switch {
	case err != nil || text != "" && c.TablesTopic == "": // refused already
	case c.TablesTopic == "":
		l.refuse("central", "tables-topic", "haproxystats-central needs the topic for the tables of all nodes", "Set it, or kafka = false")
	case c.TablesTopic == c.SnapshotsTopic:
		l.refuse("central", "snapshots-topic", "it is tables-topic, too", "Give each its own topic")
	case c.DeadLetterTopic != "" && (c.DeadLetterTopic == c.TablesTopic || c.DeadLetterTopic == c.SnapshotsTopic):
		l.refuse("central", "dead-letter-topic", "records that are put aside would come back, because the program reads that topic", "Give it another topic")
	case c.CommitInterval >= c.SessionTimeout:
		l.refuse("central", "commit-interval", "it must be shorter than session-timeout", fmt.Sprintf("Set it below %v", c.SessionTimeout))
	}
	l.refuseOwnTopics(c.TablesTopic, c.SnapshotsTopic, c.DeadLetterTopic)
	if filepath.Clean(c.AssemblyDir) == filepath.Clean(c.WorkDir) {
		l.refuse("central", "assembly-dir", "it is work-dir", "Give it a directory of its own")
	}
	for _, s := range l.kinds["cluster"] {
		if k := l.config.Clusters.of(s.instance); k.Shards > 1 && c.SnapshotsTopic == "" && len(l.config.Nodes) == 0 {
			l.warn(l.problem(s.name, "shards", "no effect here: this program makes no tables of nodes", "Set shards in [forward] of the nodes"))
		}
	}
}

// checkIdentity refuses names of servers that would change the metrics of nodes, and warns
// where there are no addresses.
func (l *loader) checkIdentity(section string, c Cluster) {
	k := l.config.Central
	switch {
	case c.ServerIdentity != IdentityAddress:
	case k.NodeMetrics:
		l.refuseIn(section, "server-identity", "the metrics of nodes would have other paths than their own haproxystats-process has, because node-metrics is true in [central]", "Set it to name, or node-metrics to false")
	case k.Kafka && k.SnapshotsTopic == "" && len(l.config.Nodes) == 0:
		l.warnOwn(section, "server-identity", "no effect here: the tables that nodes send have no addresses", "Remove it, or let the nodes send raw snapshots")
	}
}

// maxShards is the largest number of shards that nodes may divide their tables into.
const maxShards = 64

// maxOwnTopic bounds the name of a topic, in bytes.
const maxOwnTopic = 249

// ownTopic is a name that Kafka takes for a topic; empty for none.
var ownTopic = kind[string]{"topic name", "letters, digits, '.', '_' and '-'", func(text string) (string, error) {
	switch {
	case text == "":
		return "", nil
	case len(text) > maxOwnTopic:
		return "", fmt.Errorf("longer than %d bytes", maxOwnTopic)
	case strings.Trim(text, instanceBytes) != "" || text == "." || text == "..":
		return "", errors.New("not a name that Kafka takes")
	}
	return text, nil
}}

// groupName is the beginning of the names of consumer groups.
var groupName = kind[string]{"name", "letters, digits, '.', '_' and '-'", func(text string) (string, error) {
	if text == "" {
		return "", errors.New("the name is empty")
	}
	return ownTopic.parse(text)
}}

// instanceName is a name of a program; empty for none.
var instanceName = kind[string]{"name", "letters, digits, '.', '_' and '-'; `{host}` is the host's name", func(text string) (string, error) {
	if _, err := ownTopic.parse(strings.ReplaceAll(text, "{host}", "host")); err != nil {
		return "", err
	}
	return text, nil
}}

// sessionSeconds has the bounds that brokers have by default.
var sessionSeconds = seconds("6 to 1800", func(f float64) bool { return f >= 6 && f <= 1800 })

var commitSeconds = seconds("0.1 to 60", func(f float64) bool { return f >= 0.1 && f <= 60 })

var startAt = oneOf(map[string]StartAt{"earliest": StartEarliest, "latest": StartLatest}, "earliest", "latest")

// scopeNames are the scopes of a cluster's metrics.
var scopeNames = []string{"daemon", "frontend", "backend", "server"}

// scopeList is a list of scopes.
var scopeList = kind[[]string]{"list of words", "daemon, frontend, backend, server", func(text string) ([]string, error) {
	var scopes []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' }) {
		word = strings.ToLower(word)
		if !slices.Contains(scopeNames, word) {
			return nil, fmt.Errorf("%q is not a scope", word)
		}
		if !slices.Contains(scopes, word) {
			scopes = append(scopes, word)
		}
	}
	if len(scopes) == 0 {
		return nil, errors.New("the list is empty")
	}
	return scopes, nil
}}

var serverIdentity = oneOf(map[string]ServerIdentity{"name": IdentityName, "address": IdentityAddress}, "name", "address")
