package kafka

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/kafka"
	sinkkafka "haproxystats/internal/sink/kafka"
	"haproxystats/internal/sink/sinktest"
	"haproxystats/test/real"
)

// long is the time limit of deliveries whose cause is told long before it is over.
const long = 10 * time.Minute

// told delivers a batch, and wants it in the queue with that cause and hint.
func told(t *testing.T, s *sinkkafka.Sink, epoch int64, cause, hint string) {
	t.Helper()
	begun := time.Now()
	if err := s.Deliver(t.Context(), sinktest.Batch(epoch)); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	status := s.Status()
	if status.Health.Cause == nil {
		t.Fatalf("got no cause, want %q", cause)
	}
	gotHint, bare := kafka.Advice(status.Health.Cause)
	if !strings.Contains(bare.Error(), cause) || !strings.Contains(gotHint, hint) {
		t.Errorf("got the cause %v, hint %q; want %q, %q", bare, gotHint, cause, hint)
	}
	if took > time.Minute {
		t.Errorf("the cause was found after %v, want less than %v", took, time.Minute)
	}
	if status.Queue.Batches == 0 || status.Batches > 0 {
		t.Errorf("got %d batches delivered and %d in the queue, want all in the queue", status.Batches, status.Queue.Batches)
	}
	t.Logf("told after %v", took.Round(time.Millisecond))
}

// allow lets a user do something with a topic, a group or the cluster.
func allow(t *testing.T, k *real.Kafka, user string, change func(*kadm.ACLBuilder) *kadm.ACLBuilder, may ...kadm.ACLOperation) {
	t.Helper()
	b := change(kadm.NewACLs().Allow("User:" + user).AllowHosts("*")).ResourcePatternType(kadm.ACLPatternLiteral).Operations(may...)
	answer, err := kadm.NewClient(client(t, options(k.Addr))).CreateACLs(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range answer {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

func onTopic(topic string) func(*kadm.ACLBuilder) *kadm.ACLBuilder {
	return func(b *kadm.ACLBuilder) *kadm.ACLBuilder { return b.Topics(topic) }
}

// user returns a login with a token of that user, who may do nothing yet.
func user(t *testing.T, name string) *kafka.Login {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(unsigned(name, time.Now().Add(time.Hour))), 0o600); err != nil {
		t.Fatal(err)
	}
	return &kafka.Login{Mechanism: kafka.OAuthBearer, TokenFile: file}
}

// TestTopicIsNotAllowed, and is later.
func TestTopicIsNotAllowed(t *testing.T) {
	k := broker(t)
	topic := createTopic(t, k, 1, 1, nil)
	s := openSink(t, k, topic, func(o *sinkkafka.Options) {
		o.Connection.Brokers, o.Connection.Login, o.DeliveryTimeout = []string{k.Token}, user(t, "dora"), long
	})
	told(t, s, 1000, topic+": TOPIC_AUTHORIZATION_FAILED", "Allow the user to write and describe the topic, with kafka-acls.sh --producer")
	allow(t, k, "dora", onTopic(topic), kadm.OpWrite, kadm.OpDescribe)
	drained(t, s, 1)
	checkTopic(t, k, topic, 1000)
}

// TestIdempotentWriteIsNotAllowed has a user who may write to no topic, and so has no
// right to write idempotently either.
func TestIdempotentWriteIsNotAllowed(t *testing.T) {
	k := broker(t)
	topic := createTopic(t, k, 1, 1, nil)
	allow(t, k, "erin", onTopic(topic), kadm.OpDescribe)
	s := openSink(t, k, topic, func(o *sinkkafka.Options) {
		o.Connection.Brokers, o.Connection.Login, o.DeliveryTimeout = []string{k.Token}, user(t, "erin"), long
	})
	told(t, s, 1000, "CLUSTER_AUTHORIZATION_FAILED", "IdempotentWrite on the cluster")
	allow(t, k, "erin", onTopic(topic), kadm.OpWrite)
	drained(t, s, 1)
	checkTopic(t, k, topic, 1000)
}

// TestGroupIsNotAllowed: who reads a topic is told what it may not.
func TestGroupIsNotAllowed(t *testing.T) {
	k := broker(t)
	topic := createTopic(t, k, 1, 1, nil)
	allow(t, k, "frank", onTopic(topic), kadm.OpRead, kadm.OpDescribe)
	o := options(k.Token)
	o.Login = user(t, "frank")
	c := client(t, o, kgo.ConsumeTopics(topic), kgo.ConsumerGroup("group"), kgo.DisableAutoCommit())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := c.PollFetches(ctx).Err()
	hint, bare := kafka.Advice(o.Explain("read group group", err))
	if !strings.Contains(bare.Error(), "GROUP_AUTHORIZATION_FAILED") || kafka.ClassOf(err) != kafka.Operator || !strings.Contains(hint, "kafka-acls.sh --consumer") {
		t.Errorf("got %v, hint %q, class %d; want GROUP_AUTHORIZATION_FAILED and its remedy", bare, hint, kafka.ClassOf(err))
	}
}

// TestWrongCredentials of each mechanism: the sink tells the cause long before its
// deadline, and delivers once they are corrected, without a restart.
func TestWrongCredentials(t *testing.T) {
	k := broker(t)
	f := newFiles(t, k)
	topic := createTopic(t, k, 1, 1, nil)
	for _, name := range []string{real.KafkaPlainUser, real.KafkaScramUser, "grace"} {
		allow(t, k, name, onTopic(topic), kadm.OpWrite, kadm.OpDescribe)
	}
	for i, c := range []struct {
		login        kafka.Login
		wrong, right string
	}{
		{f.plain, "not it", real.KafkaPlainPassword},
		{f.sha256, "not it", real.KafkaScramPassword},
		{f.sha512, "not it", real.KafkaScramPassword},
		{kafka.Login{Mechanism: kafka.OAuthBearer}, unsigned("grace", time.Now().Add(-time.Minute)), unsigned("grace", time.Now().Add(time.Hour))},
	} {
		t.Run(string(c.login.Mechanism), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "secret")
			write := func(secret string) {
				t.Helper()
				if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(c.wrong)
			if c.login.PasswordFile = file; c.login.Mechanism == kafka.OAuthBearer {
				c.login.TokenFile = file
			}
			address := k.Login
			if c.login.Mechanism == kafka.OAuthBearer {
				address = k.Token
			}
			s := openSink(t, k, topic, func(o *sinkkafka.Options) {
				o.Connection.Brokers, o.Connection.Login, o.DeliveryTimeout = []string{address}, &c.login, long
			})
			told(t, s, 1000+int64(i), "SASL_AUTHENTICATION_FAILED", "Check sasl-username and the file with the password or token in [kafka]")
			write(c.right)
			drained(t, s, 1)
		})
	}
	checkTopic(t, k, topic, 1000, 1001, 1002, 1003)
}
