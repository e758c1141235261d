package plaintext

import (
	"io"
	"testing"

	"haproxystats/internal/sink/sinktest"
)

func BenchmarkEncoder(b *testing.B) {
	benchmark(b, Paths{Namespace: "loadbalancers", Hostname: "lb1"})
}

func BenchmarkTaggedEncoder(b *testing.B) {
	benchmark(b, Paths{Namespace: "loadbalancers", Hostname: "lb1", Tagged: true, Tags: []Tag{{"dc", "ams"}, {"role", "edge"}}})
}

func BenchmarkDottedWithTags(b *testing.B) {
	benchmark(b, Paths{Namespace: "loadbalancers", Hostname: "lb1", Tags: []Tag{{"dc", "ams"}, {"role", "edge"}}})
}

func benchmark(b *testing.B, paths Paths) {
	for name, batch := range sinktest.Sizes() {
		b.Run(name, func(b *testing.B) {
			e := New(paths)
			result, err := e.Encode(io.Discard, batch)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Encode(io.Discard, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(result.Lines)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
		})
	}
}
