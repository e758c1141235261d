package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fsnotify/fsnotify"
)

func TestMatters(t *testing.T) {
	s := &watcher{config: "/tmp/x/etc/haproxystats.conf"}
	for _, c := range []struct {
		name string
		op   fsnotify.Op
		want bool
	}{
		{"internal/cli/pull.go", fsnotify.Write, true},
		{"internal/cli/pull.go", fsnotify.Rename, true},
		{"internal/cli/pull.go", fsnotify.Remove, true},
		{"internal/cli/pull.go", fsnotify.Chmod, false},
		{"internal/cli/pull_test.go", fsnotify.Write, false},
		{"internal/cli/.#pull.go", fsnotify.Create, false},
		{"internal/cli/pull.go~", fsnotify.Create, false},
		{"internal/cli/VERSION", fsnotify.Write, true},
		{"go.mod", fsnotify.Write, true},
		{"README.md", fsnotify.Write, false},
		{"/tmp/x/etc/haproxystats.conf", fsnotify.Create, true},
		{"/tmp/x/etc/haproxystats.conf~", fsnotify.Create, false},
	} {
		if got := s.matters(fsnotify.Event{Name: c.name, Op: c.op}); got != c.want {
			t.Errorf("%v of %s matters: %v", c.op, c.name, got)
		}
	}
}

// TestWatch changes files one after the other, each of which must be told.
func TestWatch(t *testing.T) {
	tree, etc := t.TempDir(), t.TempDir()
	write := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(etc, "conf")
	write(config)
	write(filepath.Join(tree, "a", "a.go"))
	w, err := watch(tree, config)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		filepath.Join(tree, "a", "a.go"), filepath.Join(tree, "new.go"), config,
	} {
		write(path)
		<-w.changes
	}
	// A new directory, with what comes into it later.
	write(filepath.Join(tree, "b", "b.txt"))
	write(filepath.Join(tree, "c.go"))
	<-w.changes
	write(filepath.Join(tree, "b", "b.go"))
	<-w.changes
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	if _, err := watch(filepath.Join(tree, "none"), config); err == nil {
		t.Error("a tree that is not there is watched")
	}
}
