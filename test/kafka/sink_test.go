package kafka

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/kafka"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	sinkkafka "haproxystats/internal/sink/kafka"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/sink/sinktest"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

var paths = plaintext.Paths{Namespace: "loadbalancers", Hostname: "lb1"}

// deadline is that of the tests' deliveries, and slack what a busy machine adds.
const (
	deadline = 4 * time.Second
	slack    = 3 * time.Second
)

// openSink returns a sink for a topic, with its queue; it runs until the test ends.
func openSink(t *testing.T, k *real.Kafka, topic string, change func(*sinkkafka.Options)) *sinkkafka.Sink {
	t.Helper()
	s, _ := runSink(t, k, topic, change)
	return s
}

// runSink returns a sink that runs until stop is called, or the test ends.
func runSink(t *testing.T, k *real.Kafka, topic string, change func(*sinkkafka.Options)) (s *sinkkafka.Sink, stop func()) {
	t.Helper()
	q, err := sink.OpenQueue(sink.QueueOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	o := sinkkafka.Options{
		Name: "kafka", Connection: options(k.Addr), Topic: sinkkafka.Template(topic), Format: sinkkafka.Graphite, Key: sinkkafka.KeyHost,
		Hostname: "lb1", Paths: paths, Acks: sinkkafka.AcksAll, Idempotent: true, Compression: sinkkafka.CompressZstd, Timely: true,
		MaxRecordBytes: 65536, MaxBatchBytes: 1_000_000, DeliveryTimeout: deadline,
		Pace:  outbox.Pace{Retries: -1, Interval: 100 * time.Millisecond, Backoff: 1},
		Queue: q,
	}
	if change != nil {
		change(&o)
	}
	s = sinkkafka.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.Close()
		q.Close()
	})
	t.Cleanup(stop)
	return s, stop
}

// deliver delivers a batch, which must not take longer than it may.
func deliver(t *testing.T, s *sinkkafka.Sink, b *metric.Batch) {
	t.Helper()
	begun := time.Now()
	if err := s.Deliver(context.WithoutCancel(t.Context()), b); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > real.Loaded(deadline+slack) {
		t.Errorf("a delivery took %v, want less than %v", took, deadline+slack)
	}
}

// load delivers batches, one after another, until it ends.
type load struct {
	t     *testing.T
	first int64
	count atomic.Int64 // of batches that were accepted
	stop  func()
}

// startLoad starts a load with that epoch.
func startLoad(t *testing.T, s *sinkkafka.Sink, first int64) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{t: t, first: first}
	var delivering sync.WaitGroup
	delivering.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			deliver(t, s, sinktest.Batch(first+l.count.Load()))
			l.count.Add(1)
			<-tick.C
		}
	})
	l.stop = func() {
		cancel()
		delivering.Wait()
	}
	t.Cleanup(l.stop)
	return l
}

// more waits until that many more batches were accepted.
func (l *load) more(n int64) {
	l.t.Helper()
	want := l.count.Load() + n
	await(l.t, "batches are accepted", func() bool { return l.count.Load() >= want })
}

// end ends the load, and returns the epochs of all batches.
func (l *load) end() []int64 {
	l.stop()
	var epochs []int64
	for i := range l.count.Load() {
		epochs = append(epochs, l.first+i)
	}
	return epochs
}

// await waits until ok reports true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.Now().Add(2 * time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(limit) {
			t.Fatalf("it takes too long until %s", what)
		}
		<-tick.C
	}
}

// drained waits until the queue is empty and that many batches were delivered.
func drained(t *testing.T, s *sinkkafka.Sink, batches int64) {
	t.Helper()
	await(t, fmt.Sprintf("%d batches are delivered and the queue is empty", batches), func() bool {
		status := s.Status()
		return status.Queue.Batches == 0 && status.Batches >= batches
	})
}

func lines(t *testing.T, epochs ...int64) string {
	t.Helper()
	var all bytes.Buffer
	for _, epoch := range epochs {
		if _, err := plaintext.New(paths).Encode(&all, sinktest.Batch(epoch)); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// checkTopic compares the lines of a topic with those of snapshots, each at least once.
func checkTopic(t *testing.T, k *real.Kafka, topic string, epochs ...int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := exec.CommandContext(ctx, real.Need(t, "kcat"), "-C", "-b", k.Addr, "-t", topic, "-e", "-q", "-o", "beginning").Output()
	if err != nil {
		t.Fatal(err)
	}
	have := make(map[string]bool)
	for line := range strings.Lines(string(got)) {
		have[line] = true
	}
	want := make(map[string]bool)
	for line := range strings.Lines(lines(t, epochs...)) {
		want[line] = true
		if !have[line] {
			t.Fatalf("%s has not the line %q", topic, line)
		}
	}
	for line := range have {
		if line != "\n" && !want[line] {
			t.Errorf("%s has the line %q, which nobody sent", topic, line)
		}
	}
}

// TestBrokerFailsUnderLoad kills and pauses a broker while batches come: no delivery takes
// longer than it may, nothing is lost, and what waits is sent with the oldest first.
func TestBrokerFailsUnderLoad(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "Kafka killed and paused under load", "0 lost, 0 invented; the oldest first; a delivery takes at most delivery-timeout + 3 s")
	random := harness.Random(t)
	k := start(t, real.KafkaConfig{Jars: real.Need(t, "kafka")})
	topic := createTopic(t, k, 1, 1, nil)
	s := openSink(t, k, topic, nil)
	load := startLoad(t, s, 1000)
	for range harness.Count(1, 50) {
		load.more(random.Int64N(50))
		k.Kill()
		await(t, "the broker is found to refuse connections", func() bool {
			cause := s.Status().Health.Cause
			return cause != nil && strings.Contains(cause.Error(), "connection refused")
		})
		load.more(20)
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		load.more(random.Int64N(50))
		if err := k.Pause(); err != nil {
			t.Fatal(err)
		}
		await(t, "the broker is found not to answer", func() bool {
			cause := s.Status().Health.Cause
			return cause != nil && strings.Contains(cause.Error(), "no answer within")
		})
		load.more(20)
		if err := k.Resume(); err != nil {
			t.Fatal(err)
		}
		row.Inject(2)
	}
	load.more(20)
	epochs := load.end()
	drained(t, s, int64(len(epochs)))
	checkTopic(t, k, topic, epochs...)
	checkOrder(t, k, topic)
	row.Result("%d batches: 0 lost, 0 invented", len(epochs))
}

// TestTopicIsRemoved and made again, on a broker that knows topics by their ids and on
// one that knows them by their names.
func TestTopicIsRemoved(t *testing.T) {
	for component, name := range map[string]string{"kafka": "Kafka 4.4", "kafka-3.9": "Kafka 3.9"} {
		t.Run(component, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, "topic removed and made again, "+name, "0 lost of what comes while it is missing, 0 invented")
			k := start(t, real.KafkaConfig{Jars: real.Need(t, component)})
			topic := createTopic(t, k, 1, 1, nil)
			s := openSink(t, k, topic, nil)
			c := client(t, options(k.Addr))
			delivered := int64(0)
			next := func() {
				deliver(t, s, sinktest.Batch(1000+delivered))
				delivered++
			}
			next()
			for range harness.Count(1, 50) {
				drained(t, s, delivered)
				if answer, err := kadm.NewClient(c).DeleteTopic(t.Context(), topic); err != nil || answer.Err != nil {
					t.Fatal(err, answer.Err)
				}
				awaitTopic(t, c, topic, func(found kafka.Topic) bool { return found.Err != nil })
				kept := delivered
				next()
				// A broker on a busy machine may have lost its session for a moment.
				await(t, "the topic is made again", func() bool {
					return kafka.Create(t.Context(), c, topic, 2, 1, map[string]string{"max.message.bytes": "1000", "retention.ms": "-1"}) == nil
				})
				drained(t, s, delivered)
				next()
				drained(t, s, delivered)
				checkTopic(t, k, topic, 1000+kept, 1000+kept+1)
				row.Inject(1)
			}
			row.Result("%d batches: 0 lost, 0 invented", delivered)
		})
	}
}
