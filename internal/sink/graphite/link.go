package graphite

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// writeSize is the most that is handed to the connection at once.
const writeSize = 256 << 10

// ErrStalled says that the peer took nothing for the write timeout.
var ErrStalled = errors.New("the peer reads nothing")

// halfCloser is a connection whose end for writing closes on its own.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// link is a connection to a peer.
type link struct {
	raw    *patientConn
	secure *tls.Conn // over raw; nil without TLS
	// unsettled tells that the peer may still refuse our certificate.
	unsettled bool
	// proven tells that the peer has kept it open for the time of [trust.hold].
	proven bool
	// retire closes it when it has been idle for long.
	retire *time.Timer
}

// encrypt speaks TLS over the connection from now on.
func (l *link) encrypt(ctx context.Context, settings *tls.Config) error {
	asked := false
	if own := settings.GetClientCertificate; own != nil {
		settings.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return own(r)
		}
	}
	l.secure = tls.Client(l.raw, settings)
	if err := l.secure.HandshakeContext(ctx); err != nil {
		return err
	}
	// From TLS 1.3 on the server looks at the certificate after our side of the
	// handshake has ended.
	l.unsettled = asked && l.secure.ConnectionState().Version >= tls.VersionTLS13
	return nil
}

// lend makes ctx end whatever blocks on the connection. stop undoes that; it
// returns false if ctx has ended.
func (l *link) lend(ctx context.Context) (stop func() bool) {
	l.raw.ctx = ctx
	l.raw.SetDeadline(time.Time{})
	return context.AfterFunc(ctx, func() { l.raw.SetDeadline(time.Unix(1, 0)) })
}

func (l *link) Write(p []byte) (int, error) {
	if l.secure != nil {
		return l.secure.Write(p)
	}
	return l.raw.Write(p)
}

// read waits for what the peer has to say, which should be its end. ctx must
// have been lent.
func (l *link) read(ctx context.Context, limit time.Duration) (first byte, n int, err error) {
	l.raw.SetReadDeadline(time.Now().Add(limit))
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	var b [1]byte
	if l.secure != nil {
		n, err = l.secure.Read(b[:])
	} else {
		n, err = l.raw.Read(b[:])
	}
	return b[0], n, err
}

// verdict returns why the peer has broken the connection, where TLS has let it
// say so, or else err.
func (l *link) verdict(err error) error {
	if l.secure == nil || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	l.raw.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	var b [1]byte
	if _, said := l.secure.Read(b[:]); isAlert(said) {
		return said
	}
	return err
}

// abort closes the connection by a reset where it can, so that the peer takes
// the rest of a line for no line.
func (l *link) abort() {
	if c, ok := l.raw.halfCloser.(interface{ SetLinger(int) error }); ok {
		c.SetLinger(0)
	}
	l.raw.Close()
}

// close closes the connection.
func (l *link) close() {
	if l.secure != nil {
		l.secure.Close()
		return
	}
	l.raw.Close()
}

// patientConn writes with a deadline for progress: each time the peer takes
// something, the time-out begins again. ctx bounds the whole. It is below TLS,
// because a TLS connection does not survive a write that has timed out.
type patientConn struct {
	halfCloser
	ctx     context.Context
	timeout time.Duration
}

func (c *patientConn) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		c.SetWriteDeadline(time.Now().Add(c.timeout))
		if err := c.ctx.Err(); err != nil {
			return done, err
		}
		n, err := c.halfCloser.Write(p[done:min(len(p), done+writeSize)])
		done += n
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded) || c.ctx.Err() != nil:
			return done, err
		case n == 0:
			return done, fmt.Errorf("%w for %v", ErrStalled, c.timeout)
		}
	}
	return done, nil
}
