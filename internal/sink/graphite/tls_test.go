package graphite

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"haproxystats/internal/sink/sinktest"
	"haproxystats/internal/tlsfile"
	"haproxystats/internal/tlsfile/tlstest"
)

// journal is a log that may be read while it is written.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

var confirmations = []Confirm{HalfClose, Drain}

// TestTLS delivers to servers with valid certificates. A server with an invalid one gets
// no metric, and the error has the remedy.
func TestTLS(t *testing.T) {
	ours, theirs := tlstest.NewAuthority(t, "ours"), tlstest.NewAuthority(t, "theirs")
	server := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	asking := func(version uint16) *tls.Config {
		c := server(ours.Sign("127.0.0.1", time.Hour))
		c.ClientAuth, c.ClientCAs, c.MaxVersion = tls.RequireAndVerifyClientCert, ours.Pool(), version
		return c
	}
	old := server(ours.Sign("127.0.0.1", time.Hour))
	old.MaxVersion = tls.VersionTLS11
	for _, c := range []struct {
		name   string
		server *tls.Config
		client func(*tlsfile.Files, tlstest.Files)
		says   string
	}{
		{"in order", server(ours.Sign("127.0.0.1", time.Hour)), nil, ""},
		{"another name", server(ours.Sign("graphite.example.com", time.Hour)), nil, "Set server-name to a name in the server's certificate"},
		{"the name that is set", server(ours.Sign("graphite.example.com", time.Hour)), func(o *tlsfile.Files, _ tlstest.Files) { o.ServerName = "graphite.example.com" }, ""},
		{"unknown authority", server(theirs.Sign("127.0.0.1", time.Hour)), nil, "Set ca-file to the authority that has signed"},
		{"the system's authorities", server(ours.Sign("127.0.0.1", time.Hour)), func(o *tlsfile.Files, _ tlstest.Files) { o.CAFile = "" }, "Set ca-file to the authority that has signed"},
		{"expired", server(ours.Sign("127.0.0.1", -time.Hour)), nil, "Renew the server's certificate, and check the clocks"},
		{"too old", old, nil, "its versions and ciphers may be too old"},
		{"no TLS", nil, nil, "start TLS with"},
		{"client certificate, 1.2", asking(tls.VersionTLS12), func(o *tlsfile.Files, f tlstest.Files) { o.CertFile, o.KeyFile = f.Pair(ours.Sign("us", time.Hour)) }, ""},
		{"client certificate, 1.3", asking(tls.VersionTLS13), func(o *tlsfile.Files, f tlstest.Files) { o.CertFile, o.KeyFile = f.Pair(ours.Sign("us", time.Hour)) }, ""},
		{"no client certificate, 1.2", asking(tls.VersionTLS12), nil, "or it wants a client certificate"},
		{"no client certificate, 1.3", asking(tls.VersionTLS13), nil, "it wants a client certificate that it trusts"},
		{"foreign client certificate", asking(tls.VersionTLS13), func(o *tlsfile.Files, f tlstest.Files) { o.CertFile, o.KeyFile = f.Pair(theirs.Sign("us", time.Hour)) }, "it wants a client certificate that it trusts"},
		{"expired client certificate", asking(tls.VersionTLS13), func(o *tlsfile.Files, f tlstest.Files) { o.CertFile, o.KeyFile = f.Pair(ours.Sign("us", -time.Hour)) }, "it wants a client certificate that it trusts"},
		{"a file is missing", server(ours.Sign("127.0.0.1", time.Hour)), func(o *tlsfile.Files, _ tlstest.Files) { o.CAFile = "/does/not/exist" }, "ca-file /does/not/exist: no such file or directory"},
	} {
		for _, confirm := range confirmations {
			t.Run(c.name+"/"+string(confirm), func(t *testing.T) {
				r := newTLSReceiver(t, c.server)
				files := tlstest.NewFiles(t)
				var log journal
				o := options(t, r.address)
				o.Log, o.Confirm, o.Queue = log.logger(), confirm, openQueue(t, t.TempDir(), 0)
				o.TLS = &tlsfile.Files{CAFile: files.Authority(ours)}
				if c.server == nil {
					o.ConnectTimeout = 100 * time.Millisecond // it waits for the end of a line
				}
				if c.client != nil {
					c.client(o.TLS, files)
				}
				s := New(o)
				defer s.Close()
				for epoch := range int64(3) {
					if err := s.Deliver(t.Context(), sinktest.Batch(1000+epoch)); err != nil {
						t.Fatal(err)
					}
				}
				waiting, _ := o.Queue.Len()
				if c.says != "" {
					if waiting != 3 || !strings.Contains(log.String(), c.says) {
						t.Errorf("%d batches wait, log %s", waiting, &log)
					}
					if lines := r.strange(); len(lines) > 0 && c.server != nil {
						t.Errorf("a metric arrived: %q", lines[0])
					}
					return
				}
				if waiting != 0 || log.String() != "" {
					t.Errorf("%d batches wait, log %s", waiting, &log)
				}
				for epoch := range int64(3) {
					await(t, r, content(t, sinktest.Batch(1000+epoch)))
				}
				if want := map[Confirm]int{HalfClose: 3, Drain: 1}[confirm]; r.connections() != want {
					t.Errorf("%d connections, want %d", r.connections(), want)
				}
			})
		}
	}
}

// TestPlainToTLS checks that the error for an answer in TLS differs from that for any
// other answer.
func TestPlainToTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := l.Accept(); err == nil {
			conn.Write([]byte{alertRecord, 3, 1, 0, 2, 2, 70}) // as OpenSSL does
			conn.Read(make([]byte, 1<<20))
			conn.Close()
		}
	}()
	var log journal
	o := options(t, l.Addr().String())
	o.Log, o.Queue = log.logger(), openQueue(t, t.TempDir(), 0)
	if err := New(o).Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
		t.Fatal(err)
	}
	l.Close()
	<-done
	if !strings.Contains(log.String(), "Set tls = true in [graphite]") {
		t.Errorf("log %s", &log)
	}
}

// TestRenewal checks that changed files are used for the next connection without a
// restart, and that the earlier ones stay in use while the new ones are not valid.
func TestRenewal(t *testing.T) {
	before, after := tlstest.NewAuthority(t, "before"), tlstest.NewAuthority(t, "after")
	settings := func(a *tlstest.Authority) *tls.Config {
		return &tls.Config{
			Certificates: []tls.Certificate{a.Sign("127.0.0.1", time.Hour)},
			ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: a.Pool(),
		}
	}
	r := newTLSReceiver(t, settings(before))
	files := tlstest.NewFiles(t)
	var log journal
	o := options(t, r.address)
	o.Log, o.Queue = log.logger(), openQueue(t, t.TempDir(), 0)
	o.TLS = &tlsfile.Files{CAFile: files.Authority(before)}
	o.TLS.CertFile, o.TLS.KeyFile = files.Pair(before.Sign("us", time.Hour))
	s := New(o)
	epoch := int64(1000)
	deliver := func(want int) {
		t.Helper()
		epoch++
		if err := s.Deliver(t.Context(), sinktest.Batch(epoch)); err != nil {
			t.Fatal(err)
		}
		if waiting, _ := o.Queue.Len(); waiting != want {
			t.Fatalf("%d batches wait, want %d; log %s", waiting, want, &log)
		}
	}
	deliver(0)

	renewed := after.Sign("us", time.Hour)
	cert, err := os.ReadFile(o.TLS.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	files.Put("cert.pem", 0o644, tlstest.CertPEM(renewed.Certificate[0])) // and not yet its key
	deliver(0)
	if !strings.Contains(log.String(), "does not go with cert-file") {
		t.Errorf("log %s", &log)
	}
	files.Put("cert.pem", 0o644, cert)
	files.Put("ca.pem", 0o644, []byte("nonsense"))
	deliver(0)
	os.Remove(o.TLS.CAFile)
	deliver(0)

	r.stop()
	r.tls = settings(after)
	r.start()
	files.Authority(after)
	files.Pair(renewed)
	deliver(0)
	if n := strings.Count(log.String(), "have changed and been read again"); n != 1 {
		t.Errorf("told %d times: %s", n, &log)
	}
	// And one that is open to all is not taken any more.
	if err := os.Chmod(o.TLS.KeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	deliver(0)
	deliver(0)
	if n := strings.Count(log.String(), "mode 0644"); n != 1 {
		t.Errorf("told %d times: %s", n, &log)
	}
}
