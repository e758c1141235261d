package graphite

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// Probe is what a server has shown without being sent anything.
type Probe struct {
	// Err is why a delivery would fail; nil if it would not.
	Err error
	// Connect is how long it took until the connection was ready for writing,
	// Held how long the server was seen to keep it open, and Confirm how long it
	// took to confirm after that.
	Connect, Held, Confirm time.Duration
	// Expires is when the first of the certificates does that the server's is
	// trusted by; zero without TLS.
	Expires time.Time
}

// ProbeServer opens a connection to one of the servers as a delivery does, sends
// nothing, holds it open as long as the options say, and waits for the
// confirmation. With [Drain] there is nothing to be acknowledged, so that it only
// shows that the connection stands. Without TLS a second connection finds out
// whether the port is one for plaintext lines: it sends the start of a line that
// never ends, and resets.
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
		found.Expires = firstExpiry(l.secure.ConnectionState().VerifiedChains)
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

// notPlaintext is the head of a TLS record with a message of no length that TLS
// allows, a pickle too long for carbon, and the start of a line without an end.
var notPlaintext = []byte{0x16, 3, 1, 0, 4, 1, 0, 0, 0}

// probeProtocol returns an error if the server answers or ends a connection over
// which notPlaintext was sent: one that takes lines waits for the end of the line.
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
	case err == nil, ctx.Err() != nil: // the time is over, and it has said nothing
		return nil
	case !errors.Is(err, errInTLS):
		err = fmt.Errorf("%w: %w", errProtocol, err)
	}
	return p.explain("find the plaintext protocol at", err)
}

// probeWait is how long a server of another protocol has to answer.
const probeWait = time.Second

// firstExpiry returns when the last chain that is valid ceases to be.
func firstExpiry(chains [][]*x509.Certificate) (last time.Time) {
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

// OwnExpiry returns when our own certificate expires; zero if there is none.
func (t TLS) OwnExpiry() (time.Time, error) {
	if t.CertFile == "" {
		return time.Time{}, nil
	}
	data, _, err := readPEM(t.CertFile, false)
	if err != nil {
		return time.Time{}, &FileError{"cert-file", t.CertFile, err}
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		own, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return time.Time{}, &FileError{"cert-file", t.CertFile, err}
		}
		return own.NotAfter, nil
	}
	return time.Time{}, &FileError{"cert-file", t.CertFile, errors.New("holds no certificate in PEM form")}
}
