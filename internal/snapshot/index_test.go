package snapshot

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"pgregory.net/rapid"
)

// indexOf returns the snapshot of records that are kept in all.
func indexOf(t interface{ Fatal(...any) }, all [][]byte) Snapshot {
	x := NewIndex(1 << 20)
	for _, r := range parsed(t, all) {
		if _, err := x.Snapshot(nil); !errors.Is(err, ErrIncomplete) {
			t.Fatal("got", err, "before the last record, want", ErrIncomplete)
		}
		if err := x.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	buffer := make([]byte, 0, 1<<20)
	s, err := x.Snapshot(func(sequence int, use func(Record) error) error {
		buffer = append(buffer[:0], all[sequence]...) // what was read before is not valid now
		r, err := ParseRecord(buffer)
		if err != nil {
			return err
		}
		return use(r)
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestIndex reads files from records.
func TestIndex(t *testing.T) {
	want := example(t)
	got := indexOf(t, records(t, want, MinRecord))
	if got.Node != want.Node || got.Cluster != want.Cluster || got.Epoch != want.Epoch || got.Round == nil {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := fstest.TestFS(got.Files, slices.Sorted(maps.Keys(want.Files.(Memory)))...); err != nil {
		t.Error(err)
	}
	f, err := got.Files.Open("a.sock_stat")
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(f, want.Files.(Memory)["a.sock_stat"]); err != nil {
		t.Error(err)
	}
	if _, err := got.Files.Open("b.sock_stat"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v for a file that is not in it, want %v", err, fs.ErrNotExist)
	}
}

// TestIndexProperty: the files are those that were encoded, whatever the size of the
// records, also if several files are read at once.
func TestIndexProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Memory{}
		for range rapid.IntRange(0, 6).Draw(t, "files") {
			size := rapid.SampledFrom([]int{0, 1, 100, MinRecord - 200, MinRecord, 9000}).Draw(t, "size")
			m[rapid.StringMatching(`[a-z]{1,4}`).Draw(t, "name")] = bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, size)
		}
		s, err := m.Snapshot("lb1", "eu", 7)
		if err != nil {
			t.Fatal(err)
		}
		got := indexOf(t, records(t, s, rapid.IntRange(MinRecord, 20000).Draw(t, "record")))
		open := make(map[string]fs.File)
		read := make(map[string][]byte)
		for name := range m {
			f, err := got.Files.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			open[name], read[name] = f, []byte{}
		}
		part := make([]byte, rapid.IntRange(1, 3000).Draw(t, "part"))
		for len(open) > 0 {
			for _, name := range slices.Sorted(maps.Keys(open)) {
				n, err := open[name].Read(part)
				read[name] = append(read[name], part[:n]...)
				if errors.Is(err, io.EOF) {
					delete(open, name)
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
		if !maps.EqualFunc(read, m, bytes.Equal) {
			t.Fatalf("got files %q, want %q", read, m)
		}
	})
}

// TestIndexOfOtherRecords has records that changed after they came.
func TestIndexOfOtherRecords(t *testing.T) {
	one, two := example(t), example(t)
	two.Files.(Memory)["a.sock_stat"] = []byte(strings.Repeat("# pxname,svname\n", 100))
	other := parsed(t, records(t, two, MinRecord))
	x := NewIndex(1 << 20)
	for _, r := range parsed(t, records(t, one, MinRecord)) {
		if err := x.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	for name, read := range map[string]ReadRecord{
		"others":  func(i int, use func(Record) error) error { return use(other[min(i, len(other)-1)]) },
		"nothing": func(int, func(Record) error) error { return fs.ErrClosed },
	} {
		s, err := x.Snapshot(read)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fs.ReadFile(s.Files, "a.sock_stat"); !errors.Is(err, ErrDamaged) && !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: got %v, want an error", name, err)
		}
	}
	if err := x.Add(other[0]); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v for a record of another snapshot, want %v", err, ErrForeign)
	}
}

// TestLargeManifest: a manifest that no reader parses is refused before it is kept.
func TestLargeManifest(t *testing.T) {
	x := NewIndex(1 << 30)
	var got error
	err := Encode(Snapshot{Node: "n", Cluster: "eu", Epoch: 1, Files: Memory{ManifestName: make([]byte, maxManifest+1)}}, 1<<20, func(b []byte) error {
		r, err := ParseRecord(b)
		if err != nil {
			return err
		}
		got = x.Add(r)
		if n := x.Memory(); n > 1<<20 {
			t.Errorf("got %d bytes kept, want less than a record", n)
		}
		return nil
	})
	if err != nil || !errors.Is(got, ErrDamaged) {
		t.Errorf("got %v and %v, want nil and %v", err, got, ErrDamaged)
	}
}
