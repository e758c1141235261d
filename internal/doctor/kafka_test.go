package doctor

import (
	"testing"
	"time"
)

// judged is a finding that a test wants.
type judged struct {
	check        string
	verdict      Verdict
	text, remedy string
}

func compare(t *testing.T, got []Finding, want ...judged) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d findings, want %d: %v", len(got), len(want), got)
	}
	for i, w := range want {
		if got[i].Check != w.check {
			t.Errorf("got a finding about a %s, want a %s", got[i].Check, w.check)
		}
		check(t, got[i], w.verdict, w.text, w.remedy)
	}
}

func TestBrokers(t *testing.T) {
	k := Kafka{Section: "[kafka]", Brokers: []string{"a:1", "b:2"}}
	compare(t, Brokers(k, time.Now()), judged{"kafka", Skipped, "not asked", ""})
	k.Fault = &Fault{"reach the brokers a:1: connection refused", "Start it"}
	compare(t, Brokers(k, time.Now()), judged{"kafka", Error, "connection refused", "Start it"})
	k.Fault, k.Took = nil, time.Millisecond
	k.Unnumbered = &Fault{"write idempotently: CLUSTER_AUTHORIZATION_FAILED", "Allow it"}
	k.Topics = []Topic{{TopicUse: TopicUse{Name: "t", For: "metrics", Create: "kafka-topics.sh"}, Missing: true}}
	k.Groups = []Group{{Name: "g", Topic: "t", State: "Empty"}}
	compare(t, Brokers(k, time.Now()),
		judged{"kafka", OK, "they answer within 1ms ([kafka])", ""},
		judged{"kafka", Error, "write idempotently: CLUSTER_AUTHORIZATION_FAILED", "Allow it"},
		judged{"topic", Error, "it does not exist, and is needed for metrics", "Create it. Run: kafka-topics.sh"},
		judged{"group", Warning, "nobody reads topic t (state Empty)", "Start haproxystats-central"})
}

func TestTopics(t *testing.T) {
	good := Topic{
		TopicUse:   TopicUse{Name: "t", For: "tables", Ours: true, Safe: true, Batch: 600_000, Keep: 75 * time.Second, Kept: 3 * time.Hour, Parts: 2},
		Partitions: 4, Replicas: 3, InSync: 3, Known: true, MaxMessageBytes: 1_048_588, MinInSync: 2, Retention: 2 * time.Hour, AppendTime: true,
	}
	for _, test := range []struct {
		name   string
		change func(*Topic)
		want   judged
	}{
		{"in order", func(*Topic) {}, judged{"topic", OK, "it has 4 partitions, 3 replicas and takes batches of 1 MiB, for tables", ""}},
		{"kept for ever", func(k *Topic) { k.Retention = -1 }, judged{"topic", OK, "4 partitions", ""}},
		{"hidden settings", func(k *Topic) { k.Known = false }, judged{"topic", OK, "the brokers do not tell this user its settings", ""}},
		{"made later", func(k *Topic) { k.Missing, k.Made = true, true }, judged{"topic", OK, "does not exist yet, and the program creates it for tables", ""}},
		{"not allowed", func(k *Topic) { k.Fault = &Fault{"TOPIC_AUTHORIZATION_FAILED", "Allow the user"} }, judged{"topic", Error, "TOPIC_AUTHORIZATION_FAILED", "Allow the user"}},
		{"not written", func(k *Topic) { k.Unwritable = &Fault{"write the topic: TOPIC_AUTHORIZATION_FAILED", "Allow the user"} }, judged{"topic", Error, "write the topic", "Allow the user"}},
		{"not read", func(k *Topic) { k.Unreadable = &Fault{"read the topic: TOPIC_AUTHORIZATION_FAILED", "Allow the user"} }, judged{"topic", Error, "read the topic", "Allow the user"}},
		{"no leader", func(k *Topic) { k.Leaderless = 2 }, judged{"topic", Error, "2 of 4 partitions have no leader", "Start the brokers"}},
		{"one replica", func(k *Topic) { k.Replicas, k.InSync, k.MinInSync = 1, 1, 1 }, judged{"topic", Warning, "on one broker only", "three replicas"}},
		{"out of sync", func(k *Topic) { k.InSync = 2 }, judged{"topic", Warning, "only 2 of 3 replicas are in sync", "See which broker"}},
		{"too few replicas", func(k *Topic) { k.MinInSync = 4 }, judged{"topic", Error, "it takes no records", "min.insync.replicas=3"}},
		{"one in sync is enough", func(k *Topic) { k.MinInSync = 1 }, judged{"topic", Warning, "when one broker has them", "min.insync.replicas=2"}},
		{"one is enough, and nobody waits", func(k *Topic) { k.MinInSync, k.Safe = 1, false }, judged{"topic", OK, "4 partitions", ""}},
		{"compacted", func(k *Topic) { k.Compacted = true }, judged{"topic", Error, "cleanup.policy is compact", "cleanup.policy=delete"}},
		{"small", func(k *Topic) { k.MaxMessageBytes = 1000 }, judged{"topic", Error, "max.message.bytes is 1000, and records for tables have up to 600000 bytes", "max.message.bytes=600000"}},
		{"clocks of nodes", func(k *Topic) { k.AppendTime = false }, judged{"topic", Error, "windows would close by the clocks of the nodes", "LogAppendTime"}},
		{"clocks of nodes for others", func(k *Topic) { k.AppendTime, k.Ours = false, false }, judged{"topic", OK, "4 partitions", ""}},
		{"too short", func(k *Topic) { k.Retention = time.Minute }, judged{"topic", Error, "retention.ms keeps records for 1m, and haproxystats-central needs them for 1m15s", "retention.ms=10800000"}},
		{"short", func(k *Topic) { k.Retention = 10 * time.Minute }, judged{"topic", Warning, "retention.ms keeps records for 10m only", "retention.ms=10800000"}},
		{"few partitions", func(k *Topic) { k.Partitions = 1 }, judged{"topic", Warning, "1 partition for 2 shards", "Create another topic with 2 partitions"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := good
			test.change(&k)
			compare(t, judgeTopic(k, []string{"a:1"}), test.want)
		})
	}
}

func TestGroups(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	good := Group{Name: "g", Topic: "t", State: "Stable", Members: []string{"b", "a"}, Partitions: 4, Lag: 12, MostLag: 7, MostBehind: 3, Newest: now}
	for _, test := range []struct {
		name   string
		change func(*Group)
		want   judged
	}{
		{"in order", func(*Group) {}, judged{"group", OK, "2 readers of topic t: a, b. 12 records not committed, most of them (7) in partition 3", ""}},
		{"at the beginning", func(g *Group) { g.Unread = 4 }, judged{"group", OK, "Nothing is committed yet of 4 of 4 partitions", ""}},
		{"not allowed", func(g *Group) { g.Fault, g.Members = &Fault{"GROUP_AUTHORIZATION_FAILED", "Allow the user"}, nil }, judged{"group", Error, "GROUP_AUTHORIZATION_FAILED", "Allow the user"}},
		{"not joined", func(g *Group) {
			g.Closed = &Fault{"join the consumer group: GROUP_AUTHORIZATION_FAILED", "Allow the user"}
		}, judged{"group", Error, "join the consumer group", "Allow the user"}},
		{"expired", func(g *Group) { g.Expired = []int32{2, 3} }, judged{"group", Warning, "what it has not read of 2 partitions of topic t has expired, such as that of partition 2", "Raise retention.ms"}},
		{"a broker's clock", func(g *Group) { g.Newest = now.Add(5 * time.Second) }, judged{"group", Warning, "5s ahead of this host's clock", "Synchronise"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := good
			test.change(&g)
			compare(t, judgeGroup(g, now), test.want)
		})
	}
}
