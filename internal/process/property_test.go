package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestAnyOutcome has every step fail in any way at any time, for a while. Each snapshot is
// then committed after every sink has accepted it, or given up after three attempts. A
// sink gets a snapshot again only after its own failure or a panic, or if the snapshot had
// vanished.
func TestAnyOutcome(t *testing.T) {
	rapid.Check(t, inBubble(t, anyOutcome))
}

// inBubble runs a property in a bubble of its own, and lets what it panics
// with, which is how rapid ends one, come out of it.
func inBubble(t *testing.T, property func(*rapid.T)) func(*rapid.T) {
	return func(rt *rapid.T) {
		var ended any
		synctest.Test(t, func(*testing.T) {
			defer func() { ended = recover() }()
			property(rt)
		})
		if ended != nil {
			panic(ended)
		}
	}
}

// fates are what a step of a snapshot comes to, one attempt after another, and
// after the last: success.
type fates struct {
	mu   sync.Mutex
	left map[string][]string
}

func (f *fates) next(key string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.left[key]) == 0 {
		return "ok"
	}
	fate := f.left[key][0]
	f.left[key] = f.left[key][1:]
	return fate
}

func anyOutcome(t *rapid.T) {
	snapshots := rapid.IntRange(1, 8).Draw(t, "snapshots")
	sinks := rapid.IntRange(0, 3).Draw(t, "sinks")
	f := fates{left: map[string][]string{}}
	draw := func(key string, from ...string) {
		f.left[key] = rapid.SliceOfN(rapid.SampledFrom(from), 0, 4).Draw(t, key)
	}
	blames, vanishes := map[string]int{}, map[string]bool{}
	s := newSource(snapshots)
	for _, c := range s.waiting {
		draw("read "+c.name, "ok", "error", "panic", "descriptors")
		draw("commit "+c.name, "ok", "error", "vanished")
		for i := range sinks {
			draw(fmt.Sprintf("sink%d %s", i, c.name), "ok", "error", "slow", "panic")
		}
		for key, fates := range f.left {
			for _, fate := range fates {
				switch {
				case fate == "panic" || key == "read "+c.name && fate == "error":
					blames[key[len(key)-len(c.name):]]++
				case fate == "vanished":
					vanishes[key[len(key)-len(c.name):]] = true
				}
			}
		}
	}
	s.commitErr = func(name string) error {
		switch f.next("commit " + name) {
		case "error":
			return syscall.EROFS
		case "vanished":
			return fs.ErrNotExist
		}
		return nil
	}
	var recorders []*recorder
	o := Options{
		Source: s, Workers: rapid.IntRange(1, 3).Draw(t, "workers"),
		NewAggregator: newAggregator(func(epoch int64, _ fs.FS) error {
			switch f.next(fmt.Sprint("read ", epoch)) {
			case "error":
				return errors.New("no replies")
			case "panic":
				panic("no replies")
			case "descriptors":
				return syscall.EMFILE
			}
			return nil
		}),
	}
	for i := range sinks {
		r := newRecorder(fmt.Sprint("sink", i), func(_ context.Context, epoch int64) error {
			switch f.next(fmt.Sprintf("sink%d %d", i, epoch)) {
			case "error":
				return errors.New("disk full")
			case "slow":
				time.Sleep(3 * time.Second)
			case "panic":
				panic("disk full")
			}
			return nil
		})
		recorders = append(recorders, r)
		o.Sinks = append(o.Sinks, r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan error, 1)
	go func() { got <- New(o).Run(ctx) }()
	pass(time.Hour)
	cancel()
	if err := <-got; err != nil {
		t.Fatal(err)
	}

	end := s.now()
	if len(end.committed)+len(end.corrupt) != snapshots || end.waiting+end.held != 0 {
		t.Fatalf("%d snapshots: committed %q, corrupt %q, %d wait, %d held", snapshots, end.committed, end.corrupt, end.waiting, end.held)
	}
	for _, name := range end.corrupt {
		if blames[name] < 3 {
			t.Errorf("%s was given up after %d faults of its own", name, blames[name])
		}
	}
	for _, name := range end.committed {
		var epoch int64
		fmt.Sscan(name, &epoch)
		for _, r := range recorders {
			switch n := r.got[epoch]; {
			case n == 0:
				t.Errorf("%s was committed, but %s never accepted it", name, r.name)
			case n > 1 && !vanishes[name]:
				t.Errorf("%s accepted %s %d times", r.name, name, n)
			}
		}
	}
}
