package haproxy

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestFields compares with a split at commas, with anything behind the end of
// the row, commas too.
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
		f.begin(buf, len(before), len(before)+len(row))
		for range rapid.IntRange(0, 2).Draw(r, "parts") {
			f.find(rapid.IntRange(-1, last).Draw(r, "part"))
		}
		f.find(last)
		for i := range last + 1 {
			if got := i < f.n; got != (i < len(want)) {
				r.Fatalf("field %d of %q is found: got %v", i, row, got)
			}
			if i < len(want) && !bytes.Equal(f.field(i), want[i]) {
				r.Fatalf("field %d of %q: got %q, want %q", i, row, f.field(i), want[i])
			}
		}
	})
}

// TestNumbers compares numbers that are read eight digits at a time with those
// that are read one at a time.
func TestNumbers(t *testing.T) {
	digits := rapid.SliceOfN(rapid.SampledFrom([]byte("0123456789")), 0, 18)
	others := rapid.SliceOfN(rapid.SampledFrom([]byte("0123456789:/-\x00\xb0 ")), 0, 18)
	rapid.Check(t, func(r *rapid.T) {
		var row []byte
		for range rapid.IntRange(1, 6).Draw(r, "fields") {
			row = append(append(row, rapid.OneOf(digits, digits, others).Draw(r, "field")...), ',')
		}
		row = row[:len(row)-1]
		want := bytes.Split(row, []byte(","))
		from := rapid.IntRange(0, len(want)-1).Draw(r, "first")
		columns := make([]int, 0, len(want))
		for i := range want[from:] {
			columns = append(columns, from+i)
		}
		s := StatScanner{values: make([]int64, len(columns)), present: make([]byte, len(columns))}
		s.fields.begin(append(slices.Clone(row), ",9,9,9,9"...), 0, len(row))
		s.fields.find(len(want) - 1)
		s.fields.read(&s, columns)
		odd := 0
		for i, c := range columns {
			v, ok := Number(want[c])
			if got := s.present[i] == 1; got != ok || s.values[i] != v {
				r.Fatalf("field %d of %q: got %d, %v, want %d, %v", c, row, s.values[i], got, v, ok)
			}
			if !ok && len(want[c]) > 0 {
				if odd == len(s.row.Odd) || s.row.Odd[odd].Index != i || !bytes.Equal(s.row.Odd[odd].Raw, want[c]) {
					r.Fatalf("field %d of %q is not among the odd ones: %v", c, row, s.row.Odd)
				}
				odd++
			}
		}
		if odd != len(s.row.Odd) {
			r.Fatalf("got %d odd fields in %q, want %d", len(s.row.Odd), row, odd)
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
