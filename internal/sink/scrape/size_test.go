package scrape

import (
	"io"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"haproxystats/internal/encode/samples"
	"haproxystats/internal/sink/sinktest"
)

// heap returns the memory of objects in use, with those that are not collected yet.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// watched is a writer that watches the memory while an answer is made.
type watched struct {
	begun   time.Time
	first   time.Duration // until the first bytes came
	n, most int           // bytes, and those of the longest piece
	peak    uint64        // of the heap
}

func (w *watched) Write(p []byte) (int, error) {
	if w.n == 0 {
		w.first = time.Since(w.begun)
	}
	w.n += len(p)
	w.most = max(w.most, len(p))
	w.peak = max(w.peak, heap())
	return len(p), nil
}

// TestAnswerIsNeverHeld: an answer about 20,000 servers is 60 MB of text, and is made piece by
// piece. The bounds are wide: the text as a whole would exceed them.
func TestAnswerIsNeverHeld(t *testing.T) {
	s, err := New(Options{Path: "/metrics", MaxScrapes: 1, Timeout: time.Hour, Scopes: samples.Scopes([]string{"frontend", "backend", "server"})})
	if err != nil {
		t.Fatal(err)
	}
	deliver(t, s, sinktest.Load(201, 500, 20000, 1))
	all, _ := s.hold()
	defer s.release(all)
	selection, err := s.selection("")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		compressed bool
		least      int // bytes
	}{{"text", false, 30 << 20}, {"gzip", true, 1 << 20}} {
		const room = 32 << 20
		a := s.answerer(nil)
		runtime.GC()
		before := heap()
		w := &watched{begun: time.Now()}
		if err := s.encode(w, a, all, selection, c.compressed, time.Now(), func([]byte) {}); err != nil {
			t.Fatal(err)
		}
		took := time.Since(w.begun)
		peak := w.peak - min(w.peak, before)
		t.Logf("%s: %d bytes, the first after %v of %v, pieces of up to %d bytes, %.1f MB above the tables", c.name, w.n, w.first, took, w.most, float64(peak)/1e6)
		if w.n < c.least || w.most > 256<<10 || peak > room {
			t.Errorf("%s: got %d bytes in pieces of up to %d, and %d bytes of memory; want %d or more in pieces of at most 256 KiB, and at most %d",
				c.name, w.n, w.most, peak, c.least, room)
		}
		if w.first > took/2 {
			t.Errorf("%s: the first bytes came after %v of %v, want them at the beginning", c.name, w.first, took)
		}
	}
}

// BenchmarkAnswer measures a compressed answer about 20,000 servers over HTTP, with another
// snapshot before each one, so that no answer is kept: the time until its first byte, that of
// all of it, and the memory above the tables at its peak.
func BenchmarkAnswer(b *testing.B) {
	s, err := New(Options{
		Listen: []string{"127.0.0.1:0"}, Path: "/metrics", MaxScrapes: 1, Timeout: time.Hour,
		Scopes: samples.Scopes([]string{"frontend", "backend", "server"}),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	server := &http.Server{Handler: s.routes()}
	go func() { _ = server.Serve(s.listeners[0]) }()
	defer server.Close()
	batch := sinktest.Load(201, 500, 20000, 4)
	var firsts []time.Duration
	var peak uint64
	for b.Loop() {
		b.StopTimer()
		if err := s.Deliver(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		before := heap()
		r, err := http.NewRequestWithContext(b.Context(), "GET", "http://"+s.Addresses()[0].String()+"/metrics", nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", "gzip")
		b.StartTimer()
		w := &watched{begun: time.Now()}
		a, err := asker.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.Copy(w, struct{ io.Reader }{a.Body})
		a.Body.Close()
		if err != nil {
			b.Fatal(err)
		}
		firsts = append(firsts, w.first)
		peak = max(peak, w.peak-min(w.peak, before))
	}
	slices.Sort(firsts)
	b.ReportMetric(float64(firsts[0].Microseconds())/1000, "least-first-byte-ms")
	b.ReportMetric(float64(firsts[len(firsts)/2].Microseconds())/1000, "first-byte-ms")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
}
