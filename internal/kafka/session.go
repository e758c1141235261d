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

// causeLimit bounds the question for the cause of a failure.
const causeLimit = 1500 * time.Millisecond

// session is a client of [Sessions] and the deliveries that use it.
type session struct {
	client *kgo.Client

	once   sync.Once
	users  int
	stale  bool // close it once nobody uses it
	proven bool // it has delivered something, and nothing has failed since
}

// close closes the client, whose records fail at once.
func (s *session) close() { s.once.Do(s.client.Close) }

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
	current *session
}

// acquire returns the session in use, or a new one.
func (t *Sessions) acquire() (*session, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == nil {
		c, err := t.Connection.Client(t.Options()...)
		if err != nil {
			return nil, fmt.Errorf("make a client of Kafka: %w", err)
		}
		t.current = &session{client: c}
	}
	t.current.users++
	return t.current, nil
}

// release ends the use of a session.
func (t *Sessions) release(s *session) {
	t.mu.Lock()
	s.users--
	ends := s.stale && s.users == 0
	t.mu.Unlock()
	if ends {
		s.close()
	}
}

// retire has the next delivery use a new client, and closes this one once nobody uses
// it.
func (t *Sessions) retire(s *session) {
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

// Close closes the client once nobody uses it. Deliver works afterwards.
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
		s.close()
	}
}

// prove has the brokers asked whether they can be used, unless the last delivery of the
// session was a success.
func (t *Sessions) prove(ctx context.Context, s *session, limit time.Duration) error {
	t.mu.Lock()
	proven := s.proven
	t.mu.Unlock()
	if proven {
		return nil
	}
	return t.Connection.Ping(ctx, s.client, min(t.Connection.ConnectTimeout+causeLimit, limit/2))
}

// Ping asks the brokers whether they can be used, within limit.
func (t *Sessions) Ping(ctx context.Context, limit time.Duration) error {
	s, err := t.acquire()
	if err != nil {
		return err
	}
	defer t.release(s)
	return t.Connection.Ping(ctx, s.client, limit)
}

// mark records whether the last delivery of the session was a success.
func (t *Sessions) mark(s *session, success bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.proven = success
}

// ask asks the brokers whether they can be used: by a new client if that of the delivery
// was closed, which says nothing of the brokers.
func (t *Sessions) ask(ctx context.Context, s *session) error {
	err := t.Connection.Ping(ctx, s.client, causeLimit)
	if !errors.Is(err, kgo.ErrClientClosed) {
		return err
	}
	t.retire(s)
	fresh, err := t.acquire()
	if err != nil {
		return err
	}
	defer t.release(fresh)
	return t.Connection.Ping(ctx, fresh.client, causeLimit)
}

// lasting returns the cause why the brokers give no answer, if it needs more than some
// tries of the client: nobody can be reached, or too few brokers have the topic.
func (t *Sessions) lasting(ctx context.Context, s *session, topic string) error {
	err := t.Connection.Ping(ctx, s.client, causeLimit)
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
func (t *Sessions) unable(ctx context.Context, s *session, topic string, sure bool) error {
	limited, cancel := context.WithTimeout(ctx, causeLimit)
	defer cancel()
	found, err := Describe(limited, s.client, topic)
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

// explain returns an error of producing to a topic with its cause: that of giving the
// delivery up, if there is one.
func (t *Sessions) explain(ctx context.Context, s *session, topic string, err, cause error) error {
	t.mark(s, false)
	switch ClassOf(err) {
	case Operator, // the client may remember it: one that got no producer id never asks again
		TopicID, Broken, Size: // a new client knows nothing of topics and their limits
		t.retire(s)
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
