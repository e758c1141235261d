package top

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"

	"haproxystats/internal/printable"
)

// missing stands for a value that is not known.
const missing = "-"

// Format returns a value as a table has it, in at most seven characters.
func Format(v float64, u Unit) string {
	if !Known(v) {
		return missing
	}
	switch u {
	case PerSecond:
		if v > 0 && v < 9.95 {
			return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
		}
		return scaled(v, "")
	case Bytes:
		return scaled(v, "B")
	case Millis:
		switch {
		case v < 9999.5:
			return strconv.FormatFloat(math.Round(v), 'f', 0, 64) + "ms"
		default:
			return Age(v / 1000)
		}
	case Percent:
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64) + "%"
	case Seconds:
		return Age(v)
	}
	return scaled(v, "")
}

// scaled returns a number with a letter for its thousands.
func scaled(v float64, unit string) string {
	const letters = "kMGTPE"
	if math.Abs(v) < 9999.5 && unit == "" {
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	}
	letter := -1
	for math.Abs(v) >= 999.5 && letter+1 < len(letters) {
		v /= 1000
		letter++
	}
	digits := 0
	if letter >= 0 && math.Abs(v) < 99.95 {
		digits = 1
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if letter >= 0 {
		text += letters[letter : letter+1]
	}
	return text + unit
}

// Age returns a number of seconds with its two largest units.
func Age(seconds float64) string {
	if !Known(seconds) || seconds < 0 {
		return missing
	}
	s := int64(min(seconds, 1e12))
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	case s < 100*24*3600:
		return fmt.Sprintf("%dd%02dh", s/86400, s%86400/3600)
	}
	return fmt.Sprintf("%dd", s/86400)
}

// Clean returns text that may be shown: what would control the terminal is replaced.
func Clean(text string) string {
	plain := true
	for i := range len(text) {
		if text[i] < ' ' || text[i] >= utf8.RuneSelf-1 {
			plain = false
			break
		}
	}
	if plain {
		return text
	}
	return printable.Replace(strings.ToValidUTF8(text, "\uFFFD"), '?')
}

// Width returns the number of a terminal's columns that a clean text takes.
func Width(text string) int { return displaywidth.String(text) }

// Fit returns a clean text in exactly that width: cut, with an ellipsis as the mark, or
// filled with spaces, at the left if it is aligned to the right.
func Fit(text string, width int, right bool) string {
	if width <= 0 {
		return ""
	}
	w := Width(text)
	if w > width {
		text = displaywidth.TruncateString(text, width, "…")
		w = Width(text)
	}
	fill := strings.Repeat(" ", max(0, width-w))
	if right {
		return fill + text
	}
	return text + fill
}
