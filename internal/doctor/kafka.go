package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"haproxystats/internal/config"
)

// kafkaLimit bounds the questions to all brokers.
const kafkaLimit = 20 * time.Second

// Fault is an error with what to do about it.
type Fault struct{ Text, Remedy string }

// Kafka is what the brokers of one section of the configuration tell.
type Kafka struct {
	// Section is the section, such as [kafka:archive], and Brokers are those that it names.
	Section string
	Brokers []string
	// Fault is why nothing is known; nil if the brokers answer.
	Fault *Fault
	// Took is the time of the first answer.
	Took time.Duration
	// Unnumbered is why the user of the program may not write idempotently, as it would; nil
	// if it may.
	Unnumbered *Fault
	Topics     []Topic
	Groups     []Group
}

// TopicUse is what a program does with a topic.
type TopicUse struct {
	Name string
	// For is what is in the topic: metrics, tables, snapshots, dead letters.
	For string
	// Ours reports whether only haproxystats reads it, so that the time of its records must
	// be that of the broker.
	Ours bool
	// Safe reports whether the writer waits for all replicas that are in sync.
	Safe bool
	// Batch is the size of the largest batch of records that is written, in bytes; 0 if it
	// follows the limit of the topic.
	Batch int
	// Keep is how long records are needed at least; 0 where haproxystats does not read
	// them.
	Keep time.Duration
	// Parts is the number of partitions that the writers can make use of; 0 for any.
	Parts int
	// Kept is the retention that is proposed, and that the program gives a topic which it
	// creates.
	Kept time.Duration
	// Create is the command that creates the topic.
	Create string
}

// Topic is what brokers tell of a topic.
type Topic struct {
	TopicUse
	// Fault is why nothing is known; nil if the topic is there. Missing reports whether it
	// does not exist, and Made whether a program will create it.
	Fault         *Fault
	Missing, Made bool

	// Unwritable and Unreadable are why the user of the program may not write or read the
	// topic, as it would; nil if it may.
	Unwritable, Unreadable *Fault

	Partitions, Replicas, InSync, Leaderless int
	// Known reports whether the brokers tell the settings, which follow.
	Known           bool
	MaxMessageBytes int
	MinInSync       int
	Retention       time.Duration // negative for no bound
	AppendTime      bool
	Compacted       bool
}

// Group is what brokers tell of a consumer group.
type Group struct {
	Name, Topic string
	// Fault is why the members are not known; nil if they are.
	Fault *Fault
	// Closed is why the user of the program may not join; nil if it may.
	Closed *Fault
	State  string
	// Members are the programs that read, each with its name and address.
	Members []string
	// Partitions is the number of partitions of the topic, and Unread the number of those
	// of which nothing was ever committed.
	Partitions, Unread int
	// Lag is the number of records that are not committed, and Behind names the partition
	// with most of them.
	Lag, MostLag int64
	MostBehind   int32
	// Expired lists partitions whose oldest record is newer than what was committed.
	Expired []int32
	// Newest is the time of the newest record; zero if there is none.
	Newest time.Time
}

// kafka asks all brokers of the configuration.
func (r *run) kafka(ctx context.Context, c *config.Config, program config.Program) []Finding {
	var found []Finding
	for _, k := range r.wiring.Kafka(ctx, c, program, r.offline) {
		found = append(found, Brokers(k, time.Now())...)
	}
	return found
}

// Brokers judges what the brokers of a section tell.
func Brokers(k Kafka, now time.Time) []Finding {
	a := about{"kafka", strings.Join(k.Brokers, ",")}
	switch {
	case k.Fault != nil:
		return []Finding{a.error(k.Fault.Text, k.Fault.Remedy)}
	case k.Took == 0:
		return []Finding{a.skipped("not asked: --offline leaves out the network")}
	}
	found := []Finding{a.ok("they answer within %v (%s)", milliseconds(k.Took), k.Section)}
	if f := k.Unnumbered; f != nil {
		found = append(found, a.error(f.Text, f.Remedy))
	}
	for _, t := range k.Topics {
		found = append(found, judgeTopic(t, k.Brokers)...)
	}
	for _, g := range k.Groups {
		found = append(found, judgeGroup(g, now)...)
	}
	return found
}

func judgeTopic(t Topic, brokers []string) []Finding {
	a := about{"topic", t.Name}
	switch {
	case t.Missing && t.Made:
		return []Finding{a.ok("it does not exist yet, and the program creates it for %s", t.For)}
	case t.Missing:
		return []Finding{a.error("it does not exist, and is needed for "+t.For, "Create it. Run: "+t.Create)}
	case t.Fault != nil:
		return []Finding{a.error(t.Fault.Text, t.Fault.Remedy)}
	}
	var found []Finding
	warn := func(text, remedy string) { found = append(found, a.warning(text, remedy)) }
	fail := func(text, remedy string) { found = append(found, a.error(text, remedy)) }
	alter := func(setting string) string {
		return fmt.Sprintf("Run: kafka-configs.sh --bootstrap-server %s --alter --topic %s --add-config %s", strings.Join(brokers, ","), t.Name, setting)
	}
	for _, f := range []*Fault{t.Unwritable, t.Unreadable} {
		if f != nil {
			fail(f.Text, f.Remedy)
		}
	}
	if t.Leaderless > 0 {
		fail(fmt.Sprintf("%d of %d partitions have no leader, and take no records", t.Leaderless, t.Partitions), "Start the brokers that are down")
	}
	if t.Replicas == 1 {
		warn("each record is on one broker only: it is lost with that broker", "Give the topic three replicas, with kafka-reassign-partitions.sh")
	} else if t.InSync < t.Replicas {
		warn(fmt.Sprintf("only %d of %d replicas are in sync", t.InSync, t.Replicas), "See which broker is down or slow")
	}
	if t.Parts > 0 && t.Partitions < t.Parts {
		warn(fmt.Sprintf("it has %s for %d shards: some programs have nothing to do", count(t.Partitions, "partition"), t.Parts),
			fmt.Sprintf("Create another topic with %d partitions or more, and use that: adding partitions moves the shards", t.Parts))
	}
	if !t.Known {
		if len(found) == 0 {
			found = append(found, a.ok("it has %s for %s; the brokers do not tell this user its settings", count(t.Partitions, "partition"), t.For))
		}
		return found
	}
	if t.MinInSync > t.Replicas {
		fail(fmt.Sprintf("min.insync.replicas is %d, and it has only %s: it takes no records", t.MinInSync, count(t.Replicas, "replica")), alter(fmt.Sprintf("min.insync.replicas=%d", t.Replicas)))
	} else if t.Replicas > 1 && t.MinInSync < 2 && t.Safe {
		warn("min.insync.replicas is 1: records count as delivered when one broker has them", alter("min.insync.replicas=2"))
	}
	if t.Compacted {
		fail("cleanup.policy is compact: the broker removes all records of a key but the newest", alter("cleanup.policy=delete"))
	}
	if t.Batch > t.MaxMessageBytes {
		fail(fmt.Sprintf("max.message.bytes is %d, and records for %s have up to %d bytes", t.MaxMessageBytes, t.For, t.Batch), alter(fmt.Sprintf("max.message.bytes=%d", t.Batch)))
	}
	if t.Ours && !t.AppendTime {
		fail("message.timestamp.type is CreateTime: windows would close by the clocks of the nodes", alter("message.timestamp.type=LogAppendTime"))
	}
	keeping := fmt.Sprintf("retention.ms=%d", t.Kept.Milliseconds())
	if t.Keep > 0 && t.Retention >= 0 && t.Retention < t.Keep {
		fail(fmt.Sprintf("retention.ms keeps records for %s, and haproxystats-central needs them for %s after a restart", lasting(t.Retention), lasting(t.Keep)), alter(keeping))
	} else if t.Keep > 0 && t.Retention >= 0 && t.Retention < shortOutage {
		warn(fmt.Sprintf("retention.ms keeps records for %s only: a longer outage of haproxystats-central loses some", lasting(t.Retention)), alter(keeping))
	}
	if len(found) == 0 {
		found = append(found, a.ok("it has %s, %s and takes batches of %s, for %s", count(t.Partitions, "partition"), count(t.Replicas, "replica"), size(uint64(t.MaxMessageBytes)), t.For))
	}
	return found
}

// shortOutage is an outage that topics should cover at least.
const shortOutage = time.Hour

// aheadSlack is the time by which a record may be ahead of this host's clock.
const aheadSlack = 2 * time.Second

func judgeGroup(g Group, now time.Time) []Finding {
	a := about{"group", g.Name}
	var found []Finding
	if n := len(g.Expired); n > 0 {
		found = append(found, a.warning(fmt.Sprintf("what it has not read of %s of topic %s has expired, such as that of partition %d", count(n, "partition"), g.Topic, g.Expired[0]),
			"Raise retention.ms of the topic, and see why haproxystats-central does not read"))
	}
	if ahead := g.Newest.Sub(now); ahead > aheadSlack {
		found = append(found, a.warning(fmt.Sprintf("the newest record of topic %s is %s ahead of this host's clock", g.Topic, lasting(ahead)), "Synchronise the clocks of the brokers and of this host, for example with chrony"))
	}
	if g.Closed != nil {
		found = append(found, a.error(g.Closed.Text, g.Closed.Remedy))
	}
	switch {
	case g.Fault != nil:
		found = append(found, a.error(g.Fault.Text, g.Fault.Remedy))
	case len(g.Members) == 0:
		found = append(found, a.warning(fmt.Sprintf("nobody reads topic %s (state %s)", g.Topic, cmp.Or(g.State, "unknown")), "Start haproxystats-central"))
	}
	if len(found) > 0 {
		return found
	}
	slices.Sort(g.Members)
	text := fmt.Sprintf("%s of topic %s: %s", count(len(g.Members), "reader"), g.Topic, strings.Join(g.Members[:min(len(g.Members), maxNamed)], ", "))
	if g.Unread > 0 {
		return []Finding{a.ok("%s. Nothing is committed yet of %d of %d partitions", text, g.Unread, g.Partitions)}
	}
	return []Finding{a.ok("%s. %s not committed, most of them (%d) in partition %d; the records of open windows are among them", text, count(g.Lag, "record"), g.MostLag, g.MostBehind)}
}

// maxNamed bounds the members that one finding names.
const maxNamed = 10
