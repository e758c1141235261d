package spool

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// BenchmarkHandOver is the whole way of a snapshot into the queue, on the disk
// of the temporary directory.
func BenchmarkHandOver(b *testing.B) {
	for _, files := range []int{2, 8, 128} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			w := openWriterAt(b, queue(b), nil)
			data := bytes.Repeat([]byte("x"), 30<<10)
			epoch := int64(0)
			for b.Loop() {
				epoch++
				d, err := w.Stage(epoch)
				if err != nil {
					b.Fatal(err)
				}
				for i := range files {
					f, err := d.Create(fmt.Sprint("file", i))
					if err != nil {
						b.Fatal(err)
					}
					f.Write(data)
					f.Close()
				}
				if err := d.Commit(snapshot.Round{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkClaimCommit is the way out, with so many entries behind.
func BenchmarkClaimCommit(b *testing.B) {
	for _, behind := range []int{0, 20000} {
		b.Run(fmt.Sprintf("behind=%d", behind), func(b *testing.B) {
			dir := queue(b)
			plant(b, dir)
			for i := range behind {
				if err := os.Mkdir(filepath.Join(dir, fmt.Sprint(1000000+i)), durable.DirMode); err != nil {
					b.Fatal(err)
				}
			}
			r := openReaderAt(b, dir, nil)
			epoch := 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				epoch++
				plant(b, dir, fmt.Sprint(epoch))
				for i := range 8 {
					os.WriteFile(filepath.Join(dir, fmt.Sprint(epoch), fmt.Sprint("file", i)), []byte("x"), 0o600)
				}
				r.listAgain()
				b.StartTimer()
				e, err := r.Claim(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				if err := e.Commit(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWaiting is what a writer does before each round.
func BenchmarkWaiting(b *testing.B) {
	dir := queue(b)
	w := openWriterAt(b, dir, nil)
	for i := range 20000 {
		if err := os.Mkdir(filepath.Join(dir, fmt.Sprint(i)), durable.DirMode); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if n, err := w.Waiting(); n != 20000 || err != nil {
			b.Fatal(n, err)
		}
	}
}
