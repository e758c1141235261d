package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// causeLimit bounds the question for the cause of a failure.
	causeLimit = 1500 * time.Millisecond
	// impatience is the time without an answer after which the cause is asked for.
	impatience = 500 * time.Millisecond
	// graceful is what a client may take beyond the deadline to give up its records; then
	// it is closed, which ends them at once.
	graceful = 500 * time.Millisecond
)

// ForCause returns the part of the time for a delivery that is kept for finding out why
// it failed.
func ForCause(limit time.Duration) time.Duration { return min(causeLimit+graceful, limit/2) }

// Session is a client of [Sessions] and the deliveries that use it.
type Session struct {
	Client *kgo.Client

	once   sync.Once
	users  int
	stale  bool // close it once nobody uses it
	proven bool // it has delivered something, and nothing has failed since
}

// Close closes the client, whose records fail at once.
func (s *Session) Close() { s.once.Do(s.Client.Close) }

// Sessions have the client that deliveries share. It is safe for concurrent use.
type Sessions struct {
	// Connection is how to reach the brokers.
	Connection Options
	// Options returns the other options of a new client.
	Options func() []kgo.Opt
	// AcksAll reports whether all replicas in sync must have a record.
	AcksAll bool
	// Retired is called when the client in use is given up, with a lock held. It may be
	// nil.
	Retired func()

	mu      sync.Mutex
	current *Session
}

// Acquire returns the session in use, or a new one.
func (t *Sessions) Acquire() (*Session, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == nil {
		c, err := t.Connection.Client(t.Options()...)
		if err != nil {
			return nil, fmt.Errorf("make a client of Kafka: %w", err)
		}
		t.current = &Session{Client: c}
	}
	t.current.users++
	return t.current, nil
}

// Release ends the use of a session.
func (t *Sessions) Release(s *Session) {
	t.mu.Lock()
	s.users--
	ends := s.stale && s.users == 0
	t.mu.Unlock()
	if ends {
		s.Close()
	}
}

// Retire has the next delivery use a new client, and closes this one once nobody uses
// it.
func (t *Sessions) Retire(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.stale = true
	if t.current == s {
		t.current = nil
		if t.Retired != nil {
			t.Retired()
		}
	}
}

// Close closes the client once nobody uses it. Acquire works afterwards.
func (t *Sessions) Close() {
	t.mu.Lock()
	s := t.current
	t.current = nil
	idle := s != nil && s.users == 0
	if s != nil {
		s.stale = true
	}
	t.mu.Unlock()
	if idle {
		s.Close()
	}
}

// Prove has the brokers asked whether they can be used, unless the last delivery of the
// session was a success.
func (t *Sessions) Prove(ctx context.Context, s *Session, limit time.Duration) error {
	t.mu.Lock()
	proven := s.proven
	t.mu.Unlock()
	if proven {
		return nil
	}
	return t.Connection.Ping(ctx, s.Client, min(t.Connection.ConnectTimeout+causeLimit, limit/2))
}

// Mark records whether the last delivery of the session was a success.
func (t *Sessions) Mark(s *Session, success bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.proven = success
}

// ask asks the brokers whether they can be used: by a new client if that of the delivery
// was closed, which says nothing of the brokers.
func (t *Sessions) ask(ctx context.Context, s *Session) error {
	err := t.Connection.Ping(ctx, s.Client, causeLimit)
	if !errors.Is(err, kgo.ErrClientClosed) {
		return err
	}
	t.Retire(s)
	fresh, err := t.Acquire()
	if err != nil {
		return err
	}
	defer t.Release(fresh)
	return t.Connection.Ping(ctx, fresh.Client, causeLimit)
}

// lasting returns the cause why the brokers give no answer, if it needs more than some
// tries of the client: nobody can be reached, or too few brokers have the topic.
func (t *Sessions) lasting(ctx context.Context, s *Session, topic string) error {
	err := t.Connection.Ping(ctx, s.Client, causeLimit)
	switch {
	case errors.Is(err, kgo.ErrClientClosed), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return nil // a broker that is busy or paused may answer yet
	case err != nil:
		return err
	}
	return t.unable(ctx, s, topic, true)
}

// unable returns the cause why the brokers take no records for a topic though they can be
// reached, as far as they tell it; if sure is set, only one that lasts for certain.
func (t *Sessions) unable(ctx context.Context, s *Session, topic string, sure bool) error {
	limited, cancel := context.WithTimeout(ctx, causeLimit)
	defer cancel()
	found, err := Describe(limited, s.Client, topic)
	if err != nil || found[0].Err != nil {
		return nil // whoever produces gets it
	}
	if sure && (found[0].Leaderless > 0 || found[0].Settings == nil) {
		return nil
	}
	why, err := found[0].Unable(t.AcksAll)
	if err == nil {
		return nil
	}
	return t.Connection.Explain("produce to topic "+topic+": "+why, err)
}

// Explain returns an error of producing to a topic with its cause: that of giving the
// delivery up, if there is one.
func (t *Sessions) Explain(ctx context.Context, s *Session, topic string, err, cause error) error {
	t.Mark(s, false)
	if ClassOf(err) == Operator {
		// The client may remember it: one that got no producer id never asks again.
		t.Retire(s)
	}
	var known *Error
	if errors.As(cause, &known) {
		return cause
	}
	if ClassOf(err) == Wait && ctx.Err() == nil {
		// The library hides why brokers can't be reached, and why they take no records.
		if cause := t.ask(ctx, s); cause != nil && ctx.Err() == nil {
			return cause
		}
		if cause := t.unable(ctx, s, topic, false); cause != nil && ctx.Err() == nil {
			return cause
		}
	}
	return t.Connection.Explain("produce to topic "+topic, err)
}

// Flight has the records of a delivery that are on their way. It is safe for concurrent
// use.
type Flight struct {
	mu       sync.Mutex
	session  *Session // of the last record
	topic    string
	pending  int
	answered int           // records that the client is done with
	idle     chan struct{} // closed when pending falls to 0; nil if nobody waits
}

// Produce hands a record to the session's client, and has done called with the result,
// one call at a time. It blocks while the client's memory is in use.
func (f *Flight) Produce(ctx context.Context, s *Session, r *kgo.Record, done func(error)) {
	f.mu.Lock()
	f.pending++
	f.session, f.topic = s, r.Topic
	f.mu.Unlock()
	s.Client.Produce(ctx, r, func(_ *kgo.Record, err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		done(err)
		f.answered++
		if f.pending--; f.pending == 0 && f.idle != nil {
			close(f.idle)
			f.idle = nil
		}
	})
}

// Wait waits until the client has done with all records, and reports whether it has. It
// waits little longer than ctx lasts.
func (f *Flight) Wait(ctx context.Context) bool {
	f.mu.Lock()
	if f.pending == 0 {
		f.mu.Unlock()
		return true
	}
	idle := make(chan struct{})
	f.idle = idle
	f.mu.Unlock()
	select {
	case <-idle:
		return true
	case <-ctx.Done():
	}
	late := time.NewTimer(graceful)
	defer late.Stop()
	select {
	case <-idle:
		return true
	case <-late.C:
		return false
	}
}

// Watch asks for the cause whenever no record was answered for some time, and calls
// giveUp if there is one that the client's tries can't overcome soon: the client hides it
// until the deadline. It returns when ctx ends.
func (f *Flight) Watch(ctx context.Context, t *Sessions, giveUp context.CancelCauseFunc) {
	tick := time.NewTicker(impatience)
	defer tick.Stop()
	for answered := 0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		f.mu.Lock()
		last, waits, topic, s := answered, f.pending > 0, f.topic, f.session
		answered = f.answered
		f.mu.Unlock()
		if !waits || answered != last {
			continue
		}
		if err := t.lasting(ctx, s, topic); err != nil && ctx.Err() == nil {
			giveUp(err)
			return
		}
	}
}

// Locked calls do while no function of [Flight.Produce] runs.
func (f *Flight) Locked(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}
