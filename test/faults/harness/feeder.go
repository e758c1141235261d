package harness

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

// Feeder hands over snapshots of a Source's as pull does, but at any pace and
// under any time. While it is open, pull can't have the queue.
type Feeder struct {
	site     *Site
	src      *Source
	incoming string
	writer   *spool.Writer

	mu     sync.Mutex
	fed    map[int64]int64 // rounds, by time
	latest int64
}

// Feeder opens the writing end of a queue, staged beside it.
func (s *Site) Feeder(src *Source, incoming string) *Feeder {
	s.T.Helper()
	w, err := spool.OpenWriter(spool.WriterOptions{Dir: incoming, Tmp: incoming + ".tmp"})
	s.Must(err)
	s.T.Cleanup(func() {
		if err := w.Close(); err != nil {
			s.T.Error(err)
		}
	})
	return &Feeder{site: s, src: src, incoming: incoming, writer: w, fed: make(map[int64]int64)}
}

// feed hands over the snapshot of a round under a time.
func (f *Feeder) feed(epoch, round int64) error {
	return f.hand(epoch, f.src.Snapshot(round), func() { f.note(epoch, round) })
}

// FeedEdited hands over one more snapshot, in which the replies of all sockets
// are changed; it counts among the fed, so that what the source says has to
// arrive nevertheless.
func (f *Feeder) FeedEdited(edit func(info, stat []byte) ([]byte, []byte)) (epoch int64) {
	f.site.T.Helper()
	epoch = f.next()
	round := epoch - FirstEpoch + 1
	files := make(map[string][]byte)
	for n, k := range f.src.sockets {
		name := filepath.Base(k.Path)
		files[name+snapshot.InfoSuffix], files[name+snapshot.StatSuffix] = edit(f.src.Shape.Replies(n, round))
	}
	f.site.Must(f.hand(epoch, files, func() { f.note(epoch, round) }))
	return epoch
}

// FeedFiles hands over any files; the snapshot is not counted among the fed.
func (f *Feeder) FeedFiles(epoch int64, files map[string][]byte) {
	f.site.T.Helper()
	f.site.Must(f.hand(epoch, files, func() {}))
}

func (f *Feeder) hand(epoch int64, files map[string][]byte, note func()) error {
	draft, err := f.writer.Stage(epoch)
	if err != nil {
		return err
	}
	for name, content := range files {
		file, err := draft.Create(name)
		if err == nil {
			_, err = file.Write(content)
			err = errors.Join(err, file.Close())
		}
		if err != nil {
			return errors.Join(err, draft.Discard())
		}
	}
	// Nothing may arrive that was not noted.
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := draft.Commit(snapshot.Round{}); err != nil {
		return errors.Join(err, draft.Discard())
	}
	note()
	return nil
}

// FirstEpoch is the time of the first snapshot that Keep and Settle hand over.
const FirstEpoch = 1_700_000_000

// Next hands over one more snapshot, a second later than the last one.
func (f *Feeder) Next() (epoch int64) {
	f.site.T.Helper()
	epoch, err := f.tryNext()
	f.site.Must(err)
	return epoch
}

// NextOfOriginal is Next as haproxystats 0.5 does it: nothing says what the files
// are, and nothing is synced.
func (f *Feeder) NextOfOriginal() (epoch int64) {
	f.site.T.Helper()
	epoch = f.next()
	round := epoch - FirstEpoch + 1
	name := strconv.FormatInt(epoch, 10)
	staged := f.site.Path("staged-" + name)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.site.Must(f.src.WriteSnapshot(staged, round))
	f.note(epoch, round)
	f.site.Must(os.Rename(staged, filepath.Join(f.incoming, name)))
	return epoch
}

func (f *Feeder) tryNext() (epoch int64, err error) {
	epoch = f.next()
	return epoch, f.feed(epoch, epoch-FirstEpoch+1)
}

func (f *Feeder) next() (epoch int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(FirstEpoch, f.latest+1)
}

// note is called with the lock held.
func (f *Feeder) note(epoch, round int64) {
	f.fed[epoch] = round
	f.latest = max(f.latest, epoch)
}

// Keep hands over snapshots at a pace until stop is called.
func (f *Feeder) Keep(pace time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(f.site.Ctx)
	var feeding sync.WaitGroup
	feeding.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for {
			if _, err := f.tryNext(); err != nil {
				f.site.fail(err)
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	stop = func() { cancel(); feeding.Wait() }
	f.site.T.Cleanup(stop)
	return stop
}

// Fed returns what was handed over: the rounds, by time.
func (f *Feeder) Fed() map[int64]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.fed)
}

// Epochs returns the times of what was handed over, in order.
func (f *Feeder) Epochs() []int64 { return slices.Sorted(maps.Keys(f.Fed())) }
