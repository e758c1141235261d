package events

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"haproxystats/internal/durable"
)

const (
	// maxIDs is the number of ids that are remembered. Snapshots that come again were in
	// hand a moment ago, or are replayed.
	maxIDs = 1 << 14
	// maxID bounds an id, in bytes.
	maxID = 512
)

// ids remembers the newest ids.
type ids struct {
	known map[string]bool
	order []string // oldest first
}

// has reports whether the id is remembered.
func (s *ids) has(id string) bool { return s.known[id] }

// add remembers an id. It forgets the oldest ones.
func (s *ids) add(id string) {
	if s.known[id] {
		return
	}
	if s.known == nil {
		s.known = make(map[string]bool)
	}
	if len(s.order) >= 2*maxIDs {
		for _, old := range s.order[:maxIDs] {
			delete(s.known, old)
		}
		s.order = slices.Clone(s.order[maxIDs:])
	}
	s.known[id] = true
	s.order = append(s.order, id)
}

// ledger is a file of the ids that were sent. It survives a kill; after a power cut the
// newest ids may be missing, and their events are sent again.
type ledger struct {
	dir   *durable.Dir
	name  string
	ids   ids
	lines int // in the file
}

// openLedger reads the file.
func openLedger(dir *durable.Dir, name string) (*ledger, error) {
	l := &ledger{dir: dir, name: name}
	f, err := dir.OpenRegular(name)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 8*maxIDs*maxID))
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(data) {
		l.lines++
		if id, ok := bytes.CutSuffix(line, []byte("\n")); ok && len(id) <= maxID {
			l.ids.add(string(id))
		}
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		return l, l.rewrite() // the program died while it wrote
	}
	return l, nil
}

// add remembers an id. After an error the id is known until the program ends.
func (l *ledger) add(id string) error {
	l.ids.add(id)
	if l.lines >= 3*maxIDs {
		return l.rewrite()
	}
	f, err := l.dir.Open(l.name, os.O_WRONLY|os.O_APPEND)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = l.dir.Create(l.name)
	}
	if err != nil {
		return err
	}
	l.lines++
	_, err = io.WriteString(f, id+"\n")
	return errors.Join(err, f.Close())
}

// rewrite writes the ids that are remembered in place of the file.
func (l *ledger) rewrite() error {
	temp := l.name + ".tmp"
	if err := l.dir.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := l.dir.Create(temp)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, id := range l.ids.order {
		fmt.Fprintln(&b, id)
	}
	_, err = b.WriteTo(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = l.dir.Rename(temp, l.name)
	}
	if err == nil {
		l.lines = len(l.ids.order)
	}
	return err
}
