package graphite

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/tlsfile"
	"haproxystats/internal/tlsfile/tlstest"
)

// TestEndWithoutReading checks that a peer that closes cleanly without having read
// everything has confirmed nothing. A UNIX socket acknowledges only bytes that were
// read, so this does not depend on timing.
func TestEndWithoutReading(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		for _, reads := range []bool{false, true} {
			name := map[bool]string{false: "plain", true: "TLS"}[encrypted] + map[bool]string{false: "/reads nothing", true: "/reads all"}[reads]
			t.Run(name, func(t *testing.T) { endWithoutReading(t, encrypted, reads) })
		}
	}
}

func endWithoutReading(t *testing.T, encrypted, reads bool) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := options(t, "127.0.0.1:1")
	o.WriteTimeout = time.Minute
	o.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	var settings *tls.Config
	if encrypted {
		a := tlstest.NewAuthority(t, "a")
		settings = &tls.Config{Certificates: []tls.Certificate{a.Sign("127.0.0.1", time.Hour)}}
		o.TLS = &tlsfile.Files{CAFile: tlstest.NewFiles(t).Authority(a)}
	}
	sent := make(chan struct{})
	over := make(chan error, 1)
	go func() { over <- serveEnd(l, settings, reads, sent) }()
	s := newRelays(o, quiet)
	_, err = s.send(t.Context(), time.Minute, func(w io.Writer) error {
		// More than TLS reads along with the end of the handshake.
		_, err := io.WriteString(w, strings.Repeat("a.b 1 1795335122\n", 4000))
		return err
	})
	close(sent)
	if reads && err != nil || !reads && !errors.Is(err, errUnconfirmed) {
		t.Errorf("error %v", err)
	}
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// serveEnd ends a connection at once, or when it has read everything, and keeps
// its file until all is over.
func serveEnd(l net.Listener, settings *tls.Config, reads bool, over <-chan struct{}) error {
	raw, err := l.Accept()
	if err != nil {
		return err
	}
	defer raw.Close()
	conn := raw.(halfCloser)
	if settings != nil {
		secure := tls.Server(raw, settings)
		if err := secure.Handshake(); err != nil {
			return err
		}
		conn = secure
	}
	if reads {
		if _, err := io.Copy(io.Discard, conn); err != nil {
			return err
		}
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if settings != nil {
		if err := raw.(halfCloser).CloseWrite(); err != nil {
			return err
		}
	}
	<-over
	return nil
}
