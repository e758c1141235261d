package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// dirWatch records what appears in a directory and what leaves it, as the kernel
// tells it.
type dirWatch struct {
	s   *site
	dir string

	mu      sync.Mutex
	came    []string             // in order
	at      map[string]time.Time // when they came
	left    map[string]time.Time
	marks   int           // events of the mark
	broken  error         // events are missing from then on
	changed chan struct{} // closed at the next event
}

// watch makes a directory and notes what happens in it from now on.
func (s *site) watch(dir string) *dirWatch {
	s.t.Helper()
	s.must(os.MkdirAll(dir, 0o750))
	w, err := fsnotify.NewWatcher()
	s.must(err)
	l := &dirWatch{
		s: s, dir: dir, changed: make(chan struct{}),
		at: make(map[string]time.Time), left: make(map[string]time.Time),
	}
	s.must(w.Add(dir))
	var reading sync.WaitGroup
	reading.Go(func() {
		for e := range w.Events {
			l.note(func() {
				name := filepath.Base(e.Name)
				switch {
				case name == mark:
					l.marks++
				case e.Has(fsnotify.Create):
					l.came = append(l.came, name)
					l.at[name] = time.Now()
				case e.Has(fsnotify.Remove), e.Has(fsnotify.Rename):
					l.left[name] = time.Now()
				}
			})
		}
	})
	reading.Go(func() {
		for err := range w.Errors {
			l.note(func() { l.broken = fmt.Errorf("watch %s: %w", dir, err) })
		}
	})
	s.t.Cleanup(func() {
		if err := w.Close(); err != nil {
			s.t.Error(err)
		}
		reading.Wait()
		if l.broken != nil {
			s.t.Error(l.broken)
		}
	})
	return l
}

func (l *dirWatch) note(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	close(l.changed)
	l.changed = make(chan struct{})
}

// wait waits until ok is content with what came and what left.
func (l *dirWatch) wait(what string, ok func(came []string, left map[string]time.Time) bool) {
	l.s.t.Helper()
	for {
		content, changed := l.check(ok)
		if content {
			return
		}
		select {
		case <-changed:
		case <-l.s.ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			l.s.t.Fatalf("wait for %s in %s, of which %d came and %d left: %v",
				what, l.dir, len(l.came), len(l.left), l.s.cause())
		}
	}
}

// check asks ok, which may end the test, and returns what tells of a change.
func (l *dirWatch) check(ok func([]string, map[string]time.Time) bool) (content bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return ok(l.came, l.left), l.changed
}

// waitCame waits until n have come since the first `since` of them.
func (l *dirWatch) waitCame(since, n int) []string {
	l.s.t.Helper()
	var all []string
	l.wait(fmt.Sprintf("%d snapshots", n), func(came []string, _ map[string]time.Time) bool {
		all = slices.Clone(came)
		return len(came) >= since+n
	})
	return all[since:]
}

// waitLeft waits until those names have left.
func (l *dirWatch) waitLeft(names ...string) {
	l.s.t.Helper()
	l.wait("the end of "+strings.Join(names, ", "), func(_ []string, left map[string]time.Time) bool {
		return !slices.ContainsFunc(names, func(n string) bool { _, gone := left[n]; return !gone })
	})
}

// mark is a file that tells the watch that it has read all earlier events.
const mark = ".mark"

// names returns what came until now, in order.
func (l *dirWatch) names() []string {
	l.s.t.Helper()
	l.mu.Lock()
	marks := l.marks
	l.mu.Unlock()
	l.s.must(os.Mkdir(filepath.Join(l.dir, mark), 0o750), os.Remove(filepath.Join(l.dir, mark)))
	var all []string
	l.wait("the mark", func(came []string, _ map[string]time.Time) bool {
		all = slices.Clone(came)
		return l.marks >= marks+2
	})
	return all
}

// stay returns how long something was there.
func (l *dirWatch) stay(name string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left[name].Sub(l.at[name])
}

// list returns what a directory holds.
func (s *site) list(dir string) []string {
	s.t.Helper()
	entries, err := os.ReadDir(dir)
	s.must(err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
