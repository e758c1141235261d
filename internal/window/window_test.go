package window

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/metric"
)

// options are those of the tests: windows of 10 s, 5 s of grace, 60 s for late nodes.
func options() Options {
	return Options{
		Interval: 10 * time.Second, Grace: 5 * time.Second, Late: time.Minute, NodeExpiry: time.Minute,
		NewAggregator: func() Aggregator { return aggregate.New(aggregate.Options{}) },
	}
}

func one(o Options) func(string) Options { return func(string) Options { return o } }

// frontend returns the table of one frontend with a value.
func frontend(v int64) metric.Rows {
	b := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: "stot"}})
	row := b.Row(metric.Entity{Name: "www"})
	b.Touch(row)
	b.Add(row, 0, v)
	return b.Table()
}

func at(seconds float64) time.Time {
	return time.Unix(0, int64(seconds*1e9))
}

// base is a time at which a window begins.
const base = 1_800_000_000

// tb is what a run needs of a test.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// run is a reader of a log.
type run struct {
	t        tb
	log      *Log
	released map[int]bool
	emitted  []string
	last     map[int64]string // the last emission of each window
}

func newRun(t tb, o Options, mark time.Time) *run {
	return &run{t: t, log: NewLog(one(o), mark), released: make(map[int]bool), last: make(map[int64]string)}
}

// add adds a snapshot of a node with a value, which comes at a log time.
func (r *run) add(id int, node string, epoch int64, v int64, when time.Time) error {
	r.t.Helper()
	return r.log.Add(Contribution{
		Key: Key{Cluster: "eu", Shards: 1}, Node: node, Epoch: epoch,
		Tables: func(add func(metric.Rows)) { add(frontend(v)) },
		Release: func() {
			if r.released[id] {
				r.t.Errorf("contribution %d is released for the second time", id)
			}
			r.released[id] = true
		},
	}, when)
}

func (r *run) advance() {
	r.t.Helper()
	if err := r.log.Advance(r.emit); err != nil {
		r.t.Fatal(err)
	}
}

func (r *run) emit(e Emission) error {
	said := "skipped"
	if e.Batch != nil {
		if e.Batch.Cluster != e.Cluster {
			r.t.Errorf("the batch is of cluster %q, want %q", e.Batch.Cluster, e.Cluster)
		}
		if e.Batch.Shard != e.Shard || e.Batch.Shards != e.Shards {
			r.t.Errorf("the batch is shard %d of %d, want %d of %d", e.Batch.Shard, e.Batch.Shards, e.Shard, e.Shards)
		}
		v, _ := e.Batch.Tables[0].At(e.Batch.Tables[0].Rows()[0], e.Batch.Tables[0].Column("stot"))
		said = fmt.Sprintf("%d: %d", e.Batch.Epoch-base, v.Int)
		r.last[e.Batch.Epoch] = fmt.Sprint(v.Int)
	}
	if e.Again {
		said += " again"
	}
	if len(e.Missing) > 0 {
		said += " without " + strings.Join(e.Missing, " ")
	}
	r.emitted = append(r.emitted, said)
	return nil
}

func (r *run) want(emitted ...string) {
	r.t.Helper()
	if diff := cmp.Diff(emitted, r.emitted); diff != "" {
		r.t.Errorf("emitted (-want +got):\n%s", diff)
	}
	r.emitted = nil
}

// TestComplete: a window is emitted when all nodes are in, at the latest after the
// grace, and again with a late node.
func TestComplete(t *testing.T) {
	o := options()
	o.Expected = []string{"a", "b"}
	r := newRun(t, o, at(base-1))
	r.add(0, "a", base+3, 1, at(base+3.2))
	r.advance()
	r.want()
	r.add(1, "b", base+7, 10, at(base+7.2))
	r.advance()
	r.want("0: 11")

	r.add(2, "a", base+13, 2, at(base+13.2))
	r.log.Tick(at(base + 24.9))
	r.advance()
	r.want()
	r.log.Tick(at(base + 25))
	r.advance()
	r.want("10: 2 without b")
	r.add(3, "b", base+17, 20, at(base+30))
	r.advance()
	r.want() // at most once an interval
	r.log.Tick(at(base + 35))
	r.advance()
	r.want("10: 22 again")

	// The window is closed after Late, and what comes then is dropped.
	r.log.Tick(at(base + 80))
	r.advance()
	r.want()
	if !r.released[2] || !r.released[3] {
		t.Errorf("released: got %v, want 2 and 3 among them", r.released)
	}
	if err := r.add(4, "c", base+11, 5, at(base+80)); !errors.Is(err, ErrLate) || !r.released[4] {
		t.Errorf("got %v, released %t, want ErrLate and true", err, r.released[4])
	}
	r.advance()
	r.want()
}

// TestListedTwice: a node that is in the list of expected nodes twice is one node.
func TestListedTwice(t *testing.T) {
	o := options()
	o.Expected = []string{"b", "a", "b"}
	r := newRun(t, o, at(base-1))
	r.add(0, "a", base, 1, at(base))
	r.advance()
	r.want()
	r.add(1, "b", base, 10, at(base))
	r.advance()
	r.want("0: 11")
}

// TestLastWord: what came shortly before a window closes is emitted, too.
func TestLastWord(t *testing.T) {
	r := newRun(t, options(), at(base-1))
	r.add(0, "a", base, 1, at(base))
	r.log.Tick(at(base + 15))
	r.advance()
	r.add(1, "b", base, 2, at(base+69.9))
	r.log.Tick(at(base + 70))
	r.advance()
	r.want("0: 1", "0: 3 again")
	if n := r.log.Windows(); n != 0 {
		t.Errorf("got %d open windows, want 0", n)
	}
}

// TestRefused: what can't be part of a window is told by its error, counted and
// released.
func TestRefused(t *testing.T) {
	r := newRun(t, options(), at(base-1))
	for i, c := range []struct {
		node     string
		epoch    int64
		interval time.Duration
		want     error
	}{
		{"a", base + 1, 10 * time.Second, nil},
		{"a", base + 1, 0, ErrDuplicate},
		{"a", base + 2, 0, ErrExtraRound},
		{"b", base + 1, 60 * time.Second, ErrInterval},
		{"b", base - 70, 0, ErrLate},
		{"b", base + 121, 0, nil},
		{"b", base + 130, 0, ErrFuture},
	} {
		released := 0
		err := r.log.Add(Contribution{
			Key: Key{Cluster: "eu", Shards: 1}, Node: c.node, Epoch: c.epoch, Interval: c.interval,
			Release: func() { released++ },
		}, at(base+1))
		if !errors.Is(err, c.want) || (released == 1) != (c.want != nil) {
			t.Errorf("%d: got %v, released %d times, want %v", i, err, released, c.want)
		}
	}
	want := Counts{Duplicates: 1, ExtraRounds: 1, OtherInterval: 1, LateDropped: 1, FutureDropped: 1}
	if diff := cmp.Diff(want, r.log.Counts()[Key{Cluster: "eu", Shards: 1}]); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// TestReplay: what an earlier reader of the log has dealt with counts no second time,
// until the log comes to what is new.
func TestReplay(t *testing.T) {
	r := newRun(t, options(), at(base+100))
	for i, c := range []struct {
		epoch int64
		when  float64
		want  error
	}{
		{base + 1, base + 60, ErrDuplicate}, // closed at the mark
		{base + 41, base + 61, nil},
		{base + 2, base + 99.9, ErrDuplicate},
		{base + 3, base + 100, ErrLate}, // beyond the mark
	} {
		if err := r.add(i, fmt.Sprint("n", i), c.epoch, 1, at(c.when)); !errors.Is(err, c.want) {
			t.Errorf("%d: got %v, want %v", i, err, c.want)
		}
	}
	if diff := cmp.Diff(Counts{LateDropped: 1}, r.log.Counts()[Key{Cluster: "eu", Shards: 1}]); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// TestStart: a log whose beginning is not known may begin within a window. Its windows
// are left out unless all expected nodes are in.
func TestStart(t *testing.T) {
	r := newRun(t, options(), time.Time{})
	if err := r.add(0, "a", base+8, 1, at(base+8)); !errors.Is(err, ErrBeforeStart) {
		t.Errorf("got %v, want ErrBeforeStart", err)
	}
	r.add(1, "a", base+18, 1, at(base+18))
	r.log.Tick(at(base + 25))
	r.advance()
	r.want("10: 1")

	o := options()
	o.Expected = []string{"a", "b"}
	r = newRun(t, o, time.Time{})
	r.add(0, "a", base+8, 1, at(base+8))
	r.log.Tick(at(base + 80))
	r.advance()
	r.want("skipped without b")
	r = newRun(t, o, time.Time{})
	r.add(0, "a", base+8, 1, at(base+8))
	r.add(1, "b", base+9, 2, at(base+9))
	r.advance()
	r.want("0: 3")
}

// TestSkip: a window that is not complete is not emitted where the operator says so.
func TestSkip(t *testing.T) {
	o := options()
	o.Expected = []string{"a", "b"}
	o.OnIncomplete = Skip
	r := newRun(t, o, at(base-1))
	r.add(0, "a", base, 1, at(base))
	r.add(1, "a", base+10, 2, at(base+10))
	r.log.Tick(at(base + 40))
	r.add(2, "b", base+10, 20, at(base+41))
	r.advance()
	r.want("10: 22")
	r.log.Tick(at(base + 80))
	r.advance()
	r.want("skipped without b")
	if c := r.log.Counts()[Key{Cluster: "eu", Shards: 1}]; c.Skipped != 1 || c.Windows != 1 {
		t.Errorf("got %+v, want 1 window and 1 skipped", c)
	}
}

// TestLearned: nodes that were heard of are expected until they expire.
func TestLearned(t *testing.T) {
	r := newRun(t, options(), at(base-1))
	for i := range 8 {
		epoch := base + int64(i)*10
		r.add(2*i, "a", epoch, 1, at(float64(epoch)))
		if i < 2 {
			r.add(2*i+1, "b", epoch+1, 10, at(float64(epoch)+1))
		}
		r.advance()
	}
	r.log.Tick(at(base + 85))
	r.advance()
	r.want("0: 11", "10: 11", "20: 1 without b", "30: 1 without b", "40: 1 without b", "50: 1 without b", "60: 1", "70: 1")
}

// TestConflict: two machines of one name alternate, a program that starts again does not.
func TestConflict(t *testing.T) {
	for name, c := range map[string]struct {
		instances string // one each interval; a dot for none
		shard     int
		want      string // what is found, and what ends
	}{
		"one":                         {"xxxxxxxx", 0, ""},
		"a new start":                 {"xxxyyyyy", 0, ""},
		"start and start":             {"xxyyzzww", 0, ""},
		"two machines":                {"xyxyxyxy", 0, "a of x and y"},
		"two machines, once found":    {"xyxyxyxyxyxyxyxyxyxyxyxyx", 0, "a of x and y"},
		"found by the first shard":    {"xyxyxyxy", 1, ""},
		"not found by changes of old": {"xyyyyyyyxxxxxxxyyyyyyyx", 0, ""},
		"one of them gets its name":   {"xyxyxyyyyyyy", 0, "a of x and y, over"},
		"one is stopped for a while":  {"xyxyxyyyyyyyyxyxyxy", 0, "a of x and y, over, a of x and y"},
		"a third takes turns":         {"xyxyxzxzxzxzxzx", 0, "a of x and y"},
		"the node expires":            {"xyxyx.........", 0, "a of x and y, over"},
	} {
		o := options()
		r := newRun(t, o, at(base-1))
		key := Key{Cluster: "eu", Shard: c.shard, Shards: 2}
		var got []string
		present := 0
		for i, instance := range c.instances {
			now := at(float64(base + int64(i)*10))
			if instance == '.' {
				r.log.Tick(now)
			} else {
				r.log.Add(Contribution{Key: key, Node: "a", Epoch: now.Unix(), Instance: string(instance), Release: func() {}}, now)
			}
			for _, found := range r.log.Conflicts(key) {
				got = append(got, fmt.Sprintf("%s of %s and %s", found.Node, found.One, found.Other))
			}
			var sent []int
			r.log.Advance(func(e Emission) error { sent = append(sent, e.Conflicting); return nil })
			for _, change := range r.log.ChangedConflicts() {
				present = len(change.Now)
				if change.Cluster != "eu" {
					t.Errorf("%s: got a conflict of cluster %q, want eu", name, change.Cluster)
				}
				for range change.Ended {
					got = append(got, "over")
				}
			}
			for _, n := range sent {
				if n != present {
					t.Errorf("%s: got a window with %d conflicts, want %d", name, n, present)
				}
			}
		}
		if all := strings.Join(got, ", "); all != c.want {
			t.Errorf("%s: got %q, want %q", name, all, c.want)
		}
		if want := strings.Count(c.want, "of") - strings.Count(c.want, "over"); present != want {
			t.Errorf("%s: got %d conflicts at the end, want %d", name, present, want)
		}
	}
}

// TestSelf: a window tells how complete it is; one shard of several does so for all.
func TestSelf(t *testing.T) {
	o := options()
	o.Expected = []string{"a", "b", "c"}
	for shard, want := range []string{"NodesReporting 2, NodesExpected 3, NodesMissing 1, Duplicates 1, WindowDelay 15.25, ", ""} {
		l := NewLog(one(o), at(base-1))
		for _, node := range []string{"a", "b", "b"} {
			l.Add(Contribution{Key: Key{"eu", shard, 2}, Node: node, Epoch: base, Release: func() {}}, at(base))
		}
		l.Tick(at(base + 15.25))
		got := ""
		l.Advance(func(e Emission) error {
			for _, table := range e.Batch.Tables {
				for i, c := range table.Columns() {
					if v, ok := table.At(table.Rows()[0], i); ok && v.Number() != 0 {
						got += fmt.Sprintf("%s %v, ", c.Name, v.Number())
					}
				}
			}
			return nil
		})
		if got != want {
			t.Errorf("shard %d: got %q, want %q", shard, got, want)
		}
	}
}

// TestSkew: the node whose snapshots arrive unlike those of the others is named.
func TestSkew(t *testing.T) {
	r := newRun(t, options(), at(base-1))
	for i, delay := range []float64{0.5, 0.4, 4.5, 0.6} {
		node := fmt.Sprint("n", i)
		if err := r.add(i, node, base+1, 1, at(base+1+delay)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	r.log.Tick(at(base + 15))
	r.log.Advance(func(e Emission) error {
		got = append(got, fmt.Sprint(e.SkewedNode, e.Skew))
		return nil
	})
	if want := []string{"n23.9s"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestEmitFails: a window whose emission failed is emitted the next time, and neither
// closed nor marked before.
func TestEmitFails(t *testing.T) {
	r := newRun(t, options(), at(base-1))
	r.add(0, "a", base, 1, at(base))
	r.log.Tick(at(base + 100))
	failure := errors.New("no")
	if err := r.log.Advance(func(Emission) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v, want %v", err, failure)
	}
	if r.released[0] || r.log.Mark() != at(base-1) {
		t.Errorf("released %t, mark %v, want false and the old mark", r.released[0], r.log.Mark())
	}
	r.advance()
	r.want("0: 1")
	if !r.released[0] || r.log.Mark() != at(base+100) {
		t.Errorf("released %t, mark %v, want true and the log's time", r.released[0], r.log.Mark())
	}
}

// event is one record of a log.
type event struct {
	at    time.Time
	node  string // empty for a tick
	epoch int64
	value int64
}

// TestCrashes: whoever reads a log again from what was committed, however often, emits
// at last the exact combination of the nodes of each window.
func TestCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := options()
		nodes := rapid.IntRange(1, 4).Draw(t, "nodes")
		var events []event
		want := make(map[int64]int64)
		seen := make(map[string]bool)
		for i := range 12 {
			for n := range nodes {
				if rapid.IntRange(0, 9).Draw(t, "away") == 0 {
					continue
				}
				epoch := base + int64(i)*10 + int64(n)
				late := rapid.SampledFrom([]float64{0.2, 0.2, 0.2, 4, 17, 55}).Draw(t, "late")
				for range rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "times") {
					events = append(events, event{at(float64(epoch) + late), fmt.Sprint("n", n), epoch, 1 << (8 * n)})
					late++
				}
			}
			events = append(events, event{at: at(base + float64(i)*10)})
		}
		events = append(events, event{at: at(base + 500)})
		slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
		for _, e := range events {
			if id := fmt.Sprint(e.node, e.epoch); e.node != "" && !seen[id] {
				seen[id] = true
				want[e.epoch/10*10] += e.value
			}
		}

		got := make(map[int64]string)
		committed, mark := 0, at(base-10)
		for crashes := 0; committed < len(events); crashes++ {
			r := &run{t: t, log: NewLog(one(o), mark), released: make(map[int]bool), last: got}
			end := len(events)
			if crashes < 5 {
				end = rapid.IntRange(committed, len(events)).Draw(t, "crash")
			}
			for i := committed; i < end; i++ {
				e := events[i]
				if e.node == "" {
					r.log.Tick(e.at)
					r.released[i] = true
				} else {
					r.add(i, e.node, e.epoch, e.value, e.at)
				}
				r.advance()
				// A commit now and then.
				if rapid.IntRange(0, 4).Draw(t, "commit") == 0 || i == len(events)-1 {
					next := committed
					for r.released[next] {
						next++
					}
					committed, mark = next, r.log.Mark()
				}
			}
		}
		for epoch, v := range want {
			if got[epoch] != fmt.Sprint(v) {
				t.Errorf("window %d: the last emission is %q, want %d", epoch-base, got[epoch], v)
			}
		}
		if len(got) != len(want) {
			t.Errorf("got %d windows, want %d", len(got), len(want))
		}
	})
}

// TestListedHaveRoom: however many names somebody invents, the nodes of the list have room,
// and so has a cluster whose nodes are listed; invented names are forgotten.
func TestListedHaveRoom(t *testing.T) {
	o := options()
	o.Expected = []string{"a", "b"}
	r := newRun(t, o, at(base-1))
	invent := func(name string, when time.Time) error {
		return r.add(-1-len(r.released), name, when.Unix()-1000, 1, when) // which comes too late for any window
	}
	for i := range maxNodes {
		if err := invent(fmt.Sprint("x", i), at(base)); !errors.Is(err, ErrLate) {
			t.Fatalf("invented node %d: got %v, want %v", i, err, ErrLate)
		}
	}
	if err := invent("y", at(base)); !errors.Is(err, ErrTooManyNodes) {
		t.Errorf("one more: got %v, want %v", err, ErrTooManyNodes)
	}
	for i, node := range o.Expected {
		if err := r.add(i, node, base+1, 1, at(base+1)); err != nil {
			t.Errorf("listed node %s: got %v, want nil", node, err)
		}
	}
	r.log.Tick(at(base + 61))
	r.advance()
	if err := invent("y", at(base+61)); !errors.Is(err, ErrLate) {
		t.Errorf("one more after the others are forgotten: got %v, want %v", err, ErrLate)
	}

	l := NewLog(func(cluster string) Options {
		o := options()
		if cluster == "listed" {
			o.Expected = []string{"a"}
		}
		return o
	}, at(base-1))
	add := func(cluster string) error {
		return l.Add(Contribution{Key: Key{Cluster: cluster, Shards: 1}, Node: "a", Epoch: base - 1000, Release: func() {}}, at(base))
	}
	for i := range maxClusters {
		if err := add(fmt.Sprint("x", i)); !errors.Is(err, ErrLate) {
			t.Fatalf("invented cluster %d: got %v, want %v", i, err, ErrLate)
		}
	}
	if err := add("y"); !errors.Is(err, ErrTooManyClusters) {
		t.Errorf("one more cluster: got %v, want %v", err, ErrTooManyClusters)
	}
	if err := add("listed"); !errors.Is(err, ErrLate) {
		t.Errorf("the listed cluster: got %v, want %v", err, ErrLate)
	}
	l.Tick(at(base + 25*3600))
	if err := l.Advance(func(Emission) error { return nil }); err != nil {
		t.Error(err)
	}
	if err := add("y"); !errors.Is(err, ErrLate) {
		t.Errorf("one more cluster after the others are forgotten: got %v, want %v", err, ErrLate)
	}
}

// TestForgotten: a cluster whose nodes are learned is forgotten a day after it was last
// heard of, and one whose nodes are listed never is.
func TestForgotten(t *testing.T) {
	for _, c := range []struct {
		listed []string
		want   int
	}{{nil, 0}, {[]string{"a"}, 1}} {
		o := options()
		o.Expected = c.listed
		r := newRun(t, o, at(base-1))
		known := func(when time.Time) int {
			r.log.Tick(when)
			r.advance()
			return len(r.log.Counts())
		}
		r.add(0, "a", base+3, 1, at(base+3))
		r.add(1, "b", base-1000, 1, at(base+13)) // too late, and heard of
		const day = 24 * 60 * 60
		if got := known(at(base + 13 + day - 1)); got != 1 {
			t.Errorf("nodes listed %q: got %d clusters within the day, want 1", c.listed, got)
		}
		if got := known(at(base + 13 + day)); got != c.want {
			t.Errorf("nodes listed %q: got %d clusters after the day, want %d", c.listed, got, c.want)
		}
		if !r.released[0] {
			t.Errorf("nodes listed %q: a contribution is not released", c.listed)
		}
	}
}
