package kafka

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"haproxystats/internal/kafka"
	"haproxystats/internal/kafka/kafkatest"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake has brokers in this process.
type fake struct{ *kafkatest.Brokers }

func newFake(t testing.TB, opts ...kfake.Opt) fake { return fake{kafkatest.New(t, opts...)} }

func (f fake) options() Options {
	return Options{
		Name:       "kafka",
		Connection: f.Connection(),
		Topic:      "metrics", Format: Graphite, Key: KeyHost, Hostname: "lb1", Paths: testPaths,
		Acks: AcksAll, Idempotent: true, Compression: CompressZstd, Timely: true,
		MaxRecordBytes: 65536, MaxBatchBytes: 1_000_000, Partitions: 3, Replicas: -1, DeliveryTimeout: 10 * time.Second,
		Pace: outbox.Pace{Retries: 3, Interval: time.Millisecond, Backoff: 1, Delay: time.Millisecond},
	}
}

// content returns the values of a topic together.
func (f fake) content(t *testing.T, topic string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	records, err := f.Records(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, r := range records {
		all.Write(r.Value)
	}
	return all.String()
}

func TestContract(t *testing.T) {
	sinktest.Test(t, func(t *testing.T) sinktest.Target {
		f := newFake(t, kfake.SeedTopics(3, "metrics"))
		dir := filepath.Join(t.TempDir(), "queue")
		return sinktest.Target{
			Open: func(t *testing.T) (sink.Sink, func()) {
				o := f.options()
				q, err := sink.OpenQueue(sink.QueueOptions{Dir: dir})
				if err != nil {
					t.Fatal(err)
				}
				o.Queue = q
				s := New(o)
				return s, func() { s.Close(); q.Close() }
			},
			Break:  f.Cut,
			Repair: f.Repair,
			Await: func(ctx context.Context, b *metric.Batch) error {
				want := plain(t, b)
				return f.Await(ctx, "metrics", func(all []*kgo.Record) (bool, error) {
					return slices.ContainsFunc(all, func(r *kgo.Record) bool { return string(r.Value) == want }), nil
				})
			},
		}
	})
}

// sender is a transport under test, with what it logs.
type sender struct {
	*transport
	opt Options
	log *bytes.Buffer
}

func newSender(t *testing.T, o Options) sender {
	t.Helper()
	log := new(bytes.Buffer)
	o.Connection.Log = slog.New(slog.NewTextHandler(log, nil))
	s := sender{newTransport(o, o.Connection.Log), o, log}
	t.Cleanup(s.sessions.Close)
	return s
}

func (s sender) send(t *testing.T, b *metric.Batch) error {
	t.Helper()
	e := s.opt.encoder(nil)
	_, err := s.Send(t.Context(), 0, func(w io.Writer) error {
		_, _, err := e.Encode(w, b)
		return err
	})
	return err
}

// TestRecord has all that is around a value.
func TestRecord(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(1, "metrics"))
	s := newSender(t, f.options())
	b := sinktest.Batch(1795312800)
	b.Cluster = "edge"
	b.Node = "lb7"
	if err := s.send(t, b); err != nil {
		t.Fatal(err)
	}
	records, err := f.Records(t.Context(), "metrics")
	if err != nil || len(records) != 1 {
		t.Fatalf("got %d records, %v; want 1", len(records), err)
	}
	r := records[0]
	var headers []string
	for _, h := range r.Headers {
		headers = append(headers, h.Key+"="+string(h.Value))
	}
	want := []string{"content-type=text/plain; charset=utf-8", "format=graphite", "version=1", "host=lb7", "cluster=edge"}
	if !slices.Equal(headers, want) || string(r.Key) != "lb7" || r.Timestamp.Unix() != b.Epoch {
		t.Errorf("got headers %q, key %q, time %v; want %q, key lb7, time %d", headers, r.Key, r.Timestamp, want, b.Epoch)
	}
}

// TestFaults has each error of a broker, and what becomes of the batch.
func TestFaults(t *testing.T) {
	produce := func(err *kerr.Error, count int) kfake.Fault {
		return kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: count}
	}
	for _, c := range []struct {
		name    string
		fault   kfake.Fault
		class   kafka.Class
		want    string // in the error; empty for a batch that is delivered
		log     string
		dropped bool
	}{
		{"leader moved", produce(kerr.NotLeaderForPartition, 1), 0, "", "", false},
		{"time is refused", produce(kerr.InvalidTimestamp, 1), 0, "", "broker refuses the time of records", false},
		{"time is refused always", produce(kerr.InvalidTimestamp, -1), kafka.Clock, "INVALID_TIMESTAMP", "", false},
		{"batch is too large", produce(kerr.MessageTooLarge, 1), 0, "", "they are made smaller", false},
		{"everything is too large", produce(kerr.MessageTooLarge, -1), 0, "", "its metrics are left out", true},
		{"record is refused", produce(kerr.InvalidRecord, -1), 0, "", "its metrics are left out", true},
		{"topic was made again", produce(kerr.UnknownTopicID, 1), 0, "", "", false},
		{"topic is gone", produce(kerr.UnknownTopicID, -1), kafka.TopicID, "UNKNOWN_TOPIC_ID", "", false},
		{"sequence is broken", produce(kerr.InvalidProducerEpoch, 1), 0, "", "", false},
		{"not allowed", produce(kerr.TopicAuthorizationFailed, -1), kafka.Operator, "kafka-acls.sh --producer", "", false},
		{"policy", produce(kerr.PolicyViolation, -1), kafka.Policy, "POLICY_VIOLATION", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, kfake.SeedTopics(1, "metrics"))
			s := newSender(t, f.options())
			b := sinktest.Batch(1000)
			if err := s.send(t, b); err != nil {
				t.Fatal(err)
			}
			before := f.content(t, "metrics")
			h := f.Fault(c.fault)
			begun := time.Now()
			err := s.send(t, sinktest.Batch(1001))
			if took := time.Since(begun); took > s.opt.DeliveryTimeout {
				t.Errorf("took %v, want at most %v", took, s.opt.DeliveryTimeout)
			}
			h.Remove()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || kafka.ClassOf(err) != c.class) {
				t.Errorf("got %v, want %q, class %d", err, c.want, c.class)
			}
			if !strings.Contains(s.log.String(), c.log) {
				t.Errorf("got the log %q, want %q", s.log, c.log)
			}
			if got, want := s.dropped.Load(), int64(0); (got > 0) != c.dropped {
				t.Errorf("got %d metrics that were left out, want %d or, if the record is refused, more", got, want)
			}
			got := strings.TrimPrefix(f.content(t, "metrics"), before)
			if want := plain(t, sinktest.Batch(1001)); (got == want) != (c.want == "" && !c.dropped) {
				t.Errorf("got %d bytes of %d, delivered and not left out: %t", len(got), len(want), c.want == "" && !c.dropped)
			}
			if err := s.send(t, sinktest.Batch(1002)); err != nil {
				t.Errorf("got %v once the fault is over, want no error", err)
			}
		})
	}
}

// TestTooLargeForTheTopic: the topic takes less than a record, and the lines arrive in
// smaller ones.
func TestTooLargeForTheTopic(t *testing.T) {
	f := newFake(t)
	if err := f.CreateTopic("metrics", 1, map[string]string{"max.message.bytes": "700"}); err != nil {
		t.Fatal(err)
	}
	o := f.options()
	o.Compression = CompressNone
	s := newSender(t, o)
	b := sinktest.Batch(1000)
	for range 2 {
		if err := s.send(t, b); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := f.content(t, "metrics"), plain(t, b); got != want+want {
		t.Errorf("got %d bytes, want %d", len(got), 2*len(want))
	}
	if n := s.dropped.Load(); n != 0 {
		t.Errorf("got %d metrics that were left out, want 0", n)
	}
}

// TestOneRecordIsTooLarge: what can't be cut is left out, and the others arrive.
func TestOneRecordIsTooLarge(t *testing.T) {
	f := newFake(t)
	if err := f.CreateTopic("metrics", 1, map[string]string{"max.message.bytes": "600"}); err != nil {
		t.Fatal(err)
	}
	o := f.options()
	o.Format, o.Compression = JSON, CompressNone
	s := newSender(t, o)
	table := metric.NewBuilder(metric.Backend, []metric.Column{{Name: "scur"}})
	for _, name := range []string{"short", strings.Repeat("long", 200)} {
		row := table.Row(metric.Entity{Name: name})
		table.Touch(row)
		table.Add(row, 0, 1)
	}
	if err := s.send(t, &metric.Batch{Epoch: 1000, Tables: []*metric.Table{table.Table()}}); err != nil {
		t.Fatal(err)
	}
	if got := f.content(t, "metrics"); !strings.Contains(got, `"short"`) || strings.Contains(got, "long") {
		t.Errorf("got %s, want the short one only", got)
	}
	if n := s.dropped.Load(); n != 1 {
		t.Errorf("got %d metrics that were left out, want 1", n)
	}
}

func TestMissingTopic(t *testing.T) {
	f := newFake(t)
	o := f.options()
	s := newSender(t, o)
	err := s.send(t, sinktest.Batch(1000))
	if err == nil || !strings.Contains(err.Error(), "create-topic = true in [kafka]") || !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("got %v, want that the topic is missing", err)
	}
	if err := f.CreateTopic("metrics", 2, nil); err != nil {
		t.Fatal(err)
	}
	if err := await(t, func() error { return s.send(t, sinktest.Batch(1000)) }); err != nil {
		t.Errorf("got %v after the topic was made, want no error", err)
	}
	o.Topic, o.Create = "another", true
	s = newSender(t, o)
	if err := await(t, func() error { return s.send(t, sinktest.Batch(1000)) }); err != nil {
		t.Errorf("got %v, want that the topic is made", err)
	}
	if got := f.TopicInfo("another"); got == nil || len(f.PartitionInfos("another")) != 3 {
		t.Errorf("got %+v, want a topic of 3 partitions", got)
	}
}

// await calls try until it returns nil: brokers tell of a topic some time after they
// have made it.
func await(t *testing.T, try func() error) error {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// TestTopicIsMadeAgain: the producer forgets a topic that was removed.
func TestTopicIsMadeAgain(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(1, "metrics"))
	s := newSender(t, f.options())
	if err := s.send(t, sinktest.Batch(1000)); err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteTopic("metrics"); err != nil {
		t.Fatal(err)
	}
	if err := s.send(t, sinktest.Batch(1001)); err == nil {
		t.Error("got no error while the topic was missing")
	}
	if err := f.CreateTopic("metrics", 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := await(t, func() error { return s.send(t, sinktest.Batch(1002)) }); err != nil {
		t.Fatal(err)
	}
	if got, want := f.content(t, "metrics"), plain(t, sinktest.Batch(1002)); got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

// TestForeignContentIsRefused alone: other batches go on.
func TestForeignContentIsRefused(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(1, "metrics"))
	s := newSender(t, f.options())
	for _, content := range []string{"a 1 2\n", "", string(streamOf(record{format: Graphite, topic: "metrics", value: []byte("a 1 2\n")}))[:12]} {
		_, err := s.Send(t.Context(), int64(len(content)), func(w io.Writer) error {
			_, err := io.WriteString(w, content)
			return err
		})
		var item *outbox.ItemError
		if !errors.As(err, &item) {
			t.Errorf("%q: got %v, want an error of the batch", content, err)
		}
	}
}

// TestSourceFails: an error of who writes is returned as it is.
func TestSourceFails(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(1, "metrics"))
	s := newSender(t, f.options())
	want := errors.New("disk can't be read")
	if _, err := s.Send(t.Context(), 0, func(io.Writer) error { return want }); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// TestDeadline: a broker that does not answer ends no later than it should.
func TestDeadline(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(1, "metrics"))
	o := f.options()
	o.DeliveryTimeout = 2 * time.Second
	s := newSender(t, o)
	if err := s.send(t, sinktest.Batch(1000)); err != nil {
		t.Fatal(err)
	}
	resume := f.Stall()
	begun := time.Now()
	err := s.send(t, sinktest.Batch(1001))
	took := time.Since(begun)
	resume()
	if err == nil || kafka.ClassOf(err) != kafka.Wait {
		t.Errorf("got %v, want a deadline", err)
	}
	if limit := o.DeliveryTimeout + 3*time.Second; took > limit {
		t.Errorf("took %v, want less than %v", took, limit)
	}
}

// TestCauseIsTold at once: a network that is cut does not cost the whole deadline.
func TestCauseIsTold(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(1, "metrics"))
	f.Cut(t)
	s := newSender(t, f.options())
	begun := time.Now()
	err := s.send(t, sinktest.Batch(1000))
	if took := time.Since(begun); !errors.Is(err, kafkatest.ErrCut) || took > 5*time.Second {
		t.Errorf("got %v after %v, want %v soon", err, took, kafkatest.ErrCut)
	}
}

// TestAllowedLater: a client that was refused a producer id keeps that error, so another
// one goes on once it is allowed.
func TestAllowedLater(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(1, "metrics"))
	s := newSender(t, f.options())
	h := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: kerr.ClusterAuthorizationFailed, Count: -1})
	err := s.send(t, sinktest.Batch(1000))
	if !errors.Is(err, kerr.ClusterAuthorizationFailed) || !strings.Contains(err.Error(), "IdempotentWrite on the cluster") {
		t.Errorf("got %v, want CLUSTER_AUTHORIZATION_FAILED and its remedy", err)
	}
	h.Remove()
	if err := s.send(t, sinktest.Batch(1000)); err != nil {
		t.Errorf("got %v once it is allowed, want no error", err)
	}
}

// TestCauseOfAnOutage: a client that has delivered hides the cause until the deadline, so
// the brokers are asked before.
func TestCauseOfAnOutage(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(1, "metrics"))
	o := f.options()
	o.DeliveryTimeout = 10 * time.Minute
	s := newSender(t, o)
	if err := s.send(t, sinktest.Batch(1000)); err != nil {
		t.Fatal(err)
	}
	f.Cut(t)
	begun := time.Now()
	err := s.send(t, sinktest.Batch(1001))
	if took := time.Since(begun); !errors.Is(err, kafkatest.ErrCut) || took > time.Minute {
		t.Errorf("got %v after %v, want %v soon", err, took, kafkatest.ErrCut)
	}
	f.Repair(t)
	if err := s.send(t, sinktest.Batch(1001)); err != nil {
		t.Errorf("got %v once the network is mended, want no error", err)
	}
}
