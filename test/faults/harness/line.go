package harness

import (
	"bytes"
	"errors"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// MaxPath is the longest path in bytes that may arrive.
const MaxPath = 4096

// Point is a line that matches the grammar.
type Point struct {
	Path  []byte // valid until the next line is read
	Value float64
	Time  int64
}

var (
	errFields = errors.New("not three fields, one space apart")
	errPath   = errors.New("path: an empty component, or a byte that no path may have")
	errLength = errors.New("path: too long")
	errNumber = errors.New("value: no plain decimal number")
	errTime   = errors.New("time: no whole number above 0")
)

// ParseLine reads a line without its newline, by the strictest reading of
// Graphite's plaintext protocol: PATH SP VALUE SP TIME, components of UTF-8
// without white space, control characters, slashes and semicolons, values in
// plain decimals.
func ParseLine(line []byte) (Point, error) {
	path, rest, ok := bytes.Cut(line, []byte(" "))
	number, at, ok2 := bytes.Cut(rest, []byte(" "))
	if !ok || !ok2 {
		return Point{}, errFields
	}
	if len(path) > MaxPath {
		return Point{}, errLength
	}
	if !validPath(path) {
		return Point{}, errPath
	}
	if !plainDecimal(number) {
		return Point{}, errNumber
	}
	v, err := strconv.ParseFloat(string(number), 64)
	if err != nil {
		return Point{}, errNumber
	}
	if !digits(at) {
		return Point{}, errTime
	}
	t, err := strconv.ParseInt(string(at), 10, 64)
	if err != nil || t <= 0 {
		return Point{}, errTime
	}
	return Point{path, v, t}, nil
}

func validPath(path []byte) bool {
	component := 0 // length of the present one
	for i := 0; i < len(path); {
		r, size := utf8.DecodeRune(path[i:])
		i += size
		switch {
		case r == '.':
			if component == 0 {
				return false
			}
			component = 0
			continue
		case r == utf8.RuneError && size == 1, r == ';', r == '/', unicode.IsSpace(r), unicode.IsControl(r):
			return false
		}
		component++
	}
	return component > 0
}

// plainDecimal tells of ["-"] 1*digit ["." 1*digit].
func plainDecimal(b []byte) bool {
	whole, fraction, found := bytes.Cut(bytes.TrimPrefix(b, []byte("-")), []byte("."))
	return digits(whole) && (!found || digits(fraction))
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}
