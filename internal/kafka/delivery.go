package kafka

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// impatience is the time without an answer after which the cause is asked for.
	impatience = 500 * time.Millisecond
	// graceful is what a client may take beyond the deadline to give up its records; then
	// it is closed, which ends them at once.
	graceful = 500 * time.Millisecond
)

// forCause returns the part of the time for a delivery that is kept for finding out why
// it failed.
func forCause(limit time.Duration) time.Duration { return min(causeLimit+graceful, limit/2) }

// ProduceError is an error of producing to a topic. [Sessions.Deliver] finds its cause.
type ProduceError struct {
	Topic string
	Err   error
}

// Error returns the error without the topic.
func (e *ProduceError) Error() string { return e.Err.Error() }

// Unwrap returns the error.
func (e *ProduceError) Unwrap() error { return e.Err }

// Delivery is what [Sessions.Deliver] gives to the function that produces.
type Delivery struct {
	sessions *Sessions
	ctx      context.Context // ends with the time for producing, or when it is given up
	giveUp   context.CancelCauseFunc

	mu      sync.Mutex
	session *session // changed by the goroutine of the delivery only
	// identified reports whether its client was asked for a producer id.
	identified bool
	topic      string // of the last record
	pending    int
	answered   int           // records that the client is done with
	failed     error         // the first one that no function of Produce got
	idle       chan struct{} // closed when pending falls to 0; nil if nobody waits
}

// Deliver calls produce, which produces records and waits for them by [Delivery.Wait]. All
// of it, and finding the cause of a [ProduceError], takes at most limit. Deliver returns
// other errors of produce unchanged, and the brokers after a success.
func (t *Sessions) Deliver(ctx context.Context, limit time.Duration, produce func(*Delivery) error) (peer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	producing, stop := context.WithTimeout(ctx, limit-forCause(limit))
	defer stop()
	s, err := t.acquire()
	if err != nil {
		return "", err
	}
	watched, giveUp := context.WithCancelCause(producing)
	defer giveUp(nil)
	d := &Delivery{sessions: t, session: s, ctx: watched, giveUp: giveUp}
	defer func() { t.release(d.session) }()
	if err := t.prove(ctx, s, limit); err != nil {
		return "", err
	}
	var watching sync.WaitGroup
	watching.Go(d.watch)
	err = produce(d)
	cause := context.Cause(watched)
	giveUp(nil)
	watching.Wait()
	var failed *ProduceError
	switch {
	case errors.As(err, &failed):
		return "", t.explain(ctx, d.session, failed.Topic, failed.Err, cause)
	case err != nil:
		return "", err
	}
	t.mark(d.session, true)
	return strings.Join(t.Connection.Brokers, ","), nil
}

// Context returns the context of the delivery's records. It ends before the time of the
// delivery does, or with the cause why they can't be delivered.
func (d *Delivery) Context() context.Context { return d.ctx }

// Client returns the client.
func (d *Delivery) Client() *kgo.Client { return d.session.client }

// Renew goes on with a new client, which knows nothing of topics. No record is on its way.
func (d *Delivery) Renew() error {
	d.Retire()
	s, err := d.sessions.acquire()
	if err != nil {
		return err
	}
	d.sessions.release(d.session)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.session, d.identified = s, false
	return nil
}

// Retire has the next delivery use a new client.
func (d *Delivery) Retire() { d.sessions.retire(d.session) }

// GiveUp ends what is on its way with a cause.
func (d *Delivery) GiveUp(cause error) { d.giveUp(cause) }

// Identify has the client get its producer id before the first record for a topic that is
// known, and returns a [ProduceError] if the brokers refuse one. If they refused it while a
// record waits for its topic, the library could forget that record until the end of the
// delivery, which then had no cause.
func (d *Delivery) Identify(topic string) error {
	if d.identified {
		return nil
	}
	d.identified = true
	limited, cancel := context.WithTimeout(d.ctx, causeLimit)
	defer cancel()
	_, _, err := d.session.client.ProducerID(limited)
	if err == nil || ClassOf(err) != Operator {
		return nil // whoever produces gets it
	}
	if found, failed := Describe(limited, d.session.client, topic); failed == nil && found[0].Err != nil {
		err = found[0].Err // which tells more: who may write no topic gets no producer id
	}
	return &ProduceError{Topic: topic, Err: err}
}

// Produce hands a record to the client, and has done called with the result, one call at
// a time. If done is nil, [Delivery.Err] and [Delivery.Wait] return the error. Produce
// blocks while the client's memory is in use.
func (d *Delivery) Produce(r *kgo.Record, done func(error)) {
	if done == nil {
		done = func(err error) { d.failed = cmp.Or(d.failed, err) }
	}
	d.mu.Lock()
	d.pending++
	d.topic = r.Topic
	d.mu.Unlock()
	d.session.client.Produce(d.ctx, r, func(_ *kgo.Record, err error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		done(err)
		d.answered++
		if d.pending--; d.pending == 0 && d.idle != nil {
			close(d.idle)
			d.idle = nil
		}
	})
}

// Locked calls do while no function of [Delivery.Produce] runs.
func (d *Delivery) Locked(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do()
}

// Err returns the first error of a record, or else the cause why the context has ended.
func (d *Delivery) Err() (err error) {
	d.Locked(func() { err = d.failed })
	return cmp.Or(err, context.Cause(d.ctx))
}

// Wait waits until the client has done with all records, and returns the first error of
// one. A client that does not give them up soon after the end of the context is closed, and
// the error is the cause of that end.
func (d *Delivery) Wait() (err error) {
	done := d.await()
	d.Locked(func() { err = d.failed })
	if done {
		return err
	}
	d.Retire()
	d.session.close()
	return cmp.Or(err, context.Cause(d.ctx))
}

// await reports whether the client has done with all records. It waits little longer than
// the context lasts.
func (d *Delivery) await() bool {
	d.mu.Lock()
	if d.pending == 0 {
		d.mu.Unlock()
		return true
	}
	idle := make(chan struct{})
	d.idle = idle
	d.mu.Unlock()
	select {
	case <-idle:
		return true
	case <-d.ctx.Done():
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

// watch asks for the cause whenever no record was answered for some time, and gives the
// delivery up if there is one that the client's tries can't overcome soon: the client
// hides it until the deadline. It returns when the context ends.
func (d *Delivery) watch() {
	tick := time.NewTicker(impatience)
	defer tick.Stop()
	for answered := 0; ; {
		select {
		case <-tick.C:
		case <-d.ctx.Done():
			return
		}
		d.mu.Lock()
		last, waits, topic, s := answered, d.pending > 0, d.topic, d.session
		answered = d.answered
		d.mu.Unlock()
		if !waits || answered != last {
			continue
		}
		if err := d.sessions.lasting(d.ctx, s, topic); err != nil && d.ctx.Err() == nil {
			d.giveUp(err)
			return
		}
	}
}
