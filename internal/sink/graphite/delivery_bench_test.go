package graphite

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/sinktest"
	"haproxystats/internal/tlsfile"
	"haproxystats/internal/tlsfile/tlstest"
)

// discard reads connections to their end, as a Graphite server does.
func discard(b *testing.B, settings *tls.Config) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
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
			}
			// The end of this copy is what confirms.
			io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn}, make([]byte, 1<<20))
			conn.Close()
		}
	}()
	b.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// BenchmarkDeliver sends batches to a server on loopback, and BenchmarkQueue
// puts them into the queue and sends them from there.
func BenchmarkDeliver(b *testing.B) { deliver(b, HalfClose, false) }

func BenchmarkDeliverDrain(b *testing.B) { deliver(b, Drain, false) }

func BenchmarkDeliverTLS(b *testing.B) { deliver(b, HalfClose, true) }

func BenchmarkDeliverDrainTLS(b *testing.B) { deliver(b, Drain, true) }

func deliver(b *testing.B, confirm Confirm, encrypted bool) {
	for name, batch := range sinktest.Sizes() {
		b.Run(name, func(b *testing.B) {
			var settings *tls.Config
			var trust *tlsfile.Files
			if encrypted {
				a := tlstest.NewAuthority(b, "a")
				settings = &tls.Config{Certificates: []tls.Certificate{a.Sign("127.0.0.1", time.Hour)}}
				trust = &tlsfile.Files{CAFile: tlstest.NewFiles(b).Authority(a)}
			}
			o := options(b, discard(b, settings))
			o.Queue, o.Confirm, o.TLS = openQueue(b, b.TempDir(), 0), confirm, trust
			s := New(o)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Deliver(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			s.Close() // or the server reads on
			if n := s.Status().Failures; n > 0 {
				b.Errorf("%d failures", n)
			}
		})
	}
}

func BenchmarkQueue(b *testing.B) {
	for name, batch := range sinktest.Sizes() {
		b.Run(name, func(b *testing.B) {
			q := openQueue(b, b.TempDir(), 0)
			e := plaintext.New(testPaths)
			b.ReportAllocs()
			stored := int64(0)
			for b.Loop() {
				if err := q.Append(1, func(w io.Writer) (int, error) {
					result, err := e.Encode(w, batch)
					return result.Lines, err
				}); err != nil {
					b.Fatal(err)
				}
				stored = q.Stats().Bytes
				if err := q.First(func(i sink.Item) error {
					b.SetBytes(i.Size)
					_, err := i.Content.WriteTo(io.Discard)
					return err
				}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(stored), "stored-B")
		})
	}
}
