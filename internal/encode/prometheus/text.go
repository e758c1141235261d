package prometheus

import (
	"math"
	"strconv"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
)

// appendHead appends the two lines that begin a family.
func appendHead(b []byte, name, help string, kind catalogue.Nature) []byte {
	if help != "" {
		b = append(append(append(b, "# HELP "...), name...), ' ')
		b = append(appendEscaped(b, help, false), '\n')
	}
	b = append(append(b, "# TYPE "...), name...)
	if kind == catalogue.Counter {
		return append(b, " counter\n"...)
	}
	return append(b, " gauge\n"...)
}

// appendLabels appends labels, each after a comma.
func appendLabels(b []byte, all []Label) []byte {
	for _, l := range all {
		b = appendLabel(b, l)
	}
	return b
}

func appendLabel(b []byte, l Label) []byte {
	b = append(append(append(b, ','), l.Name...), '=', '"')
	return append(appendEscaped(b, l.Value, true), '"')
}

// appendExtra ends the labels of a sample, after one more that begins with a comma; empty
// for none. alone tells that there are no other labels.
func appendExtra(b, label []byte, alone bool) []byte {
	if len(label) > 0 {
		from := len(b)
		b = append(b, label...)
		if alone {
			b[from] = '{'
		}
		alone = false
	}
	if !alone {
		b = append(b, '}')
	}
	return append(b, ' ')
}

// appendEscaped appends a text as valid UTF-8 with the escapes of the format; quotes are
// escaped in values of labels only.
func appendEscaped(b []byte, text string, quotes bool) []byte {
	for i := 0; i < len(text); {
		n := encode.NextText(text[i:])
		switch c := text[i]; {
		case n == 0:
			b = encode.AppendByte(b, c)
			n = 1
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\\':
			b = append(b, `\\`...)
		case c == '"' && quotes:
			b = append(b, `\"`...)
		default:
			b = append(b, text[i:i+n]...)
		}
		i += n
	}
	return b
}

// appendInt appends a whole number in the unit of the series.
func (c *column) appendInt(b []byte, v int64) []byte {
	switch {
	case c.scale == 1:
		return strconv.AppendInt(b, v, 10)
	case c.scale == 0.001:
		if v < 0 {
			b = append(b, '-')
		}
		u := uint64(max(v, -v)) // that of the smallest number is itself
		b = strconv.AppendUint(b, u/1000, 10)
		if u %= 1000; u != 0 {
			b = append(b, '.', byte('0'+u/100), byte('0'+u/10%10), byte('0'+u%10))
			for b[len(b)-1] == '0' {
				b = b[:len(b)-1]
			}
		}
		return b
	}
	return appendFloat(b, series.Scaled(float64(v), c.scale))
}

// appendValue appends a value in the unit of the series; nothing if it is infinite there.
func (c *column) appendValue(b []byte, v metric.Value) []byte {
	if v.Exact {
		return c.appendInt(b, v.Int)
	}
	if f := series.Scaled(v.Float, c.scale); !math.IsInf(f, 0) {
		return appendFloat(b, f)
	}
	return b
}

func appendFloat(b []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.AppendInt(b, int64(f), 10)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}
