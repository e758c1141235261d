package haproxy

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"haproxystats/bench/workload"
)

// largeReply repeats the recorded rows until the reply has about size bytes.
func largeReply(t testing.TB, recording string, size int) string {
	reply := oneReply(t, statReplies(t), recording)
	header, rows, _ := strings.Cut(strings.TrimSuffix(reply, "\n"), "\n")
	return header + "\n" + strings.Repeat(rows, 1+size/len(rows)) + "\n"
}

// drain reads a reply with s as an aggregation does, which selects only when
// the header is a new one.
func drain(t testing.TB, s *StatScanner, r io.Reader, sel selection) (rows int) {
	before := s.Columns()
	if err := s.Reset(r); err != nil {
		t.Fatal(err)
	}
	if columns := s.Columns(); before == nil || &before[0] != &columns[0] {
		for typ, selected := range sel(columns) {
			if selected != nil {
				s.Select(RowType(typ), selected)
			}
		}
	}
	for s.Next() {
		rows++
	}
	if s.Err() != nil || s.Skipped() != 0 {
		t.Fatalf("error %v, skipped %d", s.Err(), s.Skipped())
	}
	return rows
}

func TestStatScannerAllocates(t *testing.T) {
	reply := []byte(largeReply(t, "3.4.0", 1<<20))
	for name, sel := range selections {
		var s StatScanner
		r := bytes.NewReader(reply)
		allocs := testing.AllocsPerRun(5, func() {
			r.Reset(reply)
			drain(t, &s, r, sel)
		})
		if allocs > 0 {
			t.Errorf("%s: %v allocations for a reply in steady state", name, allocs)
		}
	}
}

// The recorded rows repeat, which flatters the processor's branch prediction; the
// numbers of the workload do not.
func BenchmarkStatScanner(b *testing.B) {
	generator, err := workload.New(workload.L, 1)
	if err != nil {
		b.Fatal(err)
	}
	for _, reply := range []struct {
		name string
		text []byte
	}{
		{"workload", generator.AppendStat(nil, 0, 1)},
		{"1.6.0", []byte(largeReply(b, "1.6.0-nbproc4", 8<<20))},
		{"2.4.0", []byte(largeReply(b, "2.4.0", 8<<20))},
		{"3.4.0", []byte(largeReply(b, "3.4.0", 8<<20))},
	} {
		for _, bench := range []struct {
			name string
			sel  selection
		}{
			{"nothing", selectNothing},
			{"servers", selectServers},
			{"classic", selectClassic},
			{"all", selectAllFields},
		} {
			b.Run(reply.name+"/"+bench.name, func(b *testing.B) {
				var s StatScanner
				r := bytes.NewReader(reply.text)
				rows := 0
				b.SetBytes(int64(len(reply.text)))
				b.ReportAllocs()
				for b.Loop() {
					r.Reset(reply.text)
					rows = drain(b, &s, r, bench.sel)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(max(rows, 1)), "ns/row")
			})
		}
	}
}
