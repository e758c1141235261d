package process

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"haproxystats/internal/metric"
	"haproxystats/internal/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a queue in memory, with the delays and tries of a real one.
type source struct {
	files fs.FS
	// commitErr, if set, decides what Commit returns.
	commitErr func(name string) error
	claimErr  func() error
	// lane, if set, decides whose snapshot one is. Else all are one node's.
	lane func(name string) string

	mu        sync.Mutex
	wake      chan struct{}
	waiting   []*claim
	held      map[string]*claim
	most      int // held at once
	committed []string
	corrupt   []string
	postponed map[string]int
	released  map[string]int
	causes    []error
}

type claim struct {
	s     *source
	name  string
	id    string
	due   time.Time
	ended bool
}

func newSource(n int) *source {
	s := &source{
		files: fstest.MapFS{"a_info": {Data: []byte("info")}, "a_stat": {Data: []byte("stat")}},
		wake:  make(chan struct{}), held: map[string]*claim{}, postponed: map[string]int{}, released: map[string]int{},
	}
	for i := range n {
		s.waiting = append(s.waiting, &claim{s: s, name: fmt.Sprint(1500000000 + i)})
	}
	return s
}

func (s *source) Claim(ctx context.Context) (Claim, error) {
	for {
		s.mu.Lock()
		if s.claimErr != nil {
			if err := s.claimErr(); err != nil {
				s.mu.Unlock()
				return nil, err
			}
		}
		now, next := time.Now(), time.Now().Add(time.Hour)
		for i, c := range s.waiting {
			if !c.due.After(now) {
				s.waiting = slices.Delete(s.waiting, i, i+1)
				s.held[c.name] = c
				s.most = max(s.most, len(s.held))
				c.ended = false
				s.mu.Unlock()
				return c, nil
			}
			if c.due.Before(next) {
				next = c.due
			}
		}
		wake := s.wake
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-wake:
		case <-time.After(next.Sub(now)):
		}
	}
}

func (s *source) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// outcome is a copy of what has become of the snapshots.
type outcome struct {
	committed, corrupt  []string
	postponed, released map[string]int
	causes              []error
	waiting, held       int
}

func (s *source) now() outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	return outcome{
		slices.Clone(s.committed), slices.Clone(s.corrupt), maps.Clone(s.postponed), maps.Clone(s.released),
		slices.Clone(s.causes), len(s.waiting), len(s.held),
	}
}

// end ends the claim by f, once.
func (c *claim) end(f func(s *source)) bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.ended {
		return false
	}
	c.ended = true
	delete(c.s.held, c.name)
	f(c.s)
	close(c.s.wake)
	c.s.wake = make(chan struct{})
	return true
}

func (c *claim) back(s *source) {
	s.waiting = append(s.waiting, &claim{s: s, name: c.name, id: c.id, due: time.Now().Add(time.Second)})
}

func (c *claim) Name() string { return c.name }

func (c *claim) Identity() string { return c.name + " " + c.id }

func (c *claim) Lane() string {
	if c.s.lane == nil {
		return ""
	}
	return c.s.lane(c.name)
}

func (c *claim) Snapshot() (snapshot.Snapshot, error) {
	s := snapshot.Snapshot{Files: c.s.files}
	_, err := fmt.Sscan(c.name, &s.Epoch)
	return s, err
}

func (c *claim) Commit() error {
	if c.s.commitErr != nil {
		if err := c.s.commitErr(c.name); err != nil {
			return err
		}
	}
	if !c.end(func(s *source) { s.committed = append(s.committed, c.name) }) {
		return fs.ErrClosed
	}
	return nil
}

func (c *claim) Release(cause error) {
	c.end(func(s *source) {
		s.causes = append(s.causes, cause)
		if s.released[c.name]++; s.released[c.name] == 3 {
			s.corrupt = append(s.corrupt, c.name)
			return
		}
		c.back(s)
	})
}

func (c *claim) Postpone() {
	c.end(func(s *source) {
		s.postponed[c.name]++
		c.back(s)
	})
}

// ownLane makes each snapshot another node's.
func ownLane(name string) string { return name }

// aggregator makes a batch of one point.
type aggregator struct {
	f func(epoch int64, files fs.FS) error
	b *metric.Builder
}

func newAggregator(f func(epoch int64, files fs.FS) error) func() Aggregator {
	return func() Aggregator {
		return &aggregator{f, metric.NewBuilder(metric.Daemon, []metric.Column{{Name: "Epoch"}})}
	}
}

func (a *aggregator) Aggregate(s snapshot.Snapshot) (*metric.Batch, error) {
	epoch, files := s.Epoch, s.Files
	if a.f != nil {
		if err := a.f(epoch, files); err != nil {
			return nil, err
		}
	}
	a.b.Reset()
	row := a.b.Row(metric.Entity{})
	a.b.Touch(row)
	a.b.Add(row, 0, epoch)
	return &metric.Batch{Epoch: epoch, Tables: []*metric.Table{a.b.Table()}}, nil
}

// recorder is a sink that records what it has accepted.
type recorder struct {
	name string
	// f, if set, decides.
	f func(ctx context.Context, epoch int64) error

	mu    sync.Mutex
	calls map[int64]int
	got   map[int64]int
}

func newRecorder(name string, f func(ctx context.Context, epoch int64) error) *recorder {
	return &recorder{name: name, f: f, calls: map[int64]int{}, got: map[int64]int{}}
}

func (r *recorder) Name() string { return r.name }

func (r *recorder) Deliver(ctx context.Context, b *metric.Batch) error {
	r.mu.Lock()
	r.calls[b.Epoch]++
	r.mu.Unlock()
	if r.f != nil {
		if err := r.f(ctx, b.Epoch); err != nil {
			return err
		}
	}
	for _, t := range b.Tables {
		for _, row := range t.Rows() {
			if v, ok := t.At(row, 0); !ok || v.Int != b.Epoch {
				return fmt.Errorf("a batch of %d holds %v", b.Epoch, v)
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got[b.Epoch]++
	return nil
}

// total returns how often the sink was called.
func (r *recorder) total() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, calls := range r.calls {
		n += calls
	}
	return n
}

// once fails the test unless the sink has accepted n snapshots, each once.
func (r *recorder) once(t *testing.T, n int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for epoch, times := range r.got {
		if times != 1 {
			t.Errorf("%s accepted %d %d times", r.name, epoch, times)
		}
	}
	if len(r.got) != n {
		t.Errorf("%s accepted %d snapshots, want %d: %v", r.name, len(r.got), n, slices.Sorted(maps.Keys(r.got)))
	}
}

// journal is a log to look into.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) count(s string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.buf.String(), s)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// run runs a processor in a bubble until stop is called, which returns what Run
// returned.
func run(t *testing.T, o Options) (log *journal, stop func() error) {
	t.Helper()
	log = new(journal)
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	if o.NewAggregator == nil {
		o.NewAggregator = newAggregator(nil)
	}
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan error, 1)
	go func() { got <- New(o).Run(ctx) }()
	return log, func() error {
		cancel()
		return <-got
	}
}

func stopped(t *testing.T, stop func() error) {
	t.Helper()
	if err := stop(); err != nil {
		t.Errorf("run: %v", err)
	}
}

// pass lets time pass in a bubble, and all that is due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
