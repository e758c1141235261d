// Package printable keeps text that others have chosen (names of proxies, replies
// of sockets, causes of errors) from being more than text: terminals obey control
// characters, and format characters reorder or hide what stands beside them.
package printable

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Hidden reports whether r must not reach a terminal as it is: a control
// character, a separator of lines or paragraphs, or a format character such as
// U+202E (right-to-left override), U+200B (zero width space) and U+FEFF.
func Hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Replace returns text with each hidden character replaced by with.
func Replace(text string, with rune) string {
	return strings.Map(func(r rune) rune {
		if Hidden(r) {
			return with
		}
		return r
	}, text)
}

// JSON returns a writer that passes JSON on to w with hidden characters escaped as
// \uXXXX, which changes no value: beyond ASCII they stand in strings only. Each
// write must end where a character ends.
func JSON(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ w io.Writer }

func (j jsonWriter) Write(p []byte) (int, error) {
	if _, err := j.w.Write(escape(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// escape returns p itself if nothing in it is hidden.
func escape(p []byte) []byte {
	var out []byte
	done := 0 // p[:done] is in out
	for i := 0; i < len(p); {
		if p[i] < 0x7f {
			i++
			continue
		}
		r, size := utf8.DecodeRune(p[i:])
		if Hidden(r) {
			out = append(out, p[done:i]...)
			if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
				out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
			} else {
				out = fmt.Appendf(out, `\u%04x`, r)
			}
			done = i + size
		}
		i += size
	}
	if done == 0 {
		return p
	}
	return append(out, p[done:]...)
}
