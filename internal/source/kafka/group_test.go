package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"haproxystats/internal/cluster"
	"haproxystats/internal/encode/tables"
	"haproxystats/internal/kafka"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/internal/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output is a log that tests read.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	came chan struct{}
}

func newOutput() *output { return &output{came: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.came)
	o.came = make(chan struct{})
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// until waits until the log says something.
func (o *output) until(t testing.TB, says string) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		o.mu.Lock()
		came, got := o.came, o.text.String()
		o.mu.Unlock()
		if strings.Contains(got, says) {
			return
		}
		select {
		case <-came:
		case <-limit:
			t.Fatalf("the log does not say %q:\n%s", says, got)
		}
	}
}

// world is a Kafka with what a consumer needs.
type world struct {
	t       *testing.T
	cluster *kfake.Cluster
	options Options
	client  *kgo.Client // of the test
	out     *output
	dead    string // the directory of dead letters
}

const topic = "haproxystats.tables"

func newWorld(t *testing.T, partitions int32, more ...kfake.Opt) *world {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic), kfake.GroupMinSessionTimeout(100 * time.Millisecond),
	}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	dir := t.TempDir()
	w := &world{t: t, cluster: c, out: newOutput(), dead: filepath.Join(dir, "corrupt")}
	log := slog.New(slog.NewTextHandler(w.out, nil))
	letters, err := OpenDeadLetters(DeadLetterOptions{Dir: w.dead, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { letters.Close() })
	w.options = Options{
		Connection: kafka.Options{Section: "kafka", Brokers: c.ListenAddrs(), ClientID: "haproxystats-central", ConnectTimeout: 5 * time.Second, RequestTimeout: 5 * time.Second},
		Topic:      topic, Group: "haproxystats.tables", Instance: "one", SessionTimeout: 10 * time.Second, FetchMaxBytes: 8 << 20,
		CommitInterval: 50 * time.Millisecond, Store: memory(t, 1<<20), DeadLetters: letters, Log: log,
	}
	w.client, err = w.options.Connection.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	return w
}

// produce writes records to a partition.
func (w *world) produce(partition int32, records ...*kgo.Record) {
	w.t.Helper()
	for _, r := range records {
		r.Topic, r.Partition = topic, partition
	}
	if err := w.client.ProduceSync(w.t.Context(), records...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// tables writes a node's tables of the window that begins at an epoch, and returns their
// offset.
func (w *world) tables(partition int32, cluster, node string, epoch, v int64) int64 {
	w.t.Helper()
	records := tablesRecords(w.t, node, cluster, epoch, time.Second, v)
	w.produce(partition, records...)
	return records[0].Offset
}

// bomb writes a batch that is small until it is decompressed.
func (w *world) bomb(partition int32, size int) {
	w.t.Helper()
	c, err := w.options.Connection.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.ZstdCompression()),
		kgo.ProducerBatchMaxBytes(100<<20), kgo.MaxDecompressBatchBytes(100<<20))
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	if err := c.ProduceSync(w.t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: make([]byte, size)}).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// consumer is a running consumer.
type consumer struct {
	t     *testing.T
	stop  context.CancelFunc
	ended chan error
}

func run(t *testing.T, f func(context.Context) error) *consumer {
	ctx, cancel := context.WithCancel(t.Context())
	c := &consumer{t, cancel, make(chan error, 1)}
	go func() { c.ended <- f(ctx) }()
	return c
}

// end ends the consumer, which must end in time.
func (c *consumer) end() {
	c.t.Helper()
	begun := time.Now()
	c.stop()
	if err := <-c.ended; err != nil {
		c.t.Errorf("Run: got %v, want nil", err)
	}
	if d := time.Since(begun); d > 5*time.Second {
		c.t.Errorf("the consumer took %v to end, want at most 5 s", d)
	}
}

// lateOf is longer than a busy machine stands still.
const lateOf = 20 * time.Second

func (w *world) newTables(sinks ...cluster.Sink) *Tables {
	return NewTables(TablesOptions{Options: w.options, Windows: windowsOf(time.Second, time.Second, lateOf), Sinks: sinks})
}

// committed returns the offset and the mark that are committed for a partition.
func (w *world) committed(partition int32) (offset int64, mark time.Time) {
	w.t.Helper()
	all, err := kadm.NewClient(w.client).FetchOffsets(w.t.Context(), w.options.Group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return -1, time.Time{}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	at, ok := all.Lookup(topic, partition)
	if !ok {
		return -1, time.Time{}
	}
	if mark, err = parseMark(at.Metadata); err != nil {
		w.t.Fatal(err)
	}
	return at.At, mark
}

// untilCommitted waits until an offset is committed for a partition.
func (w *world) untilCommitted(partition int32, offset int64) {
	w.t.Helper()
	for limit := time.Now().Add(time.Minute); ; {
		got, _ := w.committed(partition)
		if got >= offset {
			return
		}
		if time.Now().After(limit) {
			w.t.Fatalf("partition %d: got %d committed, want %d", partition, got, offset)
		}
	}
}

// TestTables: the tables of nodes become windows; a consumer that starts again at a
// commit knows what is closed and makes the open windows again.
func TestTables(t *testing.T) {
	for _, instance := range []string{"one", ""} {
		t.Run("instance "+instance, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			w.options.Instance = instance
			sink := newBook()
			first := run(t, w.newTables(sink).Run)
			w.untilCommitted(0, 1) // a tick: the log has begun
			w.untilCommitted(1, 1)
			now := time.Now().Unix()
			for i := range int64(6) {
				w.tables(0, "eu", "a", now+i, 1)
				w.tables(0, "eu", "b", now+i, 10)
				w.tables(1, "us", "a", now+i, 5)
			}
			for i := int64(1); i < 4; i++ {
				sink.until(t, "eu", now+i, "www=11 ")
				sink.until(t, "us", now+i, "www=5 ")
			}
			first.end()
			offset, mark := w.committed(0)
			if mark.IsZero() || offset < 0 {
				t.Errorf("got offset %d and mark %v committed, want both", offset, mark)
			}

			next := w.newTables(sink)
			second := run(t, next.Run)
			w.tables(0, "eu", "c", now+5, 100)
			sink.until(t, "eu", now+5, "www=111 ")
			w.untilCommitted(0, 20)
			if c := next.Clusters().Clusters["eu"]; c.Counts.LateDropped > 0 || len(c.Conflicting) > 0 {
				t.Errorf("got counts %+v, want nothing late", c)
			}
			s := next.Status()
			if len(s.Partitions) != 2 || s.Rebalances == 0 || s.Cause != nil || s.CommitErrors > 0 {
				t.Errorf("got status %+v, want two partitions and no error", s)
			}
			second.end()
			if got := next.Status().Partitions; len(got) > 0 {
				t.Errorf("after the end: got %+v, want no partitions", got)
			}
			if got := next.Clusters(); got.Open > 0 {
				t.Errorf("after the end: got %+v, want no windows", got)
			}
		})
	}
}

// TestSlowPartition: a partition whose windows no sink accepts is fetched no longer, and
// the others go on; then it catches up.
func TestSlowPartition(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	sink := newBook()
	sink.refuse["bad"] = true
	tables := w.newTables(sink)
	c := run(t, tables.Run)
	w.untilCommitted(0, 1)
	w.untilCommitted(1, 1)
	now := time.Now().Unix()
	bad := w.tables(0, "bad", "a", now+1, 1)
	w.out.until(t, "sink accepts no windows")
	// More than the queue of a partition takes.
	const records, size = 10_000, 1000
	for range 10 {
		var filler []*kgo.Record
		for range records / 10 {
			filler = append(filler, &kgo.Record{Headers: kafka.Headers(wire.Envelope{Kind: wire.Tick}.Headers()), Value: make([]byte, size)})
		}
		w.produce(0, filler...)
	}
	for i := range int64(8) {
		w.tables(1, "good", "a", now+i, i)
	}
	for i := range int64(6) {
		sink.until(t, "good", now+i+2, fmt.Sprintf("www=%d ", i+2)) // the first may have begun before
	}
	tables.group.mu.Lock()
	p := tables.group.partitions[0]
	tables.group.mu.Unlock()
	p.mu.Lock()
	waiting, paused := p.bytes, p.paused
	p.mu.Unlock()
	if most := int64(queueBytes + 2*maxPartition); !paused || waiting > most {
		t.Errorf("got %d bytes of the slow partition in the queue, paused %t, want at most %d and true", waiting, paused, most)
	}
	if s := tables.Status().Partitions[0]; s.Lag == 0 || s.Behind == 0 {
		t.Errorf("got %+v, want that it lags", s)
	}
	offset, _ := w.committed(0)
	if offset > bad {
		t.Errorf("got offset %d committed, want at most %d, which no sink has accepted", offset, bad)
	}
	sink.mu.Lock()
	sink.refuse["bad"] = false
	sink.mu.Unlock()
	sink.until(t, "bad", now+1, "www=1 ")
	w.untilCommitted(0, records)
	c.end()
}

// contradiction returns a record whose tables are of another cluster than it says.
func contradiction(t *testing.T, epoch int64) *kgo.Record {
	attemptMu.Lock()
	attempts++
	e := wire.Envelope{Kind: wire.Tables, Cluster: "us", Node: "a", Epoch: epoch, Attempt: attempts, Instance: "x", Shards: 1}
	attemptMu.Unlock()
	frame, err := tables.NewEncoder().Encode(nil, tables.Head{Node: "a", Cluster: "eu", Epoch: epoch, Interval: time.Second, Shards: 1}, shardBatch("a", "eu", epoch, time.Second, 1000))
	if err != nil {
		t.Fatal(err)
	}
	r := &kgo.Record{Headers: kafka.Headers(e.Headers())}
	if err := wire.EncodeTables(e, frame, func(value []byte) error {
		r.Value = bytes.Clone(value)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAside: records that can't be used are put aside, each by its kind, and the partition
// goes on.
func TestAside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	sink := newBook()
	tables := w.newTables(sink)
	now := time.Now().Unix()
	good := tablesRecords(t, "a", "eu", now, time.Second, 1)[0]
	with := func(change func(r *kgo.Record)) *kgo.Record {
		r := tablesRecords(t, "a", "eu", now, time.Second, 1)[0]
		change(r)
		return r
	}
	bad := []*kgo.Record{
		{Value: []byte("of somebody else")},
		{},
		with(func(r *kgo.Record) { r.Headers[0].Value = []byte("2") }),
		with(func(r *kgo.Record) { r.Headers[1].Value = []byte("a kind to come") }),
		with(func(r *kgo.Record) { r.Value = append([]byte("hps\x02"), r.Value[4:]...) }),
		with(func(r *kgo.Record) { r.Value = r.Value[:len(r.Value)-1] }),
		with(func(r *kgo.Record) { r.Headers = r.Headers[:3] }),
		with(func(r *kgo.Record) { r.Headers[3].Value = []byte("b") }), // not the node in the value
		with(func(r *kgo.Record) { r.Headers[2].Value = []byte("eu/a") }),
		contradiction(t, now),
	}
	c := run(t, tables.Run)
	w.out.until(t, "partitions are assigned")
	now = time.Now().Unix()
	w.produce(0, bad...)
	w.produce(0, good)
	w.tables(0, "eu", "a", now+2, 7)
	sink.until(t, "eu", now+2, "www=7 ")
	w.untilCommitted(0, int64(len(bad)))
	want := Counts{Foreign: 2, Newer: 3, Damaged: 5}
	if got := tables.Status().Counts; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	c.end()
	files, err := os.ReadDir(w.dead)
	if err != nil || len(files) != len(bad) {
		t.Fatalf("got %d files, %v, want %d", len(files), err, len(bad))
	}
	text, err := os.ReadFile(filepath.Join(w.dead, files[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"topic haproxystats.tables\npartition 0\n", "\n\nof somebody else"} {
		if !strings.Contains(string(text), says) {
			t.Errorf("%s does not say %q:\n%s", files[0].Name(), says, text)
		}
	}
	// Once for each node, and once for all records that name none.
	for says, want := range map[string]int{
		"record of somebody else is put aside": 1, "record of a newer version is put aside": 2, "record can't be used and is put aside": 4,
	} {
		if n := strings.Count(w.out.String(), says); n != want {
			t.Errorf("%q: got it %d times, want %d:\n%s", says, n, want, w.out)
		}
	}
}

// TestDeadLetterTopic: records go to the topic if there is one, and to the directory if
// the topic does not take them.
func TestDeadLetterTopic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, kfake.SeedTopics(1, "dead"))
	w.options.DeadLetters.o.Topic = "dead"
	c := run(t, w.newTables(newBook()).Run)
	w.out.until(t, "partitions are assigned")
	w.produce(0, &kgo.Record{Key: []byte("k"), Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("x")}}})
	w.untilCommitted(0, 1)
	reader, err := w.options.Connection.Client(kgo.ConsumeTopics("dead"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	got := reader.PollFetches(t.Context()).Records()
	if len(got) != 1 || string(got[0].Value) != "v" || string(got[0].Key) != "k" {
		t.Fatalf("got %+v, want the record", got)
	}
	headers := ""
	for _, h := range got[0].Headers {
		headers += h.Key + "=" + string(h.Value) + " "
	}
	if want := "h=x dead-letter-topic=haproxystats.tables dead-letter-partition=0 dead-letter-offset="; !strings.HasPrefix(headers, want) {
		t.Errorf("got headers %q, want %q", headers, want)
	}
	if _, err := kadm.NewClient(w.client).DeleteTopics(t.Context(), "dead"); err != nil {
		t.Fatal(err)
	}
	w.produce(0, &kgo.Record{Value: []byte("another")})
	for limit := time.Now().Add(time.Minute); ; {
		if files, _ := filepath.Glob(filepath.Join(w.dead, "*"+extAside)); len(files) == 1 {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("the directory has no record that the topic did not take")
		}
	}
	c.end()
}

// TestDeadLettersAreBounded: the directory keeps the newest records, also after a start.
func TestDeadLettersAreBounded(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		d, err := OpenDeadLetters(DeadLetterOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		done := 0
		for i := range maxAside + 20 {
			d.put(t.Context(), nil, letter{topic: "t", offset: int64(i)}, Damaged, fs.ErrInvalid, func() { done++ })
		}
		if done != maxAside+20 {
			t.Errorf("got %d records done, want %d", done, maxAside+20)
		}
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != maxAside {
			t.Fatalf("got %d files, %v, want %d", len(files), err, maxAside)
		}
		if text, _ := os.ReadFile(filepath.Join(dir, files[0].Name())); !strings.Contains(string(text), "\noffset 20\n") {
			t.Errorf("the oldest: got %s, want offset 20", text)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDeadLettersAreBoundedInBytes: the directory keeps the newest records as far as they
// have room, also after a start, and the newest one whatever its size.
func TestDeadLettersAreBoundedInBytes(t *testing.T) {
	dir := t.TempDir()
	d, err := OpenDeadLetters(DeadLetterOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	put := func(offset int64, size int) {
		d.store(letter{topic: "t", offset: offset, value: make([]byte, size)}, fs.ErrInvalid)
	}
	bytes := func() (sum int64, n int) {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				t.Fatal(err)
			}
			sum += info.Size()
		}
		return sum, len(files)
	}
	for i := range int64(5) {
		put(i, maxAsideBytes/4)
	}
	if sum, n := bytes(); sum > maxAsideBytes || n != 3 {
		t.Errorf("got %d bytes in %d files, want at most %d in 3", sum, n, maxAsideBytes)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if d, err = OpenDeadLetters(DeadLetterOptions{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	put(6, maxAsideBytes+1)
	if _, n := bytes(); n != 1 {
		t.Errorf("got %d files, want the one that is too large for others beside it", n)
	}
}

// TestFlood: of many records that can't be used few are kept, and one is logged.
func TestFlood(t *testing.T) {
	for cause, c := range map[Cause]struct {
		most  int
		value int // its size
		says  string
	}{
		Foreign: {maxForeign, 1, "record of somebody else is put aside"},
		Damaged: {maxOurs, 1, "record can't be used and is put aside"},
		Newer:   {1, keptBytes/2 + 1, "record of a newer version is put aside"},
	} {
		out := newOutput()
		d, err := OpenDeadLetters(DeadLetterOptions{Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(out, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		value := make([]byte, c.value)
		done := 0
		for i := range 3 * c.most {
			d.put(t.Context(), nil, letter{topic: "t", offset: int64(i), value: value}, cause, wire.ErrForeign, func() { done++ })
		}
		if done != 3*c.most || int(d.number) != c.most {
			t.Errorf("%s: got %d done and %d written, want %d and %d", c.says, done, d.number, 3*c.most, c.most)
		}
		if n := strings.Count(out.String(), c.says); n != 1 {
			t.Errorf("%q: got it %d times, want once", c.says, n)
		}
	}
}

// TestNotOwned: a program that has not heard of its group for a session sends nothing,
// because another may have its partitions and be ahead.
func TestNotOwned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newBook()
		tables := NewTables(TablesOptions{Options: Options{Topic: topic, SessionTimeout: 6 * time.Second}, Sinks: []cluster.Sink{sink}})
		deliver := func() error { return tables.sinks[0].Deliver(t.Context(), &metric.Batch{Cluster: "eu", Epoch: 1}) }
		answer := func(key kmsg.Key, err error) {
			beats{tables.group}.OnBrokerE2E(kgo.BrokerMetadata{}, int16(key), kgo.BrokerE2E{ReadErr: err})
		}
		if err := deliver(); err != nil {
			t.Errorf("after the start: got %v, want nil", err)
		}
		time.Sleep(6 * time.Second)
		answer(kmsg.OffsetCommit, nil) // which those get, too, that are members no longer
		answer(kmsg.Heartbeat, errors.New("the network is cut"))
		if err := deliver(); !errors.Is(err, errNotOwned) {
			t.Errorf("after a session without an answer: got %v, want %v", err, errNotOwned)
		}
		answer(kmsg.Heartbeat, nil)
		if err := deliver(); err != nil || sink.batches != 2 {
			t.Errorf("after a heartbeat: got %v and %d batches, want nil and 2", err, sink.batches)
		}
	})
}

// TestTwoOfOneName: a second program with the same instance name ends the first with a
// message that says so.
func TestTwoOfOneName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.options.SessionTimeout = 20 * time.Second
	first := run(t, w.newTables(newBook()).Run)
	w.out.until(t, "partitions are assigned")
	second := run(t, w.newTables(newBook()).Run)
	err := <-first.ended
	if err == nil || !strings.Contains(err.Error(), `two programs have the instance name "one" in the consumer group haproxystats.tables`) {
		t.Errorf("got %v, want that two programs have the name", err)
	}
	second.end()
}

// TestRetentionPassed: where records are gone that were not read, reading begins with
// the first that is left, and a window that began before is left out.
func TestRetentionPassed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	sink := newBook()
	first := run(t, w.newTables(sink).Run)
	w.out.until(t, "partitions are assigned")
	w.untilCommitted(0, 1) // a tick
	first.end()
	var many []*kgo.Record
	for range 50 {
		many = append(many, &kgo.Record{Headers: kafka.Headers(wire.Envelope{Kind: wire.Tick}.Headers())})
	}
	w.produce(0, many...)
	admin := kadm.NewClient(w.client)
	ends, err := admin.ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	to := kadm.Offsets{}
	to.Add(kadm.Offset{Topic: topic, Partition: 0, At: end.Offset})
	if _, err := admin.DeleteRecords(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	w.tables(0, "eu", "a", now, 1)
	second := run(t, w.newTables(sink).Run)
	w.out.until(t, "records were removed before they were read")
	w.tables(0, "eu", "a", now+3, 2)
	sink.until(t, "eu", now+3, "www=2 ")
	if got := sink.get("eu", now); got != "" {
		t.Errorf("got %q for the window that began before the log, want none", got)
	}
	second.end()
}

// TestNewTopic: a topic that is removed and made again is read by a new client.
func TestNewTopic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	sink := newBook()
	c := run(t, w.newTables(sink).Run)
	w.out.until(t, "partitions are assigned")
	w.untilCommitted(0, 1)
	admin := kadm.NewClient(w.client)
	if _, err := admin.DeleteTopics(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	client, err := w.options.Connection.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	w.client = client
	w.out.until(t, "topic was removed and made again")
	now := time.Now().Unix() + 2
	w.tables(0, "eu", "a", now, 2)
	sink.until(t, "eu", now, "www=2 ")
	c.end()
}

// TestNoTopic: a topic that is missing is told, and read when it is there.
func TestNoTopic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.options.Topic = "later"
	c := run(t, w.newTables(newBook()).Run)
	w.out.until(t, "topic can't be read, will try again")
	for _, says := range []string{kerr.UnknownTopicOrPartition.Message, "Create the topic with kafka-topics.sh --create --config message.timestamp.type=LogAppendTime"} {
		if text := w.out.String(); !strings.Contains(text, says) {
			t.Errorf("the log does not say %q:\n%s", says, text)
		}
	}
	if _, err := kadm.NewClient(w.client).CreateTopic(t.Context(), 1, 1, nil, "later"); err != nil {
		t.Fatal(err)
	}
	w.out.until(t, "partitions are assigned")
	c.end()
}

// TestForbidden: a topic that the user may not read is told with what to do.
func TestForbidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.cluster.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		answer := r.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, asked := range r.(*kmsg.ListOffsetsRequest).Topics {
			to := kmsg.NewListOffsetsResponseTopic()
			to.Topic = asked.Topic
			for _, p := range asked.Partitions {
				of := kmsg.NewListOffsetsResponseTopicPartition()
				of.Partition, of.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
				to.Partitions = append(to.Partitions, of)
			}
			answer.Topics = append(answer.Topics, to)
		}
		return answer, nil, true
	})
	tables := w.newTables(newBook())
	c := run(t, tables.Run)
	// A fetch may fail before, with the same advice.
	w.out.until(t, "topic can't be read, will try again")
	w.out.until(t, "Allow the user to read, write and describe the topic, with kafka-acls.sh")
	w.out.until(t, "topic can't be read, will try again") // which is told when the cause is known
	if cause := tables.Status().Cause; !errors.Is(cause, kerr.TopicAuthorizationFailed) {
		t.Errorf("got the cause %v, want %v", cause, kerr.TopicAuthorizationFailed)
	}
	c.end()
}

// snapshot writes the raw snapshot of a node.
func (w *world) snapshot(node string, epoch int64, size int) {
	w.t.Helper()
	attemptMu.Lock()
	e, values := raw(w.t, node, epoch, size)
	attemptMu.Unlock()
	var records []*kgo.Record
	for _, v := range values {
		records = append(records, &kgo.Record{Key: e.Key(), Value: v, Headers: kafka.Headers(e.Headers())})
	}
	w.produce(0, records...)
}

func claimOf(t *testing.T, s *Snapshots) process.Claim {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := s.Claim(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSnapshots: snapshots are claimed in order; their offsets are committed when all
// before are done; one that fails three times is put aside, and one that is postponed
// comes again, also to the next consumer.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	s := NewSnapshots(w.options)
	c := run(t, s.Run)
	w.out.until(t, "partitions are assigned")
	now := time.Now().Unix()
	w.snapshot("a", now, 9000)
	w.snapshot("a", now+10, 100)
	w.snapshot("a", now, 9000) // sent again
	w.snapshot("b", now+20, 100)
	first := claimOf(t, s)
	if want := fmt.Sprintf("eu/a/%d", now); first.Name() != want || first.Lane() != "eu/a" {
		t.Errorf("got %s in lane %s, want %s", first.Name(), first.Lane(), want)
	}
	snap, err := first.Snapshot()
	if err != nil || snap.Node != "a" || snap.Cluster != "eu" || snap.Epoch != now {
		t.Errorf("got %+v, %v, want the snapshot", snap, err)
	}
	if text, err := fs.ReadFile(snap.Files, "a_info"); err != nil || !strings.HasPrefix(string(text), "Name: HAProxy") {
		t.Errorf("got %q, %v, want the reply", text, err)
	}
	for cluster, want := range map[string]string{"eu": "x", "us": ""} {
		if got := s.Instance(cluster, "a", now); got != want {
			t.Errorf("got the instance %q of a in %s, want %q", got, cluster, want)
		}
	}
	second := claimOf(t, s)
	if err := second.Commit(); err != nil {
		t.Error(err)
	}
	if err := second.Commit(); err == nil {
		t.Error("committed twice: got nil, want an error")
	}
	if at, _ := w.committed(0); at > 1 {
		t.Errorf("got offset %d committed before the first snapshot is done", at)
	}
	first.Postpone()
	first = claimOf(t, s)
	for s.Waiting() == 0 { // b's
		if t.Context().Err() != nil {
			t.Fatal("the snapshot of b has not come")
		}
	}
	first.Postpone() // before b's, because it came before
	first = claimOf(t, s)
	other := claimOf(t, s)
	names := []string{first.Name(), other.Name()}
	slices.Sort(names)
	if want := []string{fmt.Sprintf("eu/a/%d", now), fmt.Sprintf("eu/b/%d", now+20)}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if first.Lane() == "eu/b" {
		first, other = other, first
	}
	if err := first.Commit(); err != nil {
		t.Error(err)
	}
	for i := range maxTries {
		other.Release(fs.ErrInvalid)
		if i < maxTries-1 {
			other = claimOf(t, s)
		}
	}
	if n := s.Corrupt(); n != 1 {
		t.Errorf("got %d given up, want 1", n)
	}
	w.snapshot("c", now+30, 9000)
	third := claimOf(t, s)
	if got := s.Status().Counts; got.Duplicates != 1 || got.Damaged != 1 {
		t.Errorf("got %+v, want one duplicate and one damaged", got)
	}
	files, err := os.ReadDir(w.dead)
	if err != nil || len(files) != 1 {
		t.Errorf("got %d files, %v, want that of b", len(files), err)
	}
	c.end()
	third.Postpone()

	s = NewSnapshots(w.options)
	c = run(t, s.Run)
	again := claimOf(t, s)
	if again.Name() != third.Name() {
		t.Errorf("the next consumer: got %s, want %s", again.Name(), third.Name())
	}
	if err := again.Commit(); err != nil {
		t.Error(err)
	}
	c.end()
}

// TestSnapshotsWait: no more snapshots wait for workers than their bound, and all come.
func TestSnapshotsWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	s := NewSnapshots(w.options)
	c := run(t, s.Run)
	w.out.until(t, "partitions are assigned")
	const n = 3 * maxReady
	for i := range n {
		w.snapshot(fmt.Sprint("n", i), 1_800_000_000, 100)
	}
	for i := range n {
		claim := claimOf(t, s)
		if want := fmt.Sprintf("eu/n%d/1800000000", i); claim.Name() != want {
			t.Errorf("got %s, want %s", claim.Name(), want)
		}
		if waiting := s.Waiting(); waiting > maxReady {
			t.Errorf("got %d snapshots that wait, want at most %d", waiting, maxReady)
		}
		if err := claim.Commit(); err != nil {
			t.Error(err)
		}
	}
	c.end()
}

// TestSnapshotsComeBack: a partition that comes back to this program brings what a worker
// has and has not committed, and nothing that was committed meanwhile.
func TestSnapshotsComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	s := NewSnapshots(w.options)
	c := run(t, s.Run)
	w.out.until(t, "partitions are assigned")
	w.snapshot("a", 1_800_000_000, 100)
	w.snapshot("b", 1_800_000_000, 100)
	w.snapshot("c", 1_800_000_000, 100)
	postponed, given, committed := claimOf(t, s), claimOf(t, s), claimOf(t, s)
	c.end()
	if err := committed.Commit(); err != nil {
		t.Error(err)
	}

	c = run(t, s.Run)
	var again []process.Claim
	for _, want := range []process.Claim{postponed, given} {
		got := claimOf(t, s)
		if got.Name() != want.Name() {
			t.Errorf("got %s, want %s, of which nothing was made", got.Name(), want.Name())
		}
		again = append(again, got)
	}
	postponed.Postpone()
	for range maxTries {
		given.Release(fs.ErrInvalid)
	}
	w.snapshot("a", 1_800_000_000, 100) // sent again, and known
	w.snapshot("d", 1_800_000_000, 100)
	last := claimOf(t, s)
	if want := "eu/d/1800000000"; last.Name() != want {
		t.Errorf("got %s, want %s", last.Name(), want)
	}
	for _, each := range append(again, last) {
		if err := each.Commit(); err != nil {
			t.Error(err)
		}
	}
	if got := s.Status().Duplicates; got != 2 {
		t.Errorf("got %d duplicates, want 2", got)
	}
	c.end()
}

// TestFullEnds: a partition that waits for workers ends when it is told to.
func TestFullEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	s := NewSnapshots(w.options)
	c := run(t, s.Run)
	w.out.until(t, "partitions are assigned")
	for i := range maxReady + 1 {
		w.snapshot(fmt.Sprint("n", i), 1_800_000_000, 100)
	}
	limit := time.Now().Add(time.Minute)
	for s.Waiting() < maxReady || s.Status().Partitions[0].InHand <= maxReady {
		if time.Now().After(limit) {
			t.Fatalf("got %d waiting, want %d", s.Waiting(), maxReady)
		}
	}
	s.group.mu.Lock()
	p := s.group.partitions[0]
	s.group.mu.Unlock()
	p.finish()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		t.Error("the partition waits for workers after it was told to end")
	}
	c.end()
}

// garbage is a compressor whose data nobody can decompress.
type garbage struct{}

func (garbage) Compress(dst *bytes.Buffer, _ []byte, _ ...kgo.CompressFlag) ([]byte, kgo.CompressionCodecType) {
	dst.WriteString("this is not zstd")
	return dst.Bytes(), kgo.CodecZstd
}

// TestDamagedBatch: a batch that can't be decompressed, or that is too large then, is
// skipped, and the partition goes on.
func TestDamagedBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	tables := w.newTables(newBook())
	c := run(t, tables.Run)
	w.untilCommitted(0, 1)
	broken, err := w.options.Connection.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.WithCompressor(garbage{}))
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	at, err := broken.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: make([]byte, 1000)}).First()
	if err != nil {
		t.Fatal(err)
	}
	w.untilCommitted(0, at.Offset+1)
	w.bomb(0, 80<<20)
	last := &kgo.Record{Headers: kafka.Headers(wire.Envelope{Kind: wire.Tick}.Headers())}
	w.produce(0, last)
	w.untilCommitted(0, last.Offset+1)
	if got := tables.Status().Foreign; got != 2 {
		t.Errorf("got %d batches skipped, want 2", got)
	}
	if says := errBatch.Error(); !strings.Contains(w.out.String(), says) {
		t.Errorf("the log does not say %q:\n%s", says, w.out)
	}
	c.end()
}

// gate is a connection that carries nothing more once the gate is closed.
type gate struct {
	net.Conn
	closed <-chan struct{}
}

func (c gate) Write(p []byte) (int, error) {
	select {
	case <-c.closed:
		return len(p), nil // as into a network that loses it
	default:
		return c.Conn.Write(p)
	}
}

// TestEndsWithHungBrokers: a consumer ends in time although no broker answers.
func TestEndsWithHungBrokers(t *testing.T) {
	for _, instance := range []string{"one", ""} {
		t.Run("instance "+instance, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			closed := make(chan struct{})
			w.options.Instance = instance
			w.options.Connection.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, address)
				return gate{c, closed}, err
			}
			s := NewSnapshots(w.options)
			c := run(t, s.Run)
			w.untilCommitted(0, 1)
			w.snapshot("a", 1_800_000_000, 100)
			claim := claimOf(t, s)
			close(closed)
			if err := claim.Commit(); err != nil {
				t.Error(err)
			}
			begun := time.Now()
			c.end()
			t.Logf("ended after %v", time.Since(begun))
		})
	}
}
