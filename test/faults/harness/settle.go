package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"haproxystats/test/real"
)

// FreshLimit is how soon a fresh snapshot has to arrive once the faults are over.
const FreshLimit = 5 * time.Second

// Settlement is what Settle expects once the faults are over.
type Settlement struct {
	Base     string    // empty: the site's own
	Graphite *Graphite // runs, without a fault
	// Received is what arrives elsewhere, without a Graphite.
	Received *Received
	Queue    *QueueWatch
	// Feeder makes the fresh snapshot. Nil means that pull, which runs, does.
	Feeder *Feeder
	// Programs run, and are ended by SIGTERM.
	Programs []*Program
	// Repeats bounds the deliveries beyond the first.
	Repeats int
	// Drain is how long what waits may take to arrive; 0: a minute.
	Drain time.Duration
	// LocalStore has the files of local-store compared, too.
	LocalStore bool
}

// Settle holds the contract once the faults are over: all that was accepted
// arrives, a fresh snapshot arrives within FreshLimit, nothing else does, the
// programs end with status 0, and nothing is left behind.
func (s *Site) Settle(want Settlement) Finding {
	s.T.Helper()
	base := want.Base
	if base == "" {
		base = s.Base()
	}
	if want.Drain == 0 {
		want.Drain = time.Minute
	}
	if want.Received == nil {
		want.Received = want.Graphite.Received
	}
	waiting := want.accepted()
	s.Until(fmt.Sprintf("the arrival of %d snapshots", len(waiting)), want.Drain, func() bool {
		return want.Received.Whole(waiting...) && !want.Queue.holds(waiting) &&
			countSuffix(filepath.Join(base, "queue", "graphite"), ".batch")+countSuffix(filepath.Join(base, "queue", "kafka"), ".batch") == 0
	})
	fresh := s.fresh(want)
	for _, p := range want.Programs {
		if p.Name == Pull {
			p.End(syscall.SIGTERM)
		}
	}
	want.Queue.WaitEmpty()
	for _, p := range want.Programs {
		if p.Name != Pull {
			p.End(syscall.SIGTERM)
		}
	}
	rounds := map[int64]int64(nil)
	if want.Feeder != nil {
		rounds = want.Feeder.Fed()
	}
	accepted := want.accepted()
	f := want.Received.Compare(accepted, rounds)
	s.judge("the destination", f, want.Repeats)
	if fresh > real.Loaded(FreshLimit) {
		s.T.Errorf("a fresh snapshot took %v to arrive, want at most %v", fresh, FreshLimit)
	}
	if want.LocalStore {
		received := NewReceived(want.Received.src)
		received.foreign = want.Received.foreign
		s.Must(received.ReadStored(filepath.Join(base, "local-store")))
		s.judge("local-store", received.Compare(accepted, rounds), 0)
	}
	s.NoLeaks(base)
	return f
}

// accepted returns what has to arrive. A feeder may have handed over other things,
// too.
func (want *Settlement) accepted() []int64 {
	if want.Feeder != nil {
		return want.Feeder.Epochs()
	}
	return want.Queue.Accepted()
}

func (s *Site) judge(sink string, f Finding, repeats int) {
	s.T.Helper()
	if f.beyond(repeats) {
		s.T.Errorf("%s: %v (at most %d repeats are allowed):\n%s", sink, f, repeats, strings.Join(f.Details, "\n"))
	}
}

// beyond reports whether anything is wrong, or repeated more often than is allowed.
func (f Finding) beyond(repeats int) bool { return f.Bad() || f.Repeats > repeats }

// fresh has a fresh snapshot handed over, and returns how long it took to
// arrive.
func (s *Site) fresh(want Settlement) time.Duration {
	s.T.Helper()
	before := len(want.Queue.Arrivals())
	if want.Feeder != nil {
		want.Feeder.Next()
	}
	came := want.Queue.WaitCame(before + 1)
	s.Must(want.Received.WaitWhole(s.Ctx, came.Epoch))
	return time.Since(came.At)
}

// ReadStored notes what local-store has written in a directory. A file that is
// not whole is an error.
func (r *Received) ReadStored(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		text, fault := os.ReadFile(filepath.Join(dir, e.Name(), "stats"))
		if errors.Is(fault, fs.ErrNotExist) {
			continue // its delivery was interrupted
		}
		if left := r.Add(text); left > 0 {
			fault = fmt.Errorf("%s/%s/stats ends in %d bytes that are no line", dir, e.Name(), left)
		}
		err = errors.Join(err, fault)
	}
	return err
}

// WaitStored waits until local-store, below the site's own base directory, has
// files of these times.
func (s *Site) WaitStored(limit time.Duration, epochs ...int64) {
	s.T.Helper()
	s.Until(fmt.Sprintf("local-store to have %d snapshots", len(epochs)), limit, func() bool {
		for len(epochs) > 0 {
			name := strconv.FormatInt(epochs[0], 10)
			if _, err := os.Stat(filepath.Join(s.Base(), "local-store", name, "stats")); err != nil {
				return false
			}
			epochs = epochs[1:]
		}
		return true
	})
}

// StoredBytes returns the size of a snapshot in local-store.
func (s *Site) StoredBytes(epoch int64) int64 {
	s.T.Helper()
	info, err := os.Stat(filepath.Join(s.Base(), "local-store", strconv.FormatInt(epoch, 10), "stats"))
	s.Must(err)
	return info.Size()
}

func countSuffix(dir, suffix string) int {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	n := 0
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			n++
		}
	}
	return n
}

// rest matches what may be there when both programs have ended, below the base
// directory: locks, directories, and totals with states.
var rest = regexp.MustCompile(`^(incoming(\.tmp|\.trash|\.corrupt)?|incoming(\.tmp)?\.(reader|writer)\.lock|(pull|process)\.status\.lock|truth|truth/(bases|last|events)(/[^/]+)?|queue|queue/(graphite(-[a-z]+)?|kafka)|local-store|local-store/[0-9]+(/stats)?)$`)

// NoLeaks fails the test if anything is left below a base directory that should
// not be: drafts, committed snapshots, parts of files.
func (s *Site) NoLeaks(base string) {
	s.T.Helper()
	if left := Leaks(base); len(left) > 0 {
		s.T.Errorf("%d files are left behind in %s: %q", len(left), base, left[:min(len(left), maxShown)])
	}
}

// Leaks returns what is left below a base directory, relative to it.
func Leaks(base string) (left []string) {
	_ = filepath.WalkDir(base, func(path string, _ fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(base, path)
		if err == nil && relErr == nil && name != "." && !rest.MatchString(name) {
			left = append(left, name)
		}
		return nil
	})
	return left
}

// Corrupt returns the times of what was given up.
func (s *Site) Corrupt(incoming string) []int64 {
	s.T.Helper()
	entries, err := os.ReadDir(incoming + ".corrupt")
	s.Must(err)
	var epochs []int64
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), ".")
		n, err := strconv.ParseInt(name, 10, 64)
		s.Must(err)
		epochs = append(epochs, n)
	}
	slices.Sort(epochs)
	return epochs
}
