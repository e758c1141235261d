package kafka

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"haproxystats/internal/sink/stream"
)

// streamOf returns the frames of records.
func streamOf(records ...record) []byte {
	b := appendHeader(nil)
	for _, r := range records {
		b = append(appendFrame(b, &r), r.value...)
	}
	return appendEnd(b, len(records))
}

// read returns the records of a stream that comes in pieces.
func read(pieces ...[]byte) ([]record, error) {
	var got []record
	d := newDecoder(func(r *record) error {
		c := *r
		c.key, c.value = bytes.Clone(r.key), bytes.Clone(r.value)
		got = append(got, c)
		return nil
	})
	for _, p := range pieces {
		if n, err := d.Write(p); err == nil && n != len(p) {
			return got, fmt.Errorf("%d of %d bytes were taken without an error", n, len(p))
		}
	}
	return got, d.Close()
}

func equal(a, b record) bool {
	return a.format == b.format && a.metrics == b.metrics && a.epoch == b.epoch && a.topic == b.topic &&
		(a.key == nil) == (b.key == nil) && bytes.Equal(a.key, b.key) && a.host == b.host && a.cluster == b.cluster &&
		bytes.Equal(a.value, b.value)
}

// TestStreamIsRead has any records in any pieces.
func TestStreamIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 20, 40)
		want := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record {
			r := record{
				format: rapid.SampledFrom([]Format{Graphite, JSON, JSONMetric, Influx, OTLP}).Draw(t, "format"), metrics: rapid.Int64Min(0).Draw(t, "metrics"),
				epoch: rapid.Int64().Draw(t, "epoch"), topic: "t" + text.Draw(t, "topic"), host: text.Draw(t, "host"), cluster: text.Draw(t, "cluster"),
				value: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value"),
			}
			if rapid.Bool().Draw(t, "has key") {
				r.key = []byte(text.Draw(t, "key"))
			}
			return r
		}), 0, 5).Draw(t, "records")
		all := streamOf(want...)
		var pieces [][]byte
		for rest := all; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got, err := read(pieces...)
		if err != nil || !slices.EqualFunc(got, want, equal) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
		if cut := rapid.IntRange(0, len(all)-1).Draw(t, "cut"); true {
			if _, err := read(all[:cut]); err == nil {
				t.Errorf("got no error for the first %d of %d bytes", cut, len(all))
			}
		}
	})
}

func TestStreamIsRefused(t *testing.T) {
	good := record{format: Graphite, metrics: 1, epoch: 7, topic: "t", key: []byte("k"), value: []byte("v")}
	for _, c := range []struct {
		name   string
		stream []byte
		want   error
	}{
		{"lines of Graphite", []byte("loadbalancers.lb1.haproxy.daemon.Uptime 1 7\n"), stream.ErrForeign},
		{"a later version", append([]byte(magic), version+1), stream.ErrForeign},
		{"another format", streamOf(record{format: 99, topic: "t"}), stream.ErrForeign},
		{"no topic", streamOf(record{format: JSON}), stream.ErrForeign},
		{"a frame without bound", append(appendHeader(nil), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), stream.ErrForeign},
		{"a number that does not end", append(appendHeader(nil), bytes.Repeat([]byte{0xff}, 20)...), stream.ErrForeign},
		{"a topic longer than the frame", append(appendHeader(nil), 4, byte(JSON), 0, 0, 200), stream.ErrForeign},
		{"more behind the end", append(streamOf(good), 'x'), stream.ErrForeign},
		{"fewer frames than there were", appendEnd(appendHeader(nil), 2), stream.ErrTruncated},
		{"nothing", nil, stream.ErrTruncated},
		{"a long topic", streamOf(record{format: JSON, topic: strings.Repeat("t", maxText+1)}), stream.ErrForeign},
	} {
		if _, err := read(c.stream); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// TestDecoderKeepsTheError of who takes its records.
func TestDecoderKeepsTheError(t *testing.T) {
	want := errors.New("no")
	d := newDecoder(func(*record) error { return want })
	all := streamOf(record{format: JSON, topic: "t"})
	for range 2 {
		if n, err := d.Write(all); n != 0 || !errors.Is(err, want) {
			t.Errorf("got %d, %v; want 0, %v", n, err, want)
		}
	}
	if err := d.Close(); !errors.Is(err, want) {
		t.Errorf("got %v from close, want %v", err, want)
	}
}

// FuzzDecoder: any bytes, whole or in pieces, give the same records, and what is read
// is written again as it was.
func FuzzDecoder(f *testing.F) {
	f.Add(streamOf(record{format: Graphite, metrics: 2, epoch: 1795312800, topic: "metrics", key: []byte("lb1"), host: "lb1", cluster: "edge", value: []byte("a 1 2\nb 1 2\n")}), 3)
	f.Add(streamOf(), 1)
	f.Add([]byte(magic), 1)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		whole, err := read(data)
		cut = min(max(cut, 0), len(data))
		parts, partsErr := read(data[:cut], data[cut:])
		if (err == nil) != (partsErr == nil) || !slices.EqualFunc(whole, parts, equal) {
			t.Fatalf("got %d records, %v of the whole; %d, %v of two pieces", len(whole), err, len(parts), partsErr)
		}
		if err != nil {
			return
		}
		again, err := read(streamOf(whole...))
		if err != nil || !slices.EqualFunc(whole, again, equal) {
			t.Fatalf("got %d records, %v of what was written again, want %d", len(again), err, len(whole))
		}
	})
}

// TestLargestValue: what the encoder may write, the decoder reads.
func TestLargestValue(t *testing.T) {
	var got record
	d := newDecoder(func(r *record) error { got = *r; return nil })
	text := strings.Repeat("t", maxText)
	e := envelope{out: d, key: KeyProxy, record: record{format: Graphite, host: clip(text), cluster: clip(text)}}
	for s := range e.topics {
		e.topics[s] = text
	}
	e.write(appendHeader(nil))
	if err := e.put(0, text, 1, make([]byte, MaxValue)); err != nil {
		t.Fatal(err)
	}
	if err := cmp.Or(e.end(), d.Close()); err != nil {
		t.Fatal(err)
	}
	if len(got.value) != MaxValue {
		t.Errorf("got %d bytes, want %d", len(got.value), MaxValue)
	}
}
