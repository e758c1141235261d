package graphite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"haproxystats/internal/sink/outbox"
)

var (
	// errUnconfirmed reports that the peer did not confirm the metrics.
	errUnconfirmed = errors.New("the peer has not confirmed the metrics")
	errEarly       = fmt.Errorf("%w: it closed the connection early", errUnconfirmed)
	errHandshake   = errors.New("the handshake failed")
	errProtocol    = errors.New("it does not take lines of text")
	errUnread      = fmt.Errorf("%w: its host has not acknowledged all of them", errUnconfirmed)
	errAnswers     = fmt.Errorf("%w: it answers, which a Graphite server does not", errUnconfirmed)
	errInTLS       = fmt.Errorf("%w: it answers in TLS", errUnconfirmed)
)

// alertRecord is the first byte that a TLS server sends to a client that does not
// speak TLS.
const alertRecord = 0x15

// hold returns an error if the peer ends the connection or sends something within
// d.
func (l *link) hold(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); ; {
		if err := l.look(); err != nil {
			return err
		}
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		l.raw.SetReadDeadline(end)
		if err := ctx.Err(); err != nil {
			return err
		}
		err := awaitReadable(ctx, l.raw.halfCloser, left)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
	}
}

// halfClose closes the connection for writing, and waits until the peer closes it
// too. The peer does so when it has read everything.
func (l *link) halfClose(ctx context.Context, limit time.Duration) error {
	// If the peer closed first, it need not have read everything.
	if err := l.look(); err != nil {
		return err
	}
	if l.secure == nil {
		if err := l.raw.CloseWrite(); err != nil {
			return err
		}
		if err := l.end(ctx, limit); err != nil {
			return err
		}
		// A peer that closed without reading to the end may look the same so far.
		return unread(l.raw.halfCloser)
	}
	if err := l.secure.CloseWrite(); err != nil {
		return l.verdict(err)
	}
	if err := l.end(ctx, limit); err != nil {
		return err
	}
	if err := unread(l.raw.halfCloser); err != nil {
		return err
	}
	// The peer's last record may arrive before the reset of a connection that it
	// closed without reading to the end. The end of the TCP connection can't.
	if err := l.raw.CloseWrite(); err != nil {
		return err
	}
	for plain := (&link{raw: l.raw}); ; {
		_, n, err := plain.read(ctx, limit)
		if n == 0 {
			return ended(err, limit)
		}
	}
}

// end waits for the peer's end of the connection.
func (l *link) end(ctx context.Context, limit time.Duration) error {
	first, n, err := l.read(ctx, limit)
	if n > 0 {
		return l.answer(first)
	}
	return ended(err, limit)
}

// ended returns nil if err, from a read, is the peer's clean end of the connection,
// and otherwise why nothing is confirmed.
func ended(err error, limit time.Duration) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w within %v", errUnconfirmed, limit)
	}
	return err
}

// answer returns the error for a peer that sends something, of which first is the
// first byte.
func (l *link) answer(first byte) error {
	if l.secure == nil && first == alertRecord {
		return errInTLS
	}
	return errAnswers
}

// drain checks what is unacknowledged at these intervals: the first one, doubled up to
// the last one.
const (
	firstLook = time.Millisecond
	lastLook  = 20 * time.Millisecond
)

// drain waits until the peer's kernel has acknowledged everything; the connection
// stays open. If the peer can still refuse our certificate, drain gives it the time
// settle for that.
func (l *link) drain(ctx context.Context, limit, settle time.Duration) error {
	deadline := time.Now().Add(limit)
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		n, err := onItsWay(l.raw.halfCloser)
		if err != nil {
			return l.verdict(err)
		}
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w within %v", errUnread, limit)
		}
		if err := outbox.Sleep(ctx, wait); err != nil {
			return err
		}
	}
	if l.unsettled {
		l.raw.SetReadDeadline(time.Now().Add(settle))
		if err := ctx.Err(); err != nil {
			return err
		}
		// Most servers send a ticket as soon as they have accepted the certificate. A
		// server that is silent for this long has not refused it.
		if err := awaitReadable(ctx, l.raw.halfCloser, settle); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		l.unsettled = false
	}
	return l.look()
}

// look returns an error if the peer has closed or broken the connection, or has sent
// something. It does not wait.
func (l *link) look() error {
	first, n, err := peek(l.raw.halfCloser)
	switch {
	case errors.Is(err, errNothing):
		return nil
	case err != nil:
		return err
	case n == 0:
		return errEarly
	case l.secure == nil:
		return l.answer(first)
	}
	// The bytes may belong to TLS itself, such as a ticket.
	l.raw.SetReadDeadline(time.Now().Add(firstLook))
	var b [1]byte
	n, err = l.secure.Read(b[:])
	switch {
	case n > 0:
		return l.answer(b[0])
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case errors.Is(err, io.EOF):
		return errEarly
	}
	return err
}
