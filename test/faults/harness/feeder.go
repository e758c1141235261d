package harness

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Feeder hands over snapshots of a Source's by one rename, at any pace and under
// any time.
type Feeder struct {
	site          *Site
	src           *Source
	incoming, tmp string

	mu     sync.Mutex
	fed    map[int64]int64 // rounds, by time
	latest int64
}

// Feeder makes a queue where there is none, and hands snapshots over to it.
func (s *Site) Feeder(src *Source, incoming string) *Feeder {
	s.T.Helper()
	f := &Feeder{site: s, src: src, incoming: incoming, tmp: incoming + ".tmp", fed: make(map[int64]int64)}
	s.Must(os.MkdirAll(f.incoming, 0o750), os.MkdirAll(f.tmp, 0o750))
	return f
}

// Feed hands over the snapshot of a round under a time.
func (f *Feeder) Feed(epoch, round int64) {
	f.site.T.Helper()
	f.site.Must(f.TryFeed(epoch, round))
}

// TryFeed is Feed for a queue that may refuse.
func (f *Feeder) TryFeed(epoch, round int64) error {
	return f.hand(epoch, f.src.Snapshot(round), func() {
		f.fed[epoch] = round
		f.latest = max(f.latest, epoch)
	})
}

// FeedFiles hands over any files; the snapshot is not counted among the fed.
func (f *Feeder) FeedFiles(epoch int64, files map[string][]byte) {
	f.site.T.Helper()
	f.site.Must(f.hand(epoch, files, func() {}))
}

func (f *Feeder) hand(epoch int64, files map[string][]byte, done func()) error {
	name := strconv.FormatInt(epoch, 10)
	staged := filepath.Join(f.tmp, name)
	if err := os.Mkdir(staged, 0o750); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(staged, name), content, 0o640); err != nil {
			return err
		}
	}
	// The note comes first, so that nothing arrives that was not noted.
	f.mu.Lock()
	defer f.mu.Unlock()
	done()
	return os.Rename(staged, filepath.Join(f.incoming, name))
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

func (f *Feeder) tryNext() (epoch int64, err error) {
	f.mu.Lock()
	epoch = max(FirstEpoch, f.latest+1)
	f.mu.Unlock()
	return epoch, f.TryFeed(epoch, epoch-FirstEpoch+1)
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
