package top

import (
	"context"
	"time"

	"haproxystats/internal/snapshot"
)

// Round is what the sockets have said at one time.
type Round struct {
	// At is the time of the round.
	At time.Time
	// Snapshot has the replies. Its files are a [snapshot.Memory].
	Snapshot snapshot.Snapshot
	// Failures are the sockets that have not answered.
	Failures []Failure
	// Old are workers that a master has named, and that finish the work of their last
	// clients.
	Old []OldWorker
}

// Failure is a socket that has not answered, and why.
type Failure struct {
	// Name is that of its files, and Socket its address.
	Name, Socket string
	// Problem is the cause, and Hint what to do about it, which may be empty.
	Problem, Hint string
}

// OldWorker is a worker that was replaced.
type OldWorker struct {
	// Master is the master's name.
	Master string
	Pid    int
	// Info is its reply to `show info`; empty if it has given none.
	Info []byte
}

// Source makes rounds.
type Source interface {
	// Next waits until the next round is due and returns it. Its error says why there is
	// none; the source can be asked again. The files of a round are valid until the second
	// call after it.
	Next(ctx context.Context) (*Round, error)
	// Names tells where the rounds come from, for people.
	Names() string
}

// Problem is an error with what to do about it.
type Problem struct {
	Err  error
	Hint string
}

// Error returns the cause and the hint.
func (p *Problem) Error() string {
	if p.Hint == "" {
		return p.Err.Error()
	}
	return p.Err.Error() + ". " + p.Hint
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }
