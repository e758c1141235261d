package sink

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Names in the directory are a sequence number of fixed width and what the
// file is, so that their order is the order of the queue.
const (
	extBatch   = ".batch"
	extTemp    = ".tmp"
	extCorrupt = ".corrupt"
)

// maxCorrupt is how many damaged files are kept for an operator to look at.
const maxCorrupt = 8

func fileName(seq uint64, ext string) string { return fmt.Sprintf("%020d%s", seq, ext) }

// parseName undoes fileName.
func parseName(name string) (seq uint64, ext string, ok bool) {
	digits, _, found := strings.Cut(name, ".")
	if !found || len(digits) != 20 {
		return 0, "", false
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	ext = name[len(digits):]
	return seq, ext, err == nil && (ext == extBatch || ext == extTemp || ext == extCorrupt)
}

// directory is the queue's place on disk, locked against other processes.
type directory struct {
	root *os.Root
	self *os.File // the lock, and what is fsynced
}

func openDirectory(path string) (directory, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(path, 0o750); err != nil {
			return directory{}, err
		}
		if err := syncPath(filepath.Dir(path)); err != nil {
			return directory{}, err
		}
	}
	if info, err := os.Lstat(path); err != nil {
		return directory{}, err
	} else if !info.IsDir() {
		return directory{}, fmt.Errorf("%s is %v: a queue wants a directory of its own, and follows no link", path, info.Mode())
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return directory{}, err
	}
	self, err := root.Open(".")
	if err != nil {
		root.Close()
		return directory{}, err
	}
	d := directory{root: root, self: self}
	err = syscall.Flock(int(self.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errors.New("another process uses it: stop that one, or give each a directory of its own")
	}
	if err != nil {
		d.close()
		return directory{}, fmt.Errorf("lock %s: %w", path, err)
	}
	return d, nil
}

// close ends the lock, too: closing its file would not do while a child process
// that is being started still holds all descriptors.
func (d directory) close() error {
	return errors.Join(syscall.Flock(int(d.self.Fd()), syscall.LOCK_UN), d.self.Close(), d.root.Close())
}

func (d directory) sync() error { return d.self.Sync() }

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// listing is what a directory holds, in order.
type listing struct {
	batches, corrupt, temps []uint64
	strange                 []string
	next                    uint64 // above every number in use
}

func (d directory) list() (listing, error) {
	var l listing
	// A descriptor of its own, since reading moves the offset of self.
	f, err := d.root.Open(".")
	if err != nil {
		return l, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return l, err
	}
	for _, e := range entries {
		seq, ext, ok := parseName(e.Name())
		if ok {
			l.next = max(l.next, seq)
		}
		switch {
		case !ok, !e.Type().IsRegular():
			l.strange = append(l.strange, e.Name())
		case ext == extBatch:
			l.batches = append(l.batches, seq)
		case ext == extCorrupt:
			l.corrupt = append(l.corrupt, seq)
		case ext == extTemp:
			l.temps = append(l.temps, seq)
		}
	}
	l.next++
	slices.Sort(l.batches)
	slices.Sort(l.corrupt)
	return l, nil
}

// open opens a file of the queue for reading, if it is a regular one.
func (d directory) open(name string) (*os.File, int64, error) {
	before, err := d.root.Lstat(name)
	if err != nil {
		return nil, 0, err
	}
	if !before.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%w: %s is no regular file", errDamaged, name)
	}
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = fmt.Errorf("%w: %s was exchanged while it was opened", errDamaged, name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, after.Size(), nil
}

// setAside keeps a damaged file under another name, and the number of such
// files bounded.
func (d directory) setAside(seq uint64) error {
	if err := d.root.Rename(fileName(seq, extBatch), fileName(seq, extCorrupt)); err != nil {
		return errors.Join(err, d.root.Remove(fileName(seq, extBatch)))
	}
	l, err := d.list()
	if err != nil {
		return err
	}
	for _, old := range l.corrupt[:max(0, len(l.corrupt)-maxCorrupt)] {
		err = errors.Join(err, d.root.Remove(fileName(old, extCorrupt)))
	}
	return err
}
