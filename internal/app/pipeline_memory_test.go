package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"testing/fstest"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/snapshot"
)

// TestPipelineGivesBackMemory has small snapshots follow one of very many servers.
func TestPipelineGivesBackMemory(t *testing.T) {
	p := NewPipeline(aggregate.Options{}, selfstat.Sources{
		Spool: emptySpool{}, Retries: func() int64 { return 0 },
	}, slog.New(slog.DiscardHandler))
	process := func(files fstest.MapFS) {
		t.Helper()
		if _, err := p.Aggregate(snapshot.Snapshot{Epoch: 1795335122, Files: files}); err != nil {
			t.Fatal(err)
		}
	}
	process(servers(100_000))
	before := resident()
	for range 4 { // the aggregator forgets at the second, and the memory is given back at the third
		process(servers(1))
	}
	if after := resident(); after > before/2 {
		t.Errorf("after small snapshots the heap has %d MB, want at most half of the %d MB before", after>>20, before>>20)
	}
}

// servers returns a snapshot of a backend with n servers.
func servers(n int) fstest.MapFS {
	var b bytes.Buffer
	b.WriteString("# pxname,svname,scur,stot,type,\n")
	for i := range n {
		fmt.Fprintf(&b, "be,srv%d,1,2,2,\n", i)
	}
	b.WriteString("be,BACKEND,1,2,1,\n\n")
	return fstest.MapFS{"a_stat": {Data: b.Bytes()}}
}

// resident returns how much memory the heap has from the system.
func resident() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapSys - m.HeapReleased
}
