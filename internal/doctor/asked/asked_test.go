package asked

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"haproxystats/internal/app/brokers"
	"haproxystats/internal/config"
	"haproxystats/internal/doctor"
	"haproxystats/internal/kafka/wire"
)

// TestExamine asks a broker about topics, and a port at which nobody listens.
func TestExamine(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "metrics.daemon"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	loaded, err := load(t, "[kafka]\nbrokers = "+strings.Join(cluster.ListenAddrs(), ",")+"\ntopic = metrics.{scope}\npartitions = 3\n[kafka:down]\ntopic = x\nbrokers = "+nobody+"\n[kafka:off]\ntopic =\n")
	if err != nil {
		t.Fatal(err)
	}
	b := New("haproxystats")
	for _, k := range b.Examine(t.Context(), &loaded.Config, config.ForProcess, "lb1", true) {
		if k.Took != 0 || k.Fault != nil {
			t.Errorf("got %+v, want that nobody was asked offline", k)
		}
	}
	got := b.Examine(t.Context(), &loaded.Config, config.ForProcess, "lb1", false)
	if len(got) != 2 {
		t.Fatalf("got %+v, want two sections", got)
	}
	if k := got[1]; k.Section != "[kafka:down]" || k.Fault == nil || !strings.Contains(k.Fault.Text, "connection refused") || k.Fault.Remedy == "" {
		t.Errorf("got %+v, want that the connection is refused, with a remedy", k)
	}
	k := got[0]
	if k.Fault != nil || k.Took <= 0 || len(k.Topics) < 2 {
		t.Fatalf("got %+v, want an answer about topics", k)
	}
	for _, topic := range k.Topics {
		want := topic.Name != "metrics.daemon"
		if topic.Missing != want || !want && topic.Partitions != 2 || !topic.Safe || topic.For != "metrics" {
			t.Errorf("got %+v, want missing: %t", topic, want)
		}
		if command := "--create --topic " + topic.Name + " --partitions 3 "; !strings.Contains(topic.Create, command) {
			t.Errorf("got the command %q, want %q", topic.Create, command)
		}
	}
}

// TestGroupSays has a group that has read a part of a topic, and one that never was.
func TestGroupSays(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	o := brokers.Connection(config.KafkaConnection{Brokers: cluster.ListenAddrs(), ConnectTimeout: time.Second, RequestTimeout: time.Second}, "kafka", "test", nil)
	client, err := o.Client(kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"), kgo.InstanceID("one"), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 3 {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	first := client.PollRecords(t.Context(), 1).Records()
	if len(first) != 1 {
		t.Fatalf("got %d records, want 1", len(first))
	}
	if err := client.CommitRecords(t.Context(), first...); err != nil {
		t.Fatal(err)
	}
	got := groupSays(t.Context(), client, o, groupOf{"g", "t"})
	if got.Fault != nil || len(got.Members) != 1 || !strings.HasPrefix(got.Members[0], "one at ") || !strings.HasSuffix(got.Members[0], " (1 partition)") || got.Lag != 2 || got.Unread != 0 || got.Newest.IsZero() {
		t.Errorf("got %+v, want one member that is two records behind", got)
	}
	got = groupSays(t.Context(), client, o, groupOf{"none", "t"})
	if got.Fault != nil || len(got.Members) != 0 || got.Unread != 1 {
		t.Errorf("got %+v, want a group that has read nothing", got)
	}
	for _, f := range doctor.Brokers(doctor.Kafka{Took: 1, Groups: []doctor.Group{got}}, time.Now()) {
		if f.Check == "group" && f.Verdict != doctor.Warning {
			t.Errorf("got %+v, want a warning", f)
		}
	}
}

// TestOtherProtocol: a consumer of the newer protocol has committed, and the broker does
// not find its group among those of the older one.
func TestOtherProtocol(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	o := brokers.Connection(config.KafkaConnection{Brokers: cluster.ListenAddrs(), ConnectTimeout: time.Second, RequestTimeout: time.Second}, "kafka", "test", nil)
	client, err := o.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var offsets kadm.Offsets
	offsets.AddOffset("t", 0, 7, -1)
	if _, err := kadm.NewClient(client).CommitOffsets(t.Context(), "g", offsets); err != nil {
		t.Fatal(err)
	}
	cluster.ControlKey(int16(kmsg.DescribeGroups), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		answer := r.ResponseKind().(*kmsg.DescribeGroupsResponse)
		group := kmsg.NewDescribeGroupsResponseGroup()
		group.Group, group.ErrorCode = "g", kerr.GroupIDNotFound.Code
		answer.Groups = append(answer.Groups, group)
		return answer, nil, true
	})
	got := groupSays(t.Context(), client, o, groupOf{"g", "t"})
	if got.Fault == nil || !strings.Contains(got.Fault.Text, "another protocol") || got.Fault.Remedy == "" {
		t.Errorf("got %+v, want that the group has another protocol, with a remedy", got)
	}
}

// TestRights has brokers that refuse, one by one, what haproxystats-central does: doctor
// names each, and asks nothing that changes anything.
func TestRights(t *testing.T) {
	const may = 1<<kmsg.ACLOperationDescribe | 1<<kmsg.ACLOperationRead | 1<<kmsg.ACLOperationWrite
	for _, test := range []struct {
		name           string
		topics         int32 // what the user may do with topics
		group, cluster *kerr.Error
		more           string // of the configuration
		want           []string
	}{
		{"everything", may, nil, nil, "", nil},
		{"topics are not read", may &^ (1 << kmsg.ACLOperationRead), nil, nil, "", []string{
			"topic tables: read the topic: TOPIC_AUTHORIZATION_FAILED|--operation Read --topic tables", "topic snapshots: read the topic: TOPIC_AUTHORIZATION_FAILED|--operation Read --topic snapshots",
		}},
		{"topics are not written", may &^ (1 << kmsg.ACLOperationWrite), nil, kerr.ClusterAuthorizationFailed, "", []string{
			"topic tables: write the topic: TOPIC_AUTHORIZATION_FAILED|kafka-acls.sh --producer", "topic snapshots: write the topic: TOPIC_AUTHORIZATION_FAILED|kafka-acls.sh --producer",
			"topic dead: write the topic: TOPIC_AUTHORIZATION_FAILED|kafka-acls.sh --producer",
		}},
		{"groups are closed", may, kerr.GroupAuthorizationFailed, nil, "", []string{
			"group g.tables: join the consumer group: GROUP_AUTHORIZATION_FAILED|kafka-acls.sh --consumer", "group g.snapshots: join the consumer group: GROUP_AUTHORIZATION_FAILED|kafka-acls.sh --consumer",
		}},
		{"an old broker wants more", may, nil, kerr.ClusterAuthorizationFailed, "", []string{
			"write idempotently: CLUSTER_AUTHORIZATION_FAILED|--operation IdempotentWrite --cluster",
		}},
		{"an old broker wants more for metrics", may, nil, kerr.ClusterAuthorizationFailed, "[kafka:metrics]\ntopic = dead\n", []string{
			"write idempotently: CLUSTER_AUTHORIZATION_FAILED|idempotent = false in [kafka:metrics]", "write idempotently: CLUSTER_AUTHORIZATION_FAILED|--operation IdempotentWrite --cluster",
		}},
		{"metrics without idempotence", may, nil, kerr.ClusterAuthorizationFailed, "[kafka:metrics]\ntopic = dead\nidempotent = no\n", []string{
			"write idempotently: CLUSTER_AUTHORIZATION_FAILED|--operation IdempotentWrite --cluster",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(12, "tables", "snapshots", "dead"))
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				host, port, err := net.SplitHostPort(cluster.ListenAddrs()[0])
				if err != nil {
					t.Error(err)
				}
				n, err := strconv.ParseInt(port, 10, 32)
				if err != nil {
					t.Error(err)
				}
				answer := r.ResponseKind().(*kmsg.MetadataResponse)
				b := kmsg.NewMetadataResponseBroker()
				b.Host, b.Port = host, int32(n)
				answer.Brokers = append(answer.Brokers, b)
				for _, of := range r.(*kmsg.MetadataRequest).Topics {
					topic := kmsg.NewMetadataResponseTopic()
					topic.Topic, topic.AuthorizedOperations = of.Topic, test.topics
					p := kmsg.NewMetadataResponseTopicPartition()
					p.Replicas, p.ISR = []int32{0}, []int32{0}
					topic.Partitions = append(topic.Partitions, p)
					answer.Topics = append(answer.Topics, topic)
				}
				return answer, nil, true
			})
			if test.group != nil {
				cluster.ControlKey(int16(kmsg.Heartbeat), func(r kmsg.Request) (kmsg.Response, error, bool) {
					cluster.KeepControl()
					answer := r.ResponseKind().(*kmsg.HeartbeatResponse)
					answer.ErrorCode = test.group.Code
					return answer, nil, true
				})
			}
			if test.cluster != nil {
				cluster.ControlKey(int16(kmsg.InitProducerID), func(r kmsg.Request) (kmsg.Response, error, bool) {
					cluster.KeepControl()
					answer := r.ResponseKind().(*kmsg.InitProducerIDResponse)
					answer.ErrorCode = test.cluster.Code
					return answer, nil, true
				})
			}
			file := filepath.Join(t.TempDir(), "f.conf")
			text := "[kafka]\nbrokers = " + strings.Join(cluster.ListenAddrs(), ",") + "\ntopic =\n" + test.more +
				"[central]\nkafka = true\ntables-topic = tables\nsnapshots-topic = snapshots\ngroup = g\n"
			if test.more == "" {
				text += "dead-letter-topic = dead\n"
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			loaded, err := config.Load(config.ForCentral, config.Files{File: file, Required: true}, New(config.ForCentral).Check)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, k := range New(config.ForCentral).Examine(t.Context(), &loaded.Config, config.ForCentral, "lb1", false) {
				if k.Fault != nil {
					t.Errorf("got %+v, want an answer", k.Fault)
				}
				for _, f := range doctor.Brokers(k, time.Now()) {
					if f.Verdict == doctor.Error && strings.Contains(f.Text, "AUTHORIZATION") {
						got = append(got, f.Check+" "+f.Subject+": "+f.Text+"|"+f.Remedy)
					}
				}
			}
			if len(got) != len(test.want) {
				t.Fatalf("got %d errors, want %d: %q", len(got), len(test.want), got)
			}
			for i, want := range test.want {
				text, remedy, _ := strings.Cut(want, "|")
				if !strings.Contains(got[i], text) || !strings.Contains(got[i], remedy) {
					t.Errorf("got %q, want %q", got[i], want)
				}
			}
		})
	}
}

// TestExamineCentral has the topics of haproxystats-central: one is missing, one is in
// order but for its times, and one is off.
func TestExamineCentral(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "tables"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	file := filepath.Join(t.TempDir(), "f.conf")
	text := "[kafka]\nbrokers = " + strings.Join(cluster.ListenAddrs(), ",") + "\ntopic =\n" +
		"[central]\nkafka = true\ntables-topic = tables\nsnapshots-topic = snapshots\ngroup = g\n" +
		"[cluster]\nlate = 60\n[cluster eu]\nlate = 120\nshards = 3\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Load(config.ForCentral, config.Files{File: file, Required: true}, New(config.ForCentral).Check)
	if err != nil {
		t.Fatal(err)
	}
	if got := New("haproxystats").Examine(t.Context(), &loaded.Config, config.ForProcess, "lb1", false); len(got) != 0 {
		t.Errorf("got %+v for haproxystats-process, want nothing to ask", got)
	}
	got := New("haproxystats").Examine(t.Context(), &loaded.Config, config.ForCentral, "lb1", false)
	if len(got) != 1 || got[0].Fault != nil || len(got[0].Topics) != 2 || len(got[0].Groups) != 1 {
		t.Fatalf("got %+v, want two topics and the group of that which is there", got)
	}
	tables, snapshots, group := got[0].Topics[0], got[0].Topics[1], got[0].Groups[0]
	if tables.Name != "tables" || tables.Missing || !tables.Ours || tables.AppendTime || tables.Parts != 3 || tables.Keep != 130*time.Second || tables.Batch != wire.TablesRecord+wire.Overhead {
		t.Errorf("got %+v, want tables of 3 shards that are needed for 130s", tables)
	}
	if want := "--topic snapshots --partitions 12 --replication-factor 1 --config message.timestamp.type=LogAppendTime"; !snapshots.Missing || !strings.Contains(snapshots.Create, want) {
		t.Errorf("got %+v, want that it is missing, and a command with %q", snapshots, want)
	}
	if group.Name != "g.tables" || group.Topic != "tables" || group.Fault != nil || len(group.Members) != 0 {
		t.Errorf("got %+v, want that nobody reads tables", group)
	}
	findings := doctor.Brokers(got[0], time.Now())
	for _, want := range []string{"message.timestamp.type is CreateTime", "2 partitions for 3 shards", "nobody reads topic tables"} {
		if !slices.ContainsFunc(findings, func(f doctor.Finding) bool { return strings.Contains(f.Text, want) && f.Remedy != "" }) {
			t.Errorf("got %+v, want a finding with %q and its remedy", findings, want)
		}
	}
}

// TestExamineForward has the topic of [forward], of both modes.
func TestExamineForward(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(2, "haproxystats.tables"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	examine := func(more string) doctor.Topic {
		t.Helper()
		loaded, err := load(t, "[kafka]\nbrokers = "+strings.Join(cluster.ListenAddrs(), ",")+"\n[forward]\ncluster = eu\n"+more)
		if err != nil {
			t.Fatal(err)
		}
		got := New("haproxystats").Examine(t.Context(), &loaded.Config, config.ForProcess, "lb1", false)
		if len(got) != 1 || got[0].Section != "[kafka]" || got[0].Fault != nil || len(got[0].Topics) != 1 || len(got[0].Groups) != 0 {
			t.Fatalf("got %+v, want one topic", got)
		}
		return got[0].Topics[0]
	}
	tables := examine("mode = tables\nshards = 4\n")
	if tables.Name != "haproxystats.tables" || tables.Missing || !tables.Ours || !tables.Safe || tables.Parts != 4 || tables.Batch < 512<<10 || tables.Batch > 600_000 || tables.Keep != 70*time.Second {
		t.Errorf("got %+v, want tables of 4 shards", tables)
	}
	findings := doctor.Brokers(doctor.Kafka{Took: 1, Topics: []doctor.Topic{tables}}, time.Now())
	for _, want := range []string{"message.timestamp.type is CreateTime", "2 partitions for 4 shards"} {
		if !slices.ContainsFunc(findings, func(f doctor.Finding) bool { return strings.Contains(f.Text, want) && f.Remedy != "" }) {
			t.Errorf("got %+v, want a finding with %q and its remedy", findings, want)
		}
	}
	raw := examine("mode = snapshots\nchunk-bytes = 900000\n")
	if want := "--topic haproxystats.snapshots --partitions 12 --replication-factor 3 --config message.timestamp.type=LogAppendTime --config retention.ms=7200000 --config min.insync.replicas=2"; raw.Name != "haproxystats.snapshots" || !raw.Missing || raw.Made || raw.Parts != 0 || raw.Batch < 900_000 || !strings.Contains(raw.Create, want) {
		t.Errorf("got %+v, want that it is missing, and a command with %q", raw, want)
	}
	if own := examine("mode = snapshots\ntopic = mine\ncreate-topics = yes\n"); own.Name != "mine" || !own.Made {
		t.Errorf("got %+v, want that the program makes it", own)
	}
}

func load(t *testing.T, text string) (*config.Loaded, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "f.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(config.ForProcess, config.Files{File: file, Required: true}, New(config.ForProcess).Check)
}
