package faults

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// kafkaGoal is what is promised whatever happens to Kafka or to the program before it.
const kafkaGoal = "0 lost, 0 incomplete, 0 invented"

// kafkaSite is haproxystats-process before a topic of a real broker, to which it delivers
// all that it takes, and what has arrived there.
type kafkaSite struct {
	*harness.Site
	broker   *real.Kafka
	topic    string
	conf     string
	feeder   *harness.Feeder
	watch    *harness.QueueWatch
	received *harness.Received
}

func newKafkaSite(t *testing.T, broker *real.Kafka, topic string) *kafkaSite {
	t.Helper()
	s := &kafkaSite{Site: harness.NewSite(t), broker: broker, topic: topic}
	src := s.Source(harness.Shape{})
	s.received = harness.NewReceived(src)
	s.create()
	s.conf = s.Configure(harness.Config{Set: harness.Options{
		"graphite": {"enabled": "no"},
		"kafka": {
			"brokers": broker.Addr, "topic": topic, "delivery-timeout": "3", "interval": "0.1", "backoff": "1", "delay": "0.1",
			"namespace": "ft", "prefix-hostname": "no",
		},
	}})
	s.watch = s.WatchQueue(s.Incoming())
	s.feeder = s.Feeder(src, s.Incoming())
	return s
}

// client returns a client of the broker, which is there or comes back.
func (s *kafkaSite) client(opts ...kgo.Opt) *kgo.Client {
	s.T.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(s.broker.Addr), kgo.MetadataMinAge(100*time.Millisecond))...)
	s.Must(err)
	return c
}

// create makes the topic.
func (s *kafkaSite) create() {
	s.T.Helper()
	c := s.client()
	defer c.Close()
	s.Until("the topic is made", time.Minute, func() bool {
		answer, err := kadm.NewClient(c).CreateTopic(s.Ctx, 3, 1, map[string]*string{"retention.ms": kadm.StringPtr("-1")}, s.topic)
		return err == nil && answer.Err == nil
	})
}

// consume notes what arrives in the topic, until stop is called.
func (s *kafkaSite) consume() (stop func()) {
	s.T.Helper()
	c := s.client(kgo.ConsumeTopics(s.topic), kgo.FetchMaxWait(100*time.Millisecond))
	ctx, cancel := context.WithCancel(s.Ctx)
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			c.PollFetches(ctx).EachRecord(func(r *kgo.Record) { // an error means that the broker is away
				if left := s.received.Add(r.Value); left > 0 {
					s.T.Errorf("a record ends in %d bytes that are not a line", left)
				}
			})
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		reading.Wait()
		c.Close()
	})
	s.T.Cleanup(stop)
	return stop
}

// settle wants that everything arrives, and ends the program.
func (s *kafkaSite) settle(row *harness.Row, p *harness.Program, repeats int) {
	s.T.Helper()
	row.Result("%v", s.Settle(harness.Settlement{
		Received: s.received, Queue: s.watch, Feeder: s.feeder, Programs: []*harness.Program{p}, Repeats: repeats,
	}))
}

// TestKafka has everything happen to one broker, and to haproxystats-process before it.
func TestKafka(t *testing.T) {
	t.Parallel()
	broker, err := real.StartKafka(t.Context(), real.KafkaConfig{Jars: real.Need(t, "kafka"), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Kill)
	for _, c := range []struct {
		name string
		test func(*testing.T, *real.Kafka)
	}{
		{"killed", kafkaIsKilled},
		{"paused", kafkaIsPaused},
		{"process", processIsKilledBeforeKafka},
		{"topic", topicIsRemoved},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, broker) })
	}
}

// kafkaIsKilled kills the broker while snapshots come.
func kafkaIsKilled(t *testing.T, broker *real.Kafka) {
	row := harness.Begin(t, "Kafka killed", kafkaGoal)
	random := harness.Random(t)
	s := newKafkaSite(t, broker, "killed")
	s.consume()
	p := s.Start(harness.Process, s.conf)
	stop := s.feeder.Keep(20 * time.Millisecond)
	kills := harness.Count(2, 100)
	for i := range kills {
		s.Pause(time.Duration(random.Int64N(int64(500 * time.Millisecond))))
		broker.Kill()
		s.Pause(time.Duration(random.Int64N(int64(500 * time.Millisecond))))
		if i == 0 {
			p.WaitSays(time.Minute, "destination is down")
		}
		s.Must(broker.Start(s.Ctx))
		if i == 0 {
			p.WaitSays(time.Minute, "destination is up again")
		}
		s.arrival()
		row.Inject(1)
	}
	stop()
	s.settle(row, p, kills*workers)
}

// arrival waits until a snapshot that is made from now on has arrived.
func (s *kafkaSite) arrival() {
	s.T.Helper()
	next := int64(harness.FirstEpoch)
	if epochs := s.feeder.Epochs(); len(epochs) > 0 {
		next = epochs[len(epochs)-1] + 1
	}
	s.Must(s.received.WaitWhole(s.Ctx, next))
}

// kafkaIsPaused stops the broker's process for longer than a delivery may take.
func kafkaIsPaused(t *testing.T, broker *real.Kafka) {
	row := harness.Begin(t, "Kafka paused (SIGSTOP)", kafkaGoal)
	s := newKafkaSite(t, broker, "paused")
	s.consume()
	p := s.Start(harness.Process, s.conf)
	stop := s.feeder.Keep(20 * time.Millisecond)
	pauses := harness.Count(1, 50)
	for range pauses {
		s.arrival()
		s.Must(broker.Pause())
		s.Until("a batch to wait in the queue", time.Minute, func() bool {
			waiting, err := filepath.Glob(s.Path("base", "queue", "kafka", "*.batch"))
			return err == nil && len(waiting) > 0
		})
		s.Must(broker.Resume())
		s.arrival()
		row.Inject(1)
	}
	stop()
	s.settle(row, p, pauses*workers)
}

// processIsKilledBeforeKafka kills haproxystats-process at random times, and the broker
// now and then in the middle.
func processIsKilledBeforeKafka(t *testing.T, broker *real.Kafka) {
	row := harness.Begin(t, "kill -9 of process before Kafka", kafkaGoal)
	random := harness.Random(t)
	s := newKafkaSite(t, broker, "process")
	s.consume()
	stop := s.feeder.Keep(5 * time.Millisecond)
	kills := harness.Count(10, 1000)
	for i := range kills {
		p := s.Start(harness.Process, s.conf)
		s.Pause(time.Duration(random.Int64N(int64(250 * time.Millisecond))))
		if i%10 == 5 {
			broker.Kill()
			s.Pause(time.Duration(random.Int64N(int64(250 * time.Millisecond))))
			p.Kill()
			s.Must(broker.Start(s.Ctx))
		} else {
			p.Kill()
		}
		row.Inject(1)
	}
	stop()
	s.settle(row, s.Start(harness.Process, s.conf), 2*kills*workers)
}

// topicIsRemoved removes the topic, and makes it again.
func topicIsRemoved(t *testing.T, broker *real.Kafka) {
	row := harness.Begin(t, "topic of Kafka removed and made again", kafkaGoal+" of what comes while it is missing")
	s := newKafkaSite(t, broker, "removed")
	p := s.Start(harness.Process, s.conf)
	admin := s.client()
	defer admin.Close()
	times := harness.Count(1, 50)
	stop := s.consume()
	for range times {
		s.Must(s.received.WaitWhole(s.Ctx, s.feeder.Next()))
		stop() // what it has read counts
		s.Until("the topic is removed", time.Minute, func() bool {
			answer, err := kadm.NewClient(admin).DeleteTopic(s.Ctx, s.topic)
			return err == nil && answer.Err == nil
		})
		for range 5 {
			s.feeder.Next()
		}
		s.watch.WaitEmpty()
		s.create()
		stop = s.consume()
		s.Must(s.received.WaitWhole(s.Ctx, s.feeder.Epochs()...))
		row.Inject(1)
	}
	s.settle(row, p, times*workers)
}
