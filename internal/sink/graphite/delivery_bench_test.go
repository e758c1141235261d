package graphite

import (
	"io"
	"net"
	"testing"
)

// discard reads connections to their end, as a Graphite server does.
func discard(b *testing.B) (address string) {
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
func BenchmarkDeliver(b *testing.B) {
	for name, batch := range sizes() {
		b.Run(name, func(b *testing.B) {
			o := options(b, discard(b))
			o.Queue = openQueue(b, b.TempDir(), 0)
			s := New(o)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Deliver(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			if n := s.Stats().Failures; n > 0 {
				b.Errorf("%d failures", n)
			}
		})
	}
}

func BenchmarkQueue(b *testing.B) {
	for name, batch := range sizes() {
		b.Run(name, func(b *testing.B) {
			q := openQueue(b, b.TempDir(), 0)
			f := NewFormatter(testPaths)
			b.ReportAllocs()
			stored := int64(0)
			for b.Loop() {
				if err := q.Append(1, func(w io.Writer) (int, error) { return f.Write(w, batch) }); err != nil {
					b.Fatal(err)
				}
				stored = q.Stats().Bytes
				if err := q.First(func(_, size int64, content io.WriterTo) error {
					b.SetBytes(size)
					_, err := content.WriteTo(io.Discard)
					return err
				}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(stored), "stored-B")
		})
	}
}
