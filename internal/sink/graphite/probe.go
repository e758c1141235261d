package graphite

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"time"
)

// Probe is what a server has shown without being sent anything.
type Probe struct {
	// Err is why a delivery would fail; nil if it would not.
	Err error
	// Connect is how long it took until the connection was ready for writing,
	// Confirm how long until the server confirmed that it has got nothing.
	Connect, Confirm time.Duration
	// Expires is when the first of the certificates does that the server's is
	// trusted by; zero without TLS.
	Expires time.Time
}

// ProbeServer opens a connection to one of the servers as a delivery does, sends
// nothing, and waits for the confirmation. With [Drain] there is nothing to be
// acknowledged, so that it only shows that the connection stands.
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
	start = time.Now()
	if found.Err = p.settle(ctx, l); found.Err != nil {
		return found
	}
	l.close()
	found.Confirm = time.Since(start)
	return found
}

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
