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

// writeSize bounds one write to the connection.
const writeSize = 256 << 10

// errStalled reports that the peer accepted nothing for the write time-out.
var errStalled = errors.New("the peer reads nothing")

// halfCloser is a connection that can be closed for writing only.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// link is a connection to a peer.
type link struct {
	raw    *patientConn
	secure *tls.Conn // over raw; nil without TLS
	// unsettled is true while the peer may still refuse our certificate.
	unsettled bool
	// proven is true once the peer has kept the connection open for trust.hold.
	proven bool
	// retire closes the connection after idleLimit without a batch.
	retire *time.Timer
}

// encrypt starts TLS over the connection.
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
	// Since TLS 1.3 the server checks our certificate after our side of the handshake
	// has ended.
	l.unsettled = asked && l.secure.ConnectionState().Version >= tls.VersionTLS13
	return nil
}

// lend lets ctx end every operation that blocks on the connection. stop undoes that;
// it reports false if ctx has already ended.
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

// read waits at most limit for the peer to send something or to close the connection,
// which is what it should do. The caller has called lend with ctx.
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

// verdict returns the TLS alert with which the peer explained a reset, or err if there
// is none.
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

// abort resets the connection if it can, so that the peer discards an incomplete last
// line.
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
			return done, fmt.Errorf("%w for %v", errStalled, c.timeout)
		}
	}
	return done, nil
}
