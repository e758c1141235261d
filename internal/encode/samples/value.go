package samples

import (
	"math"
	"strconv"

	"haproxystats/internal/encode/series"
)

// setFloat sets a value that is not whole, and reports whether it is finite in the unit of
// the series.
func (s *Sample) setFloat(v float64) bool {
	s.Float = series.Scaled(v, s.Scale)
	return !math.IsInf(s.Float, 0)
}

// maxExact is the limit up to which a float64 represents every integer.
const maxExact = 1 << 53

// Number returns the value in the unit of the series, as the float64 that is the nearest to
// it; NaN if it is empty.
func (s *Sample) Number() float64 {
	switch {
	case s.Empty:
		return math.NaN()
	case !s.Exact:
		return s.Float
	case s.Scale == 0.001 && (s.Int > maxExact || s.Int < -maxExact):
		// Dividing would round a second time.
		f, _ := strconv.ParseFloat(string(s.AppendText(nil)), 64)
		return f
	}
	return series.Scaled(float64(s.Int), s.Scale)
}

// AppendText appends the value in the unit of the series as a decimal number, exactly if
// that is possible; NaN if it is empty.
func (s *Sample) AppendText(b []byte) []byte {
	switch {
	case s.Empty:
		return append(b, "NaN"...)
	case !s.Exact:
		return AppendFloat(b, s.Float)
	case s.Scale == 1:
		return strconv.AppendInt(b, s.Int, 10)
	case s.Scale == 0.001:
		if s.Int < 0 {
			b = append(b, '-')
		}
		u := uint64(max(s.Int, -s.Int)) // that of the smallest number is itself
		b = strconv.AppendUint(b, u/1000, 10)
		if u %= 1000; u != 0 {
			b = append(b, '.', byte('0'+u/100), byte('0'+u/10%10), byte('0'+u%10))
			for b[len(b)-1] == '0' {
				b = b[:len(b)-1]
			}
		}
		return b
	}
	return AppendFloat(b, series.Scaled(float64(s.Int), s.Scale))
}

// AppendFloat appends a number as short as it can be read back.
func AppendFloat(b []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < maxExact {
		return strconv.AppendInt(b, int64(f), 10)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}
