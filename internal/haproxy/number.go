package haproxy

import (
	"math"
	"math/big"
)

// maxNumber bounds the length of a number: HAProxy's largest has 20 digits, and a
// longer text is not a counter.
const maxNumber = 64

// Number parses a field as a whole number. It returns false for an empty field, for
// text, and for a number that exceeds an int64; see [WideNumber] for the last.
func Number(b []byte) (int64, bool) {
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > maxNumber {
		return 0, false
	}
	var v uint64
	if len(digits) < 19 { // it can't overflow
		for _, c := range digits {
			d := uint64(c - '0')
			if d > 9 {
				return 0, false
			}
			v = v*10 + d
		}
	} else {
		for _, c := range digits {
			d := uint64(c - '0')
			if d > 9 || v > (math.MaxUint64-d)/10 {
				return 0, false
			}
			v = v*10 + d
		}
	}
	if len(digits) != len(b) {
		if v > 1<<63 {
			return 0, false
		}
		return -int64(v), true // -(1<<63) wraps to itself
	}
	if v > math.MaxInt64 {
		return 0, false
	}
	return int64(v), true
}

// WideNumber parses a field as a number of any size or with a decimal point, without
// rounding. It returns false if the field is not a number.
func WideNumber(b []byte) (*big.Rat, bool) {
	if len(b) == 0 || len(b) > maxNumber {
		return nil, false
	}
	digits, points := 0, 0
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' && digits > 0 && points == 0:
			points++
		case c == '-' && i == 0:
		default:
			return nil, false
		}
	}
	if digits == 0 || b[len(b)-1] == '.' {
		return nil, false
	}
	return new(big.Rat).SetString(string(b))
}
