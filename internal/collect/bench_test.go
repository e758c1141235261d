package collect_test

import (
	"context"
	"io"
	"path/filepath"
	"testing"

	"haproxystats/bench/workload"
	"haproxystats/internal/collect"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/haproxysim"
	"haproxystats/internal/pull"
)

// BenchmarkNothingToLearn is a round of one socket with 20,000 servers (8.4 MB) whose fields are
// all known: without a collector, with one that asks for nothing, and with one that learns. The
// rounds from memory read no socket, and show what the noise of the others hides: learning costs
// about 11 us and 14 kB of memory for each socket and round, which takes about 3 ms. Nearly all of
// that is reading the version in `show info`, which every collector does: beside collect, learning
// costs 1 to 2 us.
func BenchmarkNothingToLearn(b *testing.B) {
	generator, err := workload.New(workload.L, 1)
	if err != nil {
		b.Fatal(err)
	}
	r := haproxysim.Recording{Info: generator.AppendInfo(nil, 0, 1), Stat: generator.AppendStat(nil, 0, 1)}
	s := haproxysim.NewSocket(r)
	s.SetSizes(16384)
	var server haproxysim.Server
	path := filepath.Join(b.TempDir(), "s")
	if _, err := server.Listen("unix", path, s); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	defer func() { cancel(); <-done }()
	address := pull.Socket{Network: "unix", Address: path}
	for _, bench := range []struct {
		name   string
		client collect.Fetcher
	}{{"socket", new(haproxy.Client)}, {"memory", inPieces(r)}} {
		for _, with := range []string{"nothing", "collect", "learning"} {
			b.Run(bench.name+"/"+with, func(b *testing.B) {
				c := collect.New(collect.Options{Client: bench.client, Learn: with == "learning"})
				c.Begin([]pull.Socket{address})
				b.SetBytes(int64(len(r.Info) + len(r.Stat)))
				b.ReportAllocs()
				for b.Loop() {
					var files []pull.File
					var err error
					if with == "nothing" {
						_, _, err = bench.client.FetchMore(ctx, address.Network, address.Address, io.Discard, io.Discard, nil)
					} else {
						files, err = c.Collect(ctx, address, io.Discard, io.Discard)
					}
					if err != nil || len(files) > 0 {
						b.Fatalf("got %d files, %v, want none", len(files), err)
					}
				}
			})
		}
	}
}

// inPieces answers at once, in pieces of the size that HAProxy sends.
type inPieces haproxysim.Recording

// FetchMore implements [collect.Fetcher].
func (r inPieces) FetchMore(_ context.Context, _, _ string, info, stat io.Writer, _ []string) (answers [][]byte, failed, err error) {
	if _, err := info.Write(r.Info); err != nil {
		return nil, nil, err
	}
	for rest := r.Stat; len(rest) > 0; {
		n := min(len(rest), 16384)
		if _, err := stat.Write(rest[:n]); err != nil {
			return nil, nil, err
		}
		rest = rest[n:]
	}
	return nil, nil, nil
}
