// Package workers keeps account of HAProxy's counters over reloads. It holds a
// connection to each worker, which keeps the worker alive after a reload until it has
// said its last numbers, and adds to each snapshot what a reader needs for totals: the
// base of each socket, and the replies of the workers that were replaced.
//
// Each worker is asked for its numbers once a second, so that a connection delays the
// end of a worker that has no client left by about a second at most. It is given up
// after any error. What is not heard is counted and reported.
package workers

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"haproxystats/internal/durable"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/pull"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/transitions/pending"
	"haproxystats/internal/truth"
	"haproxystats/internal/truth/store"
)

const (
	// lookEvery is the time between two looks at a worker. HAProxy closes connections
	// that are idle for `stats timeout`, which is 10 s by default.
	lookEvery = time.Second
	// patience bounds each question to a worker, if a round may take as long.
	patience = 2 * time.Second
	// maxReads bounds the old workers of a socket that are asked for their rows in a
	// round. The others keep their last rows; their final words come anyway.
	maxReads = 16
	// maxTries is the number of failures in a row after which a socket's connections are
	// not held for a while.
	maxTries = 3
	// truce is the time for which connections are not held after that.
	truce = 10 * time.Minute
	// again is the interval at which a lasting fault is logged.
	again = 10 * time.Minute
	// keepState is how long the state of a socket that is gone stays on disk.
	keepState = 7 * 24 * time.Hour
	// tidyEvery is the time between two removals of such states.
	tidyEvery = time.Hour
)

// Files is a stage that gives files other names, and takes some from elsewhere.
type Files interface {
	pull.Stage
	// Open opens a file of the snapshot for reading.
	Open(name string) (io.ReadCloser, error)
	// Link gives a file of the snapshot another name in a directory.
	Link(name string, to *durable.Dir, as string) error
	// Add makes a file of the snapshot from a file in a directory.
	Add(name string, from *durable.Dir, file string) error
	// Sync makes the files so far durable.
	Sync() error
}

// Options are those of a [Keeper].
type Options struct {
	Store *store.Store
	// Events, if not nil, gets what happens to the workers and to their rows, and Interval
	// is the time between two rounds.
	Events   *pending.Store
	Interval time.Duration
	// Timeout bounds a round. 0 means no bound.
	Timeout time.Duration
	// Client asks the workers, for the rows that the rounds ask for.
	Client *haproxy.Client
	// Hold reports whether to hold connections to workers.
	Hold bool
	// Master is the path of the socket of HAProxy's master, or empty. With FindMasters,
	// those are used that package pull finds.
	Master      string
	FindMasters bool
	// ServersEvery is the interval at which workers are asked why servers are in
	// maintenance. 0 means never.
	ServersEvery time.Duration
	// Log gets messages for the operator. Nil means none.
	Log *slog.Logger
	// Observe, if not nil, gets the workers that connections are held to after each round
	// and each look.
	Observe func(Held)
}

// Held describes the connections that are held.
type Held struct {
	// Current and Old are the numbers of workers.
	Current, Old int
	// Conns is the number of client connections that are open to old workers.
	Conns int64
	// Oldest is the time since the oldest of the old workers was replaced.
	Oldest time.Duration
}

// Keeper keeps the accounts of all sockets. It is a [pull.Accounts].
type Keeper struct {
	options atomic.Pointer[Options]
	log     *slog.Logger

	mu      sync.Mutex
	sockets map[pull.Socket]*socket
	pending snapshot.Workers // noticed between rounds
	// latest is when the round in hand has to end; zero if there is none, or no bound.
	latest  time.Time
	tidied  time.Time
	masters map[string]*master // by path
}

// New returns a keeper that holds no connection yet.
func New(o Options) *Keeper {
	k := &Keeper{log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), sockets: make(map[pull.Socket]*socket)}
	k.options.Store(&o)
	return k
}

func (k *Keeper) opt() *Options { return k.options.Load() }

// Change changes the options between two rounds, but not the store. Connections stay,
// unless they are no longer to be held.
func (k *Keeper) Change(change func(*Options)) {
	all := k.all()
	for _, s := range all { // a look goes on with the options that it began with
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	o := *k.opt()
	before := o.Events
	change(&o)
	k.options.Store(&o)
	for _, s := range all {
		if !o.Hold {
			s.letGoAll()
			s.show()
		}
		if o.Events == before {
			continue
		}
		s.events = nil
		if o.Events != nil {
			s.events = o.Events.Socket(s.Address)
		}
	}
}

// Run looks at the workers until ctx ends, and closes all connections.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var looks sync.WaitGroup
	defer func() {
		looks.Wait()
		for _, s := range k.all() {
			s.mu.Lock()
			s.closed = true
			s.letGoAll()
			s.mu.Unlock()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		until, ok := k.lookUntil(time.Now())
		if !ok {
			continue
		}
		for _, s := range k.all() {
			if !s.mu.TryLock() { // a round or the look before goes on
				continue
			}
			looks.Go(func() {
				defer s.mu.Unlock()
				s.look(ctx, until)
				s.show()
			})
		}
		k.observe()
	}
}

// patience bounds a question to a worker. A round waits for a look at its sockets, which
// began before it.
func (k *Keeper) patience() time.Duration {
	if k.opt().Timeout > 0 {
		return min(patience, k.opt().Timeout)
	}
	return patience
}

// Begin implements [pull.Accounts].
func (k *Keeper) Begin() (end func()) {
	k.setLatest(time.Now().Add(k.opt().Timeout))
	return func() { k.setLatest(time.Time{}) }
}

func (k *Keeper) setLatest(t time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.opt().Timeout > 0 {
		k.latest = t
	}
}

// lookUntil returns when a look that begins now has to end, so that the round in hand need
// not wait for it; false if too little time is left for a worker that is busy.
func (k *Keeper) lookUntil(now time.Time) (time.Time, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	until := now.Add(k.patience())
	if k.latest.IsZero() || until.Before(k.latest) {
		return until, true
	}
	return k.latest, k.latest.Sub(now) >= k.patience()/2
}

func (k *Keeper) all() []*socket {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []*socket
	for _, s := range k.sockets {
		all = append(all, s)
	}
	return all
}

func (k *Keeper) socket(s pull.Socket) *socket {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := k.sockets[s]
	if found == nil {
		found = &socket{keeper: k, Socket: s, account: k.opt().Store.Socket(s.Address), held: make(map[truth.Instance]*worker)}
		if k.opt().Events != nil {
			found.events = k.opt().Events.Socket(s.Address)
		}
		k.sockets[s] = found
	}
	return found
}

// noticed counts what was noticed between rounds.
func (k *Keeper) noticed(w snapshot.Workers) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pending.Add(w)
}

// Round implements [pull.Accounts].
func (k *Keeper) Round(ctx context.Context, stage pull.Stage, at time.Time, asked []pull.Asked) ([]snapshot.Account, snapshot.Workers) {
	files, ok := stage.(Files)
	if !ok {
		return nil, snapshot.Workers{}
	}
	asked, masters := k.split(asked)
	turns := make([]*turn, len(asked))
	var reading sync.WaitGroup
	for i, a := range asked {
		t := &turn{socket: k.socket(a.Socket), Asked: a, files: files, at: at.Unix()}
		turns[i] = t
		t.socket.mu.Lock()
		defer t.socket.mu.Unlock()
		reading.Go(func() { t.read(ctx) })
	}
	reading.Wait()
	var heard snapshot.Workers
	k.askMasters(ctx, masters, turns, &heard)
	var accounts []snapshot.Account
	counts := heard
	if err := files.Sync(); err != nil {
		k.log.Error("replies can't be made durable, counters of this round are raw", "error", err)
		counts.AccountsFailed += int64(len(turns))
		for _, t := range turns {
			t.abort()
		}
		return nil, counts
	}
	for _, t := range turns {
		t.settle(&counts)
		if t.err == nil {
			accounts = append(accounts, t.account)
		}
		t.happened()
		t.tell()
	}
	k.carryEvents(files)
	var asking sync.WaitGroup
	for _, t := range turns {
		asking.Go(func() { t.askServers(ctx) })
	}
	asking.Wait()
	k.forget(asked, at)
	var holding sync.WaitGroup
	for _, t := range turns {
		holding.Go(func() { t.hold(ctx) })
	}
	holding.Wait()
	for _, t := range turns {
		t.socket.show()
	}
	k.mu.Lock()
	counts.Add(k.pending)
	k.pending = snapshot.Workers{}
	k.mu.Unlock()
	return accounts, counts
}

// forget lets go of sockets that were not asked, and removes the states of those that
// are gone for long.
func (k *Keeper) forget(asked []pull.Asked, at time.Time) {
	k.mu.Lock()
	var gone []*socket
	for address, s := range k.sockets {
		if !slices.ContainsFunc(asked, func(a pull.Asked) bool { return a.Socket == address }) {
			gone = append(gone, s)
			delete(k.sockets, address)
		}
	}
	tidy := at.Sub(k.tidied) >= tidyEvery
	if tidy {
		k.tidied = at
	}
	k.mu.Unlock()
	for _, s := range gone {
		s.mu.Lock()
		s.closed = true
		s.letGoAll()
		s.mu.Unlock()
	}
	if !tidy {
		return
	}
	k.forgetEvents(asked, at)
	if n, err := k.opt().Store.Forget(at.Add(-keepState).Unix()); err != nil {
		k.log.Warn("totals of sockets that are gone can't be removed", "error", err)
	} else if n > 0 {
		k.log.Info("totals of sockets that are gone for long are removed", "count", n)
	}
}

// observe tells which connections are held: those of each socket after its latest round or
// look, because the next one may go on.
func (k *Keeper) observe() {
	if k.opt().Observe == nil {
		return
	}
	var h Held
	now := time.Now()
	for _, s := range k.all() {
		o := s.shown.Load()
		if o == nil {
			continue
		}
		h.Current += o.current
		h.Old += o.old
		h.Conns += o.conns
		if !o.replaced.IsZero() {
			h.Oldest = max(h.Oldest, now.Sub(o.replaced))
		}
	}
	k.opt().Observe(h)
}

// overview describes the connections that a socket holds, for [Held].
type overview struct {
	current, old int
	conns        int64
	replaced     time.Time // when the oldest of the old workers was replaced
}

// show makes the connections that are held visible to [Keeper.observe].
func (s *socket) show() {
	var o overview
	var starts []int64
	if s.current != (truth.Instance{}) {
		starts = append(starts, s.current.Start)
	}
	for i, w := range s.held {
		if i == s.current || w.met {
			o.current++
			continue
		}
		o.old++
		o.conns += w.info.CurrConns
		starts = append(starts, i.Start)
	}
	if slices.Sort(starts); len(starts) > 1 { // the oldest was replaced when the next one began
		o.replaced = time.Unix(starts[1], 0)
	}
	s.shown.Store(&o)
}

// memory is a reply in memory.
type memory []byte

// Open implements [store.Source].
func (m memory) Open() (io.ReadCloser, error) { return io.NopCloser(newReader(m)), nil }

// Link implements [store.Source]: bytes have no links, so they are copied.
func (m memory) Link(*durable.Dir, string) error { return errors.ErrUnsupported }

// staged is a file of the snapshot.
type staged struct {
	files Files
	name  string
}

// Open implements [store.Source].
func (s staged) Open() (io.ReadCloser, error) { return s.files.Open(s.name) }

// Link implements [store.Source].
func (s staged) Link(to *durable.Dir, as string) error { return s.files.Link(s.name, to, as) }

// remove removes a file of the stage, which may not be there.
func remove(files Files, name string) error {
	if err := files.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
