package plaintext

import (
	"math"
	"math/bits"
	"strconv"

	"haproxystats/internal/metric"
)

// maxNumber bounds the length of a number in plain decimals: of the smallest
// float64, 5e-324, there are 326, and a few have a sign or one digit more.
const maxNumber = 344

// eighths holds the decimals of n/8.
var eighths = [8]string{"", ".125", ".25", ".375", ".5", ".625", ".75", ".875"}

const twoDigits = "00010203040506070809101112131415161718192021222324252627282930313233343536373839" +
	"4041424344454647484950515253545556575859606162636465666768697071727374757677787980818283848586878889" +
	"90919293949596979899"

// putInt writes v at the start of b, which has room, and returns its length.
// It is strconv.AppendInt without what makes that one general, and it takes
// half the time.
func putInt(b []byte, v int64) int {
	u := uint64(v)
	n := 0
	if v < 0 {
		b[0] = '-'
		n = 1
		u = -u
	}
	if u < 10 {
		b[n] = byte('0' + u)
		return n + 1
	}
	n += decimals(u)
	i := n
	for u >= 100 {
		q := u / 100
		r := 2 * (u - 100*q)
		u = q
		i -= 2
		b[i+1], b[i] = twoDigits[r+1], twoDigits[r]
	}
	if u >= 10 {
		b[i-1], b[i-2] = twoDigits[2*u+1], twoDigits[2*u]
	} else {
		b[i-1] = byte('0' + u)
	}
	return n
}

// decimals returns the number of digits of u, which is not 0.
func decimals(u uint64) int {
	// 1233/4096 is the logarithm of 2 to the base of 10, near enough.
	n := bits.Len64(u) * 1233 >> 12
	if u >= powers[n] {
		n++
	}
	return n
}

var powers = [20]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// putFloat writes v at the start of b, which has room for maxNumber bytes, in
// plain decimals that read back as v, and returns its length: 0 for what is no
// number.
func putFloat(b []byte, v float64) int {
	// Means over 1, 2, 4 or 8 processes are eighths, and exact.
	if v > -1<<50 && v < 1<<50 {
		if x := int64(v * 8); float64(x) == v*8 {
			n := 0
			if x < 0 {
				b[0] = '-'
				n = 1
				x = -x
			}
			n += putInt(b[n:], x>>3)
			return n + copy(b[n:], eighths[x&7])
		}
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return len(strconv.AppendFloat(b[:0:maxNumber], v, 'f', -1, 64))
}

func putNumber(b []byte, v metric.Value) int {
	if v.Exact {
		return putInt(b, v.Int)
	}
	return putFloat(b, v.Float)
}
