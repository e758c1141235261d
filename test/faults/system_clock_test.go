package faults

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/pull"
	"haproxystats/internal/snapshot"
	"haproxystats/test/faults/harness"
)

// TestClockIsSet has pull make rounds in simulated time, while the clock that
// names them is set back and forth, and the queue is emptied now and then.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	rounds := harness.Count(20_000, 1_000_000)
	row := harness.Begin(t, "clock set back and forth", "0 collisions in 10^6 rounds")
	random := harness.Random(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		queue := &namedQueue{
			random: random, waiting: make(map[int64]bool), round: make(map[int64]int),
			end: rounds, stop: stop,
		}
		clock := &movedClock{random: random}
		puller := pull.Puller{
			Spool: queue, Fetcher: silent{}, Servers: []pull.Socket{{Network: "tcp", Address: "192.0.2.1:1"}},
			Interval: 10 * time.Second, Log: slog.New(slog.DiscardHandler), Now: clock.now,
		}
		if err := puller.Run(ctx); err != nil {
			t.Error(err)
		}
		if queue.collisions > 0 {
			t.Errorf("%d snapshots have the name of an earlier one", queue.collisions)
		}
		if clock.moves == 0 {
			t.Error("the clock was never set")
		}
		row.Inject(clock.moves)
		row.Result("%d collisions in %d rounds", queue.collisions, queue.made)
	})
}

// movedClock is a clock that somebody sets now and then, by up to ten minutes.
type movedClock struct {
	random *rand.Rand
	offset time.Duration
	moves  int
}

func (c *movedClock) now() time.Time {
	if c.random.IntN(2000) == 0 {
		c.moves++
		c.offset += time.Duration(c.random.Int64N(int64(20*time.Minute))) - 10*time.Minute
	}
	return time.Now().Add(c.offset)
}

// namedQueue notes only the names of snapshots.
type namedQueue struct {
	random *rand.Rand
	end    int
	stop   func()

	mu         sync.Mutex
	waiting    map[int64]bool
	round      map[int64]int // in which a name was last used
	made       int
	collisions int
}

// remembered is how many rounds ago a name may have been used for another use
// to be a collision: half a day.
const remembered = 4000

func (q *namedQueue) Waiting() (int, error) { return 0, nil }

func (q *namedQueue) Stage(epoch int64) (pull.Stage, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[epoch] {
		return nil, fs.ErrExist
	}
	return &namedStage{q, epoch}, nil
}

type namedStage struct {
	queue *namedQueue
	epoch int64
}

func (s *namedStage) Create(string) (io.WriteCloser, error) { return discard{}, nil }
func (s *namedStage) Remove(string) error                   { return nil }
func (s *namedStage) Discard() error                        { return nil }

func (s *namedStage) Commit(snapshot.Round) error {
	q := s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.made++
	if before, ok := q.round[s.epoch]; q.waiting[s.epoch] || ok && q.made-before <= remembered {
		q.collisions++
	}
	q.waiting[s.epoch], q.round[s.epoch] = true, q.made
	if q.random.IntN(100) == 0 {
		clear(q.waiting)
	}
	if q.made == q.end {
		q.stop()
	}
	return nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

// silent is a socket that answers at once, and nothing.
type silent struct{}

func (silent) Fetch(context.Context, string, string, io.Writer, io.Writer) error { return nil }
