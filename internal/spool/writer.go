package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"haproxystats/internal/durable"
)

// WriterOptions are the directories and the log of a [Writer].
type WriterOptions struct {
	// Dir is the queue: where complete directories appear.
	Dir string
	// Tmp is where they are staged, on the same file system.
	Tmp string
	// Log gets messages for the operator. Nil means no log.
	Log *slog.Logger
}

// Writer is the filling end of a queue. It is safe for concurrent use.
type Writer struct {
	dir, tmp string
	log      *slog.Logger
	locks    []*durable.Lock
	sync     func(*os.File) error

	// newest was handed over by the previous writer, and lastDraft was its last draft.
	newest, lastDraft string

	litter *durable.Litter // drafts that could not be removed

	mu     sync.Mutex
	staged map[string]bool // names being staged
}

// OpenWriter makes both directories where they are missing, becomes their only
// writer, removes the drafts that a crash left in Tmp, and hands over one that was
// finished. It refuses a Tmp that is, or was, a queue.
func OpenWriter(o WriterOptions) (*Writer, error) {
	dir, err := openDirectory(o.Dir)
	if err != nil {
		return nil, err
	}
	tmp, err := openDirectory(o.Tmp)
	if err != nil {
		return nil, err
	}
	if tmp == dir || strings.HasPrefix(dir, tmp+"/") {
		return nil, fmt.Errorf("open spool: %s is where directories are staged and is cleaned at start: the queue %s can't be it or in it", tmp, dir)
	}
	if err := durable.CheckSameMount(tmp, dir); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	w := &Writer{
		dir: dir, tmp: tmp,
		log:    cmp.Or(o.Log, slog.New(slog.DiscardHandler)),
		sync:   (*os.File).Sync,
		staged: make(map[string]bool),
	}
	w.litter = durable.NewLitter(w.removeDraft)
	if err := checkNoQueue(tmp); err != nil {
		return nil, err
	}
	for _, d := range []string{dir, tmp} {
		l, err := lock(d, "writer")
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
		w.locks = append(w.locks, l)
	}
	// From here on no other program hands over entries, and the lock file has only the
	// record of its holder.
	if n, err := readLockRecord(lockPath(dir, "writer")); err == nil {
		w.newest = n.name
	}
	if n, err := readLockRecord(lockPath(tmp, "writer")); err == nil {
		w.lastDraft = n.name
	}
	if err := w.recover(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Close releases the queue for another writer. The next writer removes open drafts.
func (w *Writer) Close() error {
	var err error
	for _, l := range w.locks {
		err = errors.Join(err, l.Unlock())
	}
	w.locks = nil
	return err
}

// syncQueue makes the names in the queue durable.
func (w *Writer) syncQueue() error {
	f, err := os.Open(w.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return w.sync(f)
}

// checkNoLinks refuses links that have replaced a directory since the start, when
// the operator's links were resolved.
func (w *Writer) checkNoLinks() error {
	return errors.Join(durable.CheckDir(w.tmp), durable.CheckDir(w.dir))
}

// Waiting returns the number of entries in the queue, claimed ones included. It
// lists the directory without a stat of each entry.
func (w *Writer) Waiting() (int, error) {
	if err := durable.CheckDir(w.dir); err != nil {
		return 0, err
	}
	n := 0
	err := list(w.dir, func(e fs.DirEntry) {
		if _, ok := parseEpoch(e.Name()); ok && e.IsDir() {
			n++
		}
	})
	if errors.Is(err, fs.ErrNotExist) {
		return 0, w.remake(w.dir)
	}
	return n, err
}

// remake makes a directory again if it was removed.
func (w *Writer) remake(dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		w.log.Warn("spool directory disappeared, making it again", "dir", dir)
	}
	return makeBeside(dir)
}

// Stage begins a directory that will be named by epoch. It first removes a draft of
// that name that a crash left. The error satisfies errors.Is(err, fs.ErrExist) if
// that name waits in the queue, is being staged, was the newest one of the previous
// writer, or belongs to something else in Tmp.
func (w *Writer) Stage(epoch int64) (*Draft, error) {
	name := strconv.FormatInt(epoch, 10)
	if epoch < 0 {
		return nil, fmt.Errorf("stage %s: %w: before 1970. Check the clock", name, fs.ErrInvalid)
	}
	if err := w.checkNoLinks(); err != nil {
		return nil, fmt.Errorf("stage %s: %w", name, err)
	}
	final := filepath.Join(w.dir, name)
	if _, err := os.Lstat(final); err == nil {
		return nil, fmt.Errorf("stage %s: %w: still waiting to be processed", final, fs.ErrExist)
	}
	if name == w.newest {
		return nil, fmt.Errorf("stage %s: %w: handed over just before this program started", final, fs.ErrExist)
	}
	w.mu.Lock()
	busy := w.staged[name]
	w.staged[name] = true
	w.mu.Unlock()
	if busy {
		return nil, fmt.Errorf("stage %s: %w: it is being staged", final, fs.ErrExist)
	}
	w.litter.Sweep()
	d := &Draft{w: w, name: name, path: filepath.Join(w.tmp, name), final: final}
	if err := d.open(); err != nil {
		_ = d.Discard() // what it can't remove, the error already names
		return nil, fmt.Errorf("stage %s: %w", d.path, err)
	}
	return d, nil
}

// unstage allows the name to be staged again.
func (w *Writer) unstage(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.staged, name)
}
