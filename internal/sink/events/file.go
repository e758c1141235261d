package events

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"haproxystats/internal/event"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/snapshot"
)

// errBatch refuses batches.
var errBatch = errors.New("the sink takes events only")

// FileOptions describe a file of events.
type FileOptions struct {
	// Name is the name of the sink.
	Name string
	// Path is the file. Its directory must exist.
	Path string
	// MaxBytes and MaxAge bound the file; a MaxAge of 0 is no bound. Keep is the number of
	// older files.
	MaxBytes int64
	MaxAge   time.Duration
	Keep     int
	// Sync makes events durable before they are accepted.
	Sync bool
	// Kinds are the kinds that are written.
	Kinds Kinds
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// File is a sink that appends events to a file, each once.
type File struct {
	opt FileOptions
	log *slog.Logger

	mu    sync.Mutex // one snapshot is written at a time
	file  logFile
	ids   ids
	ready bool // the ids in the file are known

	counting sync.Mutex
	status   sink.Status
}

// NewFile returns a sink. It opens nothing before the first event.
func NewFile(o FileOptions) *File {
	s := &File{
		opt: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)).With("sink", o.Name),
		file: logFile{path: o.Path, maxBytes: o.MaxBytes, maxAge: o.MaxAge, keep: o.Keep},
	}
	if o.Sync {
		s.file.sync = (*os.File).Sync
	}
	return s
}

// Name returns the sink's name.
func (s *File) Name() string { return s.opt.Name }

// Deliver refuses batches: the sink takes events only.
func (s *File) Deliver(context.Context, *metric.Batch) error { return errBatch }

// Status returns the counts; each event is a metric in them.
func (s *File) Status() sink.Status {
	s.counting.Lock()
	defer s.counting.Unlock()
	return s.status
}

// DeliverSnapshot returns nil once the events of the snapshot are in the file.
func (s *File) DeliverSnapshot(_ context.Context, snap snapshot.Snapshot) error {
	all, bad, err := read(snap)
	if err != nil {
		return fmt.Errorf("%s: %w", s.opt.Name, err)
	}
	skipped := tellBad(s.log, snap.Epoch, bad)
	s.mu.Lock()
	defer s.mu.Unlock()
	written, err := s.write(all)
	s.counting.Lock()
	defer s.counting.Unlock()
	now := time.Now()
	switch {
	case err != nil:
		s.status.Failures++
		s.status.Health.Cause = err
		if s.status.Health.Down.IsZero() {
			s.status.Health.Down = now
		}
		return fmt.Errorf("%s: %w", s.opt.Name, err)
	case len(written) > 0:
		s.status.Batches++
		s.status.Health = sink.Health{Confirmed: now}
	}
	s.status.Skipped += skipped
	for _, i := range written {
		s.status.Metrics++
		s.status.Bytes += int64(len(i.line()))
	}
	return nil
}

// write appends the events that the file does not have, and returns them.
func (s *File) write(all []*item) (written []*item, err error) {
	all = selected(all, s.opt.Kinds.match)
	if len(all) == 0 {
		return nil, nil
	}
	if !s.ready {
		if err := s.file.newest(func(line []byte) {
			for _, i := range parseLines(line) {
				s.ids.add(i.ID)
			}
		}); err != nil {
			return nil, hinted(err)
		}
		s.ready = true
	}
	var lines bytes.Buffer
	inHand := make(map[string]bool)
	for _, i := range all {
		if !s.ids.has(i.ID) && !inHand[i.ID] {
			inHand[i.ID] = true
			written = append(written, i)
			lines.Write(i.line())
		}
	}
	if len(written) == 0 {
		return nil, nil
	}
	if err := s.file.append(lines.Bytes(), time.Now()); err != nil {
		return nil, hinted(err)
	}
	for _, i := range written {
		s.ids.add(i.ID)
	}
	return written, nil
}

// selected returns the events of the kinds that are wanted.
func selected(all []*item, wants func(event.Kind) bool) (some []*item) {
	for _, i := range all {
		if wants(i.Kind) {
			some = append(some, i)
		}
	}
	return some
}

// tellBad logs what is wrong with the events of a snapshot, and returns the number to
// count.
func tellBad(log *slog.Logger, epoch int64, bad error) int64 {
	if bad == nil {
		return 0
	}
	log.Error("events of a snapshot can't be used and are lost", "snapshot", epoch, "error", bad)
	return 1
}

// hinted adds what to do about an error of a file.
func hinted(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: free some space, or move option file of section events", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: let the user of the program write the directory of option file of section events", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: make the directory of option file of section events", err)
	}
	return err
}
