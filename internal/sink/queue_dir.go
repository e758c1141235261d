package sink

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"haproxystats/internal/durable"
)

// A name in the directory is a sequence number of fixed width and a kind, so that
// the order of names is the order of the queue.
const (
	extBatch   = ".batch"
	extTemp    = ".tmp"
	extCorrupt = ".corrupt"
)

const (
	// maxCorrupt is the number of damaged files that are kept for the operator.
	maxCorrupt = 8
	// maxSeq exceeds every number that a queue can reach by counting; a file with a
	// larger one belongs to another program.
	maxSeq = 1 << 62
)

func fileName(seq uint64, ext string) string { return fmt.Sprintf("%020d%s", seq, ext) }

// parseName is the inverse of fileName.
func parseName(name string) (seq uint64, ext string, ok bool) {
	digits, _, found := strings.Cut(name, ".")
	if !found || len(digits) != 20 {
		return 0, "", false
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	ext = name[len(digits):]
	return seq, ext, err == nil && seq < maxSeq && (ext == extBatch || ext == extTemp || ext == extCorrupt)
}

// directory is the queue's directory, locked against other processes.
type directory struct {
	*durable.Dir
	lock *durable.Lock
}

func openDirectory(path string) (directory, error) {
	if info, err := os.Lstat(path); err == nil && !info.IsDir() {
		return directory{}, fmt.Errorf("%s is %v: a queue needs a directory of its own, and follows no link", path, info.Mode())
	}
	dir, lock, err := durable.OpenOwn(path, "queue-dir")
	if err != nil {
		return directory{}, err
	}
	return directory{dir, lock}, nil
}

func (d directory) close() error { return errors.Join(d.lock.Unlock(), d.Dir.Close()) }

// listing has the names in the directory, in order.
type listing struct {
	batches, corrupt, temps []uint64
	strange                 []string
	next                    uint64 // exceeds every number in use
}

func (d directory) list() (listing, error) {
	var l listing
	err := d.List(func(e fs.DirEntry) {
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
	})
	l.next++
	slices.Sort(l.batches)
	slices.Sort(l.corrupt)
	return l, err
}

// open opens a file of the queue for reading.
func (d directory) open(seq uint64) (*os.File, int64, error) {
	f, err := d.OpenRegular(fileName(seq, extBatch))
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}
