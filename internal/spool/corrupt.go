package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"haproxystats/internal/durable"
)

// maxCorrupt bounds how many entries that were given up are kept.
const maxCorrupt = 100

// giveUp moves an entry out of the queue, for the operator to look at.
func (r *Reader) giveUp(a *attempt, path string, cause error) bool {
	clearMarks(path)
	to, err := r.moveOut(path, a.name, r.corrupt)
	if errors.Is(err, fs.ErrNotExist) {
		r.drop(a)
		return true
	}
	r.mu.Lock()
	known := a.stuck
	if err == nil {
		r.corrupted++
	} else {
		a.stuck = true
	}
	r.mu.Unlock()
	switch {
	case err == nil:
		r.drop(a)
		r.log.Error("spool entry given up", "entry", path, "moved", to, "tries", a.tries, "error", cause)
		r.trimCorrupt()
	case !known:
		r.log.Error("spool entry given up can't be moved away", "entry", path, "error", err)
	}
	return err == nil
}

// trimCorrupt removes the oldest of the entries that were given up, so that they
// don't fill the disk. What an operator put there under a name of his own stays.
func (r *Reader) trimCorrupt() {
	var kept []item
	err := list(r.corrupt, func(e fs.DirEntry) {
		number, _, _ := strings.Cut(e.Name(), ".")
		if epoch, ok := parseEpoch(number); ok && e.IsDir() {
			kept = append(kept, item{epoch, e.Name()})
		}
	})
	slices.SortFunc(kept, item.compare)
	for _, i := range kept[:max(0, len(kept)-maxCorrupt)] {
		path := filepath.Join(r.corrupt, i.name)
		gone, moveErr := r.moveOut(path, i.name, r.trash)
		if moveErr != nil {
			if !errors.Is(moveErr, fs.ErrNotExist) { // removed by another worker
				err = cmp.Or(err, moveErr)
			}
			continue
		}
		r.log.Warn("oldest of the entries given up is removed", "entry", path, "kept", maxCorrupt)
		if err := os.RemoveAll(gone); err != nil {
			r.noteLitter(err)
		}
	}
	if err != nil {
		r.log.Warn("entries given up can't be cleaned", "dir", r.corrupt, "error", err)
	}
}

// moveOut renames an entry into another directory beside the queue and returns
// its new path. It makes that directory anew if it is gone.
func (r *Reader) moveOut(path, name, dir string) (string, error) {
	if err := durable.CheckDir(dir); err != nil {
		return "", err
	}
	made := false
	to := filepath.Join(dir, name)
	for {
		err := durable.RenameNoReplace(path, to)
		switch {
		case err == nil:
			return to, nil
		case errors.Is(err, fs.ErrExist):
			r.mu.Lock()
			r.sequence++
			to = fmt.Sprintf("%s.%d", filepath.Join(dir, name), r.sequence)
			r.mu.Unlock()
		case errors.Is(err, fs.ErrNotExist) && !made:
			made = true
			if err := makeDirectory(dir); err != nil {
				return "", err
			}
		case errors.Is(err, fs.ErrPermission):
			return "", fmt.Errorf("%w: the entry and the queue must be writable for %s", err, whoami())
		default:
			return "", err
		}
	}
}
