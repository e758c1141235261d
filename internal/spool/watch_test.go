package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

	"haproxystats/internal/durable"
)

// never makes the ticker play no part in a test.
const never = 24 * time.Hour

func TestArrivalsAreSeen(t *testing.T) {
	dir := queue(t)
	w, r := openWriterAt(t, dir, nil), openReaderAt(t, dir, nil)
	r.rescan = never
	run(t, r)
	for i := range 20 {
		handOver(t, w, int64(i))
		e := claim(t, r)
		if e.Epoch() != int64(i) {
			t.Errorf("got %s", e.Name())
		}
		commit(t, e)
	}
}

// attached reports each time a watch has been set up.
func attached(r *Reader) <-chan struct{} {
	c := make(chan struct{}, 100)
	notify := r.notify
	r.notify = func(dir string) (*notifier, error) {
		n, err := notify(dir)
		if err == nil {
			c <- struct{}{}
		}
		return n, err
	}
	return c
}

// TestDirectoryIsReplaced removes, moves and makes the queue anew under a
// reader that watches it.
func TestDirectoryIsReplaced(t *testing.T) {
	tests := []struct {
		name        string
		spoil, mend func(t *testing.T, dir string) error
		want        []string
	}{
		{
			"removed and made anew",
			func(t *testing.T, dir string) error { return os.RemoveAll(dir) },
			func(t *testing.T, dir string) error { return os.MkdirAll(filepath.Join(dir, "5"), durable.DirMode) },
			[]string{"5"},
		},
		{
			"moved away and another made",
			func(t *testing.T, dir string) error { return os.Rename(dir, dir+".away") },
			func(t *testing.T, dir string) error { return os.MkdirAll(filepath.Join(dir, "5"), durable.DirMode) },
			[]string{"5"},
		},
		{
			"moved away, filled and moved back",
			func(t *testing.T, dir string) error { return os.Rename(dir, dir+".away") },
			func(t *testing.T, dir string) error {
				plant(t, dir+".away", "5")
				return os.Rename(dir+".away", dir)
			},
			[]string{"2", "5"},
		},
		{
			"replaced at once",
			func(t *testing.T, dir string) error { return nil },
			func(t *testing.T, dir string) error {
				plant(t, dir+".other", "5", "6")
				if err := os.Rename(dir, dir+".away"); err != nil {
					return err
				}
				return os.Rename(dir+".other", dir)
			},
			[]string{"5", "6"},
		},
		{
			"parent moved away and made anew",
			func(t *testing.T, dir string) error { return nil },
			func(t *testing.T, dir string) error {
				if err := os.Rename(filepath.Dir(dir), filepath.Dir(dir)+".away"); err != nil {
					return err
				}
				return os.MkdirAll(filepath.Join(dir, "5"), durable.DirMode)
			},
			[]string{"5"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "base", "incoming")
			plant(t, dir, "1", "2")
			var log journal
			r := openReaderAt(t, dir, log.logger())
			r.rescan = 50 * time.Millisecond
			watching := attached(r)
			run(t, r)
			<-watching
			commit(t, claim(t, r))
			if err := tt.spoil(t, dir); err != nil {
				t.Fatal(err)
			}
			if err := tt.mend(t, dir); err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				for {
					e := claim(t, r)
					err := e.Commit()
					if err != nil { // claimed before it was taken away
						e.Postpone()
						continue
					}
					if e.Name() == want {
						break
					}
				}
			}
			// The new one is watched, too.
			<-watching
			plant(t, dir, "99")
			if e := claim(t, r); e.Name() != "99" {
				t.Errorf("got %s, want 99", e.Name())
			}
			if n := log.count("can't be read"); n > 1 {
				t.Errorf("%d warnings:\n%s", n, &log)
			}
		})
	}
}

// fake is a watch that says what the test says.
type fake struct {
	events chan fsnotify.Event
	errors chan error
}

func newFake(r *Reader) *fake {
	f := &fake{make(chan fsnotify.Event), make(chan error)}
	r.rescan = never
	r.notify = func(string) (*notifier, error) {
		return &notifier{f.events, f.errors, func() error { return nil }}, nil
	}
	return f
}

// TestArrivalBeforeTheWatch finds what came between a listing and the watch.
func TestArrivalBeforeTheWatch(t *testing.T) {
	dir := queue(t)
	r := openReaderAt(t, dir, nil)
	nothing(t, r)
	var n int
	r.notify = func(dir string) (*notifier, error) {
		n++
		plant(t, dir, fmt.Sprint(n))
		f := fake{make(chan fsnotify.Event), make(chan error)}
		if n == 1 {
			close(f.events) // lost at once
		}
		return &notifier{f.events, f.errors, func() error { return nil }}, nil
	}
	r.rescan = never
	run(t, r)
	for _, want := range []string{"1", "2"} {
		e := claim(t, r)
		if e.Name() != want {
			t.Errorf("got %s, want %s", e.Name(), want)
		}
		commit(t, e)
	}
}

// TestOverflowIsALook delivers what arrived while events were lost.
func TestOverflowIsALook(t *testing.T) {
	dir := queue(t)
	r := openReaderAt(t, dir, nil)
	f := newFake(r)
	run(t, r)
	// Other events are no reason to look; the second one was received after
	// the first look.
	for range 2 {
		f.events <- fsnotify.Event{Name: filepath.Join(dir, "0"), Op: fsnotify.Remove}
	}
	nothing(t, r)
	for i := range 50 {
		plant(t, dir, fmt.Sprint(i))
	}
	if r.dirty {
		t.Fatal("looks without a reason")
	}
	f.errors <- fsnotify.ErrEventOverflow
	for range 50 {
		commit(t, claim(t, r))
	}
	nothing(t, r)
}

// TestLooksAnyway finds entries without an event at the next tick, and deletes what
// could not be deleted before.
func TestLooksAnyway(t *testing.T) {
	dir := queue(t)
	synctest.Test(t, func(t *testing.T) {
		r := openReaderAt(t, dir, nil)
		newFake(r)
		r.rescan = rescanEvery
		var tried atomic.Bool
		r.litter = durable.NewLitter(func(path string) error {
			if !tried.Swap(true) {
				return errors.New("some cause")
			}
			return os.RemoveAll(path)
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		synctest.Wait()
		nothing(t, r)
		plant(t, dir, "1")
		plant(t, dir+".trash", "0.done/refused")
		r.discard(filepath.Join(dir+".trash", "0.done"))
		start := time.Now()
		commit(t, claim(t, r))
		if took := time.Since(start); took > rescanEvery {
			t.Errorf("found after %v", took)
		}
		synctest.Wait()
		if left := names(t, dir+".trash"); len(left) > 0 {
			t.Errorf("trash holds %q", left)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestWithoutWatch finds what arrives although inotify is not to be had.
func TestWithoutWatch(t *testing.T) {
	dir := queue(t)
	var log journal
	r := openReaderAt(t, dir, log.logger())
	r.notify = func(string) (*notifier, error) { return nil, errors.New("no watches left") }
	run(t, r)
	for i := range 2 {
		plant(t, dir, fmt.Sprint(i))
		commit(t, claim(t, r))
	}
	if n := log.count("no watches left"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
}

// TestFlood is a real one, of more directories than inotify's queue or the
// reader's memory holds, half of them there before the watch.
func TestFlood(t *testing.T) {
	dir := queue(t)
	total := 20000
	if testing.Short() {
		total = 4000
	}
	plant(t, dir)
	for i := range total / 2 {
		if err := os.Mkdir(filepath.Join(dir, fmt.Sprint(i)), durable.DirMode); err != nil {
			t.Fatal(err)
		}
	}
	r := openReaderAt(t, dir, nil)
	r.rescan = never
	watching := attached(r)
	run(t, r)
	<-watching
	for i := total / 2; i < total; i++ {
		if err := os.Mkdir(filepath.Join(dir, fmt.Sprint(i)), durable.DirMode); err != nil {
			t.Fatal(err)
		}
	}
	seen := make(map[string]bool, total)
	for range total {
		e := claim(t, r)
		if seen[e.Name()] {
			t.Fatalf("%s twice", e.Name())
		}
		seen[e.Name()] = true
		commit(t, e)
	}
	nothing(t, r)
}
