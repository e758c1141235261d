package wire

import (
	"bytes"
	"errors"
	"io/fs"
	"iter"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"haproxystats/internal/snapshot"
)

type header struct {
	key   string
	value string
}

func all(headers ...header) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, h := range headers {
			if !yield(h.key, []byte(h.value)) {
				return
			}
		}
	}
}

func collect(seq iter.Seq2[string, []byte]) (headers []header) {
	for key, value := range seq {
		headers = append(headers, header{key, string(value)})
	}
	return headers
}

// TestHeaders has the headers as they are on topics: other versions read them.
func TestHeaders(t *testing.T) {
	for _, test := range []struct {
		envelope Envelope
		key      string
		headers  []header
	}{
		{
			Envelope{Kind: Snapshot, Cluster: "eu", Node: "lb1", Epoch: -5, Attempt: 0xab, Instance: "x"},
			"eu/lb1",
			[]header{{"v", "1"}, {"t", "snapshot"}, {"c", "eu"}, {"n", "lb1"}, {"e", "-5"}, {"a", "00000000000000ab"}, {"i", "x"}},
		},
		{
			Envelope{Kind: Tables, Cluster: "eu", Node: "lb1", Epoch: 1795364410, Attempt: 1, Instance: "x", Shard: 3, Shards: 64},
			"eu/3",
			[]header{{"v", "1"}, {"t", "tables"}, {"c", "eu"}, {"n", "lb1"}, {"e", "1795364410"}, {"a", "0000000000000001"}, {"i", "x"}, {"s", "3/64"}},
		},
		{Envelope{Kind: Tick}, "", []header{{"v", "1"}, {"t", "tick"}}},
	} {
		if got := collect(test.envelope.Headers()); !slices.Equal(got, test.headers) {
			t.Errorf("got %v, want %v", got, test.headers)
		}
		if got := string(test.envelope.Key()); got != test.key {
			t.Errorf("got key %q, want %q", got, test.key)
		}
		back, err := Parse(all(append(test.headers, header{"colour", "blue"})...))
		if err != nil || back != test.envelope {
			t.Errorf("got back %+v, %v, want %+v", back, err, test.envelope)
		}
		for range test.envelope.Headers() {
			break // a reader may stop
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := []header{{"v", "1"}, {"t", "tables"}, {"c", "eu"}, {"n", "lb1"}, {"e", "7"}, {"a", "00000000000000ab"}, {"i", "x"}, {"s", "0/1"}}
	with := func(key, value string) []header {
		changed := slices.Clone(good)
		for i := range changed {
			if changed[i].key == key {
				changed[i].value = value
			}
		}
		return changed
	}
	for name, test := range map[string]struct {
		headers []header
		want    error
		text    string
	}{
		"no headers":          {nil, ErrForeign, "no headers"},
		"somebody else's":     {[]header{{"v", "1"}, {"content-type", "text"}}, ErrForeign, "no headers"},
		"no version":          {good[1:], ErrForeign, "no headers"},
		"a version of words":  {with("v", "one"), ErrForeign, `"one"`},
		"version 0":           {with("v", "0"), ErrForeign, `"0"`},
		"version 2":           {with("v", "2"), ErrNewer, "version 2"},
		"another kind":        {with("t", "sketch"), ErrNewer, "sketch"},
		"no cluster":          {with("c", ""), ErrDamaged, "cluster"},
		"a slash in it":       {with("c", "eu/west"), ErrDamaged, "cluster \"eu/west\""},
		"a node's slash":      {with("n", "west/lb1"), ErrDamaged, "node \"west/lb1\""},
		"a long node":         {with("n", strings.Repeat("n", 256)), ErrDamaged, "node"},
		"a very long node":    {with("n", strings.Repeat("n", 1<<20)), ErrForeign, "header n"},
		"no epoch":            {with("e", ""), ErrDamaged, "epoch"},
		"a long epoch":        {with("e", "9223372036854775808"), ErrDamaged, "epoch"},
		"a short attempt":     {with("a", "ab"), ErrDamaged, "attempt"},
		"an attempt of words": {with("a", "a hexadecimal nr"), ErrDamaged, "attempt"},
		"a signed attempt":    {with("a", "+00000000000000a"), ErrDamaged, "attempt"},
		"no shard":            {with("s", ""), ErrDamaged, "shard"},
		"a shard beyond":      {with("s", "1/1"), ErrDamaged, "shard 1 of 1"},
		"many shards":         {with("s", "0/65"), ErrDamaged, "shard 0 of 65"},
		"no shards":           {with("s", "0/0"), ErrDamaged, "shard 0 of 0"},
		"a negative shard":    {with("s", "-1/1"), ErrDamaged, "shard"},
		"a header twice":      {append(slices.Clone(good), header{"c", "us"}), ErrForeign, "second time"},
		"many headers":        {slices.Concat(good, make([]header, 64)), ErrForeign, "more than 64"},
	} {
		_, err := Parse(all(test.headers...))
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: got %v, want %v with %q", name, err, test.want, test.text)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("%s: got an error of %d bytes", name, len(err.Error()))
		}
	}
}

// TestCheck refuses what Parse would refuse.
func TestCheck(t *testing.T) {
	for _, e := range []Envelope{
		{},
		{Kind: "sketch", Cluster: "c", Node: "n"},
		{Kind: Snapshot, Node: "n"},
		{Kind: Snapshot, Cluster: "c"},
		{Kind: Snapshot, Cluster: "a/b", Node: "c"}, // its key would be that of the next one
		{Kind: Snapshot, Cluster: "a", Node: "b/c"},
		{Kind: Snapshot, Cluster: "c", Node: "n", Shards: 1},
		{Kind: Snapshot, Cluster: "c", Node: "n", Instance: strings.Repeat("i", 300)},
		{Kind: Tables, Cluster: "c", Node: "n"},
		{Kind: Tables, Cluster: "c", Node: "n", Shard: -1, Shards: 1},
		{Kind: Tick, Node: "n"},
	} {
		if err := e.Check(); err == nil {
			t.Errorf("got no error for %+v", e)
		}
	}
}

func TestEnvelopeProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, 60, MaxName).Filter(func(s string) bool { return !strings.Contains(s, "/") })
		e := Envelope{
			Kind: Snapshot, Cluster: name.Draw(t, "cluster"), Node: name.Draw(t, "node"), Epoch: rapid.Int64().Draw(t, "epoch"),
			Attempt: Attempt(rapid.Uint64().Draw(t, "attempt")), Instance: NewInstance(name.Draw(t, "host")),
		}
		if rapid.Bool().Draw(t, "tables") {
			e.Kind = Tables
			e.Shards = rapid.IntRange(1, MaxShards).Draw(t, "shards")
			e.Shard = rapid.IntRange(0, e.Shards-1).Draw(t, "shard")
		}
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		if back, err := Parse(e.Headers()); err != nil || back != e {
			t.Fatalf("got back %+v, %v, want %+v", back, err, e)
		}
	})
}

func TestAttemptsDiffer(t *testing.T) {
	a, b := NewAttempts(), NewAttempts()
	seen := make(map[Attempt]bool)
	for range 1000 {
		for _, n := range []Attempt{a.Next(), b.Next()} {
			if seen[n] {
				t.Fatalf("got attempt %v twice", n)
			}
			seen[n] = true
		}
	}
	x, y := NewInstance("lb1"), NewInstance("lb1")
	if x == y || !strings.HasSuffix(x, " lb1") {
		t.Errorf("got instances %q and %q, want different ones of lb1", x, y)
	}
	if long := NewInstance(strings.Repeat("h", 1000)); len(long) > MaxInstance {
		t.Errorf("got an instance of %d bytes, want at most %d", len(long), MaxInstance)
	}
}

// TestPartitionIsKafkas compares with the client of Kafka, whose partitions are those of
// Kafka's own.
func TestPartitionIsKafkas(t *testing.T) {
	// The hashes that Kafka's own tests have.
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2(%q): got %d, want %d", key, got, want)
		}
	}
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "key")
		n := rapid.IntRange(1, 1000).Draw(t, "partitions")
		got, want := Partition(key, n), partitioner.Partition(&kgo.Record{Key: key}, n)
		if got != want {
			t.Fatalf("key %q of %d partitions: got %d, want %d", key, n, got, want)
		}
	})
}

func TestValueProperty(t *testing.T) {
	c, x := NewCompressor(), NewExpander()
	defer x.Close()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "word")
		record := bytes.Repeat(word, rapid.IntRange(1, 9000).Draw(t, "times"))
		value := c.Append([]byte("before"), record)
		back, err := x.Expand(value[len("before"):])
		if err != nil || !bytes.Equal(back, record) {
			t.Fatalf("got back %d bytes, %v, want %d", len(back), err, len(record))
		}
	})
}

// TestChunkHasRoom has the largest chunk of bytes that can't be compressed in the bound
// of a client's and a topic's batch.
func TestChunkHasRoom(t *testing.T) {
	record := make([]byte, MaxChunk)
	for i, h := 0, uint32(1); i < len(record); i++ {
		h = h*1664525 + 1013904223
		record[i] = byte(h >> 24)
	}
	long := strings.Repeat("n", MaxName)
	e := Envelope{Kind: Snapshot, Cluster: long, Node: long, Epoch: math.MinInt64, Instance: NewInstance(long)}
	size := len(NewCompressor().Append(nil, record)) + len(e.Key())
	for key, value := range e.Headers() {
		size += len(key) + len(value) + 4
	}
	if const1MB := 1_000_012; size > const1MB-1000 {
		t.Errorf("got %d bytes, want room in a batch of %d", size, const1MB)
	}
}

func TestExpandRefuses(t *testing.T) {
	encode := func(record []byte, opts ...zstd.EOption) []byte {
		z, err := zstd.NewWriter(nil, opts...)
		if err != nil {
			t.Fatal(err)
		}
		return z.EncodeAll(record, nil)
	}
	good := NewCompressor().Append(nil, []byte("a record of a snapshot, a record of a snapshot"))
	changed := bytes.Clone(good)
	changed[len(changed)-1]++
	// A frame of blocks that tells no size.
	var stream bytes.Buffer
	z, err := zstd.NewWriter(&stream)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := z.Write(make([]byte, MaxRecord)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	x := NewExpander()
	defer x.Close()
	for name, value := range map[string][]byte{
		"nothing":         nil,
		"no frame":        []byte("no frame of zstandard"),
		"truncated":       good[:len(good)-5],
		"another sum":     changed,
		"no sum":          encode([]byte("a record of a snapshot"), zstd.WithEncoderCRC(false)),
		"no size":         stream.Bytes(),
		"a large one":     encode(make([]byte, MaxRecord+1)),
		"a bomb":          encode(make([]byte, 256<<20)),
		"two frames":      slices.Concat(good, good),
		"a bomb of many":  bytes.Repeat(encode(make([]byte, MaxRecord)), 300),
		"skippable":       slices.Concat([]byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4}, good),
		"a lie of a size": lie(good),
	} {
		if record, err := x.Expand(value); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %d bytes, %v, want %v", name, len(record), err, ErrDamaged)
		}
		if c := cap(x.record); c > 2*MaxRecord {
			t.Errorf("%s: the expander keeps %d bytes", name, c)
		}
	}
	if record, err := x.Expand(good); err != nil || !strings.HasPrefix(string(record), "a record") {
		t.Errorf("after errors: got %q, %v", record, err)
	}
}

// lie returns the frame with another size of its content.
func lie(frame []byte) []byte {
	b := bytes.Clone(frame)
	b[5]++ // behind magic and descriptor: a single segment has one byte of size
	return b
}

// TestSnapshotTravels cuts a recorded snapshot in records and puts it together.
func TestSnapshotTravels(t *testing.T) {
	files := os.DirFS("../../../testdata/recordings/1.6.0-nbproc4/1795335509")
	s := snapshot.Snapshot{Node: "lb1", Cluster: "eu", Epoch: 7, Files: files}
	e := Envelope{Kind: Snapshot, Cluster: "eu", Node: "lb1", Epoch: 7}
	c, x := NewCompressor(), NewExpander()
	defer x.Close()
	d := snapshot.NewDecoder(1 << 30)
	records := 0
	err := snapshot.Encode(s, 2048, func(record []byte) error {
		records++
		got, err := x.Expand(c.Append(nil, record))
		if err != nil {
			return err
		}
		r, err := snapshot.ParseRecord(got)
		if err != nil {
			return err
		}
		return d.Add(r)
	})
	if err != nil {
		t.Fatal(err)
	}
	back, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.CheckSnapshot(back); err != nil {
		t.Error(err)
	}
	for _, wrong := range []Envelope{{Cluster: "us", Node: "lb1", Epoch: 7}, {Cluster: "eu", Node: "lb2", Epoch: 7}, {Cluster: "eu", Node: "lb1", Epoch: 8}} {
		if err := wrong.CheckSnapshot(back); !errors.Is(err, ErrDamaged) {
			t.Errorf("got %v of headers %+v, want %v", err, wrong, ErrDamaged)
		}
	}
	if records < 2 {
		t.Errorf("got %d records, want several", records)
	}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		want, err := fs.ReadFile(files, entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fs.ReadFile(back.Files, entry.Name()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, %v, want %d", entry.Name(), len(got), err, len(want))
		}
	}
	if _, err := TablesOf(back); !errors.Is(err, ErrDamaged) {
		t.Errorf("tables of a snapshot: got %v, want %v", err, ErrDamaged)
	}
}

func TestTablesTravel(t *testing.T) {
	e := Envelope{Kind: Tables, Cluster: "eu", Node: "lb1", Epoch: 7, Shards: 1}
	for _, size := range []int{0, 1, 100_000, TablesRecord, 3 * TablesRecord} {
		frame := bytes.Repeat([]byte{7, 9, 11}, size/3+1)[:size]
		d := snapshot.NewDecoder(1 << 30)
		err := EncodeTables(e, frame, func(value []byte) error {
			if len(value) > TablesRecord {
				t.Errorf("got a record of %d bytes, want at most %d", len(value), TablesRecord)
			}
			r, err := snapshot.ParseRecord(value)
			if err != nil {
				return err
			}
			return d.Add(r)
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := d.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if err := e.CheckSnapshot(s); err != nil {
			t.Error(err)
		}
		if got, err := TablesOf(s); err != nil || !cmp.Equal(got, frame) {
			t.Errorf("got %d bytes, %v, want %d", len(got), err, size)
		}
	}
	if err := EncodeTables(e, make([]byte, maxTables+1), nil); err == nil || !strings.Contains(err.Error(), "shards") {
		t.Errorf("too large: got %v, want an error about shards", err)
	}
}

func FuzzParse(f *testing.F) {
	e := Envelope{Kind: Tables, Cluster: "eu", Node: "lb1", Epoch: 7, Attempt: 9, Instance: "x", Shards: 1}
	var text strings.Builder
	for _, h := range collect(e.Headers()) {
		text.WriteString(h.key + "=" + h.value + "\n")
	}
	f.Add(text.String())
	f.Add("v=1\nt=tick\n")
	f.Add("v=2\nt=new\n")
	f.Fuzz(func(t *testing.T, text string) {
		var headers []header
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			headers = append(headers, header{key, value})
		}
		e, err := Parse(all(headers...))
		if err != nil {
			if !errors.Is(err, ErrForeign) && !errors.Is(err, ErrNewer) && !errors.Is(err, ErrDamaged) {
				t.Errorf("got an error of no kind: %v", err)
			}
			return
		}
		if back, err := Parse(e.Headers()); err != nil || back != e {
			t.Errorf("got back %+v, %v, want %+v", back, err, e)
		}
	})
}

func FuzzExpand(f *testing.F) {
	c, x := NewCompressor(), NewExpander()
	f.Cleanup(x.Close)
	f.Add(c.Append(nil, []byte("a record")))
	f.Add(c.Append(nil, make([]byte, MaxRecord)))
	f.Add(c.Append(nil, make([]byte, MaxRecord+1)))
	f.Fuzz(func(t *testing.T, value []byte) {
		record, err := x.Expand(value)
		switch {
		case err != nil && !errors.Is(err, ErrDamaged):
			t.Errorf("got an error of no kind: %v", err)
		case len(record) > MaxRecord:
			t.Errorf("got %d bytes, want at most %d", len(record), MaxRecord)
		}
	})
}
