package encode

import "unicode/utf8"

// hex has the digits of [AppendByte].
const hex = "0123456789abcdef"

// AppendByte appends what stands for a byte that a format can't have: U+FFFD and two
// hexadecimal digits.
func AppendByte(b []byte, c byte) []byte {
	return append(b, 0xef, 0xbf, 0xbd, hex[c>>4], hex[c&15])
}

// NextText returns the length of the character at the start of s, and 0 if the first
// byte is to be written by [AppendByte]: it is not a part of valid UTF-8, or it belongs to
// a U+FFFD, which stands for such bytes. So different names stay different.
func NextText(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	if r, size := utf8.DecodeRuneInString(s); r != utf8.RuneError {
		return size
	}
	return 0
}

// AppendText appends a name as valid UTF-8.
func AppendText(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		n := NextText(s[i:])
		if n == 0 {
			b = AppendByte(b, s[i])
			i++
			continue
		}
		b = append(b, s[i:i+n]...)
		i += n
	}
	return b
}
