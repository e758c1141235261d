// Package reply reads the replies in a snapshot. It passes every reply to `show
// info`, and then every reply to `show stat`, to a [Consumer]. The package does not
// know how the rows are used.
package reply

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
)

// ErrNoReplies means that no reply in a snapshot can be used.
var ErrNoReplies = errors.New("no usable reply of HAProxy")

// Consumer takes the replies of a snapshot: first every reply to `show info`, then
// every reply to `show stat`, each in the order of the sockets' names.
type Consumer interface {
	// Info reads one reply; the scanner is valid during the call.
	Info(socket string, s *haproxy.InfoScanner)
	// Stat reads one reply, whose header has been read; the scanner is valid
	// during the call.
	Stat(socket string, s *haproxy.StatScanner)
}

// Report lists what could not be used.
type Report struct {
	// BadFiles lists the replies that could not be used, in part or in whole, with the
	// reasons.
	BadFiles []FileError
	// BadRows counts the rows and lines that were skipped.
	BadRows int
}

// FileError is a fault of one file of a snapshot.
type FileError struct {
	File string
	Err  error
}

// Error returns the file and the cause.
func (e FileError) Error() string { return e.File + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e FileError) Unwrap() error { return e.Err }

// Faults of a file that do not affect the other files.
var (
	ErrNotRegular = errors.New("not a regular file")
	ErrName       = errors.New("a name that is not UTF-8: rename the file, and the socket")
	ErrEmpty      = errors.New("no data in it")
	ErrCut        = errors.New("the reply ends without HAProxy's end mark, an empty line")
)

// Reader reads snapshots one after another and reuses its buffers. The zero
// value is ready for use. It is not safe for concurrent use.
type Reader struct {
	info haproxy.InfoScanner
	stat haproxy.StatScanner
}

// Read passes a snapshot to c. A reply that can't be used affects no other, and is
// in the report. Read returns an error for faults that may pass, such as a failing
// disk, and for a snapshot without any usable reply ([ErrNoReplies]).
func (r *Reader) Read(fsys fs.FS, c Consumer) (Report, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return Report{}, fmt.Errorf("list snapshot: %w", err)
	}
	var report Report
	used := 0
	for _, suffix := range []string{snapshot.InfoSuffix, snapshot.StatSuffix} {
		for _, e := range bySocket(entries, suffix) {
			name := e.Name()
			if !fs.ValidPath(name) {
				report.BadFiles = append(report.BadFiles, FileError{name, ErrName})
				continue
			}
			if !e.Type().IsRegular() {
				report.BadFiles = append(report.BadFiles, FileError{name, ErrNotRegular})
				continue
			}
			problem, err := r.readFile(fsys, name, suffix, c, &report)
			if err != nil {
				return report, fmt.Errorf("read %s: %w", name, err)
			}
			if problem != nil {
				report.BadFiles = append(report.BadFiles, FileError{name, problem})
			}
			if problem == nil || errors.Is(problem, ErrCut) {
				used++
			}
		}
	}
	if used == 0 {
		return report, ErrNoReplies
	}
	return report, nil
}

// bySocket returns the entries with the suffix in the order of their sockets' names,
// which differs from that of file names: a before a_b.
func bySocket(entries []fs.DirEntry, suffix string) []fs.DirEntry {
	var replies []fs.DirEntry
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) && !strings.HasPrefix(e.Name(), ".") {
			replies = append(replies, e)
		}
	}
	slices.SortFunc(replies, func(a, b fs.DirEntry) int {
		return cmp.Compare(strings.TrimSuffix(a.Name(), suffix), strings.TrimSuffix(b.Name(), suffix))
	})
	return replies
}

// readFile passes one file to c, and reads on from where c stopped. The first result
// is a fault of the file, the second an error of reading it.
func (r *Reader) readFile(fsys fs.FS, name, suffix string, c Consumer, report *Report) (problem, err error) {
	socket := strings.TrimSuffix(name, suffix)
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if suffix == snapshot.InfoSuffix {
		r.info.Reset(f)
		c.Info(socket, &r.info)
		for r.info.Next() {
		}
		report.BadRows += r.info.Skipped()
		return ending(r.info.Pairs() > 0, r.info.Complete()), r.info.Err()
	}
	if err := r.stat.Reset(f); err != nil {
		if !errors.Is(err, haproxy.ErrNoHeader) {
			return nil, err
		}
		// Files with a checksum are verified at their end.
		if _, broken := io.Copy(io.Discard, f); broken != nil {
			return nil, broken
		}
		return err, nil
	}
	c.Stat(socket, &r.stat)
	for r.stat.Next() {
	}
	report.BadRows += r.stat.Skipped()
	return ending(true, r.stat.Complete()), r.stat.Err()
}

// ending returns what is wrong with a reply that was read to its end.
func ending(any, complete bool) error {
	switch {
	case !any:
		return ErrEmpty
	case !complete:
		return ErrCut
	}
	return nil
}
