package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/encode/tables"
	"haproxystats/internal/journal"
	"haproxystats/internal/metric"
	"haproxystats/internal/window"
)

// taker is a sink that remembers the sum of each window, and refuses as often as it is
// told.
type taker struct {
	mu     sync.Mutex
	refuse int
	got    []string
}

func (s *taker) Name() string { return "taker" }

func (s *taker) Deliver(_ context.Context, b *metric.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse > 0 {
		s.refuse--
		return errors.New("the disk is full")
	}
	said := fmt.Sprint(b.Cluster, " ", b.Epoch)
	for _, t := range b.Tables {
		if c := t.Column("stot"); c >= 0 {
			v, _ := t.At(t.Rows()[0], c)
			said += fmt.Sprint(" stot ", v.Int)
		}
		if c := t.Column("NodesReporting"); c >= 0 {
			v, _ := t.At(t.Rows()[0], c)
			said += fmt.Sprint(" nodes ", v.Int)
		}
	}
	s.got = append(s.got, said)
	return nil
}

func (s *taker) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

// batch returns the batch of a node's snapshot, which is taken now.
func batch(node string, v int64) *metric.Batch {
	b := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: "stot", Combine: metric.Sum}})
	row := b.Row(metric.Entity{Name: "www"})
	b.Touch(row)
	b.Add(row, 0, v)
	return &metric.Batch{Node: node, Cluster: "eu", Epoch: time.Now().Unix(), Interval: 10 * time.Second, Tables: []*metric.Table{b.Table()}}
}

type local struct {
	*Local
	journal *journal.Journal
	stop    func()
}

// start starts a stage on the journal in dir.
func start(t *testing.T, dir string, log *slog.Logger, sinks ...Sink) local {
	t.Helper()
	j, records, err := journal.Open(journal.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	l := NewLocal(LocalOptions{Journal: j, Records: records, Options: Options{
		Sinks: sinks, Log: log,
		Windows: func(string) window.Options {
			return window.Options{
				Interval: 10 * time.Second, Grace: 5 * time.Second, Late: time.Minute, NodeExpiry: time.Minute,
				NewAggregator: func() window.Aggregator { return aggregate.New(aggregate.Options{}) },
			}
		},
	}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	return local{l, j, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: got %v, want nil", err)
		}
		j.Close()
	}}
}

func (l local) deliver(t *testing.T, b *metric.Batch) {
	t.Helper()
	if err := l.Deliver(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// until sleeps until a window begins, and then some.
func until(rest time.Duration) {
	time.Sleep(time.Until(time.Now().Truncate(10 * time.Second).Add(10*time.Second + rest)))
}

// TestLocal: a program that starts again makes the same windows of what it has kept, and
// forgets what is closed.
func TestLocal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	synctest.Test(t, func(t *testing.T) {
		var s taker
		time.Sleep(3 * time.Second)
		l := start(t, dir, nil, &s)
		l.deliver(t, batch("a", 1)) // of a window that began before the journal
		until(time.Second)
		l.deliver(t, batch("a", 1))
		l.deliver(t, batch("b", 10))
		l.deliver(t, &metric.Batch{Node: "c", Epoch: 5}) // of no cluster
		epoch := time.Now().Unix() - 1
		until(6 * time.Second)
		l.stop()
		if got, want := s.take(), []string{fmt.Sprintf("eu %d stot 11 nodes 2", epoch)}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}

		l = start(t, dir, nil, &s)
		late := batch("c", 100)
		late.Epoch = epoch + 2
		l.deliver(t, late)
		time.Sleep(15 * time.Second)
		got := s.take()
		if want := fmt.Sprintf("eu %d stot 111 nodes 3", epoch); len(got) == 0 || got[len(got)-1] != want {
			t.Errorf("after a start: got %q, want %q at last", got, want)
		}
		if status := l.Status(); status.Open != 1 || status.Clusters["eu"].Epoch != epoch || status.Clusters["eu"].Reporting != 3 {
			t.Errorf("got %+v, want one open window with 3 nodes", status)
		}
		time.Sleep(time.Minute)
		if n := l.journal.Bytes(); n != 0 {
			t.Errorf("the journal has %d bytes, want 0", n)
		}
		l.stop()
	})
}

// TestSinkRefuses: a window waits until every sink has accepted it, which is told once.
func TestSinkRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		bad, good := taker{refuse: 3}, taker{}
		l := start(t, dir, slog.New(slog.NewTextHandler(&out, nil)), &bad, &good)
		until(0)
		l.deliver(t, batch("a", 1))
		epoch := time.Now().Unix()
		time.Sleep(20 * time.Second)
		want := []string{fmt.Sprintf("eu %d stot 1 nodes 1", epoch)}
		if got := bad.take(); !slices.Equal(got, want) {
			t.Errorf("the sink that refused: got %q, want %q", got, want)
		}
		if got := good.take(); !slices.Equal(got, want) {
			t.Errorf("the other sink: got %q, want %q", got, want)
		}
		l.stop()
		for _, says := range []string{"sink accepts no windows", "sink accepts windows again"} {
			if n := strings.Count(out.String(), says); n != 1 {
				t.Errorf("%q: got it %d times, want once:\n%s", says, n, out.String())
			}
		}
	})
}

// TestDamagedRecord: a record that can't be used is told and left out, and others go on.
func TestDamagedRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var s taker
		l := start(t, dir, nil, &s)
		until(0)
		l.deliver(t, batch("a", 1))
		l.deliver(t, batch("b", 10))
		epoch := time.Now().Unix()
		l.stop()
		names, _ := filepath.Glob(filepath.Join(dir, "*.record"))
		if len(names) != 2 {
			t.Fatalf("got %q, want two records", names)
		}
		if err := os.WriteFile(names[0], []byte("nothing that"), 0o640); err != nil {
			t.Fatal(err)
		}
		l = start(t, dir, slog.New(slog.NewTextHandler(&out, nil)), &s)
		time.Sleep(20 * time.Second)
		l.stop()
		if got, want := s.take(), []string{fmt.Sprintf("eu %d stot 10 nodes 1", epoch)}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if !strings.Contains(out.String(), "record of the journal can't be used") || !strings.Contains(out.String(), filepath.Base(names[0])) {
			t.Errorf("the log does not name the record:\n%s", out.String())
		}
	})
}

// TestTold: the log names a node whose snapshot is left out, once for a burst, and the
// nodes that are missing when that changes.
func TestTold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var s taker
		l := start(t, dir, slog.New(slog.NewTextHandler(&out, nil)), &s)
		for i := range 4 {
			until(0)
			l.deliver(t, batch("a", 1))
			if i != 2 {
				l.deliver(t, batch("b", 1))
			}
			other := batch("slow", 1)
			other.Interval = time.Minute
			l.deliver(t, other)
		}
		time.Sleep(20 * time.Second)
		l.stop()
		for says, want := range map[string]int{
			"snapshot of a node is left out of its cluster\" cluster=eu node=slow":         1,
			"nodes of the cluster are missing\" cluster=eu missing=1 expected=2 nodes=b\n": 1,
			"all nodes of the cluster report":                                              1,
		} {
			if n := strings.Count(out.String(), says); n != want {
				t.Errorf("%q: got it %d times, want %d:\n%s", says, n, want, out.String())
			}
		}
	})
}

// TestStatusPlus: the shards of a cluster may be in several logs; the one with the newest
// window tells of its nodes.
func TestStatusPlus(t *testing.T) {
	a := Status{Open: 1, Clusters: map[string]Cluster{
		"eu": {Epoch: 20, Reporting: 2, Expected: 3, Missing: []string{"c"}, Counts: window.Counts{Windows: 1}},
		"us": {Epoch: 10},
	}}
	b := Status{Open: 2, Clusters: map[string]Cluster{"eu": {Epoch: 10, Reporting: 1, Counts: window.Counts{Windows: 2}}}}
	want := Status{Open: 3, Clusters: map[string]Cluster{
		"eu": {Epoch: 20, Reporting: 2, Expected: 3, Missing: []string{"c"}, Counts: window.Counts{Windows: 3}},
		"us": {Epoch: 10},
	}}
	for _, got := range []Status{a.Plus(b), b.Plus(a)} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("got (-want +got):\n%s", diff)
		}
	}
}

// TestForgotten: a cluster that was not heard of for a day is no part of the status, which
// is told once, and comes back as a new one.
func TestForgotten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var s taker
		l := start(t, dir, slog.New(slog.NewTextHandler(&out, nil)), &s)
		until(0)
		l.deliver(t, batch("a", 1))
		time.Sleep(23 * time.Hour)
		if _, ok := l.Status().Clusters["eu"]; !ok {
			t.Error("within the day: got no status of the cluster, want one")
		}
		time.Sleep(time.Hour + 2*time.Second)
		if got := l.Status().Clusters; len(got) != 0 {
			t.Errorf("after the day: got %+v, want no cluster", got)
		}
		if n := strings.Count(out.String(), "is forgotten"); n != 1 {
			t.Errorf("got %d messages, want one:\n%s", n, out.String())
		}
		s.take()
		until(0)
		l.deliver(t, batch("a", 2))
		epoch := time.Now().Unix()
		time.Sleep(20 * time.Second)
		if got, want := s.take(), []string{fmt.Sprintf("eu %d stot 2 nodes 1", epoch)}; !slices.Equal(got, want) {
			t.Errorf("when it is back: got %q, want %q", got, want)
		}
		l.stop()
	})
}

// TestTwoOfOneName: two machines of one name take turns, and the log names both once.
func TestTwoOfOneName(t *testing.T) {
	var out bytes.Buffer
	stage := New(Options{
		Windows: func(string) window.Options {
			return window.Options{
				Interval: 10 * time.Second, Grace: 5 * time.Second, Late: time.Minute, NodeExpiry: time.Minute,
				NewAggregator: func() window.Aggregator { return aggregate.New(aggregate.Options{}) },
			}
		},
		Log: slog.New(slog.NewTextHandler(&out, nil)),
	})
	defer stage.Close()
	encoder := tables.NewEncoder()
	// Two machines, until one of them gets a name of its own.
	for i := range 20 {
		b := batch("a", 1)
		b.Epoch = 1_700_000_000 + int64(i)*10
		instance := []string{"1 lb1", "2 lb2"}[i%2]
		if i > 10 {
			instance = "2 lb2"
		}
		frame, err := encoder.Encode(nil, tables.Head{
			Node: "a", Cluster: "eu", Epoch: b.Epoch, Interval: 10 * time.Second, Shards: 1, Instance: instance,
		}, b)
		if err != nil {
			t.Fatal(err)
		}
		if err := stage.Add(frame, time.Unix(b.Epoch, 0), func() {}); err != nil {
			t.Fatal(err)
		}
		if err := stage.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
		var want []window.Conflict
		if i >= 3 && i < 17 { // three changes in a row, and six intervals without one
			want = []window.Conflict{{Node: "a", One: "1 lb1", Other: "2 lb2"}}
		}
		if got := stage.Status().Clusters["eu"].Conflicting; !slices.Equal(got, want) {
			t.Errorf("round %d: got the conflicts %v, want %v", i, got, want)
		}
	}
	said := out.String()
	if n := strings.Count(said, "one machine alone uses the name of the node again"); n != 1 {
		t.Errorf("got %d messages that it is over, want 1:\n%s", n, said)
	}
	if n := strings.Count(said, "two machines use the name of a node"); n != 1 || !strings.Contains(said, `"1 lb1"`) || !strings.Contains(said, `"2 lb2"`) {
		t.Errorf("got %d messages, want one with both machines:\n%s", n, said)
	}
}

// TestOrigin: tables that are not those that their envelope names are damaged, and have no
// part in a window.
func TestOrigin(t *testing.T) {
	sink := &taker{}
	stage := New(Options{
		Windows: func(string) window.Options {
			return window.Options{
				Interval: 10 * time.Second, Grace: 5 * time.Second, Late: time.Minute, NodeExpiry: time.Minute,
				NewAggregator: func() window.Aggregator { return aggregate.New(aggregate.Options{}) },
			}
		},
		Sinks: []Sink{sink}, Mark: time.Unix(1_700_000_000-1, 0),
	})
	defer stage.Close()
	b := batch("a", 1)
	b.Epoch = 1_700_000_000
	frame, err := tables.NewEncoder().Encode(nil, tables.Head{Node: "a", Cluster: "eu", Epoch: b.Epoch, Interval: 10 * time.Second, Shards: 2}, b)
	if err != nil {
		t.Fatal(err)
	}
	good := Origin{Cluster: "eu", Node: "a", Epoch: b.Epoch, Shards: 2}
	now := time.Unix(b.Epoch, 0)
	for name, change := range map[string]func(*Origin){
		"another cluster": func(o *Origin) { o.Cluster = "us" },
		"another node":    func(o *Origin) { o.Node = "b" },
		"another epoch":   func(o *Origin) { o.Epoch++ },
		"another shard":   func(o *Origin) { o.Shard = 1 },
		"more shards":     func(o *Origin) { o.Shards = 3 },
	} {
		from := good
		change(&from)
		if err := stage.AddFrom(from, frame, now, func() { t.Errorf("%s: the tables are released", name) }); !errors.Is(err, tables.ErrDamaged) {
			t.Errorf("%s: got %v, want %v", name, err, tables.ErrDamaged)
		}
	}
	if got := stage.windows.Windows(); got != 0 {
		t.Errorf("got %d windows of tables that are refused, want none", got)
	}
	if err := stage.AddFrom(good, frame, now, func() {}); err != nil {
		t.Error(err)
	}
	stage.Tick(now.Add(time.Minute))
	if err := stage.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := sink.take(), []string{"eu 1700000000 stot 1 nodes 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestInventedNames: names that somebody invents do not flood the log.
func TestInventedNames(t *testing.T) {
	var out bytes.Buffer
	stage := New(Options{
		Windows: func(string) window.Options {
			return window.Options{
				Interval: 10 * time.Second, Grace: 5 * time.Second, Late: time.Minute, NodeExpiry: time.Minute,
				NewAggregator: func() window.Aggregator { return aggregate.New(aggregate.Options{}) },
			}
		},
		Log: slog.New(slog.NewTextHandler(&out, nil)),
	})
	defer stage.Close()
	encoder := tables.NewEncoder()
	for minute := range 2 {
		now := time.Unix(1_700_000_000+60*int64(minute), 0)
		for i := range 10 * maxMessages {
			node := fmt.Sprint("x", minute, " ", i)
			b := batch(node, 1)
			b.Epoch = now.Unix() - 1000
			frame, err := encoder.Encode(nil, tables.Head{Node: node, Cluster: "eu", Epoch: b.Epoch, Interval: 10 * time.Second, Shards: 1}, b)
			if err != nil {
				t.Fatal(err)
			}
			if err := stage.Add(frame, now, func() {}); err != nil {
				t.Fatal(err)
			}
		}
		if n, want := strings.Count(out.String(), "snapshot of a node is left out"), (minute+1)*maxMessages; n != want {
			t.Errorf("minute %d: got %d messages, want %d", minute, n, want)
		}
	}
}
