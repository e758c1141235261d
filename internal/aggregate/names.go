package aggregate

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// pathName makes one component of a metric path of a name: what separates
// components or would break a line of Graphite's becomes "_".
func pathName(name string) string {
	if isPathName(name) {
		return name
	}
	var b strings.Builder
	b.Grow(len(name))
	for i, w := 0, 0; i < len(name); i += w {
		var r rune
		r, w = utf8.DecodeRuneInString(name[i:])
		switch {
		case r == utf8.RuneError && w == 1, r == '.', r == ';', r == '/', unicode.IsSpace(r), unicode.IsControl(r):
			b.WriteByte('_')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isPathName tells of the common case that nothing needs to be done.
func isPathName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c >= 0x7f || c == '.' || c == ';' || c == '/' {
			return false
		}
	}
	return true
}
