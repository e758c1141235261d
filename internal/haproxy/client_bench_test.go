package haproxy_test

import (
	"bytes"
	"io"
	"path/filepath"
	"runtime"
	"testing"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/haproxysim"
)

// large returns a recording whose `show stat` has about size bytes.
func large(t testing.TB, size int) haproxysim.Recording {
	r := rich(t)
	header, rows, _ := bytes.Cut(r.Stat[:len(r.Stat)-1], []byte("\n"))
	r.Stat = append(header[:len(header):len(header)], '\n')
	for len(r.Stat) < size {
		r.Stat = append(r.Stat, rows...)
	}
	r.Stat = append(r.Stat, '\n')
	return r
}

// TestMemoryOfLargeReply fetches 64 MiB and counts all that is allocated
// meanwhile, the simulator's share too.
func TestMemoryOfLargeReply(t *testing.T) {
	r := large(t, 64<<20)
	s := haproxysim.NewSocket(r)
	s.SetSizes(16384)
	path := serve(t, "unix", filepath.Join(t.TempDir(), "s"), s)
	client := new(haproxy.Client)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := client.Fetch(t.Context(), "unix", path, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 512<<10 {
		t.Errorf("%d bytes allocated to fetch %d", got, len(r.Stat))
	}
}

// BenchmarkFetch includes what the simulator costs.
func BenchmarkFetch(b *testing.B) {
	r := large(b, 2_100_000)
	s := haproxysim.NewSocket(r)
	s.SetSizes(16384)
	path := serve(b, "unix", filepath.Join(b.TempDir(), "s"), s)
	client := new(haproxy.Client)
	b.SetBytes(int64(len(r.Info) + len(r.Stat)))
	b.ReportAllocs()
	for b.Loop() {
		if err := client.Fetch(b.Context(), "unix", path, io.Discard, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
