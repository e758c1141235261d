package harness

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// QueueWatch records which snapshots come into a queue and when, and which leave it,
// as the kernel tells it. It is the witness of what was accepted.
type QueueWatch struct {
	site *Site
	dir  string

	mu      sync.Mutex
	came    []Arrival
	here    map[int64]int
	marks   int   // events of sync
	broken  error // events are missing from then on
	changed chan struct{}
}

// Arrival is a snapshot that came into the queue.
type Arrival struct {
	Epoch int64
	At    time.Time
}

// WatchQueue makes a directory and records what happens in it from now on. Should the
// kernel lose events the test fails: use [Feeder.Fed] as the witness where that
// is the fault.
func (s *Site) WatchQueue(dir string) *QueueWatch {
	s.T.Helper()
	s.Must(os.MkdirAll(dir, 0o750))
	w, err := fsnotify.NewWatcher()
	s.Must(err)
	l := &QueueWatch{site: s, dir: dir, here: make(map[int64]int), changed: make(chan struct{})}
	s.Must(w.Add(dir))
	var reading sync.WaitGroup
	reading.Go(func() {
		for e := range w.Events {
			l.note(func() { l.event(e) })
		}
	})
	reading.Go(func() {
		for err := range w.Errors {
			l.note(func() { l.broken = cmp.Or(l.broken, fmt.Errorf("watch %s: %w", dir, err)) })
		}
	})
	s.T.Cleanup(func() {
		if err := w.Close(); err != nil {
			s.T.Error(err)
		}
		reading.Wait()
		if l.broken != nil {
			s.T.Error(l.broken)
		}
	})
	return l
}

func (l *QueueWatch) note(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *QueueWatch) event(e fsnotify.Event) {
	if e.Name == l.dir {
		if e.Has(fsnotify.Chmod) {
			l.marks++
		}
		return
	}
	epoch, err := strconv.ParseInt(filepath.Base(e.Name), 10, 64)
	switch {
	case err != nil:
	case e.Has(fsnotify.Create):
		l.came = append(l.came, Arrival{epoch, time.Now()})
		l.here[epoch]++
	case e.Has(fsnotify.Remove), e.Has(fsnotify.Rename):
		if l.here[epoch]--; l.here[epoch] <= 0 {
			delete(l.here, epoch)
		}
	}
}

// wait waits until ok is content; it is called with the lock held.
func (l *QueueWatch) wait(what string, ok func() bool) {
	l.site.T.Helper()
	for {
		l.mu.Lock()
		content, changed, n, here := ok(), l.changed, len(l.came), len(l.here)
		l.mu.Unlock()
		if content {
			return
		}
		select {
		case <-changed:
		case <-l.site.Ctx.Done():
			l.site.T.Fatalf("wait for %s in %s, into which %d snapshots came and where %d are: %v", what, l.dir, n, here, l.site.Cause())
		}
	}
}

// Sync waits until everything is noted that has happened before.
func (l *QueueWatch) Sync() {
	l.site.T.Helper()
	l.mu.Lock()
	marks := l.marks
	l.mu.Unlock()
	info, err := os.Stat(l.dir)
	l.site.Must(err, os.Chmod(l.dir, info.Mode().Perm()))
	l.wait("the end of the events", func() bool { return l.marks > marks })
}

// Arrivals returns what came until now, in order.
func (l *QueueWatch) Arrivals() []Arrival {
	l.site.T.Helper()
	l.Sync()
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.came)
}

// Accepted returns the times of what came until now, in order. One that came
// twice is there twice.
func (l *QueueWatch) Accepted() []int64 {
	l.site.T.Helper()
	var epochs []int64
	for _, a := range l.Arrivals() {
		epochs = append(epochs, a.Epoch)
	}
	return epochs
}

// WaitCame waits until n snapshots have come in all, and returns the last of
// these.
func (l *QueueWatch) WaitCame(n int) Arrival {
	l.site.T.Helper()
	l.wait(fmt.Sprintf("snapshot %d", n), func() bool { return len(l.came) >= n })
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.came[n-1]
}

// Count returns how many snapshots have come, as far as is noted.
func (l *QueueWatch) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.came)
}

// WaitEmpty waits until all that came has left again.
func (l *QueueWatch) WaitEmpty() {
	l.site.T.Helper()
	l.Sync()
	l.wait("its end", func() bool { return len(l.here) == 0 })
}

// holds reports whether any of these snapshots is still in the queue.
func (l *QueueWatch) holds(epochs []int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(epochs, func(e int64) bool { return l.here[e] > 0 })
}
