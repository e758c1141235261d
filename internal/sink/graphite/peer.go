package graphite

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"haproxystats/internal/tlsfile"
)

// Server is where a Graphite server or relay listens.
type Server struct {
	Host string // name or address
	Port int
}

// String returns the address as a dialer takes it.
func (s Server) String() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Confirm is the way in which the server confirms a batch.
type Confirm string

const (
	// HalfClose sends each batch over its own connection, and closes that for writing.
	// The server then closes it too, after it has read everything. It is the default.
	HalfClose Confirm = "half-close"
	// Drain keeps connections for later batches. A batch is delivered when the server's
	// kernel has acknowledged all of it. That promises less: what the server had not
	// read when it died is lost.
	Drain Confirm = "drain"
)

// DialFunc opens a connection, as [net.Dialer.DialContext] does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// peer is one receiver of metrics.
type peer struct {
	server         Server
	dial           DialFunc
	credentials    *tlsfile.Credentials // nil for no TLS
	confirm        Confirm
	connectTimeout time.Duration
	writeTimeout   time.Duration
	trust          trust

	mu     sync.Mutex
	idle   []*link // kept for the next batches, the latest at the end
	closed bool
}

// send opens a connection or takes a kept one, calls content to write to it, and
// returns nil once the peer has confirmed everything. ctx bounds all of that. An
// error of content is returned as it is; an error of the peer is a [*peerError].
func (p *peer) send(ctx context.Context, content func(io.Writer) error) error {
	l, err := p.link(ctx)
	if err != nil {
		return err
	}
	stop := l.lend(ctx)
	defer stop()
	w := &writer{to: l}
	err = content(w)
	switch {
	case w.err != nil:
		err = p.explain("write to", cause(ctx, l.verdict(w.err)))
		l.abort()
		return err
	case err != nil:
		l.abort()
		return err
	}
	// The peer has held a proven connection open, so there is a server at its end.
	held := !l.proven && (p.confirm == Drain || p.trust.due())
	hold := time.Duration(0)
	if held {
		hold = p.trust.hold
	}
	if err := p.settle(ctx, l, hold); err != nil {
		return err
	}
	p.trust.confirmed(held || l.proven)
	if p.confirm == Drain && stop() {
		l.proven = true
		p.keep(l)
	} else {
		l.close()
	}
	return nil
}

// settle waits until the peer has confirmed all that was sent over l. The peer must
// keep the connection open for hold. After an error l is aborted.
func (p *peer) settle(ctx context.Context, l *link, hold time.Duration) error {
	var err error
	if p.confirm == Drain {
		err = l.drain(ctx, p.patience(), p.connectTimeout)
	}
	if err == nil {
		err = l.hold(ctx, hold)
	}
	if err == nil && p.confirm != Drain {
		err = l.halfClose(ctx, p.patience())
	}
	if err != nil {
		l.abort()
		return p.explain("confirm with", cause(ctx, err))
	}
	return nil
}

// confirmMin is the least time that a peer gets to confirm. It takes milliseconds
// once it has read everything, but it may still have to read what its kernel has
// buffered.
const confirmMin = 5 * time.Second

// patience returns the time in which the peer must confirm what it was sent.
func (p *peer) patience() time.Duration { return max(p.writeTimeout, confirmMin) }

// link returns a kept connection that is still open, or a new one.
func (p *peer) link(ctx context.Context) (*link, error) {
	for l := p.take(); l != nil; l = p.take() {
		if l.look() == nil {
			return l, nil
		}
		l.close() // its batches have been confirmed
	}
	return p.connect(ctx)
}

func (p *peer) connect(ctx context.Context) (*link, error) {
	var settings *tls.Config
	if p.credentials != nil {
		var err error
		if settings, err = p.credentials.Config(p.server.Host); err != nil {
			return nil, p.explain("prepare TLS for", err)
		}
	}
	limited, cancel := context.WithTimeout(ctx, p.connectTimeout)
	defer cancel()
	conn, err := p.dial(limited, "tcp", p.server.String())
	if err != nil {
		return nil, p.explain("connect to", cause(ctx, err))
	}
	half, ok := conn.(halfCloser)
	if !ok {
		conn.Close()
		return nil, p.explain("connect to", fmt.Errorf("%T can't be half-closed", conn))
	}
	l := &link{raw: &patientConn{halfCloser: half, ctx: limited, timeout: p.writeTimeout}}
	if settings == nil {
		return l, nil
	}
	if err := l.encrypt(limited, settings); err != nil {
		l.abort()
		return nil, p.explain("start TLS with", fmt.Errorf("%w: %w", errHandshake, cause(ctx, err)))
	}
	return l, nil
}

// writer keeps the first error of the connection, to separate it from errors of the
// content.
type writer struct {
	to  io.Writer
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.to.Write(p)
	w.err = err
	return n, err
}

// cause returns the reason why ctx ended, if it has, and not the time-out that
// followed from it.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// peerError is an error that the peer caused, not the batch.
type peerError struct {
	err  error
	hint string // what to do; may be empty
}

func (e *peerError) Error() string {
	if e.hint == "" {
		return e.err.Error()
	}
	return e.err.Error() + " (" + e.hint + ")"
}

func (e *peerError) Unwrap() error { return e.err }

// isPeerError reports whether err came from the peer, so that another server is
// worth trying.
func isPeerError(err error) bool {
	var fault *peerError
	return errors.As(err, &fault)
}
