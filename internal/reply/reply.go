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
	"haproxystats/internal/truth"
)

// ErrNoReplies means that no reply in a snapshot can be used.
var ErrNoReplies = errors.New("no usable reply of HAProxy")

// Consumer takes the replies of a snapshot: first every reply to `show info`, then
// every reply to `show stat`, each in the order of the sockets' names.
type Consumer interface {
	// Info reads one reply; the scanner is valid during the call.
	Info(socket string, s *haproxy.InfoScanner)
	// Stat reads one reply or several of the same header, at most MaxTogether, so
	// that rows of one name can be read together. The headers have been read;
	// scanner i reads the reply of socket i, and is valid during the call.
	Stat(sockets []string, s []*haproxy.StatScanner)
}

// Accountant is a consumer that takes the accounts of sockets and the states of servers,
// too: between the replies to `show info` and those to `show stat`.
type Accountant interface {
	Consumer
	// Base takes what the counters of a socket had reached before the workers that live.
	// The consumer must not change it.
	Base(socket string, b *truth.Base)
	// Growth is Base for a socket of which nobody has kept an account: nothing is known of
	// other workers.
	Growth(socket string, b *truth.Base)
	// Worker reads the replies of another worker than the current one. The scanners are
	// valid during the call; stat is nil if the worker has told no rows.
	Worker(socket string, i snapshot.Instance, info *haproxy.InfoScanner, stat *haproxy.StatScanner)
	// Servers takes what `show servers state` has said of servers of a socket.
	Servers(socket string, servers []haproxy.ServerAdmin)
	// ProxiesOnly says that HAProxy was asked for the rows of frontends and backends only, so
	// that nothing is known of servers and listeners.
	ProxiesOnly()
}

// Collected is a consumer that takes what sockets have said beside their two replies: what
// is said of the kinds of fields before all else, and the rest after all replies.
type Collected interface {
	// Typed takes what HAProxy of that version has said of the kinds of fields.
	Typed(version string, fields []haproxy.Typed)
	StickTables(socket string, tables []haproxy.StickTable)
	NameServers(socket string, servers []haproxy.NameServer)
	Certificates(socket string, certificates []haproxy.Certificate)
}

// maxCollected bounds the files of [Collected], in bytes.
const maxCollected = 4 << 20

// MaxTogether bounds the replies that are open at once.
const MaxTogether = 64

// Report lists what could not be used.
type Report struct {
	// BadFiles lists the replies that could not be used, in part or in whole, with the
	// reasons.
	BadFiles []FileError
	// BadRows counts the rows and lines that were skipped.
	BadRows int

	used int // files
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
	// Ledger keeps accounts for snapshots that carry none; nil for none.
	Ledger *truth.Ledger

	info haproxy.InfoScanner
	stat []*haproxy.StatScanner
	// open are the replies to `show stat` that are read together, each with the
	// scanner of its number.
	open []openFile
	// bases are the bases of the snapshot before, by socket: they seldom change.
	bases map[string]base
}

// base is a parsed base.
type base struct {
	size int
	crc  uint32
	*truth.Base
}

// openFile is a file that is being read.
type openFile struct {
	fs.File
	name string
}

// Read passes a snapshot to c, without the accounts. A reply that can't be used affects no other, and is
// in the report. Read returns an error for faults that may pass, such as a failing
// disk, and for a snapshot without any usable reply ([ErrNoReplies]).
func (r *Reader) Read(fsys fs.FS, c Consumer) (Report, error) {
	return r.read(fsys, c, func(*Report) error { return nil })
}

// ReadSnapshot is [Reader.Read] with the accounts of the sockets.
func (r *Reader) ReadSnapshot(s snapshot.Snapshot, fsys fs.FS, c Accountant) (Report, error) {
	return r.read(fsys, c, func(report *Report) error {
		if s.Round != nil && s.Round.ProxiesOnly {
			c.ProxiesOnly()
		}
		err := r.readAccounts(s, fsys, c, report)
		if err == nil && r.Ledger != nil {
			r.keepLedger(s, c)
		}
		return err
	})
}

// read passes a snapshot to c, and calls between after the replies to `show info`.
func (r *Reader) read(fsys fs.FS, c Consumer, between func(*Report) error) (Report, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return Report{}, fmt.Errorf("list snapshot: %w", err)
	}
	var report Report
	collected, _ := c.(Collected)
	if err := readTyped(fsys, entries, collected, &report); err != nil {
		return report, err
	}
	for _, name := range usable(entries, snapshot.InfoSuffix, &report) {
		if err := r.readInfo(fsys, name, c, &report); err != nil {
			return report, fmt.Errorf("read %s: %w", name, err)
		}
	}
	if err := between(&report); err != nil {
		return report, err
	}
	if a, ok := c.(Accountant); ok {
		if err := readServers(fsys, usable(entries, snapshot.ServersSuffix, &report), a, &report); err != nil {
			return report, err
		}
	}
	if err := r.readStats(fsys, usable(entries, snapshot.StatSuffix, &report), c, &report); err != nil {
		return report, err
	}
	if report.used == 0 {
		return report, ErrNoReplies
	}
	return report, readCollected(fsys, entries, collected, &report)
}

// usable returns the names of the files that have the suffix and can be opened, in
// the order of their sockets' names.
func usable(entries []fs.DirEntry, suffix string, report *Report) []string {
	var names []string
	for _, e := range bySocket(entries, suffix) {
		switch name := e.Name(); {
		case !fs.ValidPath(name):
			report.note(name, ErrName)
		case !e.Type().IsRegular():
			report.note(name, ErrNotRegular)
		default:
			names = append(names, name)
		}
	}
	return names
}

// note takes down what became of a file; problem is nil if all of it was used.
func (r *Report) note(name string, problem error) {
	if problem != nil {
		r.BadFiles = append(r.BadFiles, FileError{name, problem})
	}
	if problem == nil || errors.Is(problem, ErrCut) {
		r.used++
	}
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

// readInfo passes a reply to `show info` to c, and reads on from where c stopped.
func (r *Reader) readInfo(fsys fs.FS, name string, c Consumer, report *Report) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r.info.Reset(f)
	c.Info(strings.TrimSuffix(name, snapshot.InfoSuffix), &r.info)
	for r.info.Next() {
	}
	report.BadRows += r.info.Skipped()
	report.note(name, ending(r.info.Pairs() > 0, r.info.Complete()))
	return r.info.Err()
}

// readStats passes replies to `show stat` to c: together those that follow one
// another and have the same header.
func (r *Reader) readStats(fsys fs.FS, names []string, c Consumer, report *Report) error {
	defer r.close()
	most := 0
	for _, name := range names {
		if len(r.open) == MaxTogether {
			if err := r.feed(c, report); err != nil {
				return err
			}
		}
		f, err := fsys.Open(name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		before := len(r.open)
		r.open = append(r.open, openFile{f, name})
		if len(r.stat) == before {
			r.stat = append(r.stat, new(haproxy.StatScanner))
		}
		problem := r.stat[before].Reset(f)
		if problem != nil && !errors.Is(problem, haproxy.ErrNoHeader) {
			return fmt.Errorf("read %s: %w", name, problem)
		}
		if problem != nil || !slices.Equal(r.stat[before].Columns(), r.stat[0].Columns()) {
			if err := r.feedFirst(before, c, report); err != nil {
				return err
			}
		}
		if problem != nil {
			// Files with a checksum are verified at their end.
			if _, err := io.Copy(io.Discard, f); err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			r.close()
			report.note(name, problem)
		}
		most = max(most, len(r.open))
	}
	// What a snapshot of more replies needed is not kept.
	if len(r.stat) > most {
		clear(r.stat[most:])
		r.stat = r.stat[:most]
	}
	return r.feed(c, report)
}

// feedFirst passes the first n of the open replies to c. The one behind them stays.
func (r *Reader) feedFirst(n int, c Consumer, report *Report) error {
	last := r.open[n]
	r.open = r.open[:n]
	err := r.feed(c, report)
	r.open = append(r.open, last)
	r.stat[0], r.stat[n] = r.stat[n], r.stat[0]
	return err
}

// feed passes the open replies to c, reads on where c stopped, and closes them.
func (r *Reader) feed(c Consumer, report *Report) error {
	if len(r.open) == 0 {
		return nil
	}
	defer r.close()
	sockets := make([]string, len(r.open))
	for i, f := range r.open {
		sockets[i] = strings.TrimSuffix(f.name, snapshot.StatSuffix)
	}
	c.Stat(sockets, r.stat[:len(r.open)])
	for i, f := range r.open {
		s := r.stat[i]
		for s.Next() {
		}
		if err := s.Err(); err != nil {
			return fmt.Errorf("read %s: %w", f.name, err)
		}
		report.BadRows += s.Skipped()
		report.note(f.name, ending(true, s.Complete()))
	}
	return nil
}

// close closes the open replies.
func (r *Reader) close() {
	for _, f := range r.open {
		f.Close()
	}
	clear(r.open)
	r.open = r.open[:0]
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
