package main

import (
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long nothing must have changed for a change to be told: an editor
// and git write in several steps.
const quiet = 150 * time.Millisecond

// watcher tells of changes of what the programs are made from.
type watcher struct {
	changes chan struct{} // one waits at most

	fs     *fsnotify.Watcher
	config string
	wg     sync.WaitGroup
}

// watch looks at a tree, and at a file that may be elsewhere.
func watch(tree, config string) (*watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	s := &watcher{changes: make(chan struct{}, 1), fs: w, config: config}
	// Editors put another file in a file's place: only its directory stays.
	err = w.Add(filepath.Dir(config))
	if err == nil {
		err = s.add(tree)
	}
	if err != nil {
		_ = w.Close()
		return nil, err
	}
	s.wg.Go(s.run)
	return s, nil
}

// stop ends the looking.
func (s *watcher) stop() error {
	err := s.fs.Close()
	s.wg.Wait()
	return err
}

// add watches a directory with those in it that hold sources.
func (s *watcher) add(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || !e.IsDir():
			return err
		case path != dir && noSources(e.Name()):
			return filepath.SkipDir
		}
		return s.fs.Add(path)
	})
}

// noSources tells of directories that the programs are not made from.
func noSources(name string) bool {
	return strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == "dist"
}

func (s *watcher) run() {
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case e, ok := <-s.fs.Events:
			if !ok {
				return
			}
			if e.Has(fsnotify.Create) && !noSources(filepath.Base(e.Name)) {
				_ = s.add(e.Name) // what is gone again is of no interest
			}
			if s.matters(e) {
				timer.Reset(quiet)
			}
		case <-s.fs.Errors: // events were lost
			timer.Reset(quiet)
		case <-timer.C:
			select {
			case s.changes <- struct{}{}:
			default: // one waits
			}
		}
	}
}

// matters reports whether an event may change the programs or what they do.
func (s *watcher) matters(e fsnotify.Event) bool {
	if e.Op == fsnotify.Chmod {
		return false
	}
	name := filepath.Base(e.Name)
	switch {
	case e.Name == s.config:
		return true
	case strings.HasPrefix(name, ".") || strings.HasSuffix(name, "_test.go"):
		return false
	}
	return strings.HasSuffix(name, ".go") || name == "go.mod" || name == "VERSION"
}
