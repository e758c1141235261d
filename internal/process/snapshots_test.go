package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/snapshot"
)

// raw is a sink that takes snapshots.
type raw struct {
	fault func(epoch int64, n int) error

	mu  sync.Mutex
	got []string
	n   int
}

func (r *raw) Name() string { return "raw" }

func (r *raw) DeliverSnapshot(_ context.Context, s snapshot.Snapshot) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	if r.fault != nil {
		if err := r.fault(s.Epoch, r.n); err != nil {
			return err
		}
	}
	data, err := fs.ReadFile(s.Files, "a_info")
	r.got = append(r.got, fmt.Sprintf("%d %s", s.Epoch, data))
	return err
}

// TestSnapshotsAreNotRead: a program whose only sinks take snapshots reads none.
func TestSnapshotsAreNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := newSource(3), &raw{}
		_, stop := run(t, Options{
			Source: s, Snapshots: []SnapshotSink{r},
			NewAggregator: newAggregator(func(int64, fs.FS) error { t.Error("a snapshot is read"); return nil }),
		})
		pass(time.Minute)
		if want := []string{"1500000000 info", "1500000001 info", "1500000002 info"}; !slices.Equal(r.got, want) || len(s.now().committed) != 3 {
			t.Errorf("got %q, committed %q, want %q", r.got, s.now().committed, want)
		}
		stopped(t, stop)
	})
}

// TestSnapshotsBesideBatches: a snapshot is committed when both kinds of sinks have
// accepted it, and each of them gets it once.
func TestSnapshotsBesideBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(2)
		r := &raw{fault: func(_ int64, n int) error {
			if n <= 2 {
				return errors.New("disk full")
			}
			return nil
		}}
		sink := newRecorder("sink", nil)
		_, stop := run(t, Options{Source: s, Sinks: []Sink{sink}, Snapshots: []SnapshotSink{r}})
		pass(time.Minute)
		sink.once(t, 2)
		if len(r.got) != 2 || len(s.now().committed) != 2 {
			t.Errorf("got %q, committed %q, want both", r.got, s.now().committed)
		}
		stopped(t, stop)
	})
}

// TestDamagedSnapshotIsToBlame: the sink is not, and others go on.
func TestDamagedSnapshotIsToBlame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(2)
		r := &raw{fault: func(epoch int64, _ int) error {
			if epoch == 1500000000 {
				return fmt.Errorf("link: %w", snapshot.ErrDamaged)
			}
			return nil
		}}
		log, stop := run(t, Options{Source: s, Snapshots: []SnapshotSink{r}})
		pass(time.Minute)
		if len(r.got) != 1 || s.now().released["1500000000"] != 3 || log.count("sink accepts no snapshots") != 0 {
			t.Errorf("got %q, released %v, want that the snapshot is given up and the sink is not to blame:\n%s", r.got, s.now().released, log)
		}
		stopped(t, stop)
	})
}
