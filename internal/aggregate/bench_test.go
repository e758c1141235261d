package aggregate

import (
	"io/fs"
	"testing"

	"haproxystats/bench/workload"
	"haproxystats/internal/reply"
)

func BenchmarkAggregate(b *testing.B) {
	for _, size := range workload.Sizes() {
		for _, set := range []string{"classic", "all", "series"} {
			b.Run(size.Name+"/"+set, func(b *testing.B) {
				g, err := workload.New(size, 1)
				if err != nil {
					b.Fatal(err)
				}
				fsys := g.Snapshot(0)
				b.SetBytes(bytesOf(b, fsys))
				a := New(Options{Classic: set == "classic", Series: set == "series"})
				var r reply.Reader
				b.ReportAllocs()
				for b.Loop() {
					a.Reset()
					if _, err := r.Read(fsys, a); err != nil {
						b.Fatal(err)
					}
					a.Batch(0)
				}
			})
		}
	}
}

func bytesOf(b *testing.B, fsys fs.FS) int64 {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		b.Fatal(err)
	}
	var n int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			b.Fatal(err)
		}
		n += info.Size()
	}
	return n
}
