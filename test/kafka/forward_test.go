package kafka

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/encode/tables"
	envelope "haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/internal/snapshot"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// forwarded puts together what a topic has of the snapshots of a node.
type forwarded struct {
	parts    map[envelope.Attempt]*snapshot.Decoder
	whole    map[int64]map[int]int // complete attempts, by epoch and shard
	contents map[int64]string      // of a complete attempt, by shard, or by epoch if each differs
	differ   bool
	expander *envelope.Expander
	tables   *tables.Decoder
}

func newForwarded(t *testing.T) *forwarded {
	t.Helper()
	f := &forwarded{
		parts: make(map[envelope.Attempt]*snapshot.Decoder), whole: make(map[int64]map[int]int), contents: make(map[int64]string),
		expander: envelope.NewExpander(), tables: tables.NewDecoder(),
	}
	t.Cleanup(f.expander.Close)
	t.Cleanup(f.tables.Close)
	return f
}

// cut returns the number of attempts that are not complete.
func (f *forwarded) cut() (n int) {
	for _, d := range f.parts {
		if !d.Done() {
			n++
		}
	}
	return n
}

func (f *forwarded) add(r *kgo.Record) error {
	e, err := envelope.Parse(func(yield func(string, []byte) bool) {
		for _, h := range r.Headers {
			if !yield(h.Key, h.Value) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	value := r.Value
	if e.Kind == envelope.Snapshot {
		if value, err = f.expander.Expand(value); err != nil {
			return err
		}
	}
	part, err := snapshot.ParseRecord(value)
	if err != nil {
		return err
	}
	d := f.parts[e.Attempt]
	if d == nil {
		d = snapshot.NewDecoder(1 << 30)
		f.parts[e.Attempt] = d
	}
	if err := d.Add(part); err != nil || !d.Done() {
		return err
	}
	s, err := d.Snapshot()
	if err != nil {
		return err
	}
	if err := e.CheckSnapshot(s); err != nil {
		return err
	}
	content, err := f.content(e, s)
	if err != nil {
		return err
	}
	// All snapshots of the node are copies of one, or else all attempts of one.
	key := int64(e.Shard)
	if f.differ {
		key = e.Epoch
	}
	if first, ok := f.contents[key]; ok && first != content {
		return fmt.Errorf("attempt %v of snapshot %d has another content than the others", e.Attempt, e.Epoch)
	}
	f.contents[key] = content
	if f.whole[e.Epoch] == nil {
		f.whole[e.Epoch] = make(map[int]int)
	}
	f.whole[e.Epoch][e.Shard]++
	return nil
}

// content returns what is in an attempt, as text.
func (f *forwarded) content(e envelope.Envelope, s snapshot.Snapshot) (string, error) {
	if e.Kind == envelope.Snapshot {
		return filesOf(s.Files)
	}
	frame, err := envelope.TablesOf(s)
	if err != nil {
		return "", err
	}
	p, err := f.tables.Decode(frame)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	for i := range p.Tables {
		p.Tables[i].Each(func(r *metric.Row) {
			fmt.Fprintln(&out, p.Tables[i].Scope(), r.Parent, r.Name, r.Seen, r.Sums, r.Counts)
		})
	}
	return out.String(), nil
}

// filesOf returns the names and contents of files.
func filesOf(files fs.FS) (string, error) {
	var out bytes.Buffer
	err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || name == snapshot.ManifestName {
			return err
		}
		data, err := fs.ReadFile(files, name)
		fmt.Fprintf(&out, "%s\n%s\n", name, data)
		return err
	})
	return out.String(), err
}

// recordedSite returns a directory with a recorded snapshot; a large one has many records.
func recordedSite(s *harness.Site, large bool) (dir string) {
	s.T.Helper()
	from, err := filepath.Glob("../../testdata/recordings/3.4.0-single/*")
	if err != nil || len(from) != 1 {
		s.T.Fatalf("got recordings %q, %v; want one", from, err)
	}
	dir = s.Path("recorded")
	s.Must(os.CopyFS(dir, os.DirFS(from[0])))
	if large {
		stat := filepath.Join(dir, "haproxy.sock_stat")
		data, err := os.ReadFile(stat)
		s.Must(err, os.WriteFile(stat, bytes.Repeat(data, 800), 0o640))
	}
	return dir
}

// TestKillForward kills a node while it sends, and the broker once. Each snapshot of the
// spool arrives whole and unchanged at least once; what was cut off is not complete.
func TestKillForward(t *testing.T) {
	for _, c := range []struct {
		mode   string
		shards int
	}{{"tables", 2}, {"snapshots", 1}} {
		t.Run(c.mode, func(t *testing.T) {
			row := harness.Begin(t, "kill -9 of a node that sends "+c.mode+", and Kafka killed", "each snapshot arrives whole: 0 lost, 0 changed")
			random := harness.Random(t)
			k := start(t, real.KafkaConfig{Jars: real.Need(t, "kafka")})
			topic := createTopic(t, k, 3, 1, map[string]string{"message.timestamp.type": "LogAppendTime"})
			s := harness.NewSite(t)
			forward := map[string]string{"mode": c.mode, "cluster": "eu", "node": "lb1", "topic": topic}
			if c.mode == "tables" {
				forward["shards"] = fmt.Sprint(c.shards)
			} else {
				forward["chunk-bytes"] = "65536"
			}
			conf := s.Configure(harness.Config{Set: harness.Options{
				"graphite": {"enabled": "no"}, "kafka": {"brokers": k.Addr, "delivery-timeout": "3"}, "forward": forward,
			}})
			recorded := recordedSite(s, c.mode == "snapshots")
			f := newForwarded(t)
			lost := func(epoch int64) bool { return len(f.whole[epoch]) != c.shards }
			reader := client(t, options(k.Addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			// read adds what has come. Errors pass: the test ends by its deadline.
			read := func(ctx context.Context) (records int) {
				fetched := reader.PollFetches(ctx).Records()
				for _, r := range fetched {
					s.Must(f.add(r))
				}
				return len(fetched)
			}
			p := s.Start(harness.Process, conf)
			var epochs []int64
			// arrive reads until all has arrived.
			arrive := func() {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				for slices.ContainsFunc(epochs, lost) && ctx.Err() == nil {
					read(ctx)
				}
			}
			kills := harness.Count(4, 100)
			for i := range kills {
				for range 3 {
					epoch := int64(1_700_000_000 + 10*len(epochs))
					tmp := s.Path("base", "next")
					s.Must(os.CopyFS(tmp, os.DirFS(recorded)))
					s.Must(os.Rename(tmp, filepath.Join(s.Mkdir("base", "incoming"), fmt.Sprint(epoch))))
					epochs = append(epochs, epoch)
				}
				// The first records have come: the rest is on its way.
				soon, cancel := context.WithTimeout(s.Ctx, 20*time.Second)
				for read(soon) == 0 && soon.Err() == nil {
				}
				cancel()
				s.Pause(time.Duration(random.Int64N(int64(20 * time.Millisecond))))
				if i == kills/2 {
					k.Kill()
					row.Inject(1)
					s.Must(k.Start(s.Ctx))
				}
				p.Kill()
				row.Inject(1)
				p = s.Start(harness.Process, conf)
				if i%10 == 9 {
					arrive() // before the queue is full
				}
			}
			arrive()
			p.End(15)
			missing := slices.DeleteFunc(slices.Clone(epochs), func(epoch int64) bool { return !lost(epoch) })
			if len(missing) > 0 {
				t.Errorf("got nothing whole of snapshots %v", missing)
			}
			if want, err := filesOf(os.DirFS(recorded)); c.mode == "snapshots" && (err != nil || f.contents[0] != want) {
				t.Errorf("got files of %d bytes, %v, want those of the spool, %d bytes", len(f.contents[0]), err, len(want))
			}
			for shard, content := range f.contents {
				if content == "" {
					t.Errorf("got nothing in shard %d", shard)
				}
			}
			t.Logf("%d attempts, %d of them cut off", len(f.parts), f.cut())
			row.Result("%d snapshots: %d lost, 0 changed", len(epochs), len(missing))
		})
	}
}
