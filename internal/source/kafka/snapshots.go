package kafka

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/process"
	"haproxystats/internal/snapshot"
)

const (
	// maxTries is the number of times that a snapshot may fail before it is put aside.
	maxTries = 3
	// maxReady is the number of complete snapshots that wait for a worker before no more
	// is read.
	maxReady = 64
	// recentEpochs is the number of snapshots of a node that are remembered, so that one
	// that is sent again counts once.
	recentEpochs = 8
	// maxRecent bounds the nodes whose snapshots are remembered.
	maxRecent = 50_000
)

// Snapshots is the consumer of the topic with raw snapshots, and a [process.Source].
type Snapshots struct {
	group *group

	mu     sync.Mutex
	ready  []*claim             // complete and not claimed, in the order in which they came
	bytes  int64                // of these
	came   chan struct{}        // has an element if ready has one
	left   chan struct{}        // closed and replaced when ready has become shorter
	recent map[string]*arrivals // by cluster and node
	gaveUp int64
}

var _ process.Source = (*Snapshots)(nil)

// NewSnapshots returns a consumer, which does nothing until [Snapshots.Run].
func NewSnapshots(o Options) *Snapshots {
	s := &Snapshots{came: make(chan struct{}, 1), left: make(chan struct{}), recent: make(map[string]*arrivals)}
	s.group = newGroup(o, s.newReader)
	return s
}

// Run assembles snapshots until ctx ends, and then ends within 4 seconds. It returns an
// error if this program must not go on.
func (s *Snapshots) Run(ctx context.Context) error { return s.group.run(ctx) }

// Status returns the state of the consumer.
func (s *Snapshots) Status() Status { return s.group.status(time.Now()) }

// Claim implements [process.Source].
func (s *Snapshots) Claim(ctx context.Context) (process.Claim, error) {
	for {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if c := s.takeReady(); c != nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.came:
		}
	}
}

func (s *Snapshots) takeReady() *claim {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) == 0 {
		return nil
	}
	c := s.ready[0]
	s.ready = s.ready[1:]
	s.bytes -= c.a.chunks.size()
	if len(s.ready) > 0 {
		s.wake()
	}
	close(s.left)
	s.left = make(chan struct{})
	return c
}

func (s *Snapshots) wake() {
	select {
	case s.came <- struct{}{}:
	default:
	}
}

// Waiting returns the number of complete snapshots that no worker has claimed.
func (s *Snapshots) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ready)
}

// Oldest returns the age of the oldest complete snapshot that waits.
func (s *Snapshots) Oldest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest time.Duration
	now := time.Now()
	for _, c := range s.ready {
		oldest = max(oldest, snapshot.Age(c.a.Epoch, now))
	}
	return oldest
}

// Corrupt returns the number of snapshots that were given up after they failed.
func (s *Snapshots) Corrupt() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gaveUp
}

// room waits until another complete snapshot may wait. It reports false if ctx or stopping
// ends before.
func (s *Snapshots) room(ctx context.Context, stopping <-chan struct{}) bool {
	for {
		s.mu.Lock()
		full := len(s.ready) >= maxReady || len(s.ready) > 0 && s.bytes >= s.group.o.Store.o.MaxBytes/2
		left := s.left
		s.mu.Unlock()
		if !full {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-stopping:
			return false
		case <-left:
		}
	}
}

// push offers a complete snapshot to the workers.
func (s *Snapshots) push(c *claim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushLocked(c, len(s.ready))
}

func (s *Snapshots) pushLocked(c *claim, at int) {
	s.ready = slices.Insert(s.ready, at, c)
	s.bytes += c.a.chunks.size()
	s.wake()
}

// isRecent reports whether a snapshot of the node with the epoch has come whole, and
// remembers it otherwise.
func (s *Snapshots) isRecent(e wire.Envelope) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	node := string(e.Key())
	a := s.recent[node]
	if a == nil {
		if len(s.recent) >= maxRecent {
			clear(s.recent)
		}
		a = new(arrivals)
		s.recent[node] = a
	}
	return a.add(e)
}

// arrivals are the snapshots of a node that have come whole, the last ones.
type arrivals struct {
	all []arrival
	// other is the machine whose snapshot came second and whose turn has not come;
	// empty for none.
	other string
	// last is the machine that the tables of the last snapshot name.
	last string
}

// arrival is a snapshot that has come whole.
type arrival struct {
	epoch    int64
	instance string // of the machine that has sent it
	named    string // the machine that its tables name
}

// add adds a snapshot, and reports whether one of its epoch is there.
//
// Windows find two machines of one name by the tables, which name the one or the other in
// turn. Where the one always comes first, nothing is made of what the other sends: then
// the next tables name it, as if the two took turns.
func (a *arrivals) add(e wire.Envelope) (known bool) {
	for _, there := range a.all {
		if there.epoch == e.Epoch {
			if e.Instance != "" && there.instance != "" && e.Instance != there.instance {
				a.other = e.Instance
			}
			return true
		}
	}
	next := arrival{e.Epoch, e.Instance, e.Instance}
	if a.other != "" && a.other != a.last && e.Instance != "" {
		next.named = a.other
	}
	a.other, a.last = "", next.named
	if len(a.all) >= recentEpochs {
		a.all = a.all[1:]
	}
	a.all = append(slices.Clone(a.all), next)
	return false
}

// Instance returns the machine that the tables of a node's snapshot name: the one that has
// sent it, unless another one has sent snapshots of the same times; empty if it is not
// known.
func (s *Snapshots) Instance(cluster, node string, epoch int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.recent[string(wire.Envelope{Kind: wire.Snapshot, Cluster: cluster, Node: node}.Key())]
	if a == nil {
		return ""
	}
	for _, there := range a.all {
		if there.epoch == epoch {
			return there.named
		}
	}
	return ""
}

// forget forgets that a snapshot has come, because nothing was made of it.
func (s *Snapshots) forget(e wire.Envelope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.recent[string(e.Key())]; a != nil {
		a.all = slices.DeleteFunc(slices.Clone(a.all), func(there arrival) bool { return there.epoch == e.Epoch })
	}
}

// snapshotsReader assembles the snapshots of one partition.
type snapshotsReader struct {
	source   *Snapshots
	p        *partition
	ledger   *ledger
	assembly *assembly

	mu      sync.Mutex
	stopped bool
	hand    map[*attempt]bool // that wait, or that a worker has
}

func (s *Snapshots) newReader(p *partition, l *ledger, _ time.Time) reader {
	r := &snapshotsReader{source: s, p: p, ledger: l, assembly: newAssembly(s.group.o.Store, wire.NewExpander(), maxSnapshot), hand: make(map[*attempt]bool)}
	r.assembly.done = l.done
	r.assembly.bad = func(a *attempt, err error) { s.group.aside(p, l, a, err) }
	r.assembly.incomplete = func(a *attempt, why error) { s.group.incomplete(p, a, why) }
	return r
}

// add implements [reader].
func (r *snapshotsReader) add(ctx context.Context, record *kgo.Record) {
	g := r.source.group
	e, ok := g.envelope(ctx, r.p, r.ledger, record, wire.Snapshot)
	switch {
	case !ok:
		r.tick(record.Timestamp)
		return
	case e.Kind == wire.Tick:
		r.tick(record.Timestamp)
		r.ledger.done(record.Offset)
		return
	}
	a := r.assembly.add(e, record.Value, record.Offset, record.Timestamp)
	if a == nil {
		return
	}
	if r.source.isRecent(a.Envelope) {
		g.count(Counts{Duplicates: 1})
		r.ledger.done(a.offsets...)
		a.chunks.free()
		return
	}
	room := r.source.room(ctx, r.p.stopped)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped || !room {
		r.source.forget(a.Envelope)
		a.chunks.free()
		return
	}
	r.hand[a] = true
	r.source.push(&claim{reader: r, a: a})
}

// tick implements [reader].
func (r *snapshotsReader) tick(at time.Time) { r.assembly.tick(at) }

// advance implements [reader].
func (r *snapshotsReader) advance(ctx context.Context) error { return ctx.Err() }

// mark implements [reader]: a snapshot needs nothing but its records.
func (r *snapshotsReader) mark() time.Time { return time.Time{} }

// stop implements [reader]: the next owner of the partition reads what waits, and what
// workers have, which may come to nothing. The next owner may be this program.
func (r *snapshotsReader) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	r.stopped = true
	s := r.source
	s.mu.Lock()
	var dropped []*claim
	s.ready = slices.DeleteFunc(slices.Clone(s.ready), func(c *claim) bool {
		if c.reader != r {
			return false
		}
		dropped = append(dropped, c)
		s.bytes -= c.a.chunks.size()
		return true
	})
	close(s.left)
	s.left = make(chan struct{})
	s.mu.Unlock()
	for a := range r.hand {
		s.forget(a.Envelope)
	}
	for _, c := range dropped {
		c.a.chunks.free()
	}
}

// let lets go of an attempt of which a worker has made something, or nothing. It reports
// whether the partition had another reader before.
func (r *snapshotsReader) let(a *attempt) (stopped bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.hand, a)
	return r.stopped
}

// close implements [reader].
func (r *snapshotsReader) close() {
	r.stop()
	r.assembly.close()
}

// claim is a complete snapshot in hand of a worker.
type claim struct {
	reader *snapshotsReader
	a      *attempt

	tries int // that have failed

	mu       sync.Mutex // held while a record is read
	ended    bool
	expander *wire.Expander // nil before the first record is read
	buffer   []byte
}

// Name implements [process.Claim].
func (c *claim) Name() string {
	return fmt.Sprintf("%s/%s/%d", c.a.Cluster, c.a.Node, c.a.Epoch)
}

// Identity implements [process.Claim].
func (c *claim) Identity() string { return c.a.Attempt.String() }

// Lane implements [process.Claim].
func (c *claim) Lane() string { return string(c.a.Key()) }

// Snapshot implements [process.Claim]. The files are read from the records as long as the
// claim has not ended.
func (c *claim) Snapshot() (snapshot.Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return snapshot.Snapshot{}, fs.ErrClosed
	}
	return c.a.raw(c.read)
}

// read implements [snapshot.ReadRecord].
func (c *claim) read(sequence int, use func(snapshot.Record) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return fs.ErrClosed
	}
	if c.expander == nil {
		c.expander = wire.NewExpander()
	}
	value, err := c.a.chunks.value(sequence, &c.buffer)
	if err != nil {
		return err
	}
	r, err := parseChunk(value, c.expander)
	if err != nil {
		return err
	}
	return use(r)
}

// end ends the claim. It reports false if it had ended.
func (c *claim) end() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	c.ended = true
	if c.expander != nil {
		c.expander.Close()
	}
	c.expander, c.buffer = nil, nil
	return true
}

// Commit implements [process.Claim].
func (c *claim) Commit() error {
	if !c.end() {
		return fs.ErrClosed
	}
	if c.reader.let(c.a) {
		c.reader.source.isRecent(c.a.Envelope) // it is remembered for the next reader
	}
	c.reader.ledger.done(c.a.offsets...)
	c.a.chunks.free()
	return nil
}

// Release implements [process.Claim].
func (c *claim) Release(cause error) {
	if !c.end() {
		return
	}
	r := c.reader
	newer := errors.Is(cause, snapshot.ErrNewer)
	if tries := c.tries + 1; tries < maxTries && !newer {
		r.source.group.failed(r.p, c, tries, cause)
		c.back(tries)
		return
	}
	s := r.source
	s.mu.Lock()
	s.gaveUp++
	s.mu.Unlock()
	if !r.let(c.a) {
		s.forget(c.a.Envelope)
	}
	s.group.aside(r.p, r.ledger, c.a, fmt.Errorf("given up after %d tries: %w", c.tries+1, cause))
}

// Postpone implements [process.Claim].
func (c *claim) Postpone() {
	if c.end() {
		c.back(c.tries)
	}
}

// back offers the snapshot again, before those that came later, unless its partition has
// another owner. A new claim takes the place of this one, which has ended.
func (c *claim) back(tries int) {
	r := c.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped { // which has forgotten it
		delete(r.hand, c.a)
		c.a.chunks.free()
		return
	}
	s := r.source
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.ready, func(other *claim) bool {
		return other.Lane() == c.Lane() && other.a.Epoch > c.a.Epoch
	})
	if at < 0 {
		at = len(s.ready)
	}
	s.pushLocked(&claim{reader: r, a: c.a, tries: tries}, at)
}
