package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// checkNoQueue refuses a directory for drafts if a reader's directories are beside
// it: then it is, or was, a queue.
func checkNoQueue(tmp string) error {
	for _, suffix := range []string{".reader.lock", ".trash", ".corrupt"} {
		if _, err := os.Lstat(tmp + suffix); err == nil {
			return fmt.Errorf("open spool: %s stands beside %s, which therefore is a queue that haproxystats-process empties. "+
				"Set tmp-dst-dir to another directory, or remove that file if it is no longer a queue", filepath.Base(tmp+suffix), tmp)
		}
	}
	return nil
}

// draftState is the state of a directory in Tmp.
type draftState int

const (
	foreign    draftState = iota // it contains files of another program
	unfinished                   // a draft that its writer has not finished
	finished                     // a whole snapshot, with its manifest
)

// lookAtDraft returns the state of a directory in Tmp, or an error if the state
// can't be read now.
func (w *Writer) lookAtDraft(path string) (draftState, error) {
	dir, err := durable.OpenDir(path)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return foreign, nil
	}
	if err != nil {
		return foreign, err
	}
	defer dir.Close()
	names, ours, err := contentOf(dir)
	if err != nil || !ours {
		return foreign, err
	}
	if len(names) == 0 {
		if ok, err := w.isEmptyDraft(dir); err != nil || !ok {
			return foreign, err
		}
		return unfinished, nil
	}
	for _, name := range names {
		if isMark(name) { // a reader makes marks in a queue
			return finished, nil
		}
	}
	f, err := dir.OpenRegular(snapshot.ManifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return unfinished, nil
	}
	if err != nil {
		return foreign, err
	}
	defer f.Close()
	m, err := snapshot.ReadManifest(f)
	switch {
	case errors.Is(err, snapshot.ErrNewer):
		return finished, nil
	case errors.Is(err, snapshot.ErrDamaged):
		return unfinished, nil
	case err != nil:
		return foreign, err
	}
	for _, file := range m.Files {
		info, err := dir.Stat(file.Name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return foreign, err
		}
		if err != nil || info.Size != file.Size {
			return unfinished, nil
		}
	}
	return finished, nil
}

// maxDraftAge bounds the time between the round that names a draft and the last change
// of its directory.
const maxDraftAge = 24 * time.Hour

// isEmptyDraft reports whether an empty directory is a draft. Its content can't show
// that: it is the last draft that was recorded, or one that this user has made at about
// the time in its name. A directory named 2024 is neither.
func (w *Writer) isEmptyDraft(dir *durable.Dir) (bool, error) {
	name := filepath.Base(dir.Path())
	if name == w.lastDraft {
		return true, nil
	}
	epoch, ok := parseEpoch(name)
	if !ok || strconv.FormatInt(epoch, 10) != name {
		return false, nil
	}
	info, err := dir.File().Stat()
	if err != nil {
		return false, err
	}
	// Seconds are compared, because times of 2^63 s overflow.
	changed, day := info.ModTime().Unix(), int64(maxDraftAge/time.Second)
	mine := info.Sys().(*syscall.Stat_t).Uid == uint32(os.Geteuid())
	return mine && epoch >= changed-day && epoch <= changed+day, nil
}

// recover removes abandoned drafts, and hands over one that was finished. Other
// files and directories stay. A directory with several finished snapshots is a
// queue: nothing in it is touched.
func (w *Writer) recover() error {
	var whole, drafts, others []string
	err := list(w.tmp, func(e fs.DirEntry) {
		if _, ok := parseEpoch(e.Name()); !ok {
			return
		}
		state, err := w.lookAtDraft(filepath.Join(w.tmp, e.Name()))
		switch {
		case err != nil || state == foreign:
			others = append(others, e.Name())
		case state == finished:
			whole = append(whole, e.Name())
		default:
			drafts = append(drafts, e.Name())
		}
	})
	if err != nil {
		return fmt.Errorf("open spool: %w", err)
	}
	if len(whole) > 1 {
		return fmt.Errorf("open spool: %s holds %d finished snapshots, as %s: a queue can't have unfinished ones. "+
			"Set tmp-dst-dir to another directory, or move the snapshots to %s", w.tmp, len(whole), whole[0], w.dir)
	}
	if len(others) > 0 {
		w.log.Warn("tmp-dst-dir contains directories that are not unfinished snapshots, leaving them alone",
			"dir", w.tmp, "names", others[:min(len(others), 10)], "count", len(others))
	}
	for _, name := range drafts {
		if first, err := w.litter.Remove(filepath.Join(w.tmp, name)); err == nil {
			w.log.Info("unfinished snapshot of an earlier run is removed", "snapshot", name, "dir", w.tmp)
		} else if first {
			w.log.Warn("unfinished snapshots can't be removed, will try again", "dir", w.tmp, "error", err)
		}
	}
	for _, name := range whole {
		if err := w.handOverFinished(name); err != nil {
			w.log.Warn("finished snapshot of an earlier run can't be handed over, leaving it", "snapshot", name, "dir", w.tmp, "error", err)
			continue
		}
		w.log.Info("finished snapshot of an earlier run is handed over", "snapshot", name)
	}
	return nil
}

// handOverFinished completes the commit of a draft whose writer died. Its name is taken from
// then on, as that of any entry that was handed over: the reader may be done with it before
// the first round.
func (w *Writer) handOverFinished(name string) error {
	path := filepath.Join(w.tmp, name)
	dir, err := durable.OpenDir(path)
	if err != nil {
		return err
	}
	d := &Draft{w: w, name: name, path: path, final: filepath.Join(w.dir, name), dir: dir}
	defer dir.Close()
	names, _, err := contentOf(dir)
	if err != nil {
		return err
	}
	if err := d.syncFiles(names); err != nil {
		return err
	}
	epoch, _ := parseEpoch(name)
	if last, _ := parseEpoch(w.newest); epoch >= last {
		w.newest = name
		w.recordNewest(name)
	}
	if err := durable.RenameNoReplace(d.path, d.final); err != nil {
		return err
	}
	return w.syncQueue()
}

// removeDraft removes a draft, unless it is being staged again.
func (w *Writer) removeDraft(path string) error {
	w.mu.Lock()
	staged := w.staged[filepath.Base(path)]
	w.mu.Unlock()
	if staged {
		return nil
	}
	if err := durable.CheckDir(w.tmp); err != nil {
		return err
	}
	return removeDraft(path)
}

// removeDraft removes a directory if it contains only files of a draft. It removes
// no directory within, and follows no link.
func removeDraft(path string) error {
	dir, err := durable.OpenDir(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	names, ours, err := contentOf(dir)
	if err != nil {
		return err
	}
	if !ours {
		return fmt.Errorf("%s contains files that are not of a snapshot: %s", path, strings.Join(names[:min(len(names), 10)], ", "))
	}
	for _, name := range names {
		if err := dir.Remove(name); err != nil {
			return err
		}
	}
	if err := unix.Rmdir(path); err != nil {
		return &fs.PathError{Op: "remove", Path: path, Err: err}
	}
	return nil
}
