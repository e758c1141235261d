package plaintext

import (
	"bytes"
	"math"
	"math/big"
	"strings"
	"testing"

	"haproxystats/internal/metric"

	"pgregory.net/rapid"
)

// Short paths are written by other code than long ones; what stands behind the
// namespace is the same.
func TestLengthOfNamespaceChangesNothingElse(t *testing.T) {
	long := strings.Repeat("a", maxCopied)
	rapid.Check(t, func(t *rapid.T) {
		batch := drawBatch(t)
		paths := Paths{Namespace: "n", Tagged: rapid.Bool().Draw(t, "tagged")}
		if rapid.Bool().Draw(t, "with tags") {
			paths.Tags = someTags
		}
		short := encodeWith(t, paths, batch)
		paths.Namespace = long
		got := encodeWith(t, paths, batch)
		if got = strings.ReplaceAll(got, long, "n"); got != short {
			t.Errorf("with a long namespace got:\n%s\nwant, as with a short one:\n%s", got, short)
		}
	})
}

func encodeWith(t *rapid.T, p Paths, b *metric.Batch) string {
	var out bytes.Buffer
	if _, err := New(p).Encode(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// drawBatch draws a batch of few servers whose columns have all rules.
func drawBatch(t *rapid.T) *metric.Batch {
	rules := []metric.Combine{metric.Sum, metric.Mean, metric.Max, metric.MeanKnown, metric.MeanOfActive}
	var columns []metric.Column
	for _, rule := range rules {
		for _, zero := range []bool{false, true} {
			columns = append(columns, metric.Column{Name: string(rune('a' + len(columns))), Combine: rule, EmptyIsZero: zero})
		}
	}
	b := metric.NewBuilder(metric.Server, columns)
	values := rapid.OneOf(rapid.Int64Range(-3, 30), rapid.Int64(), rapid.SampledFrom([]int64{1e8 - 1, 1e8, 1e16 - 1, 1e16, 1 << 40, math.MinInt64}))
	for range rapid.IntRange(1, 20).Draw(t, "rows of HAProxy") {
		row := b.Row(metric.Entity{
			Parent: rapid.SampledFrom([]string{"be", "b.e", "be2"}).Draw(t, "backend"),
			Name:   rapid.SampledFrom([]string{"web", "we b", "w", ""}).Draw(t, "server"),
		})
		if rapid.Bool().Draw(t, "active") {
			b.TouchActive(row)
		} else {
			b.Touch(row)
		}
		for col := range columns {
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
			case 1:
				b.AddRat(row, col, big.NewRat(values.Draw(t, "wide"), 3))
			default:
				b.Add(row, col, values.Draw(t, "value"))
			}
		}
	}
	return &metric.Batch{Epoch: 1, Tables: []*metric.Table{b.Table()}}
}
