package spool

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// TestWatcher wakes for entries, also for those that come before it waits.
func TestWatcher(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1")
	w, err := NewWatcher(dir)
	if err != nil {
		t.Fatal(err)
	}
	writer := openWriterAt(t, dir, nil)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	for i := range 3 {
		handOver(t, writer, int64(10+i))
		if ok, err := w.Wait(ctx, never); !ok || err != nil {
			t.Fatalf("entry %d: got %v, %v, want true", i, ok, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if ok, err := w.Wait(ctx, never); ok || err != nil {
		t.Errorf("closed: got %v, %v, want false", ok, err)
	}
	if _, err := NewWatcher(dir + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: got %v, want that it does not exist", err)
	}
}

// TestWatcherWaits: what is removed wakes nobody, an overflow does, and neither the time nor
// the end of the context is missed.
func TestWatcherWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fake{make(chan fsnotify.Event, 1), make(chan error, 1)}
		w := &Watcher{&notifier{f.events, f.errors, func() error { return nil }}}
		ctx, stop := context.WithCancel(t.Context())
		f.events <- fsnotify.Event{Name: "1", Op: fsnotify.Remove}
		start := time.Now()
		ok, err := w.Wait(ctx, time.Minute)
		if took := time.Since(start); !ok || err != nil || took != time.Minute {
			t.Errorf("removal: got %v, %v after %v, want true after a minute", ok, err, took)
		}
		f.errors <- fsnotify.ErrEventOverflow
		start = time.Now()
		ok, err = w.Wait(ctx, time.Minute)
		if took := time.Since(start); !ok || err != nil || took != 0 {
			t.Errorf("overflow: got %v, %v after %v, want true at once", ok, err, took)
		}
		stop()
		if _, err := w.Wait(ctx, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("end: got %v, want canceled", err)
		}
	})
}
