package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var bars = []rune("▁▂▃▄▅▆▇█")

// sparkline draws the newest values, at most width of them. Its height stands for the
// largest value, or for full if that is larger.
func sparkline(values []float64, width int, full float64) string {
	if over := len(values) - width; over > 0 {
		values = values[over:]
	}
	for _, v := range values {
		full = max(full, v)
	}
	var b strings.Builder
	for _, v := range values {
		bar := 0
		if full > 0 && v > 0 {
			bar = min(int(v/full*float64(len(bars))), len(bars)-1)
		}
		b.WriteRune(bars[bar])
	}
	return b.String()
}

// count formats a whole number with commas: 12,345.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes a number of bytes in at most 8 characters: 999 B, 12.3 kB.
func size(n float64) string {
	if n < 999.5 {
		return fmt.Sprintf("%.0f B", n)
	}
	for _, unit := range []string{"kB", "MB", "GB"} {
		n /= 1000
		if n < 999.95 {
			return fmt.Sprintf("%.1f %s", n, unit)
		}
	}
	return fmt.Sprintf("%.1f TB", n/1000)
}

// clock writes a duration as 1:02 or 1:02:03.
func clock(d time.Duration) string {
	s := int(d.Seconds())
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// number writes a value that is whole most of the time.
func number(v float64) string {
	return strconv.FormatFloat(v, 'f', -1, 64)
}
