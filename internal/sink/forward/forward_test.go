package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"haproxystats/internal/encode/tables"
	"haproxystats/internal/kafka"
	"haproxystats/internal/kafka/kafkatest"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/sink/sinktest"
	"haproxystats/internal/sink/stream"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	topic      = "tables"
	partitions = 3
	recording  = "../../../testdata/recordings/1.6.0-nbproc4/1795335509"
	patience   = 20 * time.Second
)

// fake has brokers in this process.
type fake struct{ *kafkatest.Brokers }

func newFake(t testing.TB, opts ...kfake.Opt) fake { return fake{kafkatest.New(t, opts...)} }

func (f fake) options() Options {
	return Options{
		Connection: f.Connection(),
		Topic:      topic, Cluster: "eu", Node: func() string { return "lb1" }, Instance: wire.NewInstance("lb1"), Shards: 1,
		Partitions: partitions, DeliveryTimeout: 10 * time.Second,
		Pace: outbox.Pace{Retries: 3, Interval: time.Millisecond, Backoff: 1, Delay: time.Millisecond},
	}
}

// arrived is one attempt as a reader puts it together.
type arrived struct {
	wire.Envelope
	partition int32
	decoder   *snapshot.Decoder
}

// attempts puts records together, by attempt, in order of their coming.
func attempts(records []*kgo.Record) ([]*arrived, error) {
	x := wire.NewExpander()
	defer x.Close()
	var all []*arrived
	for _, r := range records {
		e, err := wire.Parse(kafka.EachHeader(r))
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(a *arrived) bool { return a.Attempt == e.Attempt })
		if i < 0 {
			i = len(all)
			all = append(all, &arrived{e, r.Partition, snapshot.NewDecoder(1 << 30)})
		}
		if all[i].partition != r.Partition || r.Partition != int32(wire.Partition(e.Key(), partitions)) || string(r.Key) != string(e.Key()) {
			return nil, fmt.Errorf("record with key %q in partition %d, others in %d", r.Key, r.Partition, all[i].partition)
		}
		value := r.Value
		if e.Kind == wire.Snapshot {
			if value, err = x.Expand(value); err != nil {
				return nil, err
			}
		}
		part, err := snapshot.ParseRecord(value)
		if err != nil {
			return nil, err
		}
		if err := all[i].decoder.Add(part); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// whole returns the attempts in the topic that are complete.
func (f fake) whole(ctx context.Context) ([]*arrived, error) {
	records, err := f.Records(ctx, topic)
	if err != nil {
		return nil, err
	}
	return wholeOf(records)
}

// wholeOf returns the attempts that are complete.
func wholeOf(records []*kgo.Record) (whole []*arrived, err error) {
	all, err := attempts(records)
	for _, a := range all {
		if a.decoder.Done() {
			whole = append(whole, a)
		}
	}
	return whole, err
}

// text writes tables out with all that it takes to merge them.
func text(all ...metric.Rows) string {
	var out strings.Builder
	for _, t := range all {
		fmt.Fprintf(&out, "%v\n", t.Scope())
		t.Each(func(r *metric.Row) {
			fmt.Fprintf(&out, "%q %q %d", r.Parent, r.Name, r.Seen)
			for i, c := range t.Columns() {
				if r.Counts[i] > 0 {
					fmt.Fprintf(&out, " %s=%d/%d", c.Name, r.Sums[i], r.Counts[i])
				}
			}
			out.WriteByte('\n')
		})
	}
	return out.String()
}

// tablesOf returns the tables of a batch that travel, as text.
func tablesOf(b *metric.Batch) string {
	var rows []metric.Rows
	for _, t := range b.Tables {
		switch t.Scope() {
		case metric.Frontend, metric.Backend, metric.Server, metric.ServerName, metric.Listener,
			metric.StickTable, metric.Resolver, metric.Certificate, metric.ServerProcesses:
			rows = append(rows, t)
		}
	}
	return text(rows...)
}

func decoded(a *arrived) (tables.Head, string, error) {
	s, err := a.decoder.Snapshot()
	if err != nil {
		return tables.Head{}, "", err
	}
	if err := a.CheckSnapshot(s); err != nil {
		return tables.Head{}, "", err
	}
	frame, err := wire.TablesOf(s)
	if err != nil {
		return tables.Head{}, "", err
	}
	d := tables.NewDecoder()
	defer d.Close()
	p, err := d.Decode(frame)
	if err != nil {
		return tables.Head{}, "", err
	}
	var rows []metric.Rows
	for i := range p.Tables {
		rows = append(rows, &p.Tables[i])
	}
	return p.Head, text(rows...), nil
}

func queueOf(t testing.TB) *sink.Queue {
	t.Helper()
	q, err := sink.OpenQueue(sink.QueueOptions{Dir: filepath.Join(t.TempDir(), "queue")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

func TestTablesContract(t *testing.T) {
	sinktest.Test(t, func(t *testing.T) sinktest.Target {
		f := newFake(t, kfake.SeedTopics(partitions, topic))
		dir := filepath.Join(t.TempDir(), "queue")
		return sinktest.Target{
			Open: func(t *testing.T) (sink.Sink, func()) {
				q, err := sink.OpenQueue(sink.QueueOptions{Dir: dir})
				if err != nil {
					t.Fatal(err)
				}
				s := NewTables(f.options(), q)
				return s, func() { s.Close(); q.Close() }
			},
			Break:  f.Cut,
			Repair: f.Repair,
			Await: func(ctx context.Context, b *metric.Batch) error {
				want := tablesOf(b)
				return f.Await(ctx, topic, func(all []*kgo.Record) (bool, error) {
					whole, err := wholeOf(all)
					if err != nil {
						return false, err
					}
					for _, a := range whole {
						if head, got, err := decoded(a); err != nil || head.Epoch == b.Epoch && got == want {
							return true, err
						}
					}
					return false, nil
				})
			},
		}
	})
}

// TestShards sends each shard as an attempt of its own, and only the columns that are
// kept.
func TestShards(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(partitions, topic))
	o := f.options()
	o.Shards = 4
	o.Keep = func(s metric.Scope, c metric.Column) bool { return s != metric.Frontend && c.Name != "bin" }
	s := NewTables(o, queueOf(t))
	defer s.Close()
	b := sinktest.Load(10, 10, 100, 2)
	b.Interval = 10 * time.Second
	for range 2 {
		if err := s.Deliver(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	all, err := f.whole(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[int]int)
	rows := 0
	for _, a := range all {
		head, got, err := decoded(a)
		if err != nil {
			t.Fatal(err)
		}
		if head.Shard != a.Shard || head.Shards != 4 || head.Node != "lb1" || head.Cluster != "eu" || head.Instance != a.Instance || head.Interval != b.Interval {
			t.Errorf("got head %+v in an envelope %+v", head, a.Envelope)
		}
		if strings.Contains(got, " bin=") || strings.Contains(got, "www-frontend") || !strings.Contains(got, " bout=") {
			t.Errorf("got columns or scopes that are not kept, or lost others: %.200s", got)
		}
		seen[a.Shard]++
		rows += strings.Count(got, "app-server-")
	}
	if diff := cmp.Diff(map[int]int{0: 2, 1: 2, 2: 2, 3: 2}, seen); diff != "" || rows != 200 {
		t.Errorf("shards (-want +got):\n%s%d servers, want 200", diff, rows)
	}
}

// TestBrokenAttempt has a broker that takes some records and not the rest: the attempt is
// left, and a whole one with another number follows.
func TestBrokenAttempt(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(partitions, topic))
	o := f.options()
	o.Pace.Interval = time.Millisecond
	o.DeliveryTimeout = 5 * time.Second
	s := NewTables(o, queueOf(t))
	defer s.Close()
	if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
		t.Fatal(err)
	}
	f.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		r := req.(*kmsg.ProduceRequest)
		answer := r.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range r.Topics {
			at := kmsg.ProduceResponseTopic{Topic: topic.Topic, TopicID: topic.TopicID}
			for _, p := range topic.Partitions {
				at.Partitions = append(at.Partitions, kmsg.ProduceResponseTopicPartition{Partition: p.Partition, ErrorCode: kerr.MessageTooLarge.Code, BaseOffset: -1})
			}
			answer.Topics = append(answer.Topics, at)
		}
		return answer, nil, true
	})
	if err := s.Deliver(t.Context(), sinktest.Batch(1001)); err != nil {
		t.Fatal(err)
	}
	status := s.Status()
	if status.Queue.Batches != 1 || status.Health.Cause == nil || !strings.Contains(status.Health.Cause.Error(), "MESSAGE_TOO_LARGE") {
		t.Fatalf("got %+v, want one batch that waits and the cause", status)
	}
	run(t, s, func() bool { return s.Status().Queue.Batches == 0 })
	whole, err := f.whole(t.Context())
	if err != nil || len(whole) != 2 || whole[0].Attempt == whole[1].Attempt {
		t.Errorf("got %d attempts, %v, want two different ones", len(whole), err)
	}
}

// run runs a sink until done.
func run(t *testing.T, s sink.Runner, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !done() && ctx.Err() == nil {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Error("got no end of the queue")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestTopicIsMade makes a topic with the time of the brokers, if that is wanted.
func TestTopicIsMade(t *testing.T) {
	f := newFake(t)
	o := f.options()
	q := queueOf(t)
	s := NewTables(o, q)
	defer s.Close()
	if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
		t.Fatal(err)
	}
	if cause := s.Status().Health.Cause; cause == nil || !strings.Contains(cause.Error(), "UNKNOWN_TOPIC_OR_PARTITION") {
		t.Errorf("got cause %v, want that the topic is missing", cause)
	} else if hint, _ := kafka.Advice(cause); !strings.Contains(hint, "create-topics = true in [forward]") {
		t.Errorf("got advice %q, want the option of [forward]", hint)
	}
	o.Create = true
	made := NewTables(o, q)
	defer made.Close()
	run(t, made, func() bool { return made.Status().Queue.Batches == 0 })
	if got := made.Status().Batches; got != 1 {
		t.Errorf("got %d batches, want 1", got)
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(f.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	found, err := kafka.Describe(t.Context(), c, topic)
	if err != nil || found[0].Partitions != partitions || !found[0].Settings.AppendTime || found[0].Settings.Retention != Retention {
		t.Errorf("got %+v, %v, want the broker's time and a retention of %v", found, err, Retention)
	}
}

// TestTopicIsMadeByAnother takes the number of partitions from the brokers, not from the
// options: another program may have made the topic.
func TestTopicIsMadeByAnother(t *testing.T) {
	f := newFake(t)
	const theirs = 7
	f.ControlKey(int16(kmsg.CreateTopics), func(r kmsg.Request) (kmsg.Response, error, bool) {
		r.(*kmsg.CreateTopicsRequest).Topics[0].NumPartitions = theirs
		return nil, nil, false
	})
	o := f.options()
	o.Create = true
	e := wire.Envelope{Kind: wire.Tables, Cluster: o.Cluster, Node: o.Node(), Shards: 1}
	for n := 0; wire.Partition(e.Key(), theirs) == wire.Partition(e.Key(), partitions); n++ {
		e.Cluster = fmt.Sprint("eu", n)
	}
	o.Cluster = e.Cluster
	q := queueOf(t)
	s := NewTables(o, q)
	defer s.Close()
	if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
		t.Fatal(err)
	}
	run(t, s, func() bool { return s.Status().Queue.Batches == 0 })
	records, err := f.Records(t.Context(), topic)
	if err != nil || len(records) == 0 {
		t.Fatalf("got %d records, %v, want some", len(records), err)
	}
	for _, r := range records {
		if want := int32(wire.Partition(e.Key(), theirs)); r.Partition != want {
			t.Errorf("got partition %d, want %d of %d", r.Partition, want, theirs)
		}
	}
}

// TestAdvice names the options of [forward], and not those of the connection.
func TestAdvice(t *testing.T) {
	f := newFake(t)
	for _, c := range []struct {
		options Options
		err     error
		want    string
	}{
		{f.options(), kerr.UnknownTopicOrPartition, "--config message.timestamp.type=LogAppendTime, or set create-topics = true in [forward]"},
		{f.options(), kerr.MessageTooLarge, "Raise max.message.bytes of the topic to 528384 or more"},
		{f.snapshots(), kerr.MessageTooLarge, "Raise max.message.bytes of the topic to 70208 or more, or lower chunk-bytes in [forward]"},
		{f.options(), kerr.InvalidTopicException, "Set topic in [forward]"},
		{f.options(), kerr.ClusterAuthorizationFailed, "IdempotentWrite"},
		{f.options(), kerr.SaslAuthenticationFailed, "in [kafka]"},
	} {
		tr := newTransport(c.options)
		got, _ := kafka.Advice(tr.sessions.Connection.Explain("produce", c.err))
		if !strings.Contains(got, c.want) || strings.Contains(got, "create-topic =") || strings.Contains(got, "max-record-bytes") || strings.Contains(got, "idempotent =") {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
		tr.sessions.Close()
	}
}

// TestEncodeRefuses a node whose name can't travel.
func TestEncodeRefuses(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(partitions, topic))
	o := f.options()
	o.Node = func() string { return "" }
	s := NewTables(o, queueOf(t))
	defer s.Close()
	if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err == nil || !strings.Contains(err.Error(), "node") {
		t.Errorf("got %v, want an error about the node", err)
	}
}

func TestForeignStream(t *testing.T) {
	var good bytes.Buffer
	w := newWriter(&good)
	e := wire.Envelope{Kind: wire.Tables, Cluster: "eu", Node: "lb1", Epoch: -7, Instance: "x", Shard: 1, Shards: 2}
	for _, err := range []error{w.head(e), w.record([]byte("one")), w.record(nil), w.end()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	decode := func(b []byte, step int) (got []string, err error) {
		d := newDecoder(
			func(e wire.Envelope) error { got = append(got, fmt.Sprintf("%+v", e)); return nil },
			func(b []byte) error { got = append(got, string(b)); return nil },
		)
		for len(b) > 0 {
			n := min(step, len(b))
			if _, err := d.Write(b[:n]); err != nil {
				return got, err
			}
			b = b[n:]
		}
		return got, d.Close()
	}
	want := []string{fmt.Sprintf("%+v", e), "one", ""}
	for _, step := range []int{1, 2, 7, 1000} {
		if got, err := decode(good.Bytes(), step); err != nil || !slices.Equal(got, want) {
			t.Errorf("in steps of %d: got %q, %v, want %q", step, got, err, want)
		}
	}
	for i := range good.Len() {
		if _, err := decode(good.Bytes()[:i], 1000); !errors.Is(err, stream.ErrTruncated) {
			t.Errorf("truncated at %d: got %v, want %v", i, err, stream.ErrTruncated)
		}
	}
	for name, b := range map[string][]byte{
		"others": []byte("GET / HTTP/1.1"), "newer": []byte("hsf\x02"), "more": append(bytes.Clone(good.Bytes()), 'r'),
		"a kind": []byte("hsf\x01x\x00"), "a length": []byte("hsf\x01r\xff\xff\xff\xff\x7f"), "a head": []byte("hsf\x01h\x01\x05"),
		"an endless length": []byte("hsf\x01r\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
	} {
		if _, err := decode(b, 1000); !errors.Is(err, stream.ErrForeign) {
			t.Errorf("%s: got %v, want %v", name, err, stream.ErrForeign)
		}
	}
}

func FuzzStream(f *testing.F) {
	var good bytes.Buffer
	w := newWriter(&good)
	_ = w.head(wire.Envelope{Kind: wire.Snapshot, Cluster: "eu", Node: "lb1", Epoch: 7})
	_ = w.record([]byte("record"))
	_ = w.end()
	f.Add(good.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		d := newDecoder(func(e wire.Envelope) error {
			if err := e.Check(); err != nil {
				t.Errorf("got a head %+v: %v", e, err)
			}
			return nil
		}, func([]byte) error { return nil })
		_, _ = d.Write(b)
		if err := d.Close(); err != nil && !errors.Is(err, stream.ErrForeign) && !errors.Is(err, stream.ErrTruncated) {
			t.Errorf("got an error of no kind: %v", err)
		}
	})
}

// spooled returns a snapshot of the spool with the files of a recording, and its claim.
func spooled(t *testing.T, base string, epoch int64) *spool.Entry {
	t.Helper()
	incoming := filepath.Join(base, "incoming")
	w, err := spool.OpenWriter(spool.WriterOptions{Dir: incoming, Tmp: filepath.Join(base, "tmp")})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	d, err := w.Stage(epoch)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(recording)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(recording, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.Create(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(data)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Commit(snapshot.Round{Interval: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
	r, err := spool.OpenReader(spool.ReaderOptions{Dir: incoming})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	e, err := r.Claim(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func snapshotOf(t *testing.T, e *spool.Entry) snapshot.Snapshot {
	t.Helper()
	s, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func linkQueue(t *testing.T, o QueueOptions) *LinkQueue {
	t.Helper()
	o.Open = func(path string) (snapshot.Snapshot, func() error, error) {
		v, err := spool.OpenView(path, o.Log)
		if err != nil {
			return snapshot.Snapshot{}, nil, err
		}
		s, err := v.Snapshot()
		return s, v.Close, err
	}
	q, err := OpenLinkQueue(o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func (f fake) snapshots() Options {
	o := f.options()
	o.ChunkBytes = 65536
	return o
}

// TestSnapshots forwards a recorded snapshot through the spool, whose files have no copy.
// The snapshot waits over an outage and a restart, and arrives equal.
func TestSnapshots(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(partitions, topic))
	base := t.TempDir()
	dir := filepath.Join(base, "queue")
	e := spooled(t, base, 1795335509)
	q := linkQueue(t, QueueOptions{Dir: dir})
	s := NewSnapshots(f.snapshots(), q)
	if err := s.DeliverSnapshot(t.Context(), snapshotOf(t, e)); err != nil {
		t.Fatal(err)
	}
	source, err := os.Stat(filepath.Join(base, "incoming", "1795335509", "admin1.sock_stat"))
	if err != nil {
		t.Fatal(err)
	}
	linked, err := os.Stat(filepath.Join(dir, "1795335509.00000000000000000000", "admin1.sock_stat"))
	if err != nil || !os.SameFile(source, linked) {
		t.Errorf("got a copy, %v, want a link", err)
	}
	if err := e.Commit(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	q.Close()

	q = linkQueue(t, QueueOptions{Dir: dir})
	defer q.Close()
	s = NewSnapshots(f.snapshots(), q)
	defer s.Close()
	if got := s.Status().Queue; got.Batches != 1 || got.OldestEpoch != 1795335509 || got.Bytes == 0 {
		t.Errorf("got %+v after a restart, want one snapshot", got)
	}
	run(t, s, func() bool { return s.Status().Queue.Batches == 0 })
	whole, err := f.whole(t.Context())
	if err != nil || len(whole) != 1 {
		t.Fatalf("got %d attempts, %v, want 1", len(whole), err)
	}
	back, err := whole[0].decoder.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := whole[0].CheckSnapshot(back); err != nil || back.Round == nil || back.Round.Interval != 10*time.Second {
		t.Errorf("got round %+v, %v", back.Round, err)
	}
	entries, err := os.ReadDir(recording)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		want, err := os.ReadFile(filepath.Join(recording, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fs.ReadFile(back.Files, e.Name()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, %v, want %d", e.Name(), len(got), err, len(want))
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("got %v in the queue, %v, want nothing", left, err)
	}
	if got := s.Status(); got.Batches != 1 || got.Metrics != 1 || got.Resent != 1 {
		t.Errorf("got %+v, want one snapshot", got)
	}
}

// memory returns a snapshot in memory, whose files can't be linked.
func memory(epoch int64, size int) snapshot.Snapshot {
	return snapshot.Snapshot{Epoch: epoch, Files: snapshot.Memory{"a_info": []byte("info"), "a_stat": make([]byte, size)}}
}

// epochs returns what the queue sends, in order.
func epochs(t *testing.T, q *LinkQueue) (sent []int64) {
	t.Helper()
	for {
		before := len(sent)
		if err := q.First(func(i sink.Item) error { sent = append(sent, i.Epoch); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(sent) == before {
			return sent
		}
	}
}

// TestQueueIsBounded drops the oldest snapshots, and counts them; the newest stays.
func TestQueueIsBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	var log bytes.Buffer
	q := linkQueue(t, QueueOptions{Dir: dir, MaxBytes: 2500, Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer q.Close()
	for epoch := range int64(5) {
		if err := q.Add(memory(100+epoch, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Add(memory(105, 5000)); err != nil {
		t.Fatal(err)
	}
	if err := q.Add(memory(106, 1000)); err != nil {
		t.Fatal(err)
	}
	if got := q.Stats(); got.DroppedBatches != 6 || got.Batches != 1 || got.Bytes != 1004 {
		t.Errorf("got %+v, want 6 dropped ones and one that waits", got)
	}
	if n := strings.Count(log.String(), "queue is full"); n != 1 {
		t.Errorf("got %d messages, want one: %s", n, &log)
	}
	if got := epochs(t, q); !slices.Equal(got, []int64{106}) {
		t.Errorf("got %v, want the newest one", got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("got %v in the directory, %v, want nothing", left, err)
	}
	if !strings.Contains(log.String(), "snapshots_dropped=6") {
		t.Errorf("got no message of what was dropped: %s", &log)
	}
}

// TestQueueAfterCrash opens a queue whose process died while it added and removed.
func TestQueueAfterCrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	q := linkQueue(t, QueueOptions{Dir: dir})
	for _, epoch := range []int64{300, 200, 100} { // the order of coming counts, not the time
		if err := q.Add(memory(epoch, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenLinkQueue(QueueOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), "queue-dir") {
		t.Errorf("got %v for a queue in use, want an error", err)
	}
	q.Close()
	for _, name := range []string{"400.00000000000000000007.tmp", "strange"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "a_info"), nil, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	q = linkQueue(t, QueueOptions{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer q.Close()
	if _, err := os.Stat(filepath.Join(dir, "400.00000000000000000007.tmp")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that what was not complete is gone", err)
	}
	if !strings.Contains(log.String(), "first=strange") {
		t.Errorf("got no message of a strange file: %s", &log)
	}
	if err := q.Add(memory(500, 10)); err != nil {
		t.Fatal(err)
	}
	if got := epochs(t, q); !slices.Equal(got, []int64{300, 200, 100, 500}) {
		t.Errorf("got %v, want all in the order of coming", got)
	}
}

// TestQueueHolds lets others pass a snapshot that the brokers refuse.
func TestQueueHolds(t *testing.T) {
	q := linkQueue(t, QueueOptions{Dir: filepath.Join(t.TempDir(), "queue")})
	defer q.Close()
	for epoch := range int64(2) {
		if err := q.Add(memory(epoch, 10)); err != nil {
			t.Fatal(err)
		}
	}
	_ = q.First(func(sink.Item) error { return sink.Hold(errors.New("refused")) })
	if n, _ := q.Len(); n != 1 || q.Stats().Refused != 1 || q.Stats().OldestEpoch != 1 {
		t.Errorf("got %d that wait, %+v, want one, and one that is refused", n, q.Stats())
	}
	if got := epochs(t, q); !slices.Equal(got, []int64{1}) {
		t.Errorf("got %v, want the other one", got)
	}
	q.Release()
	if got := epochs(t, q); !slices.Equal(got, []int64{0}) {
		t.Errorf("got %v, want the first one", got)
	}
}

// TestDamagedSnapshot is set aside, and the next one goes on.
func TestDamagedSnapshot(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(partitions, topic))
	base := t.TempDir()
	dir := filepath.Join(base, "queue")
	e := spooled(t, base, 1795335509)
	var log bytes.Buffer
	q := linkQueue(t, QueueOptions{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer q.Close()
	s := NewSnapshots(f.snapshots(), q)
	defer s.Close()
	if err := s.DeliverSnapshot(t.Context(), snapshotOf(t, e)); err != nil {
		t.Fatal(err)
	}
	if err := q.Add(memory(1795335519, 10)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "1795335509.00000000000000000000", "admin4.sock_stat")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2]++
	if err := os.WriteFile(path, data, 0o640); err != nil {
		t.Fatal(err)
	}
	run(t, s, func() bool { return s.Status().Queue.Batches == 0 })
	if got := s.Status(); got.Batches != 1 || got.Queue.DamagedBatches != 1 {
		t.Errorf("got %+v, %+v, want one that is sent and one that is set aside", got, got.Queue)
	}
	if !strings.Contains(log.String(), "set aside") || !strings.Contains(log.String(), "snapshot=1795335509") {
		t.Errorf("got no message of it: %s", &log)
	}
	whole, err := f.whole(t.Context())
	if err != nil || len(whole) != 1 || whole[0].Epoch != 1795335519 {
		t.Errorf("got %d whole attempts, %v, want the other one", len(whole), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "1795335509.00000000000000000000.corrupt")); err != nil {
		t.Error(err)
	}
}

// TestQueueFollowsNoLink refuses a directory that is a link, and a file that is one.
func TestQueueFollowsNoLink(t *testing.T) {
	base := t.TempDir()
	if err := os.Symlink(base, filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLinkQueue(QueueOptions{Dir: filepath.Join(base, "link")}); err == nil {
		t.Error("got no error for a link")
	}
	e := spooled(t, base, 1795335509)
	stat := filepath.Join(base, "incoming", "1795335509", "admin1.sock_stat")
	if err := os.Rename(stat, filepath.Join(base, "else")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(base, "else"), stat); err != nil {
		t.Fatal(err)
	}
	q := linkQueue(t, QueueOptions{Dir: filepath.Join(base, "queue")})
	defer q.Close()
	if err := q.Add(snapshotOf(t, e)); !errors.Is(err, snapshot.ErrDamaged) {
		t.Errorf("got %v, want %v", err, snapshot.ErrDamaged)
	}
	if left, err := os.ReadDir(filepath.Join(base, "queue")); err != nil || len(left) != 0 {
		t.Errorf("got %v in the queue, %v, want nothing", left, err)
	}
}

func BenchmarkSnapshot(b *testing.B) {
	f := newFake(b, kfake.SeedTopics(partitions, topic))
	o := f.snapshots()
	o.ChunkBytes = 524288
	data, err := os.ReadFile(recording + "/admin1.sock_stat")
	if err != nil {
		b.Fatal(err)
	}
	t := newTransport(o)
	defer t.sessions.Close()
	s := snapshot.Snapshot{Epoch: 1, Files: snapshot.Memory{"a_stat": bytes.Repeat(data, 9<<20/len(data))}}
	b.SetBytes(9 << 20)
	for b.Loop() {
		if _, err := t.Send(b.Context(), 9<<20, func(w io.Writer) error { return t.write(w, s) }); err != nil {
			b.Fatal(err)
		}
	}
}
