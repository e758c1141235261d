package pull

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"haproxystats/internal/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a spool in memory.
type memory struct {
	mu      sync.Mutex
	stored  map[int64]map[string][]byte
	last    snapshot.Round // the latest one that was stored
	staged  int            // stages that are neither committed nor discarded
	waiting int            // snapshots of others

	waitingErr, stageErr, removeErr, commitErr, discardErr error
	closeErr                                               map[string]error // by a file's name
}

func (m *memory) Waiting() (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.waiting + len(m.stored), m.waitingErr
}

func (m *memory) Stage(epoch int64) (Stage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stageErr != nil {
		return nil, m.stageErr
	}
	if _, ok := m.stored[epoch]; ok {
		return nil, &fs.PathError{Op: "stage", Path: strconv.FormatInt(epoch, 10), Err: fs.ErrExist}
	}
	m.staged++
	return &memoryStage{memory: m, epoch: epoch, files: make(map[string][]byte)}, nil
}

func (m *memory) epochs() []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []int64
	for epoch := range m.stored {
		all = append(all, epoch)
	}
	return all
}

type memoryStage struct {
	memory *memory
	epoch  int64

	mu    sync.Mutex
	files map[string][]byte
	open  int
}

func (s *memoryStage) Create(name string) (io.WriteCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.files[name]; ok || strings.Contains(name, "/") {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	s.files[name] = nil
	s.open++
	return &memoryFile{stage: s, name: name}, nil
}

func (s *memoryStage) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.files[name]; !ok {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if s.memory.removeErr != nil {
		return s.memory.removeErr
	}
	if s.open != 0 {
		return fs.ErrInvalid
	}
	delete(s.files, name)
	return nil
}

func (s *memoryStage) Commit(r snapshot.Round) error {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.commitErr != nil {
		return m.commitErr
	}
	if s.open != 0 {
		return fs.ErrInvalid
	}
	m.staged--
	if m.stored == nil {
		m.stored = make(map[int64]map[string][]byte)
	}
	m.stored[s.epoch], m.last = s.files, r
	return nil
}

func (s *memoryStage) Discard() error {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.staged--
	return m.discardErr
}

type memoryFile struct {
	stage *memoryStage
	name  string
	bytes.Buffer
}

func (f *memoryFile) Close() error {
	f.stage.mu.Lock()
	defer f.stage.mu.Unlock()
	f.stage.files[f.name] = f.Bytes()
	f.stage.open--
	return f.stage.memory.closeErr[f.name]
}

// fetchFunc answers for a socket.
type fetchFunc func(ctx context.Context, address string, info, stat io.Writer) error

func (f fetchFunc) Fetch(ctx context.Context, _, address string, info, stat io.Writer) error {
	return f(ctx, address, info, stat)
}

// answer is a fetcher whose sockets answer at once.
func answer(_ context.Context, address string, info, stat io.Writer) error {
	if _, err := io.WriteString(info, "info of "+address); err != nil {
		return err
	}
	_, err := io.WriteString(stat, "stat of "+address)
	return err
}

// logged collects what is logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, nil))
}

// count returns how many lines hold all parts.
func (l *logged) count(parts ...string) int {
	n := 0
lines:
	for line := range strings.Lines(l.String()) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue lines
			}
		}
		n++
	}
	return n
}
