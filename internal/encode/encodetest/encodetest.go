// Package encodetest has what the tests of encoders share: batches, and golden files. Only
// tests import it.
package encodetest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/encode"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/sink/sinktest"
)

// update writes the golden files anew: go test ./internal/encode/... -update
var update = flag.Bool("update", false, "write the golden files anew")

// testdata returns a path below the folder testdata of the module.
func testdata(elem ...string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(append([]string{filepath.Dir(file), "..", "..", "..", "testdata"}, elem...)...)
}

// Recorded returns the batch of a recording below testdata, such as
// "recordings/3.4.0-single", as the host lb-01.example.com gives it.
func Recorded(t testing.TB, recording string) *metric.Batch {
	t.Helper()
	a := aggregate.New(aggregate.Options{
		ServerNames:   true,
		PerProcess:    true,
		Percentages:   true,
		BackendGroups: []aggregate.Group{{Name: "apps", Match: func(name string) bool { return strings.Contains(name, "app") }}},
	})
	a.Reset()
	var r reply.Reader
	report, err := r.Read(os.DirFS(testdata(recording)), a)
	if err != nil || len(report.BadFiles) > 0 {
		t.Fatal(err, report.BadFiles)
	}
	b := a.Batch(1795335122)
	if len(b.Tables) < 5 {
		t.Fatalf("%s has %d tables", recording, len(b.Tables))
	}
	b.Node, b.Cluster = "lb-01.example.com", "eu 1"
	return b
}

// OfGoldenFiles returns the batch that the golden files of all formats are about.
func OfGoldenFiles(t testing.TB) *metric.Batch {
	t.Helper()
	b := Recorded(t, "golden/2.6.12-multi3/snapshot/1795335122")
	self := metric.NewBuilder(metric.Self, []metric.Column{
		{Name: "TotalWallClockTime", Unit: "seconds"},
		{Name: "BadRows", Unit: "rows"},
		{Name: "SentBytes", Unit: "bytes", Nature: metric.Counter},
		{Name: "QueueAge", Unit: "seconds"},
	})
	row := self.Row(metric.Entity{})
	self.Touch(row)
	self.AddRat(row, 0, big.NewRat(17, 1000))
	self.Add(row, 1, 0)
	self.Add(row, 2, 123456789)
	self.Add(row, 3, 5)
	b.Tables = append(b.Tables, self.Table())
	return b
}

// Golden compares with the golden file of a format.
func Golden(t *testing.T, format string, got []byte) {
	t.Helper()
	file := testdata("formats", "2.6.12-multi3", format+".txt.gz")
	if *update {
		var z bytes.Buffer
		w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression)
		if _, err := w.Write(got); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, z.Bytes(), 0o640); err != nil {
			t.Fatal(err)
		}
		return
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	want, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); d != "" {
		t.Errorf("%s (-want +got; accept it by -update):\n%s", file, d)
	}
}

// Names are names that are hard for one format or another.
var Names = []string{
	"", "www", "a.b", "a b", "a,b", "a=b", `a"b`, `a\`, `a\,`, "a\nb", "a\tb", "a\x00b", "\x7f", "é", "\xff", "\xfe", "\ufffd", "\ufffdff",
	"\xef\xbf", "݈a", "\u2028", "😀", "#", "timestamp", "server", "<a>",
}

// Hard are names for an entity at a time: those of Names, one of every byte, and one that is
// longer than 64 KiB, in characters of two bytes.
var Hard = append(slices.Clone(Names), everyByte(), "x"+strings.Repeat("\u00e9", 40_000))

func everyByte() string {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
	}
	return string(all)
}

// columns are columns that are hard for one format or another.
var columns = []metric.Column{
	{Name: "scur", Combine: metric.Sum},
	{Name: "lastchg", Combine: metric.Mean, Nature: metric.Age, Outputs: metric.GraphiteOnly},
	{Name: "lastchg", Combine: metric.Min, Nature: metric.Age, Outputs: metric.ExceptGraphite},
	{Name: "bin", Combine: metric.Sum, Nature: metric.Counter, Unit: "bytes", EmptyIsZero: true},
	{Name: "hrsp_1xx", Combine: metric.Sum, Nature: metric.Counter},
	{Name: "hrsp_2xx", Combine: metric.Sum, Nature: metric.Counter},
	{Name: "act", Combine: metric.Mean},
	{Name: "lastsess", Combine: metric.MeanKnown, Nature: metric.Age, Unit: "seconds"},
	{Name: "rtime", Combine: metric.MeanOfActive, Nature: metric.Average, Unit: "milliseconds", Scale: 0.001},
	{Name: "check_code", Combine: metric.Max, Nature: metric.State},
	{Name: "ssl_sess", Combine: metric.Sum, Nature: metric.Counter},
	{Name: "PoolUsed_MB", Unit: "megabytes", Scale: 1 << 20},
	{Name: "PoolUsed_bytes", Unit: "bytes"},
	{Name: "Start_time_sec", Combine: metric.Mean, Nature: metric.Duration, Unit: "seconds", Scale: 1},
	{Name: "timestamp"},
	{Name: "server"},
	{Name: "brand new"},
	{Name: "\xff"},
	{Name: `a",=\`},
}

// Batch draws a batch: any scopes, several tables of one, names of any bytes, cells of any
// size and without values.
func Batch(t *rapid.T) *metric.Batch {
	b := &metric.Batch{
		Epoch:   rapid.OneOf(rapid.Int64Range(0, 1<<33), rapid.Int64()).Draw(t, "epoch"),
		Node:    rapid.SampledFrom(Names).Draw(t, "node"),
		Cluster: rapid.SampledFrom(Names).Draw(t, "cluster"),
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "tables") {
		scope := metric.Scope(rapid.IntRange(0, metric.NumScopes-1).Draw(t, "scope"))
		b.Tables = append(b.Tables, table(t, fmt.Sprint("table", i), scope))
	}
	return b
}

func table(t *rapid.T, label string, scope metric.Scope) *metric.Table {
	chosen := rapid.Permutation(columns).Draw(t, label+" columns")
	chosen = chosen[:rapid.IntRange(0, len(chosen)).Draw(t, label+" width")]
	name := rapid.OneOf(rapid.SampledFrom(Names), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 4), func(b []byte) string { return string(b) }))
	values := rapid.OneOf(rapid.Int64Range(-1, 300), rapid.Int64())
	builder := metric.NewBuilder(scope, chosen)
	for range rapid.IntRange(0, 6).Draw(t, label+" rows") {
		var e metric.Entity
		if scope != metric.Daemon && scope != metric.Self {
			e.Name = name.Draw(t, "name")
			e.Group = rapid.SampledFrom([]string{"", "g", "\xff"}).Draw(t, "group")
		}
		if parent, _ := encode.Labels(scope); parent != "" {
			e.Parent = name.Draw(t, "parent")
		}
		row := builder.Row(e)
		for range rapid.IntRange(0, 3).Draw(t, "processes") {
			builder.TouchRows(row, 1, rapid.IntRange(0, 1).Draw(t, "active"))
			for col := range chosen {
				switch rapid.IntRange(0, 6).Draw(t, "kind") {
				case 0:
				case 1:
					f := rapid.Float64().Draw(t, "float")
					builder.Set(row, col, f)
				case 2:
					builder.AddRat(row, col, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(3), uint(rapid.IntRange(60, 2000).Draw(t, "bits")))))
				case 3:
					builder.AddWide(row, col, metric.WideCell{Sum: big.NewRat(math.MaxInt64, 1), N: 100_000})
				default:
					builder.Add(row, col, values.Draw(t, "value"))
				}
			}
		}
	}
	return builder.Table()
}

// Original returns the name that was written as text by [encode.AppendText].
func Original(text string) string {
	var b strings.Builder
	for text != "" {
		if after, ok := strings.CutPrefix(text, "\ufffd"); ok && len(after) >= 2 {
			if c, err := strconv.ParseUint(after[:2], 16, 8); err == nil {
				b.WriteByte(byte(c))
				text = after[2:]
				continue
			}
		}
		b.WriteByte(text[0])
		text = text[1:]
	}
	return b.String()
}

// Encoder is an encoder under test.
type Encoder interface {
	Encode(b *metric.Batch, emit func(encode.Message) error) error
}

// Messages returns the records of a batch.
func Messages(t interface{ Fatal(...any) }, e Encoder, b *metric.Batch) []encode.Message {
	var all []encode.Message
	err := e.Encode(b, func(m encode.Message) error {
		m.Value = bytes.Clone(m.Value)
		all = append(all, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Entities calls f with each entity that has a value, and the columns and values of each of
// its cells: what any encoder may say about it.
func Entities(b *metric.Batch, f func(s metric.Scope, e metric.Entity, cells []Cell)) {
	type key struct {
		scope metric.Scope
		metric.Entity
	}
	var order []key
	cells := make(map[key][]Cell)
	for _, t := range b.Tables {
		for _, row := range t.Rows() {
			e := t.Entity(row)
			e.Group = ""
			k := key{t.Scope(), e}
			for col, c := range t.Columns() {
				v, ok := t.At(row, col)
				if !ok || c.Outputs == metric.GraphiteOnly {
					continue
				}
				if cells[k] == nil {
					order = append(order, k)
				}
				cells[k] = append(cells[k], Cell{c, v})
			}
		}
	}
	for _, k := range order {
		f(k.scope, k.Entity, cells[k])
	}
}

// Cell is a value with its column.
type Cell struct {
	metric.Column
	Value metric.Value
}

// Stops fails unless the encoder ends with the first error of emit.
func Stops(t *testing.T, e Encoder) {
	t.Helper()
	b := OfGoldenFiles(t)
	n, stop := 0, errors.New("stop")
	err := e.Encode(b, func(encode.Message) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	})
	if err != stop || n != 3 {
		t.Errorf("got the error %v after %d records, want %v after 3", err, n, stop)
	}
}

// Bench measures an encoder with the batches of three sizes.
func Bench(b *testing.B, e Encoder) {
	for name, batch := range sinktest.Sizes() {
		b.Run(name, func(b *testing.B) {
			var records, size int64
			count := func(m encode.Message) error {
				records++
				size += int64(len(m.Value))
				return nil
			}
			if err := e.Encode(batch, count); err != nil {
				b.Fatal(err)
			}
			records, size = 0, 0
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Encode(batch, count); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(records)/float64(b.N), "records")
			b.ReportMetric(float64(size)/float64(b.N)/1e6, "MB")
			b.ReportMetric(float64(batch.Points())*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mpoints/s")
		})
	}
}

// AllocatesNothing fails if encoding a batch again costs an allocation for each row.
func AllocatesNothing(t *testing.T, e Encoder) {
	t.Helper()
	b := sinktest.Load(20, 20, 1000, 4)
	rows := 0
	for _, table := range b.Tables {
		rows += len(table.Rows())
	}
	got := testing.AllocsPerRun(5, func() {
		if err := e.Encode(b, func(encode.Message) error { return nil }); err != nil {
			t.Fatal(err)
		}
	})
	// With the race detector the compiler keeps less on the stack, so that a message costs
	// some allocations.
	if most := rows / 10; got > float64(most) {
		t.Errorf("got %v allocations for a batch of %d rows, want at most %d", got, rows, most)
	}
}
