// Package store keeps the accounts of package truth on disk: for each socket its base,
// and the latest words of each instance that lives. A snapshot carries both, so that
// its reader needs nothing else.
//
// # Files
//
//	bases/SOCKET.GENERATION        a base; one is written when it changes
//	last/SOCKET.PID-START_info     the latest replies of an instance, as links to the
//	last/SOCKET.PID-START_stat     files of a snapshot
//	last/SOCKET.PID-START_kept     the last reply with rows of servers and listeners, while
//	                               the instance is not asked for them and the base has them
//
// Of a round whose base changes, the replies are first linked with the new generation
// behind their names, then the base is renamed into its place, and then the replies.
// So a base and the replies that go with it change at once: after a crash, replies of
// the present generation are renamed, and others removed.
package store

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
)

// Options are those of a [Store].
type Options struct {
	// Dir is the directory of the store. It must be on the file system of the replies.
	Dir string
	// Node is the name of the node, or empty while it has none, as early in a boot. A base
	// of another node is not used.
	Node string
	// Limits bound the rows of bases; the zero value means [truth.DefaultLimits].
	Limits truth.Limits
	// Log gets messages for the operator. Nil means none.
	Log *slog.Logger
}

// Store has the accounts of all sockets. It is safe for concurrent use.
type Store struct {
	opt         Options
	log         *slog.Logger
	bases, last *durable.Dir
	lock        *durable.Lock
	// step is called between the steps of a change; an error ends the change there, as
	// the end of the program would.
	step func(name string) error
	sync func(*os.File) error

	mu      sync.Mutex
	sockets map[string]*Socket // by prefix
}

// Open makes the directories where they are missing and becomes the only user of the
// store.
func Open(o Options) (*Store, error) {
	if o.Limits == (truth.Limits{}) {
		o.Limits = truth.DefaultLimits
	}
	s := &Store{
		opt: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)),
		step:    func(string) error { return nil },
		sync:    (*os.File).Sync,
		sockets: make(map[string]*Socket),
	}
	err := s.open()
	if err != nil {
		return nil, fmt.Errorf("open the store of totals: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Store) open() (err error) {
	if err := durable.CheckDir(s.opt.Dir); err != nil {
		return err
	}
	for _, dir := range []string{s.opt.Dir, s.path("bases"), s.path("last")} {
		if err := durable.MakeDir(dir); err != nil {
			return err
		}
	}
	if s.bases, err = durable.OpenDir(s.path("bases")); err != nil {
		return err
	}
	if s.last, err = durable.OpenDir(s.path("last")); err != nil {
		return err
	}
	if s.lock, err = s.bases.LockSelf(); err != nil {
		return err
	}
	return s.sweep()
}

// isOther reports whether the base of a node is that of another one. A node without a
// name may be any.
func (s *Store) isOther(node string) bool {
	return node != s.opt.Node && node != "" && s.opt.Node != ""
}

func (s *Store) path(name string) string { return filepath.Join(s.opt.Dir, name) }

// Close releases the store for another program.
func (s *Store) Close() error {
	var err error
	if s.lock != nil {
		err = s.lock.Unlock()
	}
	for _, d := range []*durable.Dir{s.bases, s.last} {
		if d != nil {
			err = errors.Join(err, d.Close())
		}
	}
	s.lock, s.bases, s.last = nil, nil, nil
	return err
}

// newSuffix ends the names of files that are being written.
const newSuffix = ".new"

// sweep removes files that were being written when an earlier process ended.
func (s *Store) sweep() error {
	for _, d := range []*durable.Dir{s.bases, s.last} {
		var litter []string
		if err := d.List(func(e fs.DirEntry) {
			if strings.HasSuffix(e.Name(), newSuffix) {
				litter = append(litter, e.Name())
			}
		}); err != nil {
			return err
		}
		for _, name := range litter {
			if err := d.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// prefix returns the beginning of the names of a socket's files: the end of its
// address, and a hash of all of it.
func prefix(address string) string {
	h := fnv.New64a()
	h.Write([]byte(address))
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, address)
	return fmt.Sprintf("%s~%016x", name[max(0, len(name)-maxPrefix):], h.Sum64())
}

// maxPrefix bounds the part of an address in the name of a file.
const maxPrefix = 100

// Socket returns the account of a socket.
func (s *Store) Socket(address string) *Socket {
	p := prefix(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.sockets[p]
	if k == nil {
		k = &Socket{store: s, address: address, prefix: p}
		s.sockets[p] = k
	}
	return k
}

// keptSuffix ends the name of the file with a reply whose rows of servers and listeners are in
// the base.
const keptSuffix = "_kept"

// lastSuffixes end the names of the files in last.
var lastSuffixes = []string{snapshot.InfoSuffix, snapshot.StatSuffix, keptSuffix}

// lastFile is a file in last.
type lastFile struct {
	name       string
	instance   truth.Instance
	suffix     string // one of lastSuffixes
	generation uint64 // of the base that it goes with; 0 if it is in its place
}

// lastFiles returns the files of a socket in last.
func (s *Store) lastFiles(prefix string) ([]lastFile, error) {
	var found []lastFile
	err := s.last.List(func(e fs.DirEntry) {
		rest, ok := strings.CutPrefix(e.Name(), prefix+".")
		if !ok {
			return
		}
		f := lastFile{name: e.Name()}
		rest, generation, next := strings.Cut(rest, ".")
		if next {
			g, err := strconv.ParseUint(generation, 10, 63)
			if err != nil {
				return
			}
			f.generation = g
		}
		for _, suffix := range lastSuffixes {
			if name, ok := strings.CutSuffix(rest, suffix); ok {
				i, err := truth.ParseInstance(name)
				if err != nil {
					return
				}
				f.instance, f.suffix = i, suffix
				found = append(found, f)
				return
			}
		}
	})
	slices.SortFunc(found, func(a, b lastFile) int { return cmp.Compare(a.name, b.name) })
	return found, err
}

// generations returns the generations of the bases of a socket, the newest first.
func (s *Store) generations(prefix string) ([]uint64, error) {
	var found []uint64
	err := s.bases.List(func(e fs.DirEntry) {
		rest, ok := strings.CutPrefix(e.Name(), prefix+".")
		if g, err := strconv.ParseUint(rest, 10, 63); ok && err == nil && strconv.FormatUint(g, 10) == rest {
			found = append(found, g)
		}
	})
	slices.SortFunc(found, func(a, b uint64) int { return cmp.Compare(b, a) })
	return found, err
}

func baseName(prefix string, generation uint64) string {
	return prefix + "." + strconv.FormatUint(generation, 10)
}

func lastName(prefix string, i truth.Instance, suffix string) string {
	return prefix + "." + i.String() + suffix
}

// remove removes a file, which may be gone already.
func remove(d *durable.Dir, name string) error {
	if err := d.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Forget removes the files of sockets that nobody has asked for since that time, in
// seconds since 1970. It returns their number.
func (s *Store) Forget(before int64) (int, error) {
	old := make(map[string]bool)
	err := s.bases.List(func(e fs.DirEntry) {
		name, _, ok := strings.Cut(e.Name(), ".")
		info, err := e.Info()
		if ok && err == nil {
			was, known := old[name]
			old[name] = info.ModTime().Unix() < before && (!known || was)
		}
	})
	if err != nil {
		return 0, err
	}
	if err := s.last.List(func(e fs.DirEntry) {
		if name, _, ok := strings.Cut(e.Name(), "."); ok {
			info, err := e.Info()
			was, known := old[name]
			old[name] = err == nil && info.ModTime().Unix() < before && (!known || was)
		}
	}); err != nil {
		return 0, err
	}
	n := 0
	for name, is := range old {
		s.mu.Lock()
		inUse := s.sockets[name] != nil && s.sockets[name].usedSince(before)
		s.mu.Unlock()
		if !is || inUse {
			continue
		}
		if err := s.removeAll(name); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (s *Store) removeAll(prefix string) error {
	files, err := s.lastFiles(prefix)
	if err != nil {
		return err
	}
	for _, f := range files {
		err = errors.Join(err, remove(s.last, f.name))
	}
	generations, listed := s.generations(prefix)
	for _, g := range generations {
		err = errors.Join(err, remove(s.bases, baseName(prefix, g)))
	}
	s.mu.Lock()
	delete(s.sockets, prefix)
	s.mu.Unlock()
	return errors.Join(err, listed)
}

// readAll reads a file of a directory, at most limit bytes.
func readAll(d *durable.Dir, name string, limit int64) ([]byte, error) {
	f, err := d.OpenRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", f.Name(), info.Size(), limit)
	}
	text := make([]byte, info.Size())
	n, err := f.ReadAt(text, 0)
	if n < len(text) {
		return nil, err
	}
	return text, nil
}

// create writes a new file with its content durable.
func (s *Store) create(d *durable.Dir, name string, text []byte) error {
	if err := remove(d, name); err != nil {
		return err
	}
	f, err := d.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, s.sync(f), f.Close())
}
