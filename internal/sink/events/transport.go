package events

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"haproxystats/internal/durable"
	"haproxystats/internal/event"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/sink/outbox"
)

// Destination makes the requests for events.
type Destination interface {
	// open reads what the destination keeps in the directory, in files whose names begin
	// with base and a dot.
	open(dir *durable.Dir, base string, log *slog.Logger) error
	// wants reports whether events of a kind are sent.
	wants(kind event.Kind) bool
	// address is where requests go.
	address() string
	// send sends the events in order, and calls done for each group that is settled: with
	// nil, or with the reason for which the destination will never take it. An error is why
	// the others can't be sent now.
	send(ctx context.Context, to caller, events []*item, done func([]*item, error)) error
}

// caller sends a request and judges the answer.
type caller interface {
	// call returns the body of the answer. An error that is a [*refusal] is final for this
	// request; any other means that the request is to be sent again later.
	call(ctx context.Context, r httpcall.Request) ([]byte, error)
}

// refusal is the answer of a server that will never take the request.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// transport implements [outbox.Transport].
type transport struct {
	opt Options
	log *slog.Logger

	// refusedEvents counts events that were put aside, and untaken those of finished batches
	// that the destination did not take in this run of the program.
	refusedEvents, untaken atomic.Int64

	mu      sync.Mutex // one batch is sent at a time
	sent    *ledger
	refused logFile
	forgets bool // the ids that were sent can't be written
	broken  broken
	batch   string // the first id of the batch that is being sent
	taken   int    // events of it that the destination has taken
}

// broken is the event that the server fails at.
type broken struct {
	id    string
	since time.Time
	times int
}

const (
	// A server that answers 500 for an event this long and this often will never take it.
	brokenAfter = time.Hour
	brokenTimes = 10
)

// Send implements [outbox.Transport]. The events that a destination has taken are
// remembered one by one, so that the next attempt goes on behind them.
func (t *transport) Send(ctx context.Context, _ int64, write func(io.Writer) error) (peer string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return "", err
	}
	all := parseLines(b.Bytes())
	if len(all) > 0 && all[0].ID != t.batch {
		t.batch, t.taken = all[0].ID, 0
	}
	var left []*item
	for _, i := range all {
		if !t.sent.ids.has(i.idOf()) {
			left = append(left, i)
		}
	}
	if len(left) > 0 {
		err := t.opt.Destination.send(ctx, t, left, t.done)
		if err = t.blame(left, err); err != nil {
			return "", err
		}
	}
	t.untaken.Add(int64(len(all) - t.taken))
	t.batch, t.taken = "", 0
	return host(t.opt.Destination.address()), nil
}

// done records that a destination has taken events, or that it never will.
func (t *transport) done(events []*item, cause error) {
	for _, i := range events {
		if cause != nil {
			t.putAside(i, cause)
		} else {
			t.taken++
		}
		if err := t.sent.add(i.idOf()); err != nil && !t.forgets {
			t.forgets = true
			t.log.Warn("events that were sent can't be recorded, a restart may send them again", "dir", t.opt.Dir, "error", err)
		} else if err == nil {
			t.forgets = false
		}
	}
}

// putAside records an event that the destination will never take.
func (t *transport) putAside(i *item, cause error) {
	t.refusedEvents.Add(1)
	err := t.refused.append(i.line(), time.Now())
	t.log.Error("destination refuses an event, it is put aside", "event", i.ID, "kind", i.Kind, "file", t.refused.path,
		"error", errors.Join(cause, err))
}

// blame gives up the first event that is left if the server has failed at it for long.
func (t *transport) blame(events []*item, cause error) error {
	var failed *serverError
	if !errors.As(cause, &failed) {
		t.broken = broken{}
		return cause
	}
	for _, i := range events {
		if t.sent.ids.has(i.idOf()) {
			continue
		}
		if t.broken.id != i.ID {
			t.broken = broken{id: i.ID, since: time.Now()}
		}
		t.broken.times++
		if t.broken.times >= brokenTimes && time.Since(t.broken.since) >= brokenAfter {
			t.done([]*item{i}, fmt.Errorf("given up after %d attempts: %w", t.broken.times, cause))
			t.broken = broken{}
		}
		return cause
	}
	return cause
}

// addressError is an answer of a server that does not know the address.
type addressError struct{ error }

// serverError is an error of a server that has the request.
type serverError struct{ error }

func (e *serverError) Unwrap() error { return e.error }

// call implements [caller].
func (t *transport) call(ctx context.Context, r httpcall.Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, t.opt.Timeout)
	defer cancel()
	answer, err := t.opt.Client.Do(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", host(r.URL), err)
	}
	return judge(host(r.URL), answer)
}

// judge returns the body of an answer, or why it is none that takes the request.
func judge(server string, a httpcall.Answer) ([]byte, error) {
	if a.Status >= 200 && a.Status < 300 {
		return a.Body, nil
	}
	text := fmt.Sprintf("%s answers with status %d", server, a.Status)
	switch a.Status {
	case 401, 403, 407:
		return nil, errors.New(text + said(a.Body) + ". Check the secret and what it allows")
	case 404, 405, 410:
		return nil, &addressError{errors.New(text + ". Check the address in [events]")}
	case 408, 425, 429:
		return nil, &outbox.LaterError{Err: errors.New(text), After: a.RetryAfter}
	case 500:
		return nil, &serverError{&outbox.LaterError{Err: errors.New(text + said(a.Body)), After: a.RetryAfter}}
	}
	switch {
	case a.Status >= 400 && a.Status < 500:
		return nil, &refusal{a.Status, text + said(a.Body)}
	case a.Redirect != "":
		return nil, fmt.Errorf("%s, a redirection to %q, which is not followed", text, a.Redirect)
	}
	return nil, &outbox.LaterError{Err: errors.New(text), After: a.RetryAfter}
}

// said returns the beginning of an answer's text for a message.
func said(body []byte) string {
	const most = 200
	text := bytes.TrimSpace(body[:min(len(body), most)])
	if len(text) == 0 {
		return ""
	}
	return fmt.Sprintf(": %q", text)
}

// host returns the server of an address, for messages: the rest may hold a secret.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the server"
	}
	return u.Host
}
