package nagios

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Range is a threshold: an interval of good values or, with Inside, of bad ones. Its
// ends belong to it and may be infinite.
type Range struct {
	Start, End float64
	Inside     bool
}

var (
	errEmpty    = errors.New("it is empty")
	errNumber   = errors.New("not a number")
	errBackward = errors.New("its start is above its end")
)

// ParseRange reads a range as it is written for a plugin:
//
//	10      alert below 0 and above 10
//	10:     alert below 10
//	~:10    alert above 10
//	10:20   alert below 10 and above 20
//	@10:20  alert from 10 to 20
func ParseRange(text string) (Range, error) {
	r, err := parseRange(text)
	if err != nil {
		return Range{}, fmt.Errorf("range %q: %w: expected as in 10, 10:, ~:10, 10:20 or @10:20", text, err)
	}
	return r, nil
}

func parseRange(text string) (r Range, err error) {
	text, r.Inside = strings.CutPrefix(text, "@")
	if text == "" {
		return Range{}, errEmpty
	}
	start, end, both := strings.Cut(text, ":")
	if !both {
		start, end = "0", text
	}
	if start == "~" {
		r.Start = math.Inf(-1)
	} else if r.Start, err = number(start); err != nil {
		return Range{}, err
	}
	if end == "" {
		r.End = math.Inf(1)
	} else if r.End, err = number(end); err != nil {
		return Range{}, err
	}
	if r.Start > r.End {
		return Range{}, errBackward
	}
	return r, nil
}

// number reads a decimal number.
func number(text string) (float64, error) {
	if strings.Trim(text, "+-.0123456789eE") != "" {
		return 0, errNumber
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, errNumber
	}
	return n, nil
}

// Above is the range of 0 to n, which alerts above n.
func Above(n float64) Range { return Range{End: n} }

// AtLeast is the range that alerts below n.
func AtLeast(n float64) Range { return Range{Start: n, End: math.Inf(1)} }

// Alerts reports whether a value raises an alert.
func (r Range) Alerts(value float64) bool {
	return (value >= r.Start && value <= r.End) == r.Inside
}

// String returns the range as it is written for a plugin.
func (r Range) String() string {
	var s strings.Builder
	if r.Inside {
		s.WriteByte('@')
	}
	switch {
	case math.IsInf(r.Start, -1):
		s.WriteString("~:")
	case r.Start != 0 || math.IsInf(r.End, 1):
		s.WriteString(format(r.Start) + ":")
	}
	if !math.IsInf(r.End, 1) {
		s.WriteString(format(r.End))
	}
	return s.String()
}

func format(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
