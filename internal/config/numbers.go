package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The texts that Python's int and float accept, except those with digits of other
// scripts.
var (
	pythonInt   = regexp.MustCompile(`^[+-]?[0-9](_?[0-9])*$`)
	pythonFloat = regexp.MustCompile(`^[+-]?([0-9](_?[0-9])*\.?([0-9](_?[0-9])*)?|\.[0-9](_?[0-9])*)([eE][+-]?[0-9](_?[0-9])*)?$`)
	// pythonNotFinite has the other texts that Python's float accepts. No option can use
	// their values.
	pythonNotFinite = regexp.MustCompile(`(?i)^[+-]?(inf|infinity|nan)$`)
)

// parseInt parses an integer as Python's int does.
func parseInt(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if !pythonInt.MatchString(text) {
		return 0, errors.New("not a whole number")
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
	if err != nil {
		return 0, errRange
	}
	return n, nil
}

// parseFloat parses a number as Python's float does, and refuses infinities and NaN.
func parseFloat(text string) (float64, error) {
	text = strings.TrimSpace(text)
	if pythonNotFinite.MatchString(text) {
		return 0, errors.New("not a finite number")
	}
	if !pythonFloat.MatchString(text) {
		return 0, errors.New("not a number")
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	if err != nil {
		return 0, errRange
	}
	return f, nil
}

// whole accepts a whole number that is at least least.
func whole(least int) kind[int] { return wholeBetween(least, math.MaxInt) }

func wholeBetween[T int | int64](least, most T) kind[T] {
	allowed := fmt.Sprintf("%d or more", least)
	if most < math.MaxInt {
		allowed = fmt.Sprintf("%d to %d", least, most)
	}
	return kind[T]{"whole number", allowed, func(text string) (T, error) {
		n, err := parseInt(text)
		if err == nil && (n < int64(least) || n > int64(most)) {
			err = errRange
		}
		return T(n), err
	}}
}

// workers bounds goroutines that each may hold a snapshot or a reply in memory.
var workers = wholeBetween(1, 1024)

// retries is a number of tries, or -1 for no end.
var retries = func() kind[int] {
	k := whole(-1)
	k.allowed = "0 or more, or -1 for no end"
	return k
}()

// factor accepts a number above 0.
var factor = kind[float64]{"number", "above 0", func(text string) (float64, error) {
	f, err := parseFloat(text)
	if err == nil && f <= 0 {
		err = errRange
	}
	return f, err
}}

// maxSeconds keeps sums of durations within a [time.Duration].
const maxSeconds = 1_000_000_000

var errTooLong = fmt.Errorf("longer than %d seconds", maxSeconds)

// positiveSeconds is for times that would make no sense at 0.
var positiveSeconds = seconds("above 0", func(f float64) bool { return f > 0 })

// tenthOfASecond is for clocks that would burn a core if they ticked faster.
var tenthOfASecond = seconds("0.1 or more", func(f float64) bool { return f >= 0.1 })

// anySeconds accepts 0, too.
var anySeconds = seconds("0 or more", func(f float64) bool { return f >= 0 })

// holdSeconds keeps the time for which a connection is held below that of a delivery.
var holdSeconds = seconds("0 to 30", func(f float64) bool { return f >= 0 && f <= 30 })

// daySeconds is for questions that are asked now and then, or never with 0.
var daySeconds = seconds("0, or 1 to 86400", func(f float64) bool { return f == 0 || f >= 1 && f <= 86400 })

func seconds(allowed string, ok func(float64) bool) kind[time.Duration] {
	return kind[time.Duration]{"seconds", allowed, func(text string) (time.Duration, error) {
		f, err := parseFloat(text)
		if err != nil {
			return 0, err
		}
		if !ok(f) {
			return 0, errRange
		}
		if f > maxSeconds {
			return 0, errTooLong
		}
		d := time.Duration(math.Round(f * float64(time.Second)))
		if d == 0 && f > 0 {
			d = 1 // an option may give 0 another meaning
		}
		return d, nil
	}}
}

// wholeSeconds accepts a whole number of seconds, at least 1.
var wholeSeconds = kind[time.Duration]{"whole seconds", "1 or more", func(text string) (time.Duration, error) {
	n, err := parseInt(text)
	switch {
	case err != nil:
		return 0, err
	case n < 1:
		return 0, errRange
	case n > maxSeconds:
		return 0, errTooLong
	}
	return time.Duration(n) * time.Second, nil
}}
