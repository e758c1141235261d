package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
)

// maxCorrupt bounds the entries that are kept after they were read and given up.
const maxCorrupt = 100

// errUnread is the cause of giving up an entry that was never read completely. Its
// name gets unreadSuffix after the number, and it is never deleted.
var errUnread = errors.New("it could not be read")

const unreadSuffix = ".unread"

func wasUnread(name string) bool {
	_, rest, _ := strings.Cut(name, ".")
	return strings.HasPrefix("."+rest, unreadSuffix)
}

// giveUp moves an entry out of the queue, for the operator to examine.
func (r *Reader) giveUp(a *attempt, path string, cause error) bool {
	clearMarks(path)
	name := a.name
	if errors.Is(cause, errUnread) {
		name += unreadSuffix
	}
	to, err := r.moveOut(path, name, r.corrupt)
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
		a.immovable = errors.Is(err, unix.EXDEV)
	}
	r.mu.Unlock()
	switch {
	case err == nil:
		r.drop(a)
		r.log.Error("snapshot given up", "snapshot", a.name, "moved", to, "tries", a.tries, "error", cause)
		r.trimCorrupt()
	case !known:
		r.log.Error("snapshot given up can't be moved away", "snapshot", a.name, "error", err)
	}
	return err == nil
}

// trimCorrupt removes the oldest of the given-up entries, so that they don't fill
// the disk. Entries that were never read stay, and so do other files.
func (r *Reader) trimCorrupt() {
	var kept []item
	err := list(r.corrupt, func(e fs.DirEntry) {
		if epoch, ok := numbered(e.Name()); ok && e.IsDir() && !wasUnread(e.Name()) {
			kept = append(kept, item{epoch, e.Name()})
		}
	})
	slices.SortFunc(kept, item.compare)
	for _, i := range kept[:max(0, len(kept)-maxCorrupt)] {
		path := filepath.Join(r.corrupt, i.name)
		if !isEntry(path) {
			continue
		}
		gone, moveErr := r.moveOut(path, strconv.FormatInt(i.epoch, 10)+doneSuffix, r.trash)
		if moveErr != nil {
			if !errors.Is(moveErr, fs.ErrNotExist) { // another worker has removed it
				err = cmp.Or(err, moveErr)
			}
			continue
		}
		r.log.Warn("oldest of the snapshots given up is removed", "snapshot", i.name, "dir", r.corrupt, "kept", maxCorrupt)
		r.discard(gone)
	}
	if err != nil {
		r.log.Warn("snapshots given up can't be cleaned", "dir", r.corrupt, "error", err)
	}
}

// moveOut renames an entry into another directory beside the queue and returns its
// new path. It makes that directory if it is missing.
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
		case errors.Is(err, unix.EXDEV):
			return "", fmt.Errorf("%w: it is in a lower layer of an overlay file system, as the image of a container is. Put the spool on a volume, or remove the entry by hand", err)
		case errors.Is(err, fs.ErrPermission):
			return "", fmt.Errorf("%w. Make the entry and the queue writable for %s", err, whoami())
		default:
			return "", err
		}
	}
}
