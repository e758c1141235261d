package graphite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// A peer confirms within milliseconds once it has read everything; confirmMin
// leaves it time to read what its kernel had buffered.
const confirmMin = 5 * time.Second

// writeSize is the most that is handed to the connection at once.
const writeSize = 256 << 10

var (
	// ErrStalled says that the peer took nothing for the write timeout.
	ErrStalled = errors.New("the peer reads nothing")
	// ErrUnconfirmed says that the peer didn't confirm what it was sent.
	ErrUnconfirmed = errors.New("the peer has not confirmed the metrics")
	// ErrTooSlow says that the time for one batch was over.
	ErrTooSlow = errors.New("the peer reads too slowly")
)

// DialFunc opens a connection, as [net.Dialer.DialContext] does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// halfCloser is a connection whose end for writing closes on its own.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// peer is the receiver of metrics.
type peer struct {
	address        string // host:port
	dial           DialFunc
	connectTimeout time.Duration
	writeTimeout   time.Duration
}

// send opens a connection, lets content write to it, and returns nil once the
// peer has confirmed that it has read all of it. All of that takes at most
// limit. An error of content's own is returned as it is.
func (p *peer) send(ctx context.Context, limit time.Duration, content func(io.Writer) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w: not done within %v", ErrTooSlow, limit))
	defer cancel()
	conn, err := p.connect(ctx)
	if err != nil {
		return p.explain("connect to", cause(ctx, err))
	}
	// Whatever blocks on the connection ends with ctx.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	w := &patientWriter{ctx: ctx, conn: conn, timeout: p.writeTimeout}
	err = content(w)
	switch {
	case w.err != nil:
		abort(conn)
		return p.explain("write to", cause(ctx, w.err))
	case err != nil:
		abort(conn)
		return err
	}
	if err := p.confirm(ctx, conn); err != nil {
		abort(conn)
		return p.explain("confirm with", cause(ctx, err))
	}
	conn.Close()
	return nil
}

func (p *peer) connect(ctx context.Context) (halfCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, p.connectTimeout)
	defer cancel()
	conn, err := p.dial(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	half, ok := conn.(halfCloser)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("%T can't be half-closed", conn)
	}
	return half, nil
}

// confirm closes the connection for writing and waits for the peer to end it
// in turn, which it does when it has read everything.
func (p *peer) confirm(ctx context.Context, conn halfCloser) error {
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	conn.SetReadDeadline(time.Now().Add(max(p.writeTimeout, confirmMin)))
	if err := ctx.Err(); err != nil {
		return err
	}
	var b [1]byte
	switch n, err := conn.Read(b[:]); {
	case n > 0, err == nil:
		return fmt.Errorf("%w: it answers, which a Graphite server does not", ErrUnconfirmed)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w within %v", ErrUnconfirmed, max(p.writeTimeout, confirmMin))
	case !errors.Is(err, io.EOF):
		return err
	}
	// A peer that closed early, without reading to the end, may look the same.
	return unread(conn)
}

// abort closes the connection by a reset where it can, so that the peer takes
// the rest of a line for no line.
func abort(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		c.SetLinger(0)
	}
	conn.Close()
}

// cause prefers the reason why ctx ended to the time-out that came of it.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// patientWriter writes with a deadline for progress: each time the peer takes
// something, the time-out starts anew. ctx bounds the whole.
type patientWriter struct {
	ctx     context.Context
	conn    net.Conn
	timeout time.Duration
	bytes   int64
	err     error
}

func (w *patientWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) && w.err == nil {
		w.conn.SetWriteDeadline(time.Now().Add(w.timeout))
		if err := w.ctx.Err(); err != nil {
			w.err = err
			break
		}
		n, err := w.conn.Write(p[done:min(len(p), done+writeSize)])
		done += n
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded) || w.ctx.Err() != nil:
			w.err = err
		case n == 0:
			w.err = fmt.Errorf("%w for %v", ErrStalled, w.timeout)
		}
	}
	w.bytes += int64(done)
	return done, w.err
}
