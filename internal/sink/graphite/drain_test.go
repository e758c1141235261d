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
	"testing/synctest"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/sinktest"
	"haproxystats/internal/tlsfile"
	"haproxystats/internal/tlsfile/tlstest"
)

// TestDrainContract runs the tests of every sink with kept connections.
func TestDrainContract(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "TLS"}[encrypted], func(t *testing.T) {
			sinktest.Test(t, func(t *testing.T) sinktest.Target {
				r, settings := newReceiver(t), (*tlsfile.Files)(nil)
				if encrypted {
					r, settings = secured(t)
				}
				dir := filepath.Join(t.TempDir(), "queue")
				return sinktest.Target{
					Open: func(t *testing.T) (sink.Sink, func()) {
						o := options(t, r.address)
						q := openQueue(t, dir, 0)
						o.Queue, o.Confirm, o.TLS = q, Drain, settings
						s := New(o)
						return s, func() { s.Close(); q.Close() }
					},
					Break:  func(*testing.T) { r.stop() },
					Repair: func(*testing.T) { r.start() },
					Await: func(ctx context.Context, b *metric.Batch) error {
						return r.await(ctx, content(t, b))
					},
				}
			})
		})
	}
}

// TestKeptConnectionThatEnded checks that no batch is sent over a kept connection that
// the peer has ended.
func TestKeptConnectionThatEnded(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		for _, how := range []string{"close", "reset", "answer"} {
			t.Run(how+map[bool]string{false: "", true: " TLS"}[encrypted], func(t *testing.T) {
				var settings *tls.Config
				var client *tlsfile.Files
				if encrypted {
					a := tlstest.NewAuthority(t, "a")
					settings = &tls.Config{Certificates: []tls.Certificate{a.Sign("127.0.0.1", time.Hour)}}
					client = &tlsfile.Files{CAFile: tlstest.NewFiles(t).Authority(a)}
				}
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				conns := make(chan net.Conn, 10)
				go func() {
					defer close(conns)
					for {
						conn, err := l.Accept()
						if err != nil {
							return
						}
						if settings != nil {
							conn = tls.Server(conn, settings)
							// Reading does the handshake.
							conn.Read(nil)
						}
						conns <- conn
					}
				}()
				o := options(t, l.Addr().String())
				o.Queue, o.Confirm, o.TLS = openQueue(t, t.TempDir(), 0), Drain, client
				s := New(o)
				want := content(t, sinktest.Batch(1000))
				for range 5 {
					if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
						t.Fatal(err)
					}
					conn := <-conns
					got := make([]byte, len(want))
					if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
						t.Fatalf("received %q, %v", got, err)
					}
					switch how {
					case "reset":
						raw := conn
						if c, ok := conn.(*tls.Conn); ok {
							raw = c.NetConn()
						}
						raw.(*net.TCPConn).SetLinger(0)
						raw.Close()
					case "answer":
						conn.Write([]byte("what?"))
						defer conn.Close()
					default:
						conn.Close()
					}
				}
				l.Close()
				s.Close()
				if stats := s.Status(); stats.Batches != 5 || stats.Failures != 0 {
					t.Errorf("stats %+v", stats)
				}
			})
		}
	}
}

// TestDrainOfASlowPeer checks that a batch counts only when the peer's kernel has all of
// it, however slowly the peer reads.
func TestDrainOfASlowPeer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := longLines(1000)
	want := content(t, b)
	o := options(t, l.Addr().String())
	o.Queue, o.Confirm = openQueue(t, t.TempDir(), 0), Drain
	s := New(o)
	defer s.Close()
	delivered := make(chan error, 1)
	go func() { delivered <- s.Deliver(t.Context(), b) }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const buffer = 64 << 10 // the kernel takes twice that
	conn.(*net.TCPConn).SetReadBuffer(buffer)
	got := make([]byte, len(want))
	for n := 0; n < len(want); {
		part, err := conn.Read(got[n:min(n+10_000, len(want))])
		if err != nil {
			t.Fatal(err)
		}
		n += part
		select {
		case <-delivered:
			if left := len(want) - n; left > 3*buffer {
				t.Fatalf("delivered when %d of %d bytes were left", left, len(want))
			}
			delivered <- nil
		default:
		}
	}
	if err := <-delivered; err != nil || string(got) != want {
		t.Errorf("%v, or the content differs", err)
	}
	if stats := s.Status(); stats.Batches != 1 || stats.Failures != 0 {
		t.Errorf("stats %+v", stats)
	}
}

// TestDrainIsBounded writes a batch that the peer never reads: it is not delivered.
func TestDrainIsBounded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // and with it the connection, which nobody has accepted
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	k := &link{raw: &patientConn{halfCloser: conn.(halfCloser), ctx: t.Context(), timeout: 100 * time.Millisecond}}
	// All that the kernels hold; the last write fails.
	if n, err := k.Write(make([]byte, 64<<20)); !strings.Contains(errText(err), "the peer reads nothing for 100ms") || n == 0 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if err := k.drain(t.Context(), 50*time.Millisecond, 0); !strings.Contains(errText(err), "has not acknowledged all of them within 50ms") {
		t.Errorf("drain: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.drain(ctx, time.Hour, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("drain: %v", err)
	}
	l.Close()
	if err := k.drain(t.Context(), time.Hour, 0); !strings.Contains(errText(err), "closed the connection early: connection reset by peer") {
		t.Errorf("drain: %v", err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestIdleConnections checks that idle connections are closed after idleLimit, and all
// connections with the sink.
func TestIdleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan time.Time, 10)
		serve := func(d *duplex) { io.Copy(io.Discard, d); ended <- time.Now() }
		p := &peers{serve: []func(*duplex){serve, serve, serve, serve}}
		o, _ := inMemory(t, p)
		o.Confirm = Drain
		s := New(o)
		begun := time.Now()
		deliver := func() {
			if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
				t.Error(err)
			}
		}
		for range 20 {
			deliver()
			time.Sleep(idleLimit - time.Second)
		}
		if n := len(p.since(begun)); n != 1 {
			t.Errorf("%d connections", n)
		}
		last := time.Now()
		time.Sleep(time.Minute)
		if end := <-ended; end.Sub(last) != time.Second {
			t.Errorf("closed after %v", end.Sub(last))
		}
		deliver()
		s.Close()
		if end := <-ended; end != time.Now() {
			t.Errorf("closed at %v", end)
		}
		deliver() // works, but keeps nothing
		<-ended
		if n := len(p.since(begun)); n != 3 {
			t.Errorf("%d connections", n)
		}
		p.wg.Wait()
	})
}

// TestNothingIsKeptAfterClose checks that a delivery that ends after Close closes its
// connection.
func TestNothingIsKeptAfterClose(t *testing.T) {
	r := newReceiver(t)
	o := options(t, r.address)
	o.Confirm, o.Queue = Drain, openQueue(t, t.TempDir(), 0)
	s := New(o)
	s.Close()
	if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
		t.Fatal(err)
	}
	if s.Status().Batches != 1 || s.relays.peers[0].take() != nil {
		t.Errorf("the connection is kept, or there was none: %+v", s.Status())
	}
}

// TestWorkersDoNotWaitForEachOther checks that the sink keeps one connection for each
// concurrent delivery.
func TestWorkersDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		serve := func(d *duplex) { <-gate; io.Copy(io.Discard, d) }
		p := &peers{serve: []func(*duplex){serve, serve, serve}}
		o, _ := inMemory(t, p)
		o.Confirm = Drain
		s := New(o)
		begun := time.Now()
		done := make(chan error, 3)
		for range 3 {
			go func() { done <- s.Deliver(t.Context(), sinktest.Batch(1000)) }()
		}
		synctest.Wait()
		if n := len(p.since(begun)); n != 3 {
			t.Errorf("%d connections", n)
		}
		close(gate)
		for range 3 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n := len(s.relays.peers[0].idle); n != 3 {
			t.Errorf("%d connections are kept", n)
		}
		s.Close()
		p.wg.Wait()
	})
}

// TestLateRefusal has a server of TLS 1.3 refuse our certificate after its kernel has
// everything.
func TestLateRefusal(t *testing.T) {
	a := tlstest.NewAuthority(t, "a")
	for _, c := range []struct {
		name    string
		certs   bool
		silent  bool // sends no tickets
		waiting int
	}{
		{"taken", true, false, 0},
		{"taken in silence", true, true, 0},
		{"refused", false, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newTLSReceiver(t, &tls.Config{
				Certificates: []tls.Certificate{a.Sign("127.0.0.1", time.Hour)},
				ClientAuth:   tls.RequestClientCert, SessionTicketsDisabled: c.silent,
				VerifyConnection: func(s tls.ConnectionState) error {
					<-time.After(50 * time.Millisecond) // it is busy
					if len(s.PeerCertificates) == 0 {
						return errors.New("no certificate")
					}
					return nil
				},
			})
			files := tlstest.NewFiles(t)
			o := options(t, r.address)
			o.Queue, o.Confirm, o.TLS = openQueue(t, t.TempDir(), 0), Drain, &tlsfile.Files{CAFile: files.Authority(a)}
			o.ConnectTimeout = 200 * time.Millisecond
			if c.certs {
				o.TLS.CertFile, o.TLS.KeyFile = files.Pair(a.Sign("us", time.Hour))
			}
			s := New(o)
			defer s.Close()
			if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
				t.Fatal(err)
			}
			if n, _ := o.Queue.Len(); n != c.waiting {
				t.Errorf("%d batches wait", n)
			}
		})
	}
}
