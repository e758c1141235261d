package haproxy

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// TestFields compares with a split at commas, with anything behind the end of
// the row, commas too, and whatever fields are asked for first.
func TestFields(t *testing.T) {
	var f fields
	rapid.Check(t, func(r *rapid.T) {
		bytesOf := rapid.SampledFrom([]byte(",,,,5x\n\x00\xac\x2d\x2b\xff\x80"))
		before := rapid.SliceOfN(bytesOf, 0, 10).Draw(r, "before")
		row := rapid.SliceOfN(bytesOf, 0, 60).Draw(r, "row")
		behind := rapid.SliceOfN(bytesOf, padding, padding).Draw(r, "behind")
		want := bytes.Split(row, []byte(","))
		last := rapid.IntRange(0, 70).Draw(r, "last")
		buf := slices.Concat(before, row, behind)
		f.reset(buf, len(before), len(before)+len(row), last)
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, last), 1, 5).Draw(r, "asked") {
			if got := f.reach(i); got != (i < len(want)) {
				r.Fatalf("reach(%d) of %q = %v", i, row, got)
			}
			if i < len(want) && !bytes.Equal(f.field(i), want[i]) {
				r.Fatalf("field %d of %q = %q, want %q", i, row, f.field(i), want[i])
			}
		}
	})
}

func TestShortNumber(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]byte("0123456789:/,\x00\xb0 ")), 8, 8).Draw(r, "text")
		n := rapid.IntRange(0, 8).Draw(r, "n")
		want, err := strconv.ParseUint("0"+string(text[:n]), 10, 64)
		got, ok := shortNumber(binary.LittleEndian.Uint64(text), n)
		if ok != (err == nil) || ok && got != want {
			r.Fatalf("shortNumber(%q, %d) = %d, %v, want %d, %v", text, n, got, ok, want, err)
		}
	})
}

// TestRowAtEndOfBuffer: a row that ends where the buffer does is read without
// touching what is behind it.
func TestRowAtEndOfBuffer(t *testing.T) {
	const header = "# pxname,svname,qcur,type,scur,lbtot\n"
	for _, row := range []string{"a,s,1,2,7,5", "a,s,1,2,7,", "a,s,1,2,7", "a,s,1,2,,,,,,,,,", "a,s,1,2,x,y", "a,s,1,", "a,s,,2,,"} {
		for size := len(header) + len(row) - 3; size < len(header)+len(row)+20; size++ {
			s := StatScanner{}
			s.lines.buf = make([]byte, size+padding)
			for i := range s.lines.buf {
				s.lines.buf[i] = ",9"[i%2]
			}
			reply := header + row + "\n"
			got := scanStat(t, &s, &pieces{text: reply}, selectAllFields)
			if diff := difference(got, refer(reply, selectAllFields)); diff != "" {
				t.Fatalf("%q in a buffer of %d: %s", row, size, diff)
			}
		}
	}
}
