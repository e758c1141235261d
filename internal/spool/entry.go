package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"strings"

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
func (e *Entry) FS() fs.FS { return newEntryFS(e.dir, e.path, e.r.log) }

// Snapshot returns the entry as a snapshot, whose Files are those of FS. It reads
// the manifest; the error satisfies errors.Is(err, [snapshot.ErrDamaged]) if that
// is damaged.
func (e *Entry) Snapshot() (snapshot.Snapshot, error) {
	return newEntryFS(e.dir, e.path, e.r.log).snapshot(e.a.epoch)
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
	if err != nil {
		e.end(false)
		return fmt.Errorf("commit %s: %w", e.path, err)
	}
	e.end(true)
	e.r.drop(e.a)
	if err := os.RemoveAll(gone); err != nil {
		e.r.noteLitter(err)
	}
	return nil
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
	return e.r.moveOut(e.path, e.a.name, e.r.trash)
}

// Release gives the entry back because it could not be processed, for the cause
// given. It can be claimed again after a short delay that grows each time. The
// third time it is moved out of the queue instead.
func (e *Entry) Release(cause error) {
	if cause == nil {
		cause = errors.New("no cause given")
	}
	e.giveBack(cause, true)
}

// Postpone gives the entry back because of something that is not its fault: it
// can be claimed again after a short delay that grows each time.
func (e *Entry) Postpone() { e.giveBack(nil, false) }

func (e *Entry) giveBack(cause error, blame bool) {
	if !e.begin() {
		return
	}
	e.unmark(blame)
	e.end(true)
	e.r.giveBack(e.a, e.path, cause, blame)
}
