package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// Entry is a claimed directory. One of Commit, Release and Postpone ends the claim;
// after that they do nothing, so that another goroutine than the worker's may end a
// claim.
type Entry struct {
	r    *Reader
	a    *attempt
	path string
	dir  *durable.Dir
	id   durable.Identity
	// files reads the manifest once for the whole claim.
	files *entryFS
	// claimMark is the file in the entry that records the claim.
	claimMark string

	// Both are guarded by r.mu.
	ending, ended bool
}

// Name returns the directory's name.
func (e *Entry) Name() string { return e.a.name }

// Epoch returns the number in the directory's name.
func (e *Entry) Epoch() int64 { return e.a.epoch }

// FS returns the entry's files. It is flat: its only directory is ".". Opening
// anything but a regular file is an error, and links are not followed. It can't be
// used after the end of the claim.
//
// With a manifest it has only the files that were handed over, besides hidden files.
// A missing file is an error of listing the directory; a changed file is an error at
// its end. Both satisfy errors.Is(err, [snapshot.ErrDamaged]).
func (e *Entry) FS() fs.FS { return e.files }

// Snapshot returns the entry as a snapshot, whose Files are those of FS. The error
// satisfies errors.Is(err, [snapshot.ErrDamaged]) if the manifest is damaged.
func (e *Entry) Snapshot() (snapshot.Snapshot, error) {
	return e.files.snapshot(e.a.epoch)
}

// Identity distinguishes the entry from others of its name: by the directory's
// inode, and by the checksum of its manifest or, without one, by the sizes and times
// of its files. The manifest is the one that this claim has read first. Identity is
// empty if the entry can't be read, and after the end of the claim.
func (e *Entry) Identity() string {
	e.r.mu.Lock()
	ended := e.ended
	e.r.mu.Unlock()
	if ended {
		return ""
	}
	sum, err := e.files.checksum()
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%v %08x", e.id, sum)
}

// begin reserves the end of the claim for the caller.
func (e *Entry) begin() bool {
	e.r.mu.Lock()
	defer e.r.mu.Unlock()
	if e.ending || e.ended {
		return false
	}
	e.ending = true
	return true
}

// end closes the entry, or undoes begin.
func (e *Entry) end(ended bool) {
	e.r.mu.Lock()
	e.ending, e.ended = false, ended
	e.r.mu.Unlock()
	if ended {
		e.dir.Close()
	}
}

// Commit removes the entry from the queue for good. After an error the claim goes
// on, and the caller ends it with Postpone; the error satisfies errors.Is(err,
// fs.ErrNotExist) if the entry has vanished from the queue, and fs.ErrClosed if the
// claim or the reader has ended.
func (e *Entry) Commit() error {
	if !e.begin() {
		return fmt.Errorf("commit %s: %w", e.path, fs.ErrClosed)
	}
	gone, err := e.leave()
	if errors.Is(err, unix.EXDEV) {
		e.stay(err)
		return nil
	}
	if err != nil {
		e.end(false)
		return fmt.Errorf("commit %s: %w", e.path, err)
	}
	e.end(true)
	e.r.noteRead(e.a)
	e.r.noteDone()
	e.r.drop(e.a)
	e.r.discard(gone)
	return nil
}

// noteDone records that an entry was processed: those that came back have their turn
// again.
func (r *Reader) noteDone() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cameBack = false
}

// stay ends the claim of a processed entry that its file system can't move. The
// entry is not claimed again until the next start.
func (e *Entry) stay(err error) {
	e.r.log.Error("snapshot was processed and can't be taken out, it will be processed again after a restart",
		"snapshot", e.a.name, "error", err)
	e.unmark(false)
	e.end(true)
	e.r.noteRead(e.a)
	e.r.noteDone()
	e.r.mu.Lock()
	e.a.immovable = true
	e.r.mu.Unlock()
}

// leave moves the entry to the trash and returns its path there.
func (e *Entry) leave() (string, error) {
	e.r.mu.Lock()
	closed := e.r.closed
	e.r.mu.Unlock()
	if closed {
		return "", fs.ErrClosed
	}
	info, err := os.Lstat(e.path)
	if err != nil {
		return "", err
	}
	if durable.Identify(info) != e.id {
		return "", fmt.Errorf("%w: another one has taken its place", fs.ErrNotExist)
	}
	return e.r.moveOut(e.path, e.a.name+doneSuffix, e.r.trash)
}

// Release gives the entry back because it could not be processed; the cause is
// logged. The entry can be claimed again after a short delay, which grows each time.
// After the third time it is moved out of the queue instead. Errors of the machine,
// such as those of a failing disk, do not count, and neither does a read that has
// not returned.
func (e *Entry) Release(cause error) {
	if cause == nil {
		cause = errors.New("no cause given")
	}
	e.giveBack(cause)
}

// Postpone gives the entry back for a reason that is not in it. It can be claimed
// again after a short delay, which grows each time.
func (e *Entry) Postpone() { e.giveBack(nil) }

// giveBack ends the claim; a nil cause means that the entry is not at fault.
func (e *Entry) giveBack(cause error) {
	if !e.begin() {
		return
	}
	if e.files.reading.Load() > 0 {
		// The disk hangs, and a change of the marks would hang, too. The mark of the claim
		// stays, as after an end of the program.
		e.end(true)
		return
	}
	e.unmark(cause != nil && !isMachines(cause))
	e.end(true)
	if cause == nil {
		e.r.giveBack(e.a, e.path, nil, false)
		return
	}
	e.r.comeBack(e.a, e.path, cause)
}
