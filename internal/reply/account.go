package reply

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
)

// ErrLarge means that a file is larger than any that haproxystats-pull writes.
var ErrLarge = errors.New("it is too large")

var errGrown = errors.New("it has grown while it was read")

// readAccounts passes the accounts of a snapshot to c. An account whose base can't be
// used is left out: its counters are those of the current worker.
func (r *Reader) readAccounts(s snapshot.Snapshot, fsys fs.FS, c Accountant, report *Report) error {
	known := r.bases
	r.bases = make(map[string]base)
	if s.Round == nil {
		return nil
	}
	for _, a := range s.Round.Accounts {
		b := base{Base: new(truth.Base)}
		if a.Generation > 0 {
			name := a.Socket + snapshot.BaseSuffix
			var problem, err error
			b, problem, err = readBase(fsys, name, known[a.Socket])
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			if problem != nil {
				report.note(name, problem)
				continue
			}
			r.bases[a.Socket] = b
		}
		c.Base(a.Socket, b.Base)
		for _, i := range a.Instances {
			if i.Role == snapshot.Current {
				continue
			}
			if err := r.readWorker(fsys, a.Socket, i, c, report); err != nil {
				return err
			}
		}
	}
	return nil
}

// readBase reads a base, unless it is the one of the snapshot before.
func readBase(fsys fs.FS, name string, before base) (b base, problem, err error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return b, err, nil
	}
	if err != nil {
		return b, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return b, nil, err
	case info.Size() > truth.MaxBase:
		return b, ErrLarge, nil
	}
	text := make([]byte, info.Size(), info.Size()+1)
	if _, err := io.ReadFull(f, text); err != nil {
		return b, nil, err
	}
	// The end shows whether the file is the one in the manifest.
	if n, err := f.Read(text[len(text):cap(text)]); n > 0 || !errors.Is(err, io.EOF) {
		return b, nil, errors.Join(err, errGrown)
	}
	b = base{size: len(text), crc: snapshot.Sum(0, text)}
	if before.Base != nil && before.size == b.size && before.crc == b.crc {
		return before, nil, nil
	}
	b.Base, problem = truth.ParseBase(text)
	return b, problem, nil
}

// readWorker passes the replies of a worker to c.
func (r *Reader) readWorker(fsys fs.FS, socket string, i snapshot.Instance, c Accountant, report *Report) error {
	infoName, statName := i.File(socket, snapshot.InfoSuffix), i.File(socket, snapshot.StatSuffix)
	info, err := fsys.Open(infoName)
	if errors.Is(err, fs.ErrNotExist) {
		report.note(infoName, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", infoName, err)
	}
	defer info.Close()
	r.info.Reset(info)
	var scanner *haproxy.StatScanner
	stat, err := fsys.Open(statName)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it has told no rows
	case err != nil:
		return fmt.Errorf("read %s: %w", statName, err)
	default:
		defer stat.Close()
		if len(r.stat) == 0 {
			r.stat = append(r.stat, new(haproxy.StatScanner))
		}
		scanner = r.stat[0]
		if err := scanner.Reset(stat); errors.Is(err, haproxy.ErrNoHeader) {
			report.note(statName, err)
			scanner = nil
		} else if err != nil {
			return fmt.Errorf("read %s: %w", statName, err)
		}
	}
	c.Worker(socket, i, &r.info, scanner)
	for r.info.Next() {
	}
	if err := r.info.Err(); err != nil {
		return fmt.Errorf("read %s: %w", infoName, err)
	}
	report.BadRows += r.info.Skipped()
	report.note(infoName, ending(r.info.Pairs() > 0, r.info.Complete()))
	if scanner == nil {
		return nil
	}
	for scanner.Next() {
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("read %s: %w", statName, err)
	}
	report.BadRows += scanner.Skipped()
	report.note(statName, ending(true, scanner.Complete()))
	return nil
}

// readServers passes the states of servers to c.
func readServers(fsys fs.FS, names []string, c Accountant, report *Report) error {
	for _, name := range names {
		f, err := fsys.Open(name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		servers, problem := haproxy.ReadServersState(f)
		if problem == nil {
			c.Servers(strings.TrimSuffix(name, snapshot.ServersSuffix), servers)
		}
		// Files with a checksum are verified at their end.
		_, err = io.Copy(io.Discard, f)
		f.Close()
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if problem != nil {
			report.note(name, problem)
		}
	}
	return nil
}
