package graphite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

var (
	// ErrUnconfirmed says that the peer didn't confirm what it was sent.
	ErrUnconfirmed = errors.New("the peer has not confirmed the metrics")
	errEarly       = fmt.Errorf("%w: it closed the connection early", ErrUnconfirmed)
	errHandshake   = errors.New("the handshake failed")
	errProtocol    = errors.New("it does not take lines of text")
	errUnread      = fmt.Errorf("%w: its host has not acknowledged all of them", ErrUnconfirmed)
	errInTLS       = fmt.Errorf("%w: it answers in TLS", ErrUnconfirmed)
)

// alertRecord is the first byte of what a TLS server says to one who does not
// speak TLS.
const alertRecord = 0x15

// hold returns an error if the peer ends the connection or says something within
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

// halfClose closes the connection for writing and waits for the peer to end it
// in turn, which it does when it has read everything.
func (l *link) halfClose(ctx context.Context, limit time.Duration) error {
	// An end of the peer's that came before ours says nothing of what it has read.
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
		// A peer that closed early, without reading to the end, may look the same.
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
	// Its last record may come before the reset of a connection that it closed
	// without reading to the end; its end of the TCP connection can't.
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

// ended takes the error of a read for what it says about the end.
func ended(err error, limit time.Duration) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w within %v", ErrUnconfirmed, limit)
	}
	return err
}

func (l *link) answer(first byte) error {
	if l.secure == nil && first == alertRecord {
		return errInTLS
	}
	return fmt.Errorf("%w: it answers, which a Graphite server does not", ErrUnconfirmed)
}

// The time between two looks at what is on its way.
const (
	firstLook = time.Millisecond
	lastLook  = 20 * time.Millisecond
)

// drain waits until the peer's kernel has acknowledged everything, on a
// connection that stays open. A peer that can still refuse our certificate has
// settle to do so.
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
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	if l.unsettled {
		l.raw.SetReadDeadline(time.Now().Add(settle))
		if err := ctx.Err(); err != nil {
			return err
		}
		// It says something as soon as it has taken the certificate; most do. Who is
		// silent for so long has not refused it.
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

// look returns an error if the peer has ended or broken the connection, or has
// said something. It does not wait.
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
	// What is there may be a matter of TLS's own, such as a ticket.
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

// sleep returns ctx's error if it ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
