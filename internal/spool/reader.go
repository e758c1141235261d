package spool

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

const (
	maxTries   = 3
	windowSize = 1024
	// rescanEvery is the interval of listings without an event.
	rescanEvery = 5 * time.Second
	// outagePause is the pause after the directory could not be read: it is missing,
	// descriptors are used up, or the disk fails.
	outagePause = time.Second
	// firstRetry is the delay of an entry that came back once. It doubles each time, up
	// to maxRetry.
	firstRetry = 250 * time.Millisecond
	maxRetry   = 5 * time.Second
)

// ReaderOptions are the directory and the log of a [Reader].
type ReaderOptions struct {
	// Dir is the queue.
	Dir string
	// Log gets messages for the operator. Nil means no log.
	Log *slog.Logger
}

// Reader is the emptying end of a queue. It hands out entries oldest first, each to
// one caller of [Reader.Claim]. It is safe for concurrent use.
//
// An event only asks for a listing, and a listing shows what is in the directory. So
// an overflow of events, a directory that was moved away and back, and a start with
// a full queue are no special cases. The reader knows the names of the oldest
// entries only, so that its memory does not grow with the queue; a late entry that
// is older than those waits until they are done.
type Reader struct {
	dir, trash, corrupt string
	rescan              time.Duration
	window, maxUnended  int
	log                 *slog.Logger
	lock                *durable.Lock
	notify              func(dir string) (*notifier, error)
	litter              *durable.Litter // of the trash, could not be deleted

	listing sync.Mutex   // serialises listings; taken before mu
	foreign foreignNames // guarded by listing

	mu        sync.Mutex
	closed    bool
	ready     []item // the oldest unclaimed entries
	unclaimed int    // the number of unclaimed entries, also without room in ready
	more      bool   // there are more than ready has room for
	dirty     bool   // something may have arrived since the last listing
	taken     map[string]*attempt
	cameBack  bool      // the last claim that ended gave its entry back
	outage    error     // why the directory could not be read
	pause     time.Time // nothing is tried before this time
	wake      chan struct{}
	sequence  int // makes names in the trash unique
	corrupted int64
	unreadable
	timeTold time.Time // of the last message about an implausible time
}

// attempt is what is known of an entry that was claimed at least once and is still
// in the queue.
type attempt struct {
	item
	claimed   bool
	known     bool      // its marks have been read
	tries     int       // failures that were its fault
	unended   int       // claims that ended with the program while others were readable
	suspect   bool      // it was claimed when an earlier program ended
	uncounted bool      // one such claim is not among unended
	cause     error     // the last failure that was its fault
	returns   int       // how often it came back
	due       time.Time // when it may be claimed again
	stuck     bool      // moving it away failed, and that was logged

	unreadable time.Time // since when the machine can't read it; zero: it can
	tried      time.Time // when it was last found unreadable
	immovable  bool      // its file system can't move it, so that it is left alone
}

// OpenReader makes the directory if it is missing, becomes its only reader and
// empties its trash.
func OpenReader(o ReaderOptions) (*Reader, error) {
	dir, err := openDirectory(o.Dir)
	if err != nil {
		return nil, err
	}
	r := &Reader{
		dir:        dir,
		trash:      dir + ".trash",
		corrupt:    dir + ".corrupt",
		rescan:     rescanEvery,
		window:     windowSize,
		maxUnended: maxUnended,
		log:        cmp.Or(o.Log, slog.New(slog.DiscardHandler)),
		notify:     watchDirectory,
		dirty:      true,
		taken:      make(map[string]*attempt),
		wake:       make(chan struct{}),
	}
	for _, beside := range []string{r.trash, r.corrupt} {
		if err := makeBeside(beside); err != nil {
			return nil, err
		}
		if err := checkAccess(beside); err != nil {
			return nil, err
		}
		if err := durable.CheckSameMount(dir, beside); err != nil {
			return nil, fmt.Errorf("open spool: %w", err)
		}
	}
	if r.lock, err = lock(dir, "reader"); err != nil {
		return nil, err
	}
	r.litter = durable.NewLitter(os.RemoveAll)
	r.emptyTrash()
	return r, nil
}

// Close releases the queue for another reader. Claimed entries stay in it, and can't
// be committed any more.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	r.wakeAll()
	return r.lock.Unlock()
}

// Waiting returns the number of unclaimed entries, as far as known.
func (r *Reader) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.unclaimed
	for _, a := range r.taken {
		if !a.claimed {
			n++
		}
	}
	return n
}

// Outage returns why the queue can't be read now; nil if it can.
func (r *Reader) Outage() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outage
}

// Oldest returns the age of the oldest entry in the queue, claimed or not, by the
// time in its name; 0 if there is none. Entries with implausible times don't count,
// and neither do those that are done with but can't be moved out.
func (r *Reader) Oldest() time.Duration {
	now := time.Now()
	oldest := time.Duration(0)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range r.ready {
		if snapshot.IsPlausible(i.epoch, now) {
			oldest = snapshot.Age(i.epoch, now)
			break
		}
	}
	for _, a := range r.taken {
		if !a.immovable {
			oldest = max(oldest, snapshot.Age(a.epoch, now))
		}
	}
	return oldest
}

// Corrupt returns the number of entries given up since the reader opened.
func (r *Reader) Corrupt() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.corrupted
}

// wakeAll wakes every waiting Claim.
func (r *Reader) wakeAll() {
	close(r.wake)
	r.wake = make(chan struct{})
}
