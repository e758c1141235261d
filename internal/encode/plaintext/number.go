package plaintext

import (
	"encoding/binary"
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

// putInt writes v at the start of b, which has room for 24 bytes, and returns its
// length. It is strconv.AppendInt without what makes that one general, and it takes
// half the time.
func putInt(b []byte, v int64) int {
	u := uint64(v)
	n := 0
	if v < 0 {
		b[0] = '-'
		n = 1
		u = -u
	}
	if u < 1e8 {
		return n + putShort(b[n:], u)
	}
	upper := u / 1e8
	u -= upper * 1e8
	if upper < 1e8 {
		n += putShort(b[n:], upper)
	} else {
		top := upper / 1e8
		n += putShort(b[n:], top)
		binary.LittleEndian.PutUint64(b[n:], eightDigits(upper-top*1e8)|zeros)
		n += 8
	}
	binary.LittleEndian.PutUint64(b[n:], eightDigits(u)|zeros)
	return n + 8
}

// zeros are eight digits.
const zeros = 0x3030303030303030

// putShort is putInt for a number below 100,000,000.
func putShort(b []byte, u uint64) int {
	if u < 10 {
		b[0] = byte('0' + u)
		return 1
	}
	d := eightDigits(u)
	leading := bits.TrailingZeros64(d) / 8
	binary.LittleEndian.PutUint64(b, (d|zeros)>>(8*leading))
	return 8 - leading
}

// eightDigits returns the decimals of u, which is below 100,000,000, a byte each,
// the first in the lowest. Each step halves two, four and eight numbers at once.
func eightDigits(u uint64) uint64 {
	upper := u / 10000
	w := upper | (u-10000*upper)<<32
	hundreds := w * 10486 >> 20 & 0x0000007f0000007f // 10486>>20 is 1/100 for what is below 10,000
	w = hundreds | (w-100*hundreds)<<16
	tens := w * 103 >> 10 & 0x000f000f000f000f // 103>>10 is 1/10 for what is below 100
	return tens | (w-10*tens)<<8
}

// putFloat writes v at the start of b, which has room for maxNumber bytes, in
// plain decimals that read back as v, and returns its length: 0 for NaN and
// infinities.
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
