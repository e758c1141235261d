package kafka

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"haproxystats/internal/kafka"
	sinkkafka "haproxystats/internal/sink/kafka"
	"haproxystats/internal/sink/sinktest"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// twoBrokers starts a cluster whose topics can have two replicas. The first broker is the
// controller, and stays.
func twoBrokers(t *testing.T) (first, second *real.Kafka) {
	t.Helper()
	jars := real.Need(t, "kafka")
	first = start(t, real.KafkaConfig{Jars: jars})
	return first, start(t, real.KafkaConfig{Jars: jars, Join: first})
}

// TestNotEnoughReplicas stops a broker without which a topic takes no records.
func TestNotEnoughReplicas(t *testing.T) {
	t.Parallel()
	first, second := twoBrokers(t)
	topic := createTopic(t, first, 3, 2, map[string]string{"min.insync.replicas": "2"})
	s := openSink(t, first, topic, func(o *sinkkafka.Options) {
		o.Connection.Brokers = []string{first.Addr, second.Addr}
		o.DeliveryTimeout = 10 * time.Minute // what is told has not waited for it
	})
	deliver(t, s, sinktest.Batch(1000))
	second.Kill()
	admin := client(t, options(first.Addr))
	awaitTopic(t, admin, topic, func(found kafka.Topic) bool { return found.InSync == 1 && found.Leaderless == 0 })
	begun := time.Now()
	if err := s.Deliver(t.Context(), sinktest.Batch(1001)); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	t.Logf("told after %v", took.Round(time.Millisecond))
	cause := s.Status().Health.Cause
	if cause == nil {
		t.Fatal("got no cause, want NOT_ENOUGH_REPLICAS")
	}
	hint, bare := kafka.Advice(cause)
	if want := topic + ": 1 of 2 replicas are in sync, min.insync.replicas is 2: NOT_ENOUGH_REPLICAS"; !strings.Contains(bare.Error(), want) || !strings.HasPrefix(hint, "Start the brokers that are down") {
		t.Errorf("got the cause %v, hint %q; want %q", bare, hint, want)
	}
	if took > time.Minute {
		t.Errorf("the cause was found after %v, want less than %v", took, time.Minute)
	}
	for epoch := int64(1002); epoch < 1005; epoch++ {
		if err := s.Deliver(t.Context(), sinktest.Batch(epoch)); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Status().Queue.Batches; got != 4 {
		t.Errorf("got %d batches in the queue, want 4", got)
	}
	if err := second.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	drained(t, s, 5)
	checkTopic(t, first, topic, 1000, 1001, 1002, 1003, 1004)
}

// TestLeaderMoves kills the broker that leads partitions while batches come, and has it
// lead them again once it is back.
func TestLeaderMoves(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "leader of a topic of Kafka moves", "0 lost, 0 invented")
	first, second := twoBrokers(t)
	topic := createTopic(t, first, 4, 2, map[string]string{"min.insync.replicas": "1"})
	s := openSink(t, first, topic, func(o *sinkkafka.Options) {
		o.Connection.Brokers = []string{first.Addr, second.Addr}
		o.Key = sinkkafka.KeyNone // all partitions get some
		o.MaxRecordBytes = 200
	})
	admin := client(t, options(first.Addr))
	load := startLoad(t, s, 1000)
	for range harness.Count(1, 20) {
		load.more(20)
		second.Kill()
		awaitTopic(t, admin, topic, func(found kafka.Topic) bool { return found.Leaderless == 0 && found.InSync == 1 })
		load.more(20)
		if err := second.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		awaitTopic(t, admin, topic, func(found kafka.Topic) bool { return found.InSync == 2 })
		moved, err := kadm.NewClient(admin).ElectLeaders(t.Context(), kadm.ElectPreferredReplica, nil)
		if err != nil {
			t.Fatal(err)
		}
		back := 0
		for _, partitions := range moved {
			for _, p := range partitions {
				if p.Err == nil {
					back++
				}
			}
		}
		if back == 0 {
			t.Error("got no leader that moved back, want some")
		}
		load.more(20)
		row.Inject(2)
	}
	epochs := load.end()
	drained(t, s, int64(len(epochs)))
	checkTopic(t, first, topic, epochs...)
	row.Result("%d batches: 0 lost, 0 invented", len(epochs))
}
