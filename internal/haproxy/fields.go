package haproxy

import (
	"encoding/binary"
	"math/bits"
)

// fields finds the fields of a row without quotes. It looks at eight bytes at
// once and takes down where each comma is, without a branch that depends on
// where: how long a field is can't be predicted, and a wrong guess costs more
// than the work.
type fields struct {
	buf      []byte
	at, to   int     // buf[at:to] has not been looked at; eight more bytes can be read
	bounds   []int32 // field i is buf[bounds[i]+1 : bounds[i+1]]
	n        int     // how many fields are known
	complete bool    // all of the row's are
}

// perWord is how many commas eight bytes can have.
const perWord = 8

// reset begins the row buf[from:to], of which fields up to number last will be
// asked for.
func (f *fields) reset(buf []byte, from, to, last int) {
	f.buf, f.at, f.to = buf, from, to
	if len(f.bounds) < last+2+perWord {
		f.bounds = make([]int32, last+2+perWord)
	}
	f.bounds[0] = int32(from - 1)
	f.n = 0
	f.complete = false
}

// reach makes the bounds of field number i known; it is false if the row has
// fewer fields.
func (f *fields) reach(i int) bool {
	n, at := f.n, f.at
	for n <= i && at < f.to {
		m := commas(binary.LittleEndian.Uint64(f.buf[at:]))
		out := (*[perWord]int32)(f.bounds[n+1:])
		n += bits.OnesCount64(m)
		// The first four are written whether they are there or not.
		out[0], m = place(at, m)
		out[1], m = place(at, m)
		out[2], m = place(at, m)
		out[3], m = place(at, m)
		if m != 0 {
			out[4], m = place(at, m)
			out[5], m = place(at, m)
			out[6], m = place(at, m)
			out[7], _ = place(at, m)
		}
		at += 8
	}
	f.n, f.at = n, at
	if f.at >= f.to && !f.complete {
		for f.n > 0 && int(f.bounds[f.n]) >= f.to { // commas behind the row
			f.n--
		}
		f.n++
		f.bounds[f.n] = int32(f.to) // the last field has no comma
		f.complete = true
	}
	return f.n > i
}

// place returns where the first comma of a word that begins at index at is, and
// the others.
func place(at int, commas uint64) (int32, uint64) {
	return int32(at + bits.TrailingZeros64(commas)/8), commas & (commas - 1)
}

// field returns a field that has been reached.
func (f *fields) field(i int) []byte { return f.buf[f.bounds[i]+1 : f.bounds[i+1]] }

// read reads the numbers in the columns, which have been reached, into s.
func (f *fields) read(s *StatScanner, columns []int) {
	values, present := s.values[:len(columns)], s.present[:len(columns)]
	s.row.Odd = s.row.Odd[:0]
	for i, c := range columns {
		start, end := int(f.bounds[c]+1), int(f.bounds[c+1])
		n := end - start
		var v uint64
		ok := false
		switch {
		case n <= 8:
			v, ok = shortNumber(binary.LittleEndian.Uint64(f.buf[start:]), n)
		case n <= 16:
			upper, ok1 := shortNumber(binary.LittleEndian.Uint64(f.buf[start:]), n-8)
			lower, ok2 := shortNumber(binary.LittleEndian.Uint64(f.buf[end-8:]), 8)
			v, ok = upper*1e8+lower, ok1 && ok2
		}
		if !ok {
			s.readField(i, f.buf[start:end])
			continue
		}
		values[i] = int64(v)
		present[i] = 0
		if n > 0 {
			present[i] = 1
		}
	}
}

// readField reads any field.
func (s *StatScanner) readField(i int, raw []byte) {
	s.values[i], s.present[i] = 0, 0
	if len(raw) == 0 {
		return
	}
	if v, ok := Number(raw); ok {
		s.values[i], s.present[i] = v, 1
		return
	}
	s.row.Odd = append(s.row.Odd, OddValue{i, raw})
}

const (
	eightCommas = 0x2c2c2c2c2c2c2c2c
	eightZeros  = 0x3030303030303030 // digits
	lowBits     = 0x7f7f7f7f7f7f7f7f
	upperHalves = 0xf0f0f0f0f0f0f0f0
)

// commas returns a word with the high bit set of each byte of w that is a
// comma: exact, without carries.
func commas(w uint64) uint64 {
	w ^= eightCommas
	return ^(((w & lowBits) + lowBits) | w | lowBits)
}

// shortNumber returns the number that the first n bytes of w are the digits of,
// 0 if n is 0; n is at most 8. It is false if they are no digits.
func shortNumber(w uint64, n int) (uint64, bool) {
	w = w<<(64-8*n) | eightZeros>>(8*n) // leading zeros
	if w&upperHalves != eightZeros || (w+0x0606060606060606)&upperHalves != eightZeros {
		return 0, false
	}
	// Two digits, four, eight: each step adds neighbours up.
	w = (w & 0x0f0f0f0f0f0f0f0f) * (10<<8 + 1) >> 8
	w = (w & 0x00ff00ff00ff00ff) * (100<<16 + 1) >> 16
	return (w & 0x0000ffff0000ffff) * (10000<<32 + 1) >> 32, true
}
