package nagios

import (
	"math"
	"strconv"
	"strings"

	"haproxystats/internal/printable"
)

// Metric is a value of a check, for graphs.
type Metric struct {
	Label string
	Value float64
	// Unit is "" for a number, "s", "%", "B", or "c" for a value that only grows.
	Unit string
	// Warn and Crit are the thresholds of the value; nil for none.
	Warn, Crit *Range
	// Limited reports whether Value is never below 0 and, unless Max is 0, never above
	// Max.
	Limited bool
	Max     float64
}

// String returns the metric as performance data: 'label'=value[unit];warn;crit;min;max
// without what is not known at its end. Seconds have at most 3 decimals, other
// values 6; thresholds are written as they are compared.
func (m Metric) String() string {
	fields := []string{quote(m.Label) + "=", "", "", "", ""}
	if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
		fields[0] += "U" // not known
	} else {
		fields[0] += rounded(m.Value, decimals(m.Unit)) + m.Unit
	}
	if m.Warn != nil {
		fields[1] = m.Warn.String()
	}
	if m.Crit != nil {
		fields[2] = m.Crit.String()
	}
	if m.Limited {
		fields[3] = "0"
		if m.Max > 0 {
			fields[4] = rounded(m.Max, decimals(m.Unit))
		}
	}
	return strings.TrimRight(strings.Join(fields, ";"), ";")
}

// decimals returns the number of useful decimals: clocks have milliseconds, and
// further digits of a difference come from floating point.
func decimals(unit string) int {
	if unit == "s" {
		return 3
	}
	return 6
}

// rounded formats a number without zeros at the end.
func rounded(n float64, decimals int) string {
	text := strconv.FormatFloat(n, 'f', decimals, 64)
	text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	if text == "-0" {
		return "0"
	}
	return text
}

// quote returns any text as a label.
func quote(label string) string {
	label = strings.Map(func(r rune) rune {
		switch {
		case r == '=' || r == '|' || printable.Hidden(r) || r == '\uFFFD':
			return '_'
		}
		return r
	}, label)
	return "'" + strings.ReplaceAll(label, "'", "''") + "'"
}
