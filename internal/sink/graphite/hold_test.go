package graphite

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/sink/sinktest"
	"haproxystats/internal/tlsfile"
	"haproxystats/internal/tlsfile/tlstest"
)

// serverless is a proxy that can't reach its server. It reads the given number of bytes,
// or nothing, and closes the connection cleanly.
func serverless(t *testing.T, settings *tls.Config, bytes int64) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if settings != nil {
				conn = tls.Server(conn, settings)
				conn.(*tls.Conn).Handshake()
			}
			io.CopyN(io.Discard, conn, bytes)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// TestProxyWithoutServer checks that a batch that only a proxy has accepted is not
// confirmed, whatever its size.
func TestProxyWithoutServer(t *testing.T) {
	a := tlstest.NewAuthority(t, "a")
	for _, confirm := range confirmations {
		for _, encrypted := range []bool{false, true} {
			for _, lines := range []int{1, 100, 5000, 60_000} {
				for _, reads := range []bool{true, false} {
					name := fmt.Sprintf("%s/%d lines/TLS %t/reads %t", confirm, lines, encrypted, reads)
					t.Run(name, func(t *testing.T) {
						text := strings.Repeat("a.b 1 1795335122\n", lines)
						var settings *tls.Config
						var client *tlsfile.Files
						if encrypted {
							settings = &tls.Config{Certificates: []tls.Certificate{a.Sign("127.0.0.1", time.Hour)}}
							client = &tlsfile.Files{CAFile: tlstest.NewFiles(t).Authority(a)}
						}
						taken := int64(0)
						if reads {
							taken = int64(len(text))
						}
						o := options(t, serverless(t, settings, taken))
						o.Confirm, o.TLS, o.Hold = confirm, client, 25*time.Second
						r := newRelays(o, quiet)
						begun := time.Now()
						_, err := r.send(t.Context(), time.Minute, func(w io.Writer) error {
							_, err := io.WriteString(w, text)
							return err
						})
						if !isPeerError(err) {
							t.Errorf("got error %v, want one of the peer", err)
						}
						if reads && !errors.Is(err, errEarly) {
							t.Errorf("got error %v, want %v", err, errEarly)
						}
						if took := time.Since(begun); took >= o.Hold {
							t.Errorf("the end was found out after %v, want less than the hold of %v", took, o.Hold)
						}
					})
				}
			}
		}
	}
}

// TestEndBeforeOurs checks that a peer that closes first has confirmed nothing, even if
// no connection is held.
func TestEndBeforeOurs(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", encrypted), func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			o := options(t, l.Addr().String())
			var settings *tls.Config
			if encrypted {
				a := tlstest.NewAuthority(t, "a")
				settings = &tls.Config{Certificates: []tls.Certificate{a.Sign("127.0.0.1", time.Hour)}}
				o.TLS = &tlsfile.Files{CAFile: tlstest.NewFiles(t).Authority(a)}
			}
			ended, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				raw := conn.(halfCloser)
				half := raw
				if settings != nil {
					secure := tls.Server(conn, settings)
					secure.Handshake()
					half = secure
				}
				half.CloseWrite()
				if settings != nil {
					raw.CloseWrite()
				}
				close(ended)
				io.Copy(io.Discard, half)
			}()
			_, err = newRelays(o, quiet).send(t.Context(), time.Minute, func(w io.Writer) error {
				<-ended
				_, err := io.WriteString(w, strings.Repeat("a.b 1 1795335122\n", 400))
				return err
			})
			if !errors.Is(err, errEarly) {
				t.Errorf("got error %v, want %v", err, errEarly)
			}
			<-done
		})
	}
}

// TestHeldConnections checks which connections are held: the first one after the start,
// a failure or a pause, and one a minute of the others.
func TestHeldConnections(t *testing.T) {
	const hold = 6 * time.Second
	for _, confirm := range confirmations {
		t.Run(string(confirm), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, s, _ := newFleet(t)
				p := s.relays.peers[0]
				s.relays.peers, p.confirm, p.trust.hold = s.relays.peers[:1], confirm, hold
				deliver := func(wait, halfClose, drain time.Duration) {
					t.Helper()
					time.Sleep(wait)
					want := halfClose
					if confirm == Drain {
						want = drain
					}
					begun := time.Now()
					if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
						t.Fatal(err)
					}
					if took := time.Since(begun); took != want {
						t.Errorf("Deliver took %v, want %v", took, want)
					}
				}
				deliver(0, hold, hold) // the first
				deliver(0, 0, 0)
				deliver(quietTime, 0, 0)
				deliver(quietTime+1, hold, 0) // a kept connection has stood once
				for range (sampleInterval-hold)/quietTime - 1 {
					deliver(quietTime, 0, 0)
				}
				deliver(quietTime, hold, 0)
				deliver(0, 0, 0)
				p.trust.failed()
				deliver(0, hold, 0)
				p.close()
				deliver(0, 0, hold) // a connection of its own
				s.Close()
				f.wg.Wait()
			})
		})
	}
}

// TestOneHoldForALongQueue has four workers deliver a long queue. The first connections are
// held at the same time, and no later one is.
func TestOneHoldForALongQueue(t *testing.T) {
	const hold = 6 * time.Second
	for _, confirm := range confirmations {
		t.Run(string(confirm), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, s, _ := newFleet(t)
				p := s.relays.peers[0]
				s.relays.peers, p.confirm, p.trust.hold = s.relays.peers[:1], confirm, hold
				begun := time.Now()
				var workers sync.WaitGroup
				for range 4 {
					workers.Go(func() {
						for range 100 {
							if err := s.Deliver(t.Context(), sinktest.Batch(1000)); err != nil {
								t.Error(err)
							}
						}
					})
				}
				workers.Wait()
				if took := time.Since(begun); took != hold {
					t.Errorf("400 batches took %v, want one hold of %v", took, hold)
				}
				if got := s.Status().Batches; got != 400 {
					t.Errorf("got %d batches confirmed, want 400", got)
				}
				s.Close()
				f.wg.Wait()
			})
		})
	}
}

// TestHoldIsBounded checks that the end of the program ends a long hold, and that the
// batch is in the queue then.
func TestHoldIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s, log := newFleet(t)
		s.relays.peers[0].trust.hold = time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Deliver(ctx, sinktest.Batch(1000)) }()
		synctest.Wait()
		begun := time.Now()
		cancel()
		if err := <-done; err != nil || time.Since(begun) != 0 {
			t.Errorf("Deliver ended with %v, %v after the program, want at once", err, time.Since(begun))
		}
		if n := s.Status().Queue.Batches; n != 1 {
			t.Errorf("got %d batches in the queue, want 1", n)
		}
		if text := log.String(); text != "" {
			t.Errorf("got log %q, want none", text)
		}
		f.wg.Wait()
	})
}

// TestServersShareTheHold checks that a delivery to all servers does not take so long
// that its worker counts as stuck.
func TestServersShareTheHold(t *testing.T) {
	o := options(t, "127.0.0.1:1")
	o.Hold = 30 * time.Second
	for range 5 {
		o.Servers = append(o.Servers, o.Servers[0])
	}
	if got := newRelays(o, quiet).peers[0].trust.hold; got != 6*time.Second {
		t.Errorf("got a hold of %v for each of 6 servers, want 6s", got)
	}
}

// TestBatchesInDoubt checks the number of batches in the log that were confirmed without
// a held connection before an early close.
func TestBatchesInDoubt(t *testing.T) {
	var log journal
	o := options(t, serverless(t, nil, 17))
	o.Hold = 25 * time.Second
	r := newRelays(o, log.logger())
	for range 3 {
		r.peers[0].trust.confirmed(false)
	}
	for range 2 {
		if _, err := r.send(t.Context(), time.Minute, func(w io.Writer) error {
			_, err := io.WriteString(w, "a.b 1 1795335122\n")
			return err
		}); !errors.Is(err, errEarly) {
			t.Errorf("got error %v, want %v", err, errEarly)
		}
	}
	if got := strings.Count(log.String(), "earlier batches may be lost"); got != 1 || !strings.Contains(log.String(), "batches=3") {
		t.Errorf("got %d times the message, want it once, of 3 batches: %s", got, &log)
	}
}
