package haproxy

import (
	"encoding/binary"
	"math/bits"
)

// fields finds the fields of a row without quotes. It reads eight bytes at once and
// stores the position of each comma. No branch depends on these positions: the length
// of a field can't be predicted, and a wrong guess costs more than the work.
type fields struct {
	row  []byte // the row, and padding after it
	size int    // without the padding
	n    int    // number of fields found
	at   int    // so much of the row has been read
	over bool   // all of the row has been read
	// bounds has positions of 16 bits: field i begins after number i, and ends before
	// number i+1.
	bounds [boundsMask + 1 + 2*perWord]byte
}

const (
	// perWord is the largest number of commas in eight bytes.
	perWord = 8
	// boundsMask shows the compiler that an index into bounds is in range.
	boundsMask = 2*bits16 - 1
	bits16     = 2 * maxColumns
	// maxPlain is the longest row whose bounds have 16 bits.
	maxPlain = 1<<16 - 2*perWord
)

// begin begins the row buf[from:to]. Eight bytes after the row must be readable.
func (f *fields) begin(buf []byte, from, to int) {
	f.row, f.size = buf[from:to+padding], to-from
	f.n, f.at, f.over = 0, 0, false
	binary.LittleEndian.PutUint16(f.bounds[:], 0xffff)
}

// find finds the fields of the row, up to number last, behind those that were found
// before.
func (f *fields) find(last int) {
	if f.over || last < f.n {
		return
	}
	row, size := f.row, f.size
	n, at := f.n, f.at
	for n <= last && at < size {
		c := &commaTable[commaMask(binary.LittleEndian.Uint64(row[at:]))]
		out := f.bounds[2*(n+1)&boundsMask:][:2*perWord]
		offset := uint64(at) * (1<<48 + 1<<32 + 1<<16 + 1)
		binary.LittleEndian.PutUint64(out, c.first+offset)
		binary.LittleEndian.PutUint64(out[8:], c.next+offset)
		n += c.n
		at += 8
	}
	if at >= size {
		for n > 0 && f.bound(n) >= size { // commas after the row
			n--
		}
		n++
		binary.LittleEndian.PutUint16(f.bounds[2*n&boundsMask:], uint16(size)) // the last field has no comma
		f.over = true
	}
	f.n, f.at = n, at
}

// bound returns number i of the bounds.
func (f *fields) bound(i int) int {
	return int(binary.LittleEndian.Uint16(f.bounds[2*i&boundsMask:]))
}

// field returns field i, which the row must have.
func (f *fields) field(i int) []byte {
	return f.row[uint16(f.bound(i)+1):f.bound(i+1)]
}

// numbers reads the numbers in the columns, which the row must have. It returns false
// if a field is neither empty nor a short number, or is too near to the beginning of
// the row.
func (f *fields) numbers(columns []int, values []int64, present []byte) bool {
	if len(columns) == 0 {
		return true
	}
	if f.bound(columns[0]+1) < 8 {
		return false
	}
	values, present = values[:len(columns)], present[:len(columns)]
	row, bad := f.row, uint64(0)
	for i, c := range columns {
		bounds := binary.LittleEndian.Uint32(f.bounds[2*c&boundsMask:])
		end := int(bounds >> 16)
		n := end - int(uint16(bounds+1))
		present[i] = byte(uint(n+15) >> 4) // 0 for n = 0, and 1 for n up to 16
		lower := (binary.LittleEndian.Uint64(row[end-8:]) ^ eightZeros)
		if n <= 8 {
			lower &= lastBytes[n&15]
			values[i] = int64(eightDigits(lower))
			bad |= (lower + notDigits) | lower
			continue
		}
		if n > 16 || end < 16 {
			return false
		}
		upper := (binary.LittleEndian.Uint64(row[end-16:]) ^ eightZeros) & lastBytes[(n-8)&15]
		values[i] = int64(eightDigits(upper)*1e8 + eightDigits(lower))
		bad |= (lower + notDigits) | lower | (upper + notDigits) | upper
	}
	return bad&highBits == 0
}

// read reads the numbers in the columns into s. The row must have these columns.
func (f *fields) read(s *StatScanner, columns []int) {
	s.row.Odd = s.row.Odd[:0]
	if s.row.Plain = f.numbers(columns, s.values, s.present); s.row.Plain {
		return
	}
	for i, c := range columns {
		if !f.numbers(columns[i:i+1], s.values[i:], s.present[i:]) {
			s.readField(i, f.field(c))
		}
	}
}

// readField reads column i of the selection, whatever its text.
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
	highBits    = 0x8080808080808080
	notDigits   = 0x7676767676767676 // added to a byte above 9, it sets the high bit
)

// commaMask returns a mask with a bit for each byte of w that is a comma. No carry
// from one byte changes the result for another.
func commaMask(w uint64) uint8 {
	w ^= eightCommas
	w = ^(((w & lowBits) + lowBits) | w | lowBits)
	return uint8(w >> 7 * 0x0102040810204080 >> 56) // gathers the bits
}

// commaTable has, for each result of commaMask, the positions of the commas in the
// word, in numbers of 16 bits, and the number of commas.
var commaTable = func() (table [256]struct {
	first, next uint64
	n           int
},
) {
	for m := range table {
		c := &table[m]
		for left := uint8(m); left != 0; left &= left - 1 {
			position := uint64(bits.TrailingZeros8(left))
			if c.n < 4 {
				c.first |= position << (16 * c.n)
			} else {
				c.next |= position << (16 * (c.n - 4))
			}
			c.n++
		}
	}
	return table
}()

// lastBytes are masks of the last n bytes of a word, up to 8.
var lastBytes = func() (masks [16]uint64) {
	for n := 1; n <= 8; n++ {
		masks[n] = ^uint64(0) << (64 - 8*n)
	}
	return masks
}()

// eightDigits returns the number whose digits are the bytes of w, the first digit in
// the lowest byte.
func eightDigits(w uint64) uint64 {
	// Each step joins neighbours: two digits, then four, then eight.
	w = w * (10<<8 + 1) >> 8
	w = (w & 0x00ff00ff00ff00ff) * (100<<16 + 1) >> 16
	return (w & 0x0000ffff0000ffff) * (10000<<32 + 1) >> 32
}
