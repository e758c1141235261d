// Package asked asks the brokers of a configuration what doctor is to judge. It is apart
// from package brokers because programs that do the work do not look at it from outside.
package asked

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/app/brokers"
	"haproxystats/internal/config"
	"haproxystats/internal/doctor"
	"haproxystats/internal/kafka"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/sink/forward"
	sinkkafka "haproxystats/internal/sink/kafka"
)

// Brokers is what speaks to Kafka for people.
type Brokers struct {
	brokers.Brokers
	program config.Program
}

// New returns what speaks to Kafka for a program. It connects to nothing.
func New(program config.Program) Brokers { return Brokers{brokers.New(program), program} }

// examination is what doctor asks the brokers of a section.
type examination struct {
	section    string
	connection config.KafkaConnection
	// idempotent reports whether the program writes so, and advise what to do if it may not;
	// nil for what the options of the section say.
	idempotent bool
	advise     func(error) string
	topics     []use
	groups     []groupOf
}

// use is a topic with the number of partitions and the settings to create it with. The
// program does that itself if made is set.
type use struct {
	doctor.TopicUse
	made       bool
	read       bool
	partitions int
	settings   map[string]string
}

// groupOf is a consumer group and the topic that it reads.
type groupOf struct{ name, topic string }

// Examine asks the brokers of each section that a program uses, all at once, and changes
// nothing. host is the name of this host. Offline, it tells only whom it would ask.
func (b Brokers) Examine(ctx context.Context, c *config.Config, program config.Program, host string, offline bool) []doctor.Kafka {
	all := examinations(c, program, host)
	found := make([]doctor.Kafka, len(all))
	var asked sync.WaitGroup
	for i, e := range all {
		found[i] = doctor.Kafka{Section: "[" + e.section + "]", Brokers: e.connection.Brokers}
		if !offline {
			asked.Go(func() { e.ask(ctx, brokers.Connection(e.connection, e.section, b.program, nil), &found[i]) })
		}
	}
	asked.Wait()
	return found
}

// examinations returns what a program uses, by sections.
func examinations(c *config.Config, program config.Program, host string) (all []examination) {
	for _, k := range c.Kafkas {
		o := k.Options
		if o.Topic == "" {
			continue
		}
		e := examination{
			section: config.KafkaSection(k.Name), connection: o.KafkaConnection,
			idempotent: o.Idempotent && o.Acks == config.KafkaAcksAll,
		}
		sink := sinkkafka.Options{Topic: sinkkafka.Template(o.Topic), Hostname: host, FQDN: o.FQDN}
		for _, topic := range sink.Topics() {
			e.topics = append(e.topics, use{
				TopicUse: doctor.TopicUse{Name: topic, For: "metrics", Safe: o.Acks == config.KafkaAcksAll},
				made:     o.CreateTopic, partitions: o.Partitions,
			})
		}
		all = append(all, e)
	}
	if program == config.ForProcess && c.Forward.Mode != "" {
		all = append(all, forwardTopic(c))
	}
	if program == config.ForCentral && c.Central.Kafka {
		all = append(all, centralTopics(c))
	}
	return all
}

const (
	// fullBatch is the size up to which the client library fills a batch of records.
	fullBatch = 1_000_012
	// shortestKeep is the time for which haproxystats-central needs records of nodes: interval
	// and late of [cluster], which only its own configuration has. These are the defaults.
	shortestKeep = 70 * time.Second
)

// adviseWriter is advice for what haproxystats writes idempotently whatever the options of
// [kafka] are.
func adviseWriter(err error) string {
	if !errors.Is(err, kerr.ClusterAuthorizationFailed) {
		return ""
	}
	return "Allow the user to write the topic, with kafka-acls.sh --producer; brokers before 2.8 also want --operation IdempotentWrite --cluster"
}

// centralTopics returns what haproxystats-central reads and writes.
func centralTopics(c *config.Config) examination {
	k, _ := c.Kafkas.Get("")
	keep, shards := time.Duration(0), 1
	for _, name := range clustersOf(c) {
		o := c.Cluster(name)
		keep, shards = max(keep, o.Interval+max(o.Late, o.Grace)), max(shards, o.Shards)
	}
	e := examination{section: config.KafkaSection(""), connection: k.KafkaConnection, idempotent: true, advise: adviseWriter}
	add := func(topic, what string, batch, parts int) {
		e.topics = append(e.topics, use{
			TopicUse: doctor.TopicUse{
				Name: topic, For: what, Ours: true, Safe: true, Batch: batch, Keep: keep, Kept: forward.Retention, Parts: parts,
			},
			read: true, partitions: max(forward.Partitions, parts), settings: forward.Settings(),
		})
	}
	add(c.Central.TablesTopic, "tables", wire.TablesRecord+wire.Overhead, shards)
	e.groups = append(e.groups, groupOf{c.Central.Group + brokers.TablesSuffix, c.Central.TablesTopic})
	if topic := c.Central.SnapshotsTopic; topic != "" {
		add(topic, "snapshots", fullBatch, 0)
		e.groups = append(e.groups, groupOf{c.Central.Group + brokers.SnapshotsSuffix, topic})
	}
	if topic := c.Central.DeadLetterTopic; topic != "" {
		e.topics = append(e.topics, use{
			TopicUse:   doctor.TopicUse{Name: topic, For: "records that can't be used", Safe: true, Batch: fullBatch},
			partitions: 1,
		})
	}
	return e
}

// forwardTopic returns what [forward] of a node writes.
func forwardTopic(c *config.Config) examination {
	f := c.Forward
	k, _ := c.Kafkas.Get("")
	o := forward.Options{}
	t := use{
		TopicUse: doctor.TopicUse{
			Name: cmp.Or(f.Topic, wire.TablesTopic), For: "tables", Ours: true, Safe: true, Keep: shortestKeep, Kept: forward.Retention, Parts: f.Shards,
		},
		made: f.CreateTopics, settings: forward.Settings(),
	}
	if f.Mode == config.ForwardSnapshots {
		o.ChunkBytes = f.ChunkBytes
		t.Name, t.For, t.Parts = cmp.Or(f.Topic, wire.SnapshotsTopic), "snapshots", 0
	}
	t.Batch = o.Batch()
	t.partitions = max(forward.Partitions, t.Parts)
	return examination{section: config.KafkaSection(""), connection: k.KafkaConnection, idempotent: true, advise: adviseWriter, topics: []use{t}}
}

// clustersOf returns the names of the sections of clusters, and of the one for all others.
func clustersOf(c *config.Config) []string {
	names := []string{""}
	for _, k := range c.Clusters {
		names = append(names, k.Name)
	}
	return names
}

// mostReplicas is the number of replicas that a topic should have where there are as many
// brokers.
const mostReplicas = 3

// create returns the command that creates a topic on that many brokers.
func (t use) create(addresses []string, brokers int) string {
	replicas := min(max(brokers, 1), mostReplicas)
	settings := ""
	for _, name := range slices.Sorted(maps.Keys(t.settings)) {
		settings += " --config " + name + "=" + t.settings[name]
	}
	if t.Safe && replicas == mostReplicas {
		settings += " --config min.insync.replicas=2"
	}
	return fmt.Sprintf("kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions %d --replication-factor %d%s",
		strings.Join(addresses, ","), t.Name, t.partitions, replicas, settings)
}

// ask asks the brokers.
func (e examination) ask(ctx context.Context, o kafka.Options, to *doctor.Kafka) {
	client, err := o.Client()
	if err != nil {
		to.Fault = &doctor.Fault{Text: err.Error()}
		return
	}
	defer client.Close()
	start := time.Now()
	if err := o.Ping(ctx, client, o.ConnectTimeout+time.Second); err != nil {
		to.Fault = faultOf(err)
		return
	}
	to.Took = time.Since(start)
	var names []string
	for _, t := range e.topics {
		names = append(names, t.Name)
	}
	known, err := kafka.Describe(kafka.WithRights(ctx), client, names...)
	if err != nil {
		to.Fault = faultOf(o.Explain("ask about topics", err))
		return
	}
	cluster, err := kadm.NewClient(client).ListBrokers(ctx)
	if err != nil {
		to.Fault = faultOf(o.Explain("ask about brokers", err))
		return
	}
	missing := make(map[string]bool)
	unwritable := false
	for i, t := range e.topics {
		told := topicOf(t, known[i], o)
		told.Create = t.create(o.Brokers, len(cluster))
		missing[t.Name] = told.Missing || told.Fault != nil
		unwritable = unwritable || told.Fault != nil || told.Unwritable != nil
		to.Topics = append(to.Topics, told)
	}
	// Who may write no topic may not write idempotently either.
	if e.idempotent && !unwritable {
		if err := kafka.MayBeIdempotent(ctx, client); err != nil {
			o.Advise = e.advise
			to.Unnumbered = faultOf(o.Explain("write idempotently", err))
		}
	}
	for _, g := range e.groups {
		if !missing[g.topic] {
			to.Groups = append(to.Groups, groupSays(ctx, client, o, g))
		}
	}
}

func faultOf(err error) *doctor.Fault {
	hint, bare := kafka.Advice(err)
	return &doctor.Fault{Text: bare.Error(), Remedy: hint}
}

func topicOf(t use, k kafka.Topic, o kafka.Options) doctor.Topic {
	told := doctor.Topic{
		TopicUse: t.TopicUse, Made: t.made,
		Partitions: k.Partitions, Replicas: k.Replicas, InSync: k.InSync, Leaderless: k.Leaderless,
	}
	switch {
	case errors.Is(k.Err, kerr.UnknownTopicOrPartition):
		told.Missing = true
	case k.Err != nil:
		told.Fault = faultOf(o.Explain("describe the topic", k.Err))
	}
	if k.NoWrite {
		told.Unwritable = faultOf(o.Explain("write the topic", kerr.TopicAuthorizationFailed))
	}
	if t.read && k.NoRead {
		told.Unreadable = &doctor.Fault{
			Text:   faultOf(o.Explain("read the topic", kerr.TopicAuthorizationFailed)).Text,
			Remedy: "Allow the user to read the topic, with kafka-acls.sh --operation Read --topic " + t.Name,
		}
	}
	if s := k.Settings; s != nil {
		told.Known = true
		told.MaxMessageBytes, told.MinInSync, told.Retention = s.MaxMessageBytes, s.MinInSync, s.Retention
		told.AppendTime, told.Compacted = s.AppendTime, s.Compacted
	}
	return told
}

// isOtherProtocol reports whether a group that brokers do not find is one of another
// protocol: it has committed offsets, and groups without members are found.
func isOtherProtocol(g kafka.Group) bool {
	return slices.ContainsFunc(g.Partitions, func(c kafka.Committed) bool { return c.Offset >= 0 })
}

func groupSays(ctx context.Context, client *kgo.Client, o kafka.Options, of groupOf) doctor.Group {
	told := doctor.Group{Name: of.name, Topic: of.topic}
	g, err := kafka.DescribeGroup(ctx, client, of.name, of.topic)
	if err == nil {
		err = g.Err
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		told.Fault = faultOf(o.Explain("ask about the consumer group", err))
	}
	if err != nil && told.Fault == nil && isOtherProtocol(g) {
		told.Fault = &doctor.Fault{
			Text:   "the group has read topic " + of.topic + " by another protocol than that of haproxystats-central",
			Remedy: "Set group in [central] to a name that no other program uses",
		}
	}
	if told.Fault == nil {
		if err := kafka.MayJoin(ctx, client, of.name); err != nil {
			told.Closed = faultOf(o.Explain("join the consumer group", err))
		}
	}
	told.State, told.Partitions, told.Newest = g.State, len(g.Partitions), g.Newest
	for _, m := range g.Members {
		name := m.Instance
		if name == "" {
			name = m.Client
		}
		told.Members = append(told.Members, fmt.Sprintf("%s at %s (%s)", name, strings.TrimPrefix(m.Host, "/"), partitions(m.Partitions)))
	}
	for _, p := range g.Partitions {
		lag := p.Lag()
		told.Lag += lag
		if lag > told.MostLag {
			told.MostLag, told.MostBehind = lag, p.Partition
		}
		if p.Offset < 0 {
			told.Unread++
		} else if p.Offset < p.Start {
			told.Expired = append(told.Expired, p.Partition)
		}
	}
	return told
}

func partitions(n int) string {
	if n == 1 {
		return "1 partition"
	}
	return fmt.Sprintf("%d partitions", n)
}
