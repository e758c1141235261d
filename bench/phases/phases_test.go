package phases

import (
	"testing"

	"go.uber.org/goleak"

	"haproxystats/bench/workload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(tb testing.TB, size workload.Size) *Set {
	tb.Helper()
	s, err := Open(tb.TempDir(), size, 1)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

func TestPhasesDoTheWholeWork(t *testing.T) {
	s := open(t, workload.S)
	points := s.batch.Points()
	for range 2 {
		for _, p := range s.Phases() {
			if err := p.Run(t.Context()); err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
	}
	if s.parse.rows != workload.S.Rows() {
		t.Errorf("parsed %d rows, want %d", s.parse.rows, workload.S.Rows())
	}
	if got := s.batch.Points(); got != points {
		t.Errorf("the second time gives %d metrics, the first %d", got, points)
	}
	if got := s.sink.Lines(); got != 2*int64(points) {
		t.Errorf("the receiver got %d lines, want %d", got, 2*points)
	}
}

func BenchmarkPhase(b *testing.B) {
	for _, size := range workload.Sizes() {
		b.Run("size="+size.Name, func(b *testing.B) {
			s := open(b, size)
			for _, p := range s.Phases() {
				b.Run("phase="+p.Name, func(b *testing.B) {
					b.ReportAllocs()
					b.SetBytes(s.Bytes())
					for b.Loop() {
						if err := p.Run(b.Context()); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}
