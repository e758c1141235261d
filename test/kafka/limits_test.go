package kafka

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/kafka"
	"haproxystats/internal/metric"
	sinkkafka "haproxystats/internal/sink/kafka"
	"haproxystats/internal/sink/sinktest"
	"haproxystats/test/real"
)

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// TestTooLarge has topics and options that allow less than a batch takes.
func TestTooLarge(t *testing.T) {
	k := broker(t)
	b := sinktest.Load(5, 5, 50, 2)
	var want bytes.Buffer
	if _, err := plaintext.New(paths).Encode(&want, b); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name                 string
		topic                string // its max.message.bytes
		compression          sinkkafka.Compression
		record, batch, least int // the bounds of the options, and of the largest record
		smaller              bool
	}{
		{"client: batches of one record", "1000000", sinkkafka.CompressNone, 20_000, 2_000, 15_000, false},
		{"topic: records are cut", "5000", sinkkafka.CompressNone, 20_000, 1_000_000, 1, true},
		{"topic: a line alone is small enough", "300", sinkkafka.CompressNone, 20_000, 1_000_000, 1, true},
		{"compression: what is too large before it is taken", "10000", sinkkafka.CompressZstd, 20_000, 1_000_000, 15_000, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic := createTopic(t, k, 1, 1, map[string]string{"max.message.bytes": c.topic})
			log := new(syncBuffer)
			s := openSink(t, k, topic, func(o *sinkkafka.Options) {
				o.Compression, o.MaxRecordBytes, o.MaxBatchBytes, o.DeliveryTimeout = c.compression, c.record, c.batch, time.Minute
				o.Log = slog.New(slog.NewTextHandler(log, nil))
			})
			for range 2 { // the second time, the sink knows the topic
				if err := s.Deliver(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			drained(t, s, 2)
			var got strings.Builder
			largest := 0
			for _, r := range consume(t, k, topic) {
				got.Write(r.Value)
				largest = max(largest, len(r.Value))
			}
			if a, b := sorted(got.String()), sorted(want.String()+want.String()); !slices.Equal(a, b) {
				t.Errorf("got %d lines, want %d, which are not the same", len(a), len(b))
			}
			if largest < c.least || largest > c.record {
				t.Errorf("got records of up to %d bytes, want %d to %d", largest, c.least, c.record)
			}
			if told := strings.Contains(log.String(), "topic refuses batches of records as too large, they are made smaller"); told != c.smaller {
				t.Errorf("got the log %q, want a message about smaller batches: %t", log, c.smaller)
			}
			if n := s.Status().Skipped; n != 0 {
				t.Errorf("got %d metrics that were left out, want 0", n)
			}
		})
	}
}

// sorted returns the lines in order.
func sorted(text string) []string { return slices.Sorted(strings.Lines(text)) }

// TestRecordIsTooLarge has an object that the topic never takes. It is left out, and the
// others arrive.
func TestRecordIsTooLarge(t *testing.T) {
	k := broker(t)
	topic := createTopic(t, k, 1, 1, map[string]string{"max.message.bytes": "600"})
	log := new(syncBuffer)
	s := openSink(t, k, topic, func(o *sinkkafka.Options) {
		o.Format, o.Compression = sinkkafka.JSON, sinkkafka.CompressNone
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	table := metric.NewBuilder(metric.Backend, []metric.Column{{Name: "scur"}})
	for _, name := range []string{"first", strings.Repeat("long", 200), "second"} {
		row := table.Row(metric.Entity{Name: name})
		table.Touch(row)
		table.Add(row, 0, 1)
	}
	deliver(t, s, &metric.Batch{Epoch: when, Tables: []*metric.Table{table.Table()}})
	drained(t, s, 1)
	var got strings.Builder
	for _, r := range consume(t, k, topic) {
		got.Write(r.Value)
	}
	if text := got.String(); !strings.Contains(text, `"first"`) || !strings.Contains(text, `"second"`) || strings.Contains(text, "long") {
		t.Errorf("got %s, want the first and the second", text)
	}
	if s := s.Status(); s.Skipped != 1 || s.Metrics != 2 {
		t.Errorf("got %d metrics and %d that were left out, want 2 and 1", s.Metrics, s.Skipped)
	}
	if want := "Raise max.message.bytes of the topic"; !strings.Contains(log.String(), "topic does not take a record, its metrics are left out") || !strings.Contains(log.String(), want) {
		t.Errorf("got the log %q, want a message with %q", log, want)
	}
}

// TestClockIsAhead has a snapshot of a time to come, which Kafka 4 does not take.
func TestClockIsAhead(t *testing.T) {
	k := broker(t)
	for _, appendTime := range []bool{false, true} {
		settings := map[string]string{}
		if appendTime {
			settings["message.timestamp.type"] = "LogAppendTime"
		}
		topic := createTopic(t, k, 1, 1, settings)
		log := new(syncBuffer)
		s := openSink(t, k, topic, func(o *sinkkafka.Options) { o.Log = slog.New(slog.NewTextHandler(log, nil)) })
		before := time.Now()
		ahead := before.Add(2 * time.Hour).Unix()
		deliver(t, s, sinktest.Batch(ahead))
		drained(t, s, 1)
		checkTopic(t, k, topic, ahead)
		for _, r := range consume(t, k, topic) {
			if age := r.Timestamp.Sub(before); age < -time.Minute || age > time.Minute {
				t.Errorf("got the time %v, want the present one", r.Timestamp)
			}
		}
		if told := strings.Contains(log.String(), "broker refuses the time of records"); told == appendTime {
			t.Errorf("LogAppendTime %t: got the log %q, want a message: %t", appendTime, log, !appendTime)
		}
	}
}

// TestTopicIsMadeLater: batches wait in the queue until there is a topic.
func TestTopicIsMadeLater(t *testing.T) {
	k := broker(t)
	topic := createTopic(t, k, 1, 1, nil) + ".later"
	s := openSink(t, k, topic, func(o *sinkkafka.Options) { o.DeliveryTimeout = long })
	told(t, s, 1000, topic+": UNKNOWN_TOPIC_OR_PARTITION", "Create the topic with kafka-topics.sh --create, or set create-topic = true in [kafka]")
	deliver(t, s, sinktest.Batch(1001))
	if err := kafka.Create(t.Context(), client(t, options(k.Addr)), topic, 1, 1, nil); err != nil {
		t.Fatal(err)
	}
	drained(t, s, 2)
	checkTopic(t, k, topic, 1000, 1001)
	checkOrder(t, k, topic)
	made := topic + ".made"
	s = openSink(t, k, made, func(o *sinkkafka.Options) { o.Create, o.Partitions, o.Replicas = true, 2, -1 })
	deliver(t, s, sinktest.Batch(1000))
	drained(t, s, 1)
	checkTopic(t, k, made, 1000)
}

// TestKafka39 has the last version that is asked by the names of topics.
func TestKafka39(t *testing.T) {
	t.Parallel()
	k := start(t, real.KafkaConfig{Jars: real.Need(t, "kafka-3.9")})
	topic := createTopic(t, k, 1, 1, map[string]string{"max.message.bytes": "2000"})
	s := openSink(t, k, topic, func(o *sinkkafka.Options) { o.Compression = sinkkafka.CompressNone })
	ahead := time.Now().Add(2 * time.Hour).Unix() // it takes that
	deliver(t, s, sinktest.Batch(ahead))
	drained(t, s, 1)
	for _, r := range consume(t, k, topic) {
		if r.Timestamp.Unix() != ahead {
			t.Errorf("got the time %v, want %v", r.Timestamp, time.Unix(ahead, 0))
		}
	}
	k.Kill()
	deliver(t, s, sinktest.Batch(1000))
	deliver(t, s, sinktest.Batch(1001))
	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	drained(t, s, 3)
	checkTopic(t, k, topic, ahead, 1000, 1001)
	for _, codec := range []sinkkafka.Compression{sinkkafka.CompressGzip, sinkkafka.CompressSnappy, sinkkafka.CompressLZ4, sinkkafka.CompressZstd} {
		topic := createTopic(t, k, 1, 1, nil)
		s := openSink(t, k, topic, func(o *sinkkafka.Options) { o.Compression = codec })
		deliver(t, s, sinktest.Batch(1000))
		drained(t, s, 1)
		checkTopic(t, k, topic, 1000)
	}
}
