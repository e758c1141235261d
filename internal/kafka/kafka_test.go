package kafka

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"haproxystats/internal/tlsfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestClassOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Class
	}{
		{context.DeadlineExceeded, Wait},
		{kgo.ErrRecordTimeout, Wait},
		{syscall.ECONNREFUSED, Wait},
		{kgo.ErrClientClosed, Wait},
		{kerr.NotLeaderForPartition, Wait},
		{kerr.NotEnoughReplicas, Wait},
		{kerr.RequestTimedOut, Wait},
		{kerr.CoordinatorNotAvailable, Wait},
		{kerr.ThrottlingQuotaExceeded, Wait},
		{kerr.UnknownTopicOrPartition, Operator},
		{kerr.TopicAuthorizationFailed, Operator},
		{kerr.SaslAuthenticationFailed, Operator},
		{&tlsfile.Error{Option: "ca-file", File: "x", Err: fs.ErrNotExist}, Operator},
		{kerr.InvalidTimestamp, Clock},
		{kerr.UnknownTopicID, TopicID},
		{kerr.MessageTooLarge, Size},
		{kerr.CorruptMessage, Content},
		{kerr.InvalidRecord, Content},
		{kerr.PolicyViolation, Policy},
		{kerr.OutOfOrderSequenceNumber, Broken},
		{kerr.InvalidProducerEpoch, Broken},
	} {
		if got := ClassOf(Options{}.Explain("produce", fmt.Errorf("wrapped: %w", c.err))); got != c.want {
			t.Errorf("%v: got class %d, want %d", c.err, got, c.want)
		}
	}
}

// TestExplain has the name of Kafka's error and an imperative, and no advice without.
func TestExplain(t *testing.T) {
	o := Options{Section: "kafka:two"}
	err := o.Explain("produce to topic m", kerr.TopicAuthorizationFailed)
	const want = "produce to topic m: TOPIC_AUTHORIZATION_FAILED: Not authorized to access topics: [Topic authorization failed.]: " +
		"Allow the user to write and describe the topic, with kafka-acls.sh --producer"
	if err.Error() != want || !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if got := o.Explain("produce", errors.New("odd")).Error(); got != "produce: odd" {
		t.Errorf("got %q for an error without advice", got)
	}
	if hint, _ := Advice(o.Explain("ask about the consumer group", kerr.CoordinatorNotAvailable)); !strings.Contains(hint, "__consumer_offsets") {
		t.Errorf("got %q, want it to name the topic that the brokers need for groups", hint)
	}
	if hint, _ := Advice(o.Explain("produce", kerr.ClusterAuthorizationFailed)); !strings.Contains(hint, "[kafka:two]") {
		t.Errorf("got %q, want it to name the section", hint)
	}
}

func TestLoginCheck(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const canary = "CANARY"
	for _, c := range []struct {
		name string
		file string
		want string
	}{
		{"in order", put("a", canary, 0o600), ""},
		{"a line", put("b", canary+"\r\n", 0o640), ""},
		{"open to all", put("c", canary, 0o644), "every user of this host can read or write the password"},
		{"empty", put("d", "\n", 0o600), "holds no password"},
		{"two lines", put("e", canary+"\n\n", 0o600), "holds more than one line"},
		{"not a text", put("f", canary+"\xff", 0o600), "is not UTF-8"},
		{"missing", filepath.Join(dir, "none"), "no such file"},
		{"a directory", dir, "not a regular file"},
	} {
		err := Login{Mechanism: Plain, Username: "u", PasswordFile: c.file}.Check()
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: got %v, want no error", c.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "sasl-password-file "+c.file) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error shows the secret: %v", c.name, err)
		}
	}
}

func TestBackoffIsBounded(t *testing.T) {
	for n, want := range map[int]time.Duration{0: 50 * time.Millisecond, 1: 50 * time.Millisecond, 2: 100 * time.Millisecond, 4: 400 * time.Millisecond, 5: maxBackoff, 100: maxBackoff} {
		if got := backoff(n); got != want {
			t.Errorf("after %d failures: got %v, want %v", n, got, want)
		}
	}
}

// TestLogIsQuiet: the library writes nothing but at level debug.
func TestLogIsQuiet(t *testing.T) {
	for level, want := range map[slog.Level]bool{slog.LevelInfo: false, slog.LevelDebug: true} {
		var out bytes.Buffer
		o := Options{
			Brokers: []string{"127.0.0.1:1"}, ConnectTimeout: time.Second,
			Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})),
		}
		c, err := o.Client()
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Ping(t.Context(), c, 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want that the connection is refused", err)
		}
		c.Close()
		if got := strings.Contains(out.String(), `msg="kafka client reports"`); got != want {
			t.Errorf("level %v: got a message %t, want %t: %s", level, got, want, out.String())
		}
	}
}

func TestClientOfFake(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "metrics"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	o := Options{Section: "kafka", Brokers: cluster.ListenAddrs(), ClientID: "test", ConnectTimeout: time.Second, RequestTimeout: time.Second}
	c, err := o.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := o.Ping(t.Context(), c, 5*time.Second); err != nil {
		t.Errorf("got %v from Ping, want no error", err)
	}
	got, err := Describe(t.Context(), c, "metrics", "missing")
	if err != nil || got[0].Partitions != 2 || got[0].Err != nil || !errors.Is(got[1].Err, kerr.UnknownTopicOrPartition) {
		t.Errorf("got %+v, %v; want two partitions, and a topic that is missing", got, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Ping(ended, c, time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v after the context had ended, want %v", err, context.Canceled)
	}
}

func TestUnable(t *testing.T) {
	two := &Settings{MinInSync: 2}
	for _, c := range []struct {
		name  string
		topic Topic
		all   bool
		why   string
		want  error
	}{
		{"in order", Topic{Partitions: 3, Replicas: 3, InSync: 3, Settings: two}, true, "", nil},
		{"as few as may be", Topic{Partitions: 3, Replicas: 3, InSync: 2, Settings: two}, true, "", nil},
		{"too few", Topic{Partitions: 3, Replicas: 3, InSync: 1, Settings: two}, true, "1 of 3 replicas are in sync, min.insync.replicas is 2", kerr.NotEnoughReplicas},
		{"too few, and nobody waits for them", Topic{Partitions: 3, Replicas: 3, InSync: 1, Settings: two}, false, "", nil},
		{"fewer than all, and the settings are hidden", Topic{Partitions: 3, Replicas: 3, InSync: 2}, true, "2 of 3 replicas are in sync", kerr.NotEnoughReplicas},
		{"all, and the settings are hidden", Topic{Partitions: 3, Replicas: 3, InSync: 3}, true, "", nil},
		{"without a leader", Topic{Partitions: 3, Replicas: 1, Leaderless: 2, Settings: two}, false, "2 of 3 partitions have no leader", kerr.LeaderNotAvailable},
	} {
		why, err := c.topic.Unable(c.all)
		if why != c.why || !errors.Is(err, c.want) {
			t.Errorf("%s: got %q, %v; want %q, %v", c.name, why, err, c.why, c.want)
		}
		if hint, _ := Advice(Options{}.Explain("", cmp.Or(err, errors.New("another")))); (hint == "") != (c.want == nil) {
			t.Errorf("%s: got the hint %q, want one only for an error", c.name, hint)
		}
	}
}

// TestCompacted has policies of several words, in any order.
func TestCompacted(t *testing.T) {
	for policy, want := range map[string]bool{
		"delete": false, "compact": true, "compact,delete": true, "delete,compact": true, "delete, compact": true, "": false,
	} {
		if got := settingsOf([]kadm.Config{{Key: "cleanup.policy", Value: &policy}}).Compacted; got != want {
			t.Errorf("cleanup.policy=%s: got compacted %t, want %t", policy, got, want)
		}
	}
}
