// Package pending keeps on disk what trackers know, and the events that no snapshot has
// carried yet. An event is made once: a program that was killed at any moment makes it
// again with the same id, or finds it on disk.
//
// # Files
//
//	SOCKET.state        what the tracker of a socket knows, of one generation
//	SOCKET.GENERATION   the events that led to this generation, a line each
//
// The events are written before the state. Those of a generation that the state has not
// reached never happened; all others wait for a snapshot, and are removed when one is
// stored.
package pending

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"haproxystats/internal/durable"
	"haproxystats/internal/event"
	"haproxystats/internal/transitions"
	"haproxystats/internal/truth"
	"haproxystats/internal/truth/store"
)

const (
	stateSuffix = ".state"
	newSuffix   = ".new"
	badSuffix   = ".bad"
	// maxWaiting bounds the events of a socket that wait for a snapshot. The oldest ones
	// beyond it are left out, and counted in an event.
	maxWaiting = 5000
	// again is the interval at which a lasting fault is logged.
	again = 10 * time.Minute
)

// Options are those of a [Store].
type Options struct {
	// Dir is the directory. Another program must not use it.
	Dir  string
	Node string
	// Max bounds the events of a socket's rows in a minute.
	Max int
	// Log gets messages for the operator. Nil means none.
	Log *slog.Logger
}

// Store has the trackers of all sockets. It is safe for concurrent use.
type Store struct {
	opt Options
	log *slog.Logger
	dir *durable.Dir
	// step is called between the steps of a change; an error ends the change there, as the
	// end of the program would.
	step func(name string) error
	sync func(*os.File) error

	mu      sync.Mutex
	sockets map[string]*Socket // by prefix
	told    time.Time
}

// Open makes the directory if it is missing.
func Open(o Options) (*Store, error) {
	s := &Store{
		opt: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), sockets: make(map[string]*Socket),
		step: func(string) error { return nil }, sync: (*os.File).Sync,
	}
	var err error
	if s.dir, err = durable.OpenMade(o.Dir); err == nil {
		err = s.open()
	}
	if err != nil {
		return nil, fmt.Errorf("open the store of events: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

// Close releases the directory.
func (s *Store) Close() error {
	if s.dir == nil {
		return nil
	}
	err := s.dir.Close()
	s.dir = nil
	return err
}

// open removes what was being written when an earlier process ended, and reads what
// waits for a snapshot, also of sockets that are gone.
func (s *Store) open() error {
	prefixes := make(map[string]bool)
	var litter []string
	if err := s.dir.List(func(e fs.DirEntry) {
		if strings.HasSuffix(e.Name(), newSuffix) {
			litter = append(litter, e.Name())
			return
		}
		if prefix, rest, ok := strings.Cut(e.Name(), "."); ok {
			if _, err := strconv.ParseUint(rest, 10, 63); err == nil {
				prefixes[prefix] = true
			}
		}
	}); err != nil {
		return err
	}
	for _, name := range litter {
		if err := s.remove(name); err != nil {
			return err
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(prefixes)) {
		k := s.socket(prefix)
		if err := k.load(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) remove(name string) error {
	if err := s.dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *Store) socket(prefix string) *Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.sockets[prefix]
	if k == nil {
		k = &Socket{store: s, prefix: prefix}
		s.sockets[prefix] = k
	}
	return k
}

// Socket returns the tracker of a socket.
func (s *Store) Socket(address string) *Socket {
	k := s.socket(store.Prefix(address))
	k.mu.Lock()
	k.tracker.Address = address
	k.mu.Unlock()
	return k
}

func (s *Store) all() []*Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Socket
	for _, prefix := range slices.Sorted(maps.Keys(s.sockets)) {
		all = append(all, s.sockets[prefix])
	}
	return all
}

// Waiting returns the events that wait for a snapshot, in order of time, within the
// bounds of a file. What is left waits for the next snapshot.
func (s *Store) Waiting() []event.Event {
	var events []event.Event
	size := 0
	for _, k := range s.all() {
		k.mu.Lock()
		k.carried = k.carried[:0]
		for _, b := range k.batches {
			if len(events)+len(b.events) > event.MaxEvents || size+b.size > event.MaxBytes {
				break
			}
			size += b.size
			events = append(events, b.events...)
			k.carried = append(k.carried, b.generation)
		}
		k.mu.Unlock()
	}
	slices.SortStableFunc(events, func(a, b event.Event) int { return cmp.Compare(a.Time, b.Time) })
	return events
}

// Stored forgets the events of the last call of Waiting: a snapshot with them is stored.
func (s *Store) Stored() {
	for _, k := range s.all() {
		k.mu.Lock()
		for _, g := range k.carried {
			k.batches = slices.DeleteFunc(k.batches, func(b batch) bool { return b.generation == g })
			if err := s.remove(k.batchName(g)); err != nil {
				s.complain(k, err) // they are sent again with the same ids
			}
		}
		k.carried = k.carried[:0]
		k.mu.Unlock()
	}
}

// Keep takes the last call of Waiting back.
func (s *Store) Keep() {
	for _, k := range s.all() {
		k.mu.Lock()
		k.carried = k.carried[:0]
		k.mu.Unlock()
	}
}

// complain logs that events can't be stored.
func (s *Store) complain(k *Socket, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.told) < again {
		return
	}
	s.told = time.Now()
	s.log.Warn("events can't be stored, they are sent but may be lost or sent twice if the program is killed", "socket", k.tracker.Address, "error", err)
}

// Forget removes the states of sockets whose files have not been written since that
// time, in seconds since 1970, unless one of inUse has it.
func (s *Store) Forget(before int64, inUse []string) error {
	keep := make(map[string]bool)
	for _, address := range inUse {
		keep[store.Prefix(address)] = true
	}
	var old []string
	if err := s.dir.List(func(e fs.DirEntry) {
		prefix, rest, _ := strings.Cut(e.Name(), ".")
		if keep[prefix] || "."+rest != stateSuffix && "."+rest != stateSuffix+badSuffix {
			return
		}
		if info, err := e.Info(); err == nil && info.ModTime().Unix() < before {
			old = append(old, e.Name())
		}
	}); err != nil {
		return err
	}
	for _, name := range old {
		prefix, _, _ := strings.Cut(name, ".")
		k := s.socket(prefix)
		k.mu.Lock()
		waits := len(k.batches) > 0
		k.mu.Unlock()
		if waits {
			continue
		}
		if err := s.remove(name); err != nil {
			return err
		}
		s.mu.Lock()
		delete(s.sockets, prefix)
		s.mu.Unlock()
	}
	return nil
}

// batch has the events of one generation.
type batch struct {
	generation uint64
	events     []event.Event
	size       int
}

// Socket is the tracker of one socket. It is safe for concurrent use.
type Socket struct {
	store  *Store
	prefix string

	mu         sync.Mutex
	loaded     bool
	tracker    transitions.Tracker
	generation uint64
	batches    []batch
	carried    []uint64
}

func (k *Socket) batchName(generation uint64) string {
	return k.prefix + "." + strconv.FormatUint(generation, 10)
}

// Begin begins the rows of the current worker of a socket whose files have that name.
// It returns what the reader of the rows calls for each of them. [Socket.End] must
// follow.
func (k *Socket) Begin(name string, info *truth.Info, at int64) *truth.Watch {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.load(); err != nil {
		k.store.complain(k, err)
	}
	k.tracker.Socket = name
	k.tracker.Begin(info, at)
	return &truth.Watch{Columns: transitions.Columns, See: k.tracker.See}
}

// Heard takes a time at which the current worker was heard.
func (k *Socket) Heard(at int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tracker.Heard(at)
}

// Abort forgets the rows since Begin.
func (k *Socket) Abort() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tracker.Abort()
}

// End takes the facts of a round and stores the events that follow from them.
func (k *Socket) End(name string, f transitions.Facts) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.load(); err != nil {
		k.store.complain(k, err)
	}
	if name != "" {
		k.tracker.Socket = name
	}
	events := k.tracker.End(f)
	if len(events) == 0 && !k.tracker.Dirty() {
		return
	}
	k.generation++
	b := batch{k.generation, events, 0}
	text := event.Append(nil, events)
	b.size = len(text)
	if len(events) > 0 {
		k.batches = append(k.batches, b)
	}
	err := k.write(b, text)
	if err == nil {
		k.tracker.Clean()
		err = k.limit()
	}
	if err != nil {
		k.store.complain(k, err)
	}
}

// write puts the events of a generation, and then the state, into their places.
func (k *Socket) write(b batch, text []byte) error {
	if len(b.events) > 0 {
		if err := k.put("events", k.batchName(b.generation), text); err != nil {
			return err
		}
	}
	return k.put("state", k.prefix+stateSuffix, k.tracker.Append(nil, b.generation))
}

// put writes a file and makes it durable.
func (k *Socket) put(what, name string, text []byte) error {
	s := k.store
	if err := s.step("write " + what); err != nil {
		return err
	}
	if err := s.remove(name + newSuffix); err != nil {
		return err
	}
	f, err := s.dir.Create(name + newSuffix)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, s.sync(f), f.Close()); err != nil {
		return err
	}
	if err := s.step("rename " + what); err != nil {
		return err
	}
	if err := s.dir.Rename(name+newSuffix, name); err != nil {
		return err
	}
	if err := s.step("sync " + what); err != nil {
		return err
	}
	return s.sync(s.dir.File())
}

// limit leaves out the oldest events beyond the bound.
func (k *Socket) limit() error {
	n := 0
	for _, b := range k.batches {
		n += len(b.events)
	}
	var err error
	for len(k.batches) > 1 && n > maxWaiting {
		oldest := k.batches[0]
		n -= len(oldest.events)
		k.tracker.LeaveOut(len(oldest.events))
		k.batches = k.batches[1:]
		err = errors.Join(err, k.store.remove(k.batchName(oldest.generation)))
	}
	return err
}

// load reads what is on disk, once. What can't be used is moved aside.
func (k *Socket) load() error {
	if k.loaded {
		return nil
	}
	k.loaded = true
	k.tracker.Node, k.tracker.Max = k.store.opt.Node, k.store.opt.Max
	known, err := k.loadState()
	if err != nil {
		return err
	}
	var generations []uint64
	if err := k.store.dir.List(func(e fs.DirEntry) {
		rest, ok := strings.CutPrefix(e.Name(), k.prefix+".")
		if g, err := strconv.ParseUint(rest, 10, 63); ok && err == nil && strconv.FormatUint(g, 10) == rest {
			generations = append(generations, g)
		}
	}); err != nil {
		return err
	}
	slices.Sort(generations)
	for _, g := range generations {
		if known && g > k.generation { // the state did not follow: it never happened
			if err := k.store.remove(k.batchName(g)); err != nil {
				return err
			}
			continue
		}
		events, size, err := k.readBatch(g)
		if err != nil {
			k.store.log.Warn("events that wait for a snapshot can't be read, they are lost", "file", k.batchName(g), "error", err)
			if err := k.store.dir.Rename(k.batchName(g), k.batchName(g)+badSuffix); err != nil {
				return err
			}
			continue
		}
		k.batches = append(k.batches, batch{g, events, size})
		k.generation = max(k.generation, g)
	}
	return nil
}

// loadState reads the state, and reports whether there is one.
func (k *Socket) loadState() (known bool, err error) {
	name := k.prefix + stateSuffix
	text, err := store.ReadAll(k.store.dir, name, transitions.MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		k.generation, err = k.tracker.Parse(text)
	}
	if err == nil {
		return true, nil
	}
	k.store.log.Warn("what is known of states can't be used, states that changed meanwhile make no events", "file", name, "error", err,
		"hint", "Delete the file, which now has the suffix .bad, when it is not needed any more")
	return false, k.store.dir.Rename(name, name+badSuffix)
}

func (k *Socket) readBatch(generation uint64) ([]event.Event, int, error) {
	text, err := store.ReadAll(k.store.dir, k.batchName(generation), event.MaxBytes)
	if err != nil {
		return nil, 0, err
	}
	events, err := event.Read(strings.NewReader(string(text)))
	return events, len(text), err
}
