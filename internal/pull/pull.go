package pull

import (
	"context"
	"io"
	"log/slog"
	"time"

	"haproxystats/internal/snapshot"
)

// Socket is the address of a stats socket.
type Socket struct {
	Network string // "unix" or "tcp"
	Address string // path or host:port
}

// Fetcher asks one socket for its statistics.
type Fetcher interface {
	// Fetch writes the two raw replies while they arrive. It returns nil only if both
	// are complete, and returns soon after ctx ends; its errors name the socket. An
	// error with a method NotStats that returns true means that the socket is not a
	// stats socket; one with a method Master that returns true, that it is the command line
	// of HAProxy's master process; one with a method Silent that returns true means that the socket has
	// closed the connection without a byte. Many calls run at once.
	Fetch(ctx context.Context, network, address string, info, stat io.Writer) error
}

// Collector asks sockets for more than their two replies.
type Collector interface {
	// Collect is the Fetch of a [Fetcher], whose place it takes, and asks for more in the
	// same connection. It returns files for the snapshot. Whatever goes wrong with these
	// costs only them, and is the collector's to log. Many calls run at once.
	Collect(ctx context.Context, socket Socket, info, stat io.Writer) ([]File, error)
	// Begin begins a round that asks these sockets.
	Begin([]Socket)
}

// File is a file for the snapshot: the name of the socket's files and Suffix are its name.
type File struct {
	Suffix string
	Data   []byte
}

// Spool is the queue for the snapshots.
type Spool interface {
	// Waiting returns the number of snapshots in the queue.
	Waiting() (int, error)
	// Stage begins the snapshot of a second. Its error satisfies errors.Is(err,
	// fs.ErrExist) if the queue has a snapshot of that second.
	Stage(epoch int64) (Stage, error)
}

// Stage is a snapshot that is being written and not visible yet.
type Stage interface {
	// Create makes a file of the snapshot. Many calls run at once.
	Create(name string) (io.WriteCloser, error)
	// Remove removes a file that is closed. For a file that was not created the error
	// satisfies errors.Is(err, fs.ErrNotExist).
	Remove(name string) error
	// Commit hands the snapshot over. All files must be closed.
	Commit(snapshot.Round) error
	// Discard removes the files and the directory.
	Discard() error
}

// Asked is a socket of a round, whose replies are in the stage unless it has failed.
type Asked struct {
	Socket Socket
	// Name is the name of its files, without a suffix.
	Name   string
	Failed bool
	// Master reports whether it is the command line of a HAProxy's master process, which
	// has no replies and no name.
	Master bool
	// Listener is that of the fetch; nil if there was none.
	Listener Listener
}

// Listener follows the replies of one socket while they arrive.
type Listener interface {
	// Info and Stat take the bytes of the replies to `show info` and `show stat`, the
	// former first. Bytes are valid until the call returns.
	Info(p []byte)
	Stat(p []byte)
	// End says that no byte follows. After an error, the replies are useless.
	End(err error)
}

// Accounts keeps account of what the sockets' counters have reached over the lives of
// HAProxy's workers, and adds to a stage what a reader needs.
type Accounts interface {
	// Listen returns the listener of a socket that is asked for a round; name is the name
	// of its files. Many calls run at once, and so do the listeners.
	Listen(socket Socket, name string) Listener
	// Begin says that a round has begun, and end that it is over: questions that are asked
	// beside the rounds must not make one longer.
	Begin() (end func())
	// Round takes the sockets of a round at that time. It never fails: a socket without an
	// account has the replies of its current worker.
	Round(ctx context.Context, stage Stage, at time.Time, asked []Asked) ([]snapshot.Account, snapshot.Workers)
	// Stored says that the stage of the last Round was handed over.
	Stored()
}

// Puller makes rounds. Once it runs, only [Puller.Changes] may change its fields.
type Puller struct {
	Spool   Spool
	Fetcher Fetcher
	// SocketDir is the directory whose sockets are asked; each round lists it. Empty
	// means none.
	SocketDir string
	// Servers are asked in addition to the sockets in SocketDir.
	Servers []Socket
	// Interval is the time between the starts of two rounds; at least a second, because
	// snapshots are named by seconds.
	Interval time.Duration
	// Timeout bounds a round. 0 means no bound.
	Timeout time.Duration
	// QueueSize is the number of waiting snapshots at which rounds are
	// skipped. 0 means no bound.
	QueueSize int
	// Workers bounds how many sockets' replies are written to disk at the same time. A
	// socket without data takes no worker, so that a socket that does not answer delays
	// no other. 0 means no bound.
	Workers int
	// KeepPartial keeps a round in which some sockets have failed, with the replies of
	// the others. Otherwise such a round is dropped.
	KeepPartial bool
	// ProxiesOnly reports whether Fetcher, Collector and Accounts ask for the rows of frontends
	// and backends only, which the snapshots then say.
	ProxiesOnly bool
	// Collector, if not nil, stands in for Fetcher.
	Collector Collector
	// Accounts keeps account of counters. Nil means that nobody does.
	Accounts Accounts
	// Alive is called every AliveInterval while the puller keeps to its schedule: while
	// it waits for the next round, and during a round until a minute after Timeout. It
	// may be nil.
	Alive         func()
	AliveInterval time.Duration
	// Observer gets every round. It may be nil.
	Observer Observer
	// Log gets a message for every round. Nil means no log.
	Log *slog.Logger
	// Now is the clock that names snapshots. Nil means [time.Now].
	Now func() time.Time
	// Changes brings changes of the fields, which are made between two rounds; nil for
	// none. The next round begins when it would have, or an interval after the last one if
	// that has changed.
	Changes <-chan func(*Puller)

	strangers strangers
	troubles  troubles
	notes     notes
	misses    misses
	// handedOver is how long the hand-over of the last snapshot took.
	handedOver time.Duration
	// workers counts what has happened to HAProxy's workers since the last snapshot that
	// was stored.
	workers snapshot.Workers
}

func (p *Puller) log() *slog.Logger {
	if p.Log != nil {
		return p.Log
	}
	return slog.New(slog.DiscardHandler)
}

// Run makes a round at once and then one every Interval until ctx ends, and returns
// nil. A round in progress then leaves nothing behind.
func (p *Puller) Run(ctx context.Context) error {
	now := p.Now
	if now == nil {
		now = time.Now
	}
	plan := newSchedule(now(), max(p.Interval, time.Second))
	used := new(epochs)
	pulse := p.pulse()
	defer pulse.stop()
	for {
		start, begun := now(), time.Now()
		round := make(chan struct{})
		go func() {
			defer close(round)
			p.round(ctx, plan.epoch(start), plan.skew(start), used)
		}()
		pulse.attend(round, nil, p.roundLimit())
		wait, missed := plan.next(now())
		p.miss(missed, time.Since(begun))
		for p.pause(ctx, pulse, wait) {
			wait = plan.change(max(p.Interval, time.Second), now())
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// pause waits until the next round is due, or ctx ends. It returns true after a change of
// the fields.
func (p *Puller) pause(ctx context.Context, pulse pulse, wait time.Duration) (changed bool) {
	pause, end := context.WithTimeout(ctx, wait)
	defer end()
	change := pulse.attend(pause.Done(), p.Changes, 0)
	if change == nil {
		return false
	}
	change(p)
	return true
}
