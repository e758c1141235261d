package kafka

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"haproxystats/internal/durable"
)

// extChunks is the extension of a file with records of one attempt.
const extChunks = ".chunks"

// fileFactor is how many times Options.MaxBytes the files of a store may have.
const fileFactor = 32

// maxIndex bounds the memory of all indexes of snapshots.
const maxIndex = 256 << 20

// errNoRoom means that a store holds as much as it may.
var errNoRoom = errors.New("too many snapshots wait for their last records")

// StoreOptions describe a [Store].
type StoreOptions struct {
	// MaxBytes bounds what is kept in memory. Beyond that, records are kept in files,
	// which have at most 32 times as many bytes.
	MaxBytes int64
	// Dir is the directory for the files, which is the store's alone. It is made if it is
	// missing.
	Dir string
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// Store keeps the records of snapshots that have not arrived completely, or that wait to
// be processed: in memory, and beyond that in files that nobody needs after the program
// has ended. It is safe for concurrent use.
type Store struct {
	o      StoreOptions
	log    *slog.Logger
	dir    *durable.Dir
	lock   *durable.Lock
	litter *durable.Litter

	mu     sync.Mutex
	memory int64
	disk   int64
	index  int64 // the memory of indexes, of which there may be maxIndex
	number uint64

	maxIndex int64
	failed   bool // whether files can't be written
}

// OpenStore opens a store and removes files of an earlier one.
func OpenStore(o StoreOptions) (*Store, error) {
	dir, lock, err := durable.OpenOwn(o.Dir, "assembly-dir")
	if err != nil {
		return nil, err
	}
	s := &Store{o: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), dir: dir, lock: lock, maxIndex: maxIndex}
	s.litter = durable.NewLitter(dir.Remove)
	var left []string
	err = dir.List(func(e fs.DirEntry) {
		if strings.HasSuffix(e.Name(), extChunks) && e.Type().IsRegular() {
			left = append(left, e.Name())
		}
	})
	for _, name := range left {
		s.remove(name)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close unlocks the directory.
func (s *Store) Close() error { return errors.Join(s.lock.Unlock(), s.dir.Close()) }

// Bytes returns how much is kept in memory and in files.
func (s *Store) Bytes() (memory, files int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.memory, s.disk
}

// takeMemory reports whether n more bytes have room in memory, and counts them if so.
func (s *Store) takeMemory(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memory+n > s.o.MaxBytes {
		return false
	}
	s.memory += n
	return true
}

func (s *Store) takeDisk(n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.disk+n > fileFactor*s.o.MaxBytes {
		return errNoRoom
	}
	s.disk += n
	return nil
}

func (s *Store) give(memory, disk int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory -= memory
	s.disk -= disk
}

// takeIndex counts n more bytes of indexes.
func (s *Store) takeIndex(n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index+n > s.maxIndex {
		return errNoRoom
	}
	s.index += n
	return nil
}

func (s *Store) giveIndex(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index -= n
}

func (s *Store) newName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	return strconv.FormatUint(s.number, 10) + extChunks
}

func (s *Store) remove(name string) {
	if first, err := s.litter.Remove(name); first {
		s.log.Warn("file of the assembly can't be removed, will try again", "file", name, "error", err)
	}
}

// tell logs when files begin or end not to be usable.
func (s *Store) tell(err error) {
	s.mu.Lock()
	before := s.failed
	s.failed = err != nil
	s.mu.Unlock()
	switch {
	case err != nil && !before:
		s.log.Error("files of the assembly can't be written, will try again", "error", err)
	case err == nil && before:
		s.log.Info("files of the assembly can be written again")
	}
}

// chunks are the values of the records of one attempt, in order. One goroutine at a time
// uses them.
type chunks struct {
	store  *Store
	list   []chunk
	memory int64
	disk   int64
	index  int64    // the memory of the snapshot's index
	file   *os.File // nil until there is one
	name   string
}

// chunk is one value.
type chunk struct {
	value  []byte // nil if it is in the file
	offset int64
	size   int
}

// add keeps a copy of a value.
func (c *chunks) add(value []byte) error {
	n := int64(len(value))
	if c.store.takeMemory(n) {
		c.memory += n
		kept := make([]byte, len(value)) // as large as it must be
		copy(kept, value)
		c.list = append(c.list, chunk{value: kept, size: len(value)})
		return nil
	}
	if err := c.store.takeDisk(n); err != nil {
		return err
	}
	offset := c.disk
	c.disk += n
	err := c.write(value, offset)
	c.store.tell(err)
	if err != nil {
		return err
	}
	c.list = append(c.list, chunk{offset: offset, size: len(value)})
	return nil
}

func (c *chunks) write(value []byte, offset int64) error {
	if c.file == nil {
		c.store.litter.Sweep()
		name := c.store.newName()
		f, err := c.store.dir.Open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return err
		}
		c.file, c.name = f, name
	}
	_, err := c.file.WriteAt(value, offset)
	return err
}

// each calls f with each value, which is valid during the call.
func (c *chunks) each(f func(value []byte) error) error {
	var buffer []byte
	for i := range c.list {
		value, err := c.value(i, &buffer)
		if err != nil {
			return err
		}
		if err := f(value); err != nil {
			return err
		}
	}
	return nil
}

// value returns value i. It is valid until buffer, which it may be in, is used again.
func (c *chunks) value(i int, buffer *[]byte) ([]byte, error) {
	if i >= len(c.list) {
		return nil, fs.ErrClosed
	}
	k := c.list[i]
	if k.value != nil {
		return k.value, nil
	}
	*buffer = slices.Grow((*buffer)[:0], k.size)[:k.size]
	_, err := c.file.ReadAt(*buffer, k.offset)
	return *buffer, err
}

// indexed tells how much memory the snapshot's index takes.
func (c *chunks) indexed(n int64) error {
	if err := c.store.takeIndex(n - c.index); err != nil {
		return err
	}
	c.index = n
	return nil
}

// size returns the number of bytes.
func (c *chunks) size() int64 { return c.memory + c.disk }

// free forgets all values.
func (c *chunks) free() {
	c.store.give(c.memory, c.disk)
	c.store.giveIndex(c.index)
	if c.file != nil {
		_ = c.file.Close() // nobody needs what is in it
		c.store.remove(c.name)
	}
	*c = chunks{store: c.store}
}
