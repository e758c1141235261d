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
	// Fetch writes the two raw replies while they arrive. It returns nil only
	// when both are complete, and soon after ctx ends; its errors name the
	// socket. An error whose method NotStats reports true tells that the socket
	// is not a stats socket, one whose method Silent does that the socket has
	// closed the connection without a byte. Many calls are made at once.
	Fetch(ctx context.Context, network, address string, info, stat io.Writer) error
}

// Spool is the queue that the snapshots go to.
type Spool interface {
	// Waiting returns the number of snapshots in the queue.
	Waiting() (int, error)
	// Stage begins the snapshot of a second. Its error satisfies
	// errors.Is(err, fs.ErrExist) when the queue holds one of that second.
	Stage(epoch int64) (Stage, error)
}

// Stage is a snapshot that is being written and that nobody sees yet.
type Stage interface {
	// Create makes a file of the snapshot. Many calls are made at once.
	Create(name string) (io.WriteCloser, error)
	// Remove takes a file back that is closed. One that was not created is an
	// error that satisfies errors.Is(err, fs.ErrNotExist).
	Remove(name string) error
	// Commit hands the snapshot over. All files are closed by then.
	Commit(snapshot.Round) error
	// Discard removes everything.
	Discard() error
}

// Puller makes rounds. Its fields must not be changed once it runs.
type Puller struct {
	Spool   Spool
	Fetcher Fetcher
	// SocketDir is the directory whose sockets are asked, looked up anew in
	// each round. Empty means none.
	SocketDir string
	// Servers are asked in addition to the sockets in SocketDir.
	Servers []Socket
	// Interval is the time from one round's start to the next one's; at least
	// a second, because snapshots are named by seconds.
	Interval time.Duration
	// Timeout bounds a round. 0 means no bound.
	Timeout time.Duration
	// QueueSize is the number of waiting snapshots at which rounds are
	// skipped. 0 means no bound.
	QueueSize int
	// Workers bounds how many sockets' replies are written to disk at the same
	// time. Sockets that have nothing to write take no worker, so that one
	// that does not answer delays no other. 0 means no bound.
	Workers int
	// KeepPartial keeps what the other sockets have answered when some have
	// failed. Without it such a round is dropped.
	KeepPartial bool
	// Alive is called every AliveInterval while the puller keeps to its
	// schedule: while it waits for the time of the next round, and while a round
	// takes no more than a minute longer than Timeout. It may be nil.
	Alive         func()
	AliveInterval time.Duration
	// Observer gets every round. It may be nil.
	Observer Observer
	// Log gets a message for every round. Nil means no log.
	Log *slog.Logger
	// Now is the clock that names snapshots. Nil means [time.Now].
	Now func() time.Time

	strangers strangers
	troubles  troubles
	notes     notes
	misses    misses
}

func (p *Puller) log() *slog.Logger {
	if p.Log != nil {
		return p.Log
	}
	return slog.New(slog.DiscardHandler)
}

// Run makes a round at once and then every Interval until ctx ends, and returns
// nil. A round that is under way then leaves nothing behind.
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
		pulse.attend(round, p.roundLimit())
		wait, missed := plan.next(now())
		p.miss(missed, time.Since(begun))
		pause, end := context.WithTimeout(ctx, wait)
		pulse.attend(pause.Done(), 0)
		end()
		if ctx.Err() != nil {
			return nil
		}
	}
}
