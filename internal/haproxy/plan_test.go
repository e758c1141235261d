package haproxy

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestSkipCommas compares with a byte by byte count, with anything behind the
// end of the row, commas too.
func TestSkipCommas(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		bytesOf := rapid.SampledFrom([]byte(",,,,5x\n\x00\xac\x2d\x2b\xff\x80"))
		row := rapid.SliceOfN(bytesOf, 0, 60).Draw(r, "row")
		behind := rapid.SliceOfN(bytesOf, padding, padding).Draw(r, "behind")
		begin := rapid.IntRange(0, len(row)).Draw(r, "begin")
		n := rapid.IntRange(1, 20).Draw(r, "n")
		want := -1
		for i, left := begin, n; i < len(row) && want < 0; i++ {
			if row[i] == ',' {
				if left--; left == 0 {
					want = i + 1
				}
			}
		}
		buf := append(bytes.Clone(row), behind...)
		if got := skipCommas(buf, begin, len(row), n); got != want {
			r.Fatalf("skipCommas(%q, %d, %d, %d) = %d, want %d", buf, begin, len(row), n, got, want)
		}
	})
}

// TestPlanAtEndOfBuffer: a row that ends where the buffer does is read without
// touching what is behind it.
func TestPlanAtEndOfBuffer(t *testing.T) {
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
