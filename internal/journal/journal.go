// Package journal keeps records in a directory until they are needed no longer: a log
// for one program, where there is no message queue.
//
// Each record is a file, which is durable when [Journal.Append] returns. The name has the
// time of the record and its number, so that the order of names is that of the log; time
// never goes back. A program that starts again reads what is left, in order. The mark is
// a time that the reader keeps beside the records, see [Journal.Commit].
package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"haproxystats/internal/durable"
)

// A name is the time in nanoseconds since the Unix epoch, a number and an extension.
const (
	timeDigits   = 20
	numberDigits = 12
	extRecord    = ".record"
	extTemp      = ".tmp"
	markName     = "mark"
)

// maxMark bounds the size of the mark's file.
const maxMark = 64

// Options describe a journal.
type Options struct {
	// Dir is the journal's own directory. It is made if it is missing.
	Dir string
	// MaxBytes bounds the records. Append refuses more.
	MaxBytes int64
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// ErrFull means that the journal holds as many bytes as it may.
var ErrFull = errors.New("the journal is full")

// Journal is a log of records. It is safe for concurrent use.
type Journal struct {
	dir    *durable.Dir
	lock   *durable.Lock
	max    int64
	log    *slog.Logger
	litter *durable.Litter

	mu     sync.Mutex
	last   time.Time
	number uint64
	bytes  int64
	mark   time.Time
}

// Record is one record of the journal.
type Record struct {
	// At is the time of the record.
	At time.Time

	name string
	size int64
}

// Name returns the name of the record's file.
func (r Record) Name() string { return r.name }

// Open opens the journal in o.Dir, and returns the records that are left there, in
// order. The directory is locked until Close.
func Open(o Options) (*Journal, []Record, error) {
	dir, lock, err := durable.OpenOwn(o.Dir, "work-dir")
	if err != nil {
		return nil, nil, err
	}
	j := &Journal{dir: dir, lock: lock, max: o.MaxBytes, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler))}
	j.litter = durable.NewLitter(j.removeName)
	records, err := j.load()
	if err != nil {
		return nil, nil, errors.Join(err, j.Close())
	}
	return j, records, nil
}

// Close unlocks the directory. Records stay there.
func (j *Journal) Close() error { return errors.Join(j.lock.Unlock(), j.dir.Close()) }

// load reads the names in the directory.
func (j *Journal) load() ([]Record, error) {
	var records []Record
	var temps []string
	err := j.dir.List(func(e fs.DirEntry) {
		r, number, ok := parse(e.Name())
		switch {
		case ok && e.Type().IsRegular():
			records = append(records, r)
			j.number = max(j.number, number)
		case strings.HasSuffix(e.Name(), extTemp) && e.Type().IsRegular():
			temps = append(temps, e.Name())
		}
	})
	if err != nil {
		return nil, err
	}
	for _, name := range temps {
		j.drop(name)
	}
	slices.SortFunc(records, func(a, b Record) int { return cmp.Compare(a.name, b.name) })
	for i := range records {
		info, err := j.dir.Stat(records[i].name)
		if err != nil {
			return nil, err
		}
		records[i].size = info.Size
		j.bytes += info.Size
		j.last = records[i].At
	}
	if j.mark, err = j.readMark(); err != nil {
		return nil, err
	}
	if j.mark.After(j.last) {
		j.last = j.mark
	}
	return records, nil
}

func name(at time.Time, number uint64) string {
	return fmt.Sprintf("%0*d-%0*d%s", timeDigits, at.UnixNano(), numberDigits, number, extRecord)
}

// parse is the inverse of name.
func parse(n string) (r Record, number uint64, ok bool) {
	base, found := strings.CutSuffix(n, extRecord)
	if !found || len(base) != timeDigits+1+numberDigits || base[timeDigits] != '-' {
		return Record{}, 0, false
	}
	ns, err := strconv.ParseInt(base[:timeDigits], 10, 64)
	if err != nil {
		return Record{}, 0, false
	}
	number, err = strconv.ParseUint(base[timeDigits+1:], 10, 64)
	r = Record{At: time.Unix(0, ns), name: n}
	return r, number, err == nil && name(r.At, number) == n
}

// Now returns the time of the journal when the clock says now: never before a record.
func (j *Journal) Now(now time.Time) time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	if now.After(j.last) {
		j.last = now
	}
	return j.last
}

// Append stores a record, durably, and returns it. The error satisfies errors.Is(err,
// [ErrFull]) if the journal has no room.
func (j *Journal) Append(data []byte) (Record, error) {
	j.litter.Sweep()
	j.mu.Lock()
	if j.max > 0 && j.bytes+int64(len(data)) > j.max {
		j.mu.Unlock()
		return Record{}, fmt.Errorf("%s: %w: it has %d bytes of %d", j.dir.Path(), ErrFull, j.bytes, j.max)
	}
	j.number++
	temp := fmt.Sprintf("%0*d%s", numberDigits, j.number, extTemp)
	j.bytes += int64(len(data))
	j.mu.Unlock()
	err := j.write(temp, data)
	if err != nil {
		j.drop(temp)
		j.forget(int64(len(data)))
		return Record{}, err
	}
	// The time is taken when the record becomes part of the log, so that names have the
	// order in which they appear.
	j.mu.Lock()
	defer j.mu.Unlock()
	if now := time.Now(); now.After(j.last) {
		j.last = now
	}
	j.number++
	r := Record{At: j.last, name: name(j.last, j.number), size: int64(len(data))}
	if err = j.dir.RenameNoReplace(temp, r.name); err != nil {
		j.drop(temp)
	} else if err = j.dir.Sync(); err != nil {
		j.drop(r.name) // the caller appends it again
	}
	if err != nil {
		j.bytes -= int64(len(data))
		return Record{}, err
	}
	return r, nil
}

func (j *Journal) write(temp string, data []byte) error {
	f, err := j.dir.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// Read returns what a record has. It allocates as much as the file has.
func (j *Journal) Read(r Record) ([]byte, error) {
	f, err := j.dir.OpenRegular(r.name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, r.size)
	_, err = io.ReadFull(f, data)
	return data, err
}

// Commit keeps the mark, durably, and then removes the records, which are needed no
// longer. A record that can't be removed comes again after the next start. A mark of zero
// is none.
func (j *Journal) Commit(mark time.Time, done []Record) error {
	if !mark.IsZero() {
		if err := j.writeMark(mark); err != nil {
			return err
		}
	}
	for _, r := range done {
		j.forget(r.size)
		j.drop(r.name)
	}
	return nil
}

// Mark returns the time that was last kept; zero if there is none.
func (j *Journal) Mark() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mark
}

// Bytes returns the size of the records.
func (j *Journal) Bytes() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.bytes
}

func (j *Journal) forget(size int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.bytes -= size
}

// drop removes a name, now or later.
func (j *Journal) drop(name string) {
	if first, err := j.litter.Remove(name); first {
		j.log.Warn("file of the journal can't be removed, will try again", "file", name, "error", err)
	}
}

func (j *Journal) removeName(name string) error {
	if err := j.dir.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (j *Journal) readMark() (time.Time, error) {
	f, err := j.dir.OpenRegular(markName)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxMark))
	if err != nil {
		return time.Time{}, err
	}
	ns, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w: remove the file; windows of the last minutes may then be emitted again with fewer nodes", f.Name(), err)
	}
	return time.Unix(0, ns), nil
}

func (j *Journal) writeMark(mark time.Time) error {
	temp := markName + extTemp
	if err := j.removeName(temp); err != nil {
		return err
	}
	if err := j.write(temp, fmt.Appendln(nil, mark.UnixNano())); err != nil {
		return err
	}
	if err := j.dir.Rename(temp, markName); err != nil {
		return err
	}
	if err := j.dir.Sync(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mark = mark
	return nil
}
