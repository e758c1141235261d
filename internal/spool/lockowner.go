package spool

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
)

// LockOwner is the process that has the lock of one end of a queue.
type LockOwner struct {
	// Held reports whether there is such a process; PID is its number.
	Held bool
	PID  int
	// Newest is the newest entry that the last writer has handed over; 0 if not known.
	Newest int64
}

// kernelLocks lists the locks of the processes that the caller may see: see
// proc_locks(5).
const kernelLocks = "/proc/locks"

// errNoLocks means that no process can be found by its lock.
var errNoLocks = fmt.Errorf("only Linux lists which process has a lock: %w", errors.ErrUnsupported)

// WriterOf returns the process that fills the queue in dir. It reads /proc/locks
// instead of trying the lock, which would make a program starting at that moment
// fail. It sees only processes in the same PID namespace. On other systems than Linux it
// returns an error.
func WriterOf(dir string) (LockOwner, error) { return lockOwnerOf(runtime.GOOS, dir, "writer") }

// ReaderOf returns the process that empties the queue in dir, as [WriterOf] does.
func ReaderOf(dir string) (LockOwner, error) { return lockOwnerOf(runtime.GOOS, dir, "reader") }

func lockOwnerOf(system, dir, end string) (LockOwner, error) {
	if system != "linux" {
		return LockOwner{}, fmt.Errorf("look for the %s of %s: %w", end, dir, errNoLocks)
	}
	h, err := readLockOwner(dir, end)
	if errors.Is(err, fs.ErrNotExist) {
		return LockOwner{}, nil // no process has ever had the lock
	}
	if err != nil {
		return LockOwner{}, fmt.Errorf("look for the %s of %s: %w", end, dir, err)
	}
	return h, nil
}

func readLockOwner(dir, end string) (LockOwner, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return LockOwner{}, err
	}
	path := lockPath(dir, end)
	info, err := os.Lstat(path)
	if err != nil {
		return LockOwner{}, err
	}
	if !info.Mode().IsRegular() {
		return LockOwner{}, fmt.Errorf("%s: %w", path, durable.ErrNotRegular)
	}
	record, err := readLockRecord(path)
	if err != nil && !errors.Is(err, fs.ErrPermission) { // a lock file without permission to read has no record
		return LockOwner{}, err
	}
	newest, _ := parseEpoch(record.name)
	open := func() (io.ReadCloser, error) { return os.Open(kernelLocks) }
	pid, held, err := searchLock(open, durable.Identify(info), record.pid)
	return LockOwner{Held: held, PID: pid, Newest: newest}, err
}

// maxSearches bounds how often the list of locks is read for one that is not there.
const maxSearches = 10

// searchLock looks for the lock of a file in the kernel's list. The kernel hands out a
// page of it at a time, by the numbers of its lines: if an earlier lock ends between two
// pages, a line is left out. So a lock counts as not held only if one page has the whole
// list, or several readings miss the lock.
func searchLock(open func() (io.ReadCloser, error), id durable.Identity, recorded int) (pid int, held bool, err error) {
	for range maxSearches {
		locks, err := open()
		if err != nil {
			return 0, false, err
		}
		pages := pageCounter{r: locks}
		pid, held, err = findLock(&pages, id, recorded)
		locks.Close()
		if err != nil || held || pages.n <= 1 {
			return pid, held, err
		}
	}
	return 0, false, nil
}

// pageCounter counts the reads that return something.
type pageCounter struct {
	r io.Reader
	n int
}

// Read implements [io.Reader].
func (p *pageCounter) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if n > 0 {
		p.n++
	}
	return n, err
}

// findLock looks for the lock of a file in lines as
//
//	4: FLOCK  ADVISORY  WRITE 1234 08:02:5678 0 EOF
//
// Some file systems, as overlayfs and btrfs, have one number for their device
// there and another one for the file: then the number of the process must be the
// recorded one.
func findLock(locks io.Reader, id durable.Identity, recorded int) (pid int, held bool, err error) {
	device := fmt.Sprintf("%02x:%02x", unix.Major(id.Device), unix.Minor(id.Device))
	lines := bufio.NewScanner(locks)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 8 || fields[3] != "WRITE" { // a waiting process has one more field, an arrow
			continue
		}
		where, inode, ok := cutLast(fields[5], ":")
		owner, err := strconv.Atoi(fields[4])
		if !ok || err != nil || inode != strconv.FormatUint(id.Inode, 10) {
			continue
		}
		if where == device || owner == recorded && owner > 0 {
			return owner, true, nil
		}
	}
	return 0, false, lines.Err()
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
