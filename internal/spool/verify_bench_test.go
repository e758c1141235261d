package spool_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"haproxystats/bench/workload"
	"haproxystats/internal/aggregate"
	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

// BenchmarkRead is the way of a snapshot of the M workload out of the queue,
// combined as the program does: with its manifest, and without as in a spool of
// the original's.
func BenchmarkRead(b *testing.B) {
	g, err := workload.New(workload.M, 1)
	if err != nil {
		b.Fatal(err)
	}
	files := g.Files(0)
	for _, manifest := range []bool{true, false} {
		b.Run(fmt.Sprintf("manifest=%t", manifest), func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "incoming")
			w, err := spool.OpenWriter(spool.WriterOptions{Dir: dir, Tmp: dir + ".tmp"})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			r, err := spool.OpenReader(spool.ReaderOptions{Dir: dir})
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			var reader reply.Reader
			aggregator := aggregate.New(aggregate.Options{})
			ctx, cancel := context.WithCancel(context.Background())
			watched := make(chan error)
			go func() { watched <- r.Run(ctx) }()
			defer func() { cancel(); <-watched }()
			size, epoch := 0, int64(0)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				epoch++
				d, err := w.Stage(epoch)
				if err != nil {
					b.Fatal(err)
				}
				size = 0
				for _, f := range files {
					to, err := d.Create(f.Name)
					if err != nil {
						b.Fatal(err)
					}
					n, err := to.Write(f.Data)
					if err != nil {
						b.Fatal(err)
					}
					size += n
					to.Close()
				}
				if err := d.Commit(snapshot.Round{}); err != nil {
					b.Fatal(err)
				}
				if !manifest {
					if err := os.Remove(filepath.Join(dir, fmt.Sprint(epoch), snapshot.ManifestName)); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				e, err := r.Claim(ctx)
				if err != nil {
					b.Fatal(err)
				}
				aggregator.Reset()
				if _, err := reader.Read(e.FS(), aggregator); err != nil {
					b.Fatal(err)
				}
				aggregator.Batch(e.Epoch())
				if err := e.Commit(); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(size))
		})
	}
}
