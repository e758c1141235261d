package graphite

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Probe is the result of a test of a server, for which no metric was sent.
type Probe struct {
	// Err is the reason why a delivery would fail; nil if it would succeed.
	Err error
	// Connect is the time until the connection was ready for writing, Held the time for
	// which the server kept it open, and Confirm the time that the server then took to
	// confirm.
	Connect, Held, Confirm time.Duration
	// Expires is the time until which the server's chain of certificates is valid; zero
	// without TLS.
	Expires time.Time
}

// ProbeServer takes the steps of a delivery to a server, but sends nothing: it opens
// a connection, holds it open for Options.Hold, and waits for the confirmation. With
// [Drain] the server has nothing to acknowledge, so the test only shows that the
// server keeps the connection. Without TLS a second connection finds out whether the
// port takes plaintext lines: ProbeServer sends the start of a line that never ends,
// and resets the connection.
func ProbeServer(ctx context.Context, o Options, server Server) Probe {
	o.Servers = []Server{server}
	return newRelays(o, o.logger()).peers[0].probe(ctx)
}

func (p *peer) probe(ctx context.Context) (found Probe) {
	start := time.Now()
	l, err := p.connect(ctx)
	if err != nil {
		return Probe{Err: err}
	}
	found.Connect = time.Since(start)
	if l.secure != nil {
		found.Expires = validUntil(l.secure.ConnectionState().VerifiedChains)
	}
	stop := l.lend(ctx)
	defer stop()
	if err := l.hold(ctx, p.trust.hold); err != nil {
		l.abort()
		found.Err = p.explain("hold a connection, over which nothing was sent, to", cause(ctx, err))
		return found
	}
	found.Held = p.trust.hold
	start = time.Now()
	if found.Err = p.settle(ctx, l, 0); found.Err != nil {
		return found
	}
	l.close()
	found.Confirm = time.Since(start)
	if p.credentials == nil {
		found.Err = p.probeProtocol(ctx)
	}
	return found
}

// notPlaintext is three things at once: a TLS record whose message has a length that
// TLS forbids, the head of a pickle that is too long for carbon, and the start of a
// line without an end.
var notPlaintext = []byte{0x16, 3, 1, 0, 4, 1, 0, 0, 0}

// probeProtocol returns an error if the server answers notPlaintext or closes the
// connection. A server that takes lines waits for the end of the line.
func (p *peer) probeProtocol(ctx context.Context) error {
	l, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer l.abort()
	stop := l.lend(ctx)
	defer stop()
	if _, err = l.Write(notPlaintext); err == nil {
		err = l.hold(ctx, probeWait)
	}
	switch {
	case err == nil, ctx.Err() != nil: // the server was silent all the time
		return nil
	case !errors.Is(err, errInTLS):
		err = fmt.Errorf("%w: %w", errProtocol, err)
	}
	return p.explain("find the plaintext protocol at", err)
}

// probeWait is the time in which a server of another protocol answers.
const probeWait = time.Second

// validUntil returns the time until which at least one of the chains is valid. A
// chain ends with the first of its certificates.
func validUntil(chains [][]*x509.Certificate) (last time.Time) {
	for _, chain := range chains {
		first := chain[0].NotAfter
		for _, c := range chain[1:] {
			if c.NotAfter.Before(first) {
				first = c.NotAfter
			}
		}
		if first.After(last) {
			last = first
		}
	}
	return last
}
