package snapshot

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"haproxystats/internal/bounded"
)

var update = flag.Bool("update", false, "write the golden files anew")

// records encodes a snapshot.
func records(t interface{ Fatal(...any) }, s Snapshot, size int) [][]byte {
	var all [][]byte
	err := Encode(s, size, func(record []byte) error {
		if len(record) > size {
			t.Fatal("a record of", len(record), "bytes, want at most", size)
		}
		all = append(all, bytes.Clone(record))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// parsed parses records.
func parsed(t interface{ Fatal(...any) }, all [][]byte) []Record {
	var list []Record
	for _, b := range all {
		r, err := ParseRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// example has an empty file, a file larger than a record, and what this version
// does not know: a file and an item of the manifest.
func example(t testing.TB) Snapshot {
	t.Helper()
	m := Memory{
		"a.sock_info": nil,
		"a.sock_stat": bytes.Repeat([]byte("# pxname,svname\n"), 200),
		"bases":       []byte("of a later version"),
	}
	m[ManifestName] = signed("haproxystats manifest 1", "colour blue", "sockets-failed 0", "round-duration-ms 87")
	s, err := m.Snapshot("lb1.example.com", "edge", 1795335122)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRecordsGolden holds the bytes of version 1, in hexadecimal, a record a line.
func TestRecordsGolden(t *testing.T) {
	const golden = "testdata/records-v1.hex"
	s := example(t)
	var text strings.Builder
	for _, r := range records(t, s, MinRecord) {
		fmt.Fprintf(&text, "%x\n", r)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(text.String()), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if text.String() != string(want) {
		t.Errorf("got\n%swant\n%s", text.String(), want)
	}
	d := NewDecoder(1 << 20)
	for line := range strings.Lines(string(want)) {
		b, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range parsed(t, [][]byte{b}) {
			if err := d.Add(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, s)
	if got.Round == nil || got.Round.Duration.Milliseconds() != 87 {
		t.Errorf("round: got %+v, want 87 ms", got.Round)
	}
}

// same fails the test unless two snapshots of Memory are equal.
func same(t interface{ Errorf(string, ...any) }, got, want Snapshot) {
	if got.Node != want.Node || got.Cluster != want.Cluster || got.Epoch != want.Epoch {
		t.Errorf("got %s, %s, %d, want %s, %s, %d", got.Node, got.Cluster, got.Epoch, want.Node, want.Cluster, want.Epoch)
	}
	if !maps.EqualFunc(got.Files.(Memory), want.Files.(Memory), bytes.Equal) {
		t.Errorf("got files\n%q\nwant\n%q", got.Files, want.Files)
	}
}

// TestRecordsProperty encodes and decodes any snapshot, whatever the size of the
// records, also with duplicates and records of another snapshot among them, and
// finds out when one is missing.
func TestRecordsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Memory{}
		name := rapid.StringMatching(`[a-zéü][a-z:_. ]{0,80}`)
		for range rapid.IntRange(0, 6).Draw(t, "files") {
			size := rapid.SampledFrom([]int{0, 1, 100, MinRecord - 200, MinRecord, 9000}).Draw(t, "size")
			m[name.Draw(t, "name")] = bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, size)
		}
		if rapid.Bool().Draw(t, "manifest") {
			m[ManifestName] = signed("haproxystats manifest 1", "colour "+strings.Repeat("blue", rapid.IntRange(0, 1000).Draw(t, "colour")))
		}
		want, err := m.Snapshot(name.Draw(t, "node"), name.Draw(t, "cluster"), rapid.Int64().Draw(t, "epoch"))
		if err != nil {
			t.Fatal(err)
		}
		size := rapid.IntRange(MinRecord, 20000).Draw(t, "record")
		all := parsed(t, records(t, want, size))
		other := want
		other.Epoch ^= 1
		foreign := parsed(t, records(t, other, size))

		d := NewDecoder(m.Size())
		for i, r := range all {
			if d.Done() {
				t.Fatalf("done before record %d of %d", i, len(all))
			}
			if i+1 < len(all) {
				if err := d.Add(all[i+1]); !errors.Is(err, ErrOrder) {
					t.Fatalf("record %d before its turn: got %v, want %v", i+1, err, ErrOrder)
				}
			}
			if _, err := d.Snapshot(); !errors.Is(err, ErrIncomplete) {
				t.Fatalf("after %d of %d: got %v, want %v", i, len(all), err, ErrIncomplete)
			}
			if err := d.Add(r); err != nil {
				t.Fatal(err)
			}
			if err := d.Add(r); !errors.Is(err, ErrDuplicate) {
				t.Fatalf("record %d twice: got %v, want %v", i, err, ErrDuplicate)
			}
			if err := d.Add(foreign[i]); !errors.Is(err, ErrForeign) {
				t.Fatalf("another's record %d: got %v, want %v", i, err, ErrForeign)
			}
		}
		got, err := d.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
		// What was decoded has the same records.
		if again := records(t, got, size); !slices.EqualFunc(again, records(t, want, size), bytes.Equal) {
			t.Fatal("what was decoded has other records")
		}
	})
}

// TestEveryByteCounts changes each byte of each record.
func TestEveryByteCounts(t *testing.T) {
	for i, b := range records(t, example(t), MinRecord) {
		for at := range b {
			changed := bytes.Clone(b)
			changed[at] ^= 0x40
			if _, err := ParseRecord(changed); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
				t.Fatalf("record %d, byte %d: got %v, want an error", i, at, err)
			}
			if _, err := ParseRecord(b[:at]); !errors.Is(err, ErrDamaged) {
				t.Fatalf("record %d, cut to %d bytes: got %v, want %v", i, at, err, ErrDamaged)
			}
		}
	}
}

// record makes a record of items.
func record(version byte, items ...[]byte) []byte {
	b := append([]byte(recordMagic), version)
	for _, i := range items {
		b = append(b, i...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func text(tag uint64, value string) []byte { return appendItem(nil, tag, []byte(value)) }
func number(tag, n uint64) []byte          { return appendUvarint(nil, tag, n) }

// part makes the item of a piece with the checksum of its data.
func pieceOf(name string, size, offset uint64, data string) []byte {
	b := binary.AppendUvarint(nil, uint64(len(name)))
	b = append(b, name...)
	b = binary.AppendUvarint(b, size)
	b = binary.AppendUvarint(b, offset)
	b = binary.LittleEndian.AppendUint32(b, Sum(0, []byte(data)))
	return appendItem(nil, tagPiece, append(b, data...))
}

const anID = "0123456789abcdef"

// first makes a first record of one file with one byte.
func first(more ...[]byte) []byte {
	return record(1, append([][]byte{
		text(tagID, anID), number(tagSequence, 0), number(tagRecords, 1), number(tagBytes, 1),
		text(tagNode, "n"), text(tagCluster, ""), appendItem(nil, tagEpoch, binary.AppendVarint(nil, 7)), number(tagFiles, 1),
	}, more...)...)
}

func TestParseRecord(t *testing.T) {
	good := pieceOf("a", 1, 0, "x")
	for _, c := range []struct {
		name string
		in   []byte
		want string
		err  error
	}{
		{"good", first(good), "", nil},
		{"an unknown item", first(good, text(200, "of a later version")), "", nil},
		{"newer", record(2, text(1, "x")), "version 2, this program reads 1", ErrNewer},
		{"newer with another checksum", []byte("hps\x09123456"), "version 9", ErrNewer},
		{"version 0", record(0), "version 0", ErrDamaged},
		{"nothing", nil, "does not begin", ErrDamaged},
		{"another magic", []byte("hpq\x0112345"), "does not begin", ErrDamaged},
		{"no items", record(1), "item 1 is there: false", ErrDamaged},
		{"item without end", record(1, []byte{1, 200}), "too early", ErrDamaged},
		{"item longer than the record", record(1, []byte{1, 200, 1, 0}), "too early", ErrDamaged},
		{"item of 2^64-1 bytes", record(1, append([]byte{1}, binary.AppendUvarint(nil, math.MaxUint64)...)), "too early", ErrDamaged},
		{"tag of eleven bytes", record(1, bytes.Repeat([]byte{0xff}, 11)), "too early", ErrDamaged},
		{"an item twice", first(good, number(tagFiles, 1)), "second time", ErrDamaged},
		{"short id", record(1, text(tagID, "x")), "1 bytes", ErrDamaged},
		{"bytes behind a number", record(1, text(tagSequence, "\x00\x00")), "1 bytes more", ErrDamaged},
		{"too many records", record(1, number(tagRecords, maxRecords+1)), "more than", ErrDamaged},
		{"too many bytes", record(1, number(tagBytes, math.MaxUint64)), "more than", ErrDamaged},
		{"too many files", record(1, number(tagFiles, maxFiles+1)), "more than", ErrDamaged},
		{"long node", record(1, text(tagNode, strings.Repeat("n", 256))), "more than 255", ErrDamaged},
		{"sequence beyond the records", record(1, text(tagID, anID), number(tagSequence, 3), number(tagRecords, 3), number(tagBytes, 0)), "record 3 of 3", ErrDamaged},
		{"head in a later record", record(1, text(tagID, anID), number(tagSequence, 1), number(tagRecords, 3), number(tagBytes, 0), text(tagNode, "n")), "item 5 is there: true", ErrDamaged},
		{"piece of nothing", first(text(tagPiece, "")), "too early", ErrDamaged},
		{"piece of a hidden file", first(pieceOf(".try1", 1, 0, "x")), "file's name", ErrDamaged},
		{"piece of a name that is not UTF-8", first(pieceOf("\xff", 1, 0, "x")), "file's name", ErrDamaged},
		{"piece elsewhere", first(pieceOf("../a", 1, 0, "x")), "file's name", ErrDamaged},
		{"piece with a long name", first(pieceOf(strings.Repeat("a", 256), 1, 0, "x")), "more than 255", ErrDamaged},
		{"piece beyond the file", first(pieceOf("a", 1, 1, "x")), "1 bytes at 1 in a file of 1", ErrDamaged},
		{"piece at 2^64-1", first(pieceOf("a", 1, math.MaxUint64, "x")), "more than", ErrDamaged},
		{"empty piece", first(pieceOf("a", 1, 0, "")), "0 bytes at 0", ErrDamaged},
	} {
		_, err := ParseRecord(c.in)
		if !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %v with %q", c.name, err, c.err, c.want)
		}
	}
}

// TestDecoderRefuses has records that are right by themselves.
func TestDecoderRefuses(t *testing.T) {
	head := func(records, size, files uint64, more ...[]byte) []byte {
		return record(1, append([][]byte{
			text(tagID, anID), number(tagSequence, 0), number(tagRecords, records), number(tagBytes, size),
			text(tagNode, "n"), text(tagCluster, ""), appendItem(nil, tagEpoch, []byte{0}), number(tagFiles, files),
		}, more...)...)
	}
	next := func(sequence, records, size uint64, more ...[]byte) []byte {
		return record(1, append([][]byte{text(tagID, anID), number(tagSequence, sequence), number(tagRecords, records), number(tagBytes, size)}, more...)...)
	}
	wrongSum := pieceOf("a", 1, 0, "x")
	wrongSum[len(wrongSum)-1] ^= 1
	for _, c := range []struct {
		name string
		in   [][]byte
		want string
		err  error
	}{
		{"too large", [][]byte{head(1, 101, 1)}, "101 bytes, more than 100", ErrTooLarge},
		{"not the first", [][]byte{next(1, 2, 1)}, "", ErrOrder},
		{"another number of records", [][]byte{head(3, 1, 1), next(1, 2, 1)}, "2 records", ErrDamaged},
		{"another number of bytes", [][]byte{head(2, 1, 1), next(1, 2, 2)}, "2 bytes", ErrDamaged},
		{"a file too many", [][]byte{head(2, 2, 1, pieceOf("a", 1, 0, "x"), pieceOf("b", 1, 0, "x"))}, "more than the first record says", ErrDamaged},
		{"a file too few", [][]byte{head(1, 1, 2, pieceOf("a", 1, 0, "x"))}, "1 files with 1 bytes", ErrDamaged},
		{"a byte too many", [][]byte{head(2, 1, 1, pieceOf("a", 2, 0, "xy"))}, "more than the first record says", ErrDamaged},
		{"a byte too few", [][]byte{head(1, 2, 1, pieceOf("a", 1, 0, "x"))}, "1 files with 1 bytes", ErrDamaged},
		{"a file twice", [][]byte{head(2, 2, 2, pieceOf("a", 1, 0, "x"), pieceOf("a", 1, 0, "x"))}, "second time", ErrDamaged},
		{"a file without its end", [][]byte{head(1, 2, 1, pieceOf("a", 2, 0, "x"))}, "1 files with 2 bytes", ErrDamaged},
		{"another file before the end of one", [][]byte{head(2, 3, 2, pieceOf("a", 2, 0, "x"), pieceOf("b", 1, 0, "x"))}, "after 1 of 2 bytes of a", ErrDamaged},
		{"a gap", [][]byte{head(2, 3, 1, pieceOf("a", 3, 0, "x"), pieceOf("a", 3, 2, "x"))}, "after 1 of 3 bytes of a", ErrDamaged},
		{"a piece from the middle", [][]byte{head(2, 3, 1, pieceOf("a", 3, 2, "x"))}, "after 0 of 0", ErrDamaged},
		{"another size", [][]byte{head(2, 3, 1, pieceOf("a", 3, 0, "x"), pieceOf("a", 2, 1, "x"))}, "1 bytes of 2 at 1", ErrDamaged},
		{"a checksum", [][]byte{head(1, 1, 1, wrongSum)}, "checksum of the file", ErrDamaged},
		{"a damaged manifest", [][]byte{head(1, 1, 1, pieceOf(ManifestName, 1, 0, "x"))}, "no end", ErrDamaged},
	} {
		d := NewDecoder(100)
		var err error
		for _, r := range parsed(t, c.in) {
			err = d.Add(r)
		}
		if err == nil && d.Done() {
			_, err = d.Snapshot()
		}
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %v with %q", c.name, err, c.err, c.want)
		}
		if _, again := d.Snapshot(); again == nil {
			t.Errorf("%s: got a snapshot, want an error", c.name)
		}
		if errors.Is(err, ErrDamaged) && !d.Done() {
			if err := d.Add(parsed(t, c.in)[0]); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: after that, got %v, want %v", c.name, err, ErrDamaged)
			}
		}
	}
}

// growing has a file that is longer than Stat says, or shorter.
type growing struct {
	Memory
	more int
}

func (g growing) Open(name string) (fs.File, error) {
	f, err := g.Memory.Open(name)
	if m, ok := f.(memoryFile); ok {
		data := append(bytes.Clone(g.Memory[name]), 'x')
		m.Reader = bytes.NewReader(data[:len(data)-1+g.more])
		return m, err
	}
	return f, err
}

func TestEncodeRefuses(t *testing.T) {
	small := Snapshot{Files: Memory{"a_info": []byte("xy")}}
	nothing := func([]byte) error { return nil }
	refused := errors.New("refused")
	long := strings.Repeat("n", 256)
	for _, c := range []struct {
		name string
		s    Snapshot
		size int
		emit func([]byte) error
		want string
	}{
		{"small records", small, MinRecord - 1, nothing, "at least 2048"},
		{"a long node", Snapshot{Node: long, Files: Memory{}}, MinRecord, nothing, "more than 255"},
		{"a long cluster", Snapshot{Cluster: long, Files: Memory{}}, MinRecord, nothing, "more than 255"},
		{"a long name", Snapshot{Files: Memory{long: nil}}, MinRecord, nothing, "255 bytes of a name"},
		{"a refusal", small, MinRecord, func([]byte) error { return refused }, refused.Error()},
		{"a file that has grown", Snapshot{Files: growing{small.Files.(Memory), 1}}, MinRecord, nothing, "the file has grown"},
		{"a file that has shrunk", Snapshot{Files: growing{small.Files.(Memory), -1}}, MinRecord, nothing, io.ErrUnexpectedEOF.Error()},
		{"no directory", Snapshot{Files: os.DirFS("/nonexistent")}, MinRecord, nothing, "no such file"},
	} {
		if err := Encode(c.s, c.size, c.emit); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want one with %q", c.name, err, c.want)
		}
	}
}

// TestEncodeLeavesOutHidden encodes no marks of the spool.
func TestEncodeLeavesOutHidden(t *testing.T) {
	all := records(t, Snapshot{Files: Memory{".try1": nil, ".claim1": nil, "\xff_info": nil, "a_info": []byte("x")}}, MinRecord)
	r := parsed(t, all)
	if len(r) != 1 || r[0].head.files != 1 || r[0].Bytes != 1 {
		t.Errorf("got %+v, want one record of one file of one byte", r)
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, b := range records(f, example(f), MinRecord) {
		f.Add(b)
	}
	f.Add(first(pieceOf("a", 1, 0, "x"), text(200, "unknown")))
	f.Add(record(2))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Input hardly ever has the right checksum, so it is tried with it, too.
		for _, in := range [][]byte{b, binary.LittleEndian.AppendUint32(bytes.Clone(b), crc32.Checksum(b, castagnoli))} {
			r, err := ParseRecord(in)
			if err != nil {
				if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
					t.Fatalf("got %v, want a named error", err)
				}
				continue
			}
			if r.Sequence < 0 || r.Sequence >= r.Records || r.Bytes < 0 || r.head.files < 0 {
				t.Fatalf("got %+v, which is impossible", r)
			}
		}
	})
}

// FuzzDecoder adds the records that are in the input, each with its length before
// it and without its checksum.
func FuzzDecoder(f *testing.F) {
	seed := func(all ...[]byte) {
		var b []byte
		for _, r := range all {
			b = binary.AppendUvarint(b, uint64(len(r)-crc32.Size))
			b = append(b, r[:len(r)-crc32.Size]...)
		}
		f.Add(b)
	}
	seed(records(f, example(f), MinRecord)...)
	seed(first(pieceOf("a", 1, 0, "x")))
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewDecoder(limit)
		for in := bounded.NewReader(b); in.Len() > 0; {
			body := bytes.Clone(in.Bytes(in.Uvarint()))
			r, err := ParseRecord(binary.LittleEndian.AppendUint32(body, crc32.Checksum(body, castagnoli)))
			if err == nil {
				_ = d.Add(r)
			}
			if n := d.files.Size(); n > limit {
				t.Fatalf("%d bytes kept, want at most %d", n, limit)
			}
		}
		s, err := d.Snapshot()
		if err != nil {
			return
		}
		again := NewDecoder(limit)
		for _, r := range parsed(t, records(t, s, MinRecord)) {
			if err := again.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		back, err := again.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		same(t, back, s)
	})
}
