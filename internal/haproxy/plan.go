package haproxy

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// plan is a selection of columns, compiled: how many commas to pass before each
// wanted field. The type of a row stands in the middle of it, so it is a step
// of every plan, which ends the run where the guess was wrong.
type plan struct {
	selected bool
	steps    []step
	fields   int
}

type step struct {
	skip   int32 // commas to pass first
	slot   int32 // where the value goes, or noSlot
	isType bool  // the value is the row's type
}

const noSlot = -1

// maxDigits is how many digits always fit into an int64.
const maxDigits = 18

// firstField is the column at which a run begins: behind pxname and svname.
const firstField = 2

func newPlan(columns []int, typeColumn int) plan {
	p := plan{fields: len(columns)}
	at := firstField
	add := func(column, slot int) {
		p.steps = append(p.steps, step{int32(column - at), int32(slot), column == typeColumn})
		at = column
	}
	typed := typeColumn < firstField
	for i, c := range columns {
		if !typed && c > typeColumn {
			add(typeColumn, noSlot)
		}
		typed = typed || c >= typeColumn
		add(c, i)
	}
	if !typed {
		add(typeColumn, noSlot)
	}
	return p
}

// outcome is how a run of a plan ended.
type outcome uint8

const (
	complete outcome = iota
	short            // the row ended early, or its type is none
	mistyped         // the row is of another type
)

// run reads the fields of the row buf[i:end] into s.values, s.present and
// s.row.Odd. The byte at end ends the last field, and eight more can be read.
func (p *plan) run(s *StatScanner, buf []byte, i, end int, typ RowType) (outcome, RowType) {
	values, present := s.values, s.present
	s.row.Odd = s.row.Odd[:0]
	for _, st := range p.steps {
		switch {
		case st.skip == 1 && buf[i] == ',':
			i++
		case st.skip > 0:
			if i = skipCommas(buf, i, end, int(st.skip)); i < 0 {
				return short, typ
			}
		}
		start := i
		var v uint64
		c := buf[i]
		for {
			d := c - '0'
			if d > 9 {
				break
			}
			v = v*10 + uint64(d)
			i++
			c = buf[i]
		}
		digits := i-start <= maxDigits && (c == ',' || i == end)
		if !digits {
			i = fieldEnd(buf, i, end)
		}
		if st.isType {
			actual, ok := rowType(buf[start:i])
			switch {
			case !ok:
				return short, typ
			case actual != typ:
				return mistyped, actual
			case st.slot == noSlot:
				continue
			}
		}
		if !digits {
			s.odd(int(st.slot), buf[start:i])
			continue
		}
		values[st.slot] = int64(v)
		if i > start {
			present[st.slot] = 1
		} else {
			present[st.slot] = 0
		}
	}
	return complete, typ
}

// fieldEnd returns the index of the first comma of buf[i:end], or end.
func fieldEnd(buf []byte, i, end int) int {
	if n := bytes.IndexByte(buf[i:end], ','); n >= 0 {
		return i + n
	}
	return end
}

// odd stores a field that is no run of up to maxDigits digits.
func (s *StatScanner) odd(slot int, raw []byte) {
	s.values[slot], s.present[slot] = 0, 0
	if v, ok := Number(raw); ok {
		s.values[slot], s.present[slot] = v, 1
		return
	}
	s.row.Odd = append(s.row.Odd, OddValue{slot, raw})
}

const (
	eightCommas = 0x2c2c2c2c2c2c2c2c
	lowBits     = 0x7f7f7f7f7f7f7f7f
)

// skipCommas returns the index behind the nth comma of buf[i:end], or -1. It
// counts commas in eight bytes at once, which may be up to seven behind end.
func skipCommas(buf []byte, i, end, n int) int {
	for i < end {
		x := binary.LittleEndian.Uint64(buf[i:]) ^ eightCommas
		// The high bit of each byte that is a comma: exact, without carries.
		m := ^(((x & lowBits) + lowBits) | x | lowBits)
		found := bits.OnesCount64(m)
		if found < n {
			n -= found
			i += 8
			continue
		}
		for ; n > 1; n-- {
			m &= m - 1
		}
		i += bits.TrailingZeros64(m)/8 + 1
		if i > end {
			return -1
		}
		return i
	}
	return -1
}
