package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// Entry is a claimed directory. One of Commit, Release and Postpone ends the
// claim; after that the others do nothing, so that a claim may be ended by
// another goroutine than its worker's.
type Entry struct {
	r    *Reader
	a    *attempt
	path string
	dir  *durable.Dir
	id   durable.Identity
	// claimMark is the file that says so in the entry.
	claimMark string
	// reading counts the calls of the kernel for the entry's files that have not
	// returned.
	reading atomic.Int32

	// Guarded by r.mu.
	ending, ended bool
}

// Name returns the directory's name.
func (e *Entry) Name() string { return e.a.name }

// Epoch returns the number that the directory is named by.
func (e *Entry) Epoch() int64 { return e.a.epoch }

// FS returns the entry's files. It is flat: it has no directory but ".".
// Opening anything but a regular file is an error, and no link is followed. It
// can't be used after the end of the claim.
//
// With a manifest it holds what was handed over and nothing else, besides hidden
// files: a file that is missing is an error of listing the directory, and one
// that has changed is an error at its end; both satisfy errors.Is(err,
// [snapshot.ErrDamaged]).
func (e *Entry) FS() fs.FS { return e.files() }

func (e *Entry) files() *entryFS {
	f := newEntryFS(e.dir, e.path, e.r.log)
	f.reading = &e.reading
	return f
}

// Snapshot returns the entry as a snapshot, whose Files are those of FS. It reads
// the manifest; the error satisfies errors.Is(err, [snapshot.ErrDamaged]) if that
// is damaged.
func (e *Entry) Snapshot() (snapshot.Snapshot, error) {
	return e.files().snapshot(e.a.epoch)
}

// maxIdentity is far beyond the manifest of any round.
const maxIdentity = 8 << 20

// Identity tells the entry from others of its name: by the directory's inode, and
// by the checksum of its manifest or, without one, by the sizes and times of its
// files. It is empty if the entry can't be read.
func (e *Entry) Identity() string {
	files := e.FS()
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	f, err := files.Open(snapshot.ManifestName)
	switch {
	case err == nil:
		_, err = io.Copy(sum, io.LimitReader(f, maxIdentity))
		f.Close()
	case errors.Is(err, fs.ErrNotExist):
		var entries []fs.DirEntry
		entries, err = fs.ReadDir(files, ".")
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), ".") {
				continue // a claim leaves its mark
			}
			info, infoErr := entry.Info()
			if infoErr != nil {
				return ""
			}
			fmt.Fprintf(sum, "%s %d %d\n", entry.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%v %08x", e.id, sum.Sum32())
}

// begin claims the right to end the claim.
func (e *Entry) begin() bool {
	e.r.mu.Lock()
	defer e.r.mu.Unlock()
	if e.ending || e.ended {
		return false
	}
	e.ending = true
	return true
}

// end closes the entry, or takes begin back.
func (e *Entry) end(ended bool) {
	e.r.mu.Lock()
	e.ending, e.ended = false, ended
	e.r.mu.Unlock()
	if ended {
		e.dir.Close()
	}
}

// Commit takes the entry out of the queue for good. After an error the claim
// goes on, and the caller ends it with Postpone; the error satisfies
// errors.Is(err, fs.ErrNotExist) if the entry has vanished from the queue, and
// fs.ErrClosed if the claim or the reader has ended.
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
	e.r.drop(e.a)
	e.r.discard(gone)
	return nil
}

// stay ends the claim of a processed entry that its file system can't move. It is
// not handed out again until the next start.
func (e *Entry) stay(err error) {
	e.r.log.Error("snapshot was processed and can't be taken out, it will be processed again after a restart",
		"snapshot", e.a.name, "error", err)
	e.unmark(false)
	e.end(true)
	e.r.noteRead(e.a)
	e.r.mu.Lock()
	e.a.immovable = true
	e.r.mu.Unlock()
}

// leave moves the entry to the trash and returns where it is there.
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

// Release gives the entry back because it could not be processed, for the cause
// given. It can be claimed again after a short delay that grows each time. The
// third time it is moved out of the queue instead. A cause that is an error of the
// machine, as when the disk fails, is not held against the entry, and neither is a
// read that has not returned.
func (e *Entry) Release(cause error) {
	if cause == nil {
		cause = errors.New("no cause given")
	}
	e.giveBack(cause)
}

// Postpone gives the entry back because of something that is not its fault: it
// can be claimed again after a short delay that grows each time.
func (e *Entry) Postpone() { e.giveBack(nil) }

// giveBack ends the claim; nil for the cause means that nothing is wrong with the
// entry.
func (e *Entry) giveBack(cause error) {
	if !e.begin() {
		return
	}
	if e.reading.Load() > 0 {
		// The disk hangs, and so would a change of the marks. The mark of the claim
		// stays, as if the program had ended.
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
