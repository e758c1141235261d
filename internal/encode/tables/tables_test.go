package tables

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"haproxystats/internal/metric"
)

// sample returns a batch with every kind of cell.
func sample() *metric.Batch {
	columns := []metric.Column{
		{Name: "sum", Combine: metric.Sum, Nature: metric.Counter, Unit: "bytes", EmptyIsZero: true},
		{Name: "mean", Combine: metric.MeanOfActive, Nature: metric.Average, Unit: "seconds", Scale: 0.001},
		{Name: "empty", Combine: metric.Max},
		{Name: "wide", Combine: metric.Sum},
		{Name: "age", Combine: metric.Mean, Outputs: metric.GraphiteOnly},
		{Name: "age", Combine: metric.MinKnown, Outputs: metric.ExceptGraphite},
	}
	b := metric.NewBuilder(metric.Server, columns)
	for i, name := range []string{"s1", "s2", "\xff"} {
		for _, parent := range []string{"be.1", "be_1"} {
			row := b.Row(metric.Entity{Parent: parent, Name: name})
			b.Touch(row)
			b.TouchActive(row)
			b.Add(row, 0, int64(i-1))
			b.Add(row, 0, math.MinInt64>>(i*4))
			b.Add(row, 1, 7)
			b.Add(row, 4, 9)
			b.Add(row, 5, int64(i)-1)
			switch i {
			case 0:
				b.AddRat(row, 3, big.NewRat(1, 3))
			case 1:
				b.AddRat(row, 3, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 70)))
			}
		}
	}
	b.AddWide(0, 0, metric.WideCell{Column: 0, Sum: big.NewRat(100_000, 1), N: 100_000})
	p := metric.NewBuilder(metric.Process, []metric.Column{{Name: "Pid"}})
	row := p.Row(metric.Entity{Name: "a.sock"})
	p.Touch(row)
	p.Add(row, 0, 12)
	return &metric.Batch{Epoch: -5, Tables: []*metric.Table{b.Table()}, Processes: p.Table(), Texts: []metric.Text{{Field: "node", Value: "lb1\xff"}, {Field: "description", Value: strings.Repeat("x", 100_000)}}}
}

// write writes a table out with all that it takes to merge it.
func write(t metric.Rows) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%v %+v\n", t.Scope(), t.Columns())
	t.Each(func(r *metric.Row) {
		fmt.Fprintf(&out, "%q %q %d %d %v", r.Parent, r.Name, r.Seen, r.Active, r.Counts)
		for i, n := range r.Counts {
			if n > 0 && n != metric.Wide {
				fmt.Fprintf(&out, " %d:%d", i, r.Sums[i])
			}
		}
		for _, w := range r.Wides {
			fmt.Fprintf(&out, " %d:%v/%d", w.Column, w.Sum, w.N)
		}
		out.WriteByte('\n')
	})
	return out.String()
}

func TestRoundTrip(t *testing.T) {
	b := sample()
	e, d := NewEncoder(), NewDecoder()
	defer d.Close()
	for range 2 { // the second time with used buffers
		frame, err := e.Encode(nil, Head{Node: "lb1", Cluster: "eu", Epoch: -5, Interval: 10 * time.Second, Instance: "x", Shards: 1}, b)
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Decode(frame)
		if err != nil {
			t.Fatal(err)
		}
		if want := (Head{"lb1", "eu", -5, 10 * time.Second, "x", 0, 1}); p.Head != want || len(p.Tables) != 2 {
			t.Fatalf("got %+v and %d tables, want %+v and 2", p.Head, len(p.Tables), want)
		}
		texts := slices.Clone(b.Texts)
		texts[1].Value = texts[1].Value[:maxText]
		if !slices.Equal(p.Texts, texts) {
			t.Errorf("got %d texts, the first %q, want %q and one that is cut", len(p.Texts), p.Texts, texts[0])
		}
		for i, want := range []*metric.Table{b.Processes, b.Tables[0]} {
			if diff := cmp.Diff(write(want), write(&p.Tables[i])); diff != "" {
				t.Errorf("table %d (-encoded +decoded):\n%s", i, diff)
			}
		}
	}
}

// TestUnknown: what only a later version knows is skipped, the rest is read.
func TestUnknown(t *testing.T) {
	d := NewDecoder()
	defer d.Close()
	flags := "\x00\x01\x0f\x01a\x06\x00\x78" + strings.Repeat("\x00", 8) + "\x00\x00\x00"
	p, err := d.Decode(plain("hpt\x01" + item(4, "\x77\x05\x05") + item(4, flags) + item(99, "x")))
	if err != nil {
		t.Fatal(err)
	}
	want := []metric.Column{{Name: "a", Combine: metric.Min}}
	if len(p.Tables) != 1 || !slices.Equal(p.Tables[0].Columns(), want) {
		t.Errorf("got %+v, want a table with the columns %+v", p.Tables, want)
	}
}

// TestShards: each row is in one shard, that of its backend.
func TestShards(t *testing.T) {
	b := sample()
	e, d := NewEncoder(), NewDecoder()
	defer d.Close()
	const shards = 5
	rows := 0
	for shard := range shards {
		frame, err := e.Encode(nil, Head{Shard: shard, Shards: shards}, b)
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Decode(frame)
		if err != nil {
			t.Fatal(err)
		}
		if shard == 0 != (len(p.Texts) > 0) {
			t.Errorf("shard %d: got %d texts, want them in shard 0", shard, len(p.Texts))
		}
		for i := range p.Tables {
			p.Tables[i].Each(func(r *metric.Row) {
				rows++
				want := Shard(string(r.Parent), shards)
				if p.Tables[i].Scope() == metric.Process {
					want = 0
				}
				if shard != want {
					t.Errorf("%v %q of %q is in shard %d, want %d", p.Tables[i].Scope(), r.Name, r.Parent, shard, want)
				}
			})
		}
	}
	if want := len(b.Tables[0].Rows()) + 1; rows != want {
		t.Errorf("got %d rows in all shards, want %d", rows, want)
	}
	// The shards of names are part of the format.
	for name, want := range map[string]int{"": 5, "www": 44, "be.1": 1} {
		if got := Shard(name, MaxShards); got != want {
			t.Errorf("Shard(%q): got %d, want %d", name, got, want)
		}
	}
}

// plain compresses what a frame holds.
func plain(content string) []byte {
	z, _ := zstd.NewWriter(nil)
	return z.EncodeAll([]byte(content), nil)
}

// item encodes an item.
func item(tag byte, value string) string {
	return string(binary.AppendUvarint([]byte{tag}, uint64(len(value)))) + value
}

func TestDamaged(t *testing.T) {
	good, err := NewEncoder().Encode(nil, Head{Shards: 1}, sample())
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(good)
	changed[len(changed)/2] ^= 1
	column := "\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	one := "\x02\x01" + string(rune(len(column))) + column // frontends, one column
	d := NewDecoder()
	defer d.Close()
	for name, c := range map[string]struct {
		frame []byte
		says  string
	}{
		"nothing":          {nil, "do not begin"},
		"no frame":         {[]byte("loadbalancers.a.haproxy 1 2\n"), "magic"},
		"cut":              {good[:len(good)-1], ""},
		"changed":          {changed, ""},
		"another content":  {plain("hello, world"), "do not begin"},
		"no version":       {plain("hpt\x00"), "version 0"},
		"item cut":         {plain("hpt\x01\x01\x05a"), "too early"},
		"long epoch":       {plain("hpt\x01" + item(1, "\x01\x01")), "1 bytes more"},
		"shard":            {plain("hpt\x01" + item(2, "\x01")), "shard 1 of 1"},
		"long node":        {plain("hpt\x01" + item(5, strings.Repeat("a", 256))), "a text of 256 bytes"},
		"shards":           {plain("hpt\x01" + item(3, "\x41")), "65 is more than 64"},
		"columns":          {plain("hpt\x01" + item(4, "\x02\xff\xff\x7f\x00")), "is more than 4096"},
		"columns missing":  {plain("hpt\x01" + item(4, "\x02\x05\x00")), "too early"},
		"column twice":     {plain("hpt\x01" + item(4, "\x02\x02\x0e"+column+"\x0e"+column+"\x00")), "for the second time"},
		"rows":             {plain("hpt\x01" + item(4, one+"\xff\xff\xff\xff\x0f")), "is more than"},
		"rows missing":     {plain("hpt\x01" + item(4, one+"\x02")), "row 0"},
		"rows over":        {plain("hpt\x01" + item(4, one+"\x00\x00")), "1 bytes more"},
		"cells over":       {plain("hpt\x01" + item(4, one+"\x01\x00\x00\x01\x01\x06")), "more cells than columns"},
		"no values":        {plain("hpt\x01" + item(4, one+"\x01\x00\x00\x01\x01\x01\x00")), "a sum of no values"},
		"wide of nothing":  {plain("hpt\x01" + item(4, one+"\x01\x00\x00\x01\x01\x03\x01")), `the sum "" of 1 values`},
		"wide by exponent": {plain("hpt\x01" + item(4, one+"\x01\x00\x00\x01\x01\x1b\x011e9999")), `the sum "1e9999"`},
		"long name":        {plain("hpt\x01" + item(4, one+"\x01\x00\xff\xff\x7f")), "a text of 2097151 bytes"},
		"a bomb":           {plain(strings.Repeat("hpt\x01", maxPlain/4+1)), ""},
	} {
		p, err := d.Decode(c.frame)
		if p != nil || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, %v, want ErrDamaged with %q", name, p, err, c.says)
		}
	}
	if _, err := d.Decode(plain("hpt\x02")); !errors.Is(err, ErrNewer) || errors.Is(err, ErrDamaged) {
		t.Errorf("a later version: got %v, want ErrNewer", err)
	}
	if p, err := d.Decode(plain("hpt\x01" + item(99, "later") + item(1, "\x02"))); err != nil || p.Epoch != 1 {
		t.Errorf("an unknown item: got %v, %v, want epoch 1", p, err)
	}
}

// FuzzDecode: whatever comes, the decoder neither fails nor takes memory beyond its
// bounds, and what it takes it gives in full.
func FuzzDecode(f *testing.F) {
	frame, err := NewEncoder().Encode(nil, Head{Shards: 1}, sample())
	if err != nil {
		f.Fatal(err)
	}
	z, _ := zstd.NewReader(nil)
	content, _ := z.DecodeAll(frame, nil)
	f.Add(content)
	f.Add([]byte("hpt\x01\x01\x01\x02"))
	w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := d.Decode(w.EncodeAll(content, nil))
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
				t.Fatalf("got %v, want ErrDamaged or ErrNewer", err)
			}
			return
		}
		for i := range p.Tables {
			table := &p.Tables[i]
			n := 0
			table.Each(func(r *metric.Row) {
				n++
				for _, w := range r.Wides {
					if r.Counts[w.Column] != metric.Wide || w.N <= 0 {
						t.Errorf("cell %d is wide with %d values, its count is %d", w.Column, w.N, r.Counts[w.Column])
					}
				}
			})
			if n != table.count {
				t.Errorf("got %d rows of %d", n, table.count)
			}
		}
	})
}

// TestBomb: a frame that claims little gets little memory, whatever it has, and the memory
// of a large one is freed.
func TestBomb(t *testing.T) {
	d := NewDecoder()
	defer d.Close()
	frame, err := NewEncoder().Encode(nil, Head{Node: "n", Shards: 1}, sample())
	if err != nil {
		t.Fatal(err)
	}
	if IsLarge(frame) {
		t.Error("a small frame: got large, want small")
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	zeros := z.EncodeAll(make([]byte, maxKept+1), nil)
	if !IsLarge(zeros) || !IsLarge(nil) {
		t.Errorf("got large %t, without a head %t, want true", IsLarge(zeros), IsLarge(nil))
	}
	if _, err := d.Decode(append(bytes.Clone(frame), zeros...)); !errors.Is(err, ErrDamaged) || cap(d.plain) > maxKept {
		t.Errorf("a small frame and a large one: got %v and %d bytes, want %v and at most %d", err, cap(d.plain), ErrDamaged, maxKept)
	}
	if _, err := d.Decode(zeros); !errors.Is(err, ErrDamaged) {
		t.Errorf("zeros: got %v, want %v", err, ErrDamaged)
	}
	if len(d.plain) != maxKept+1 {
		t.Errorf("got %d bytes of a large frame, want %d", len(d.plain), maxKept+1)
	}
	d.Trim()
	if cap(d.plain) > 0 {
		t.Errorf("got %d bytes after Trim, want none", cap(d.plain))
	}
	if _, err := d.Decode(frame); err != nil {
		t.Error(err)
	}
}
