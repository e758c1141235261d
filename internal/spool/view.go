package spool

import (
	"cmp"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// View is an entry open for inspection, in a queue or anywhere else: it is not
// claimed, locked or marked, and a reader may take it out meanwhile.
type View struct {
	dir   *durable.Dir
	epoch int64
	files *entryFS
}

// OpenView opens the directory of an entry. The name of an entry that was given up may
// have a dot and a number at its end. A nil log means none.
func OpenView(path string, log *slog.Logger) (*View, error) {
	// A link outside of a queue is the operator's; the entry's name is that of its
	// target.
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("look at snapshot: %w", err)
	}
	epoch, ok := numbered(filepath.Base(path))
	if !ok {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("look at snapshot: %w", err)
		}
		return nil, fmt.Errorf("look at snapshot %s: it is not named by its time in seconds since 1970", path)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("look at snapshot: %w", err)
	}
	dir, err := durable.OpenDir(real)
	if err != nil {
		return nil, fmt.Errorf("look at snapshot: %w", err)
	}
	return &View{dir, epoch, newEntryFS(dir, path, cmp.Or(log, slog.New(slog.DiscardHandler)))}, nil
}

// Epoch returns the number in the directory's name.
func (v *View) Epoch() int64 { return v.epoch }

// Snapshot returns the entry as a snapshot, as [Entry.Snapshot] does.
func (v *View) Snapshot() (snapshot.Snapshot, error) {
	return v.files.snapshot(v.epoch)
}

// Close closes the directory.
func (v *View) Close() error { return v.dir.Close() }

// Listed is an entry in a listing.
type Listed struct {
	Path  string
	Epoch int64 // the number in its name
}

// List returns the entries in a directory, the oldest first. The directory need not
// be a queue.
func List(dir string) ([]Listed, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var found []item
	if err := list(real, func(e fs.DirEntry) {
		if epoch, ok := numbered(e.Name()); ok && e.IsDir() {
			found = append(found, item{epoch, e.Name()})
		}
	}); err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	slices.SortFunc(found, item.compare)
	listed := make([]Listed, len(found))
	for i, f := range found {
		listed[i] = Listed{filepath.Join(dir, f.name), f.epoch}
	}
	return listed, nil
}

// numbered returns the number in the name of an entry, also of one that was given
// up.
func numbered(name string) (int64, bool) {
	number, _, _ := strings.Cut(name, ".")
	return parseEpoch(number)
}
