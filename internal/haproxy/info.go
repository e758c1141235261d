package haproxy

import (
	"bytes"
	"io"
)

// InfoScanner reads a reply to `show info` line by line: `Key: value`, ended by an
// empty line. The zero value is ready for Reset, and one scanner serves many
// replies.
//
// Source: HAProxy's management guide, "show info".
type InfoScanner struct {
	lines      lines
	key, value []byte
	pairs      int
	skipped    int
}

// infoSize is the first size of the buffer: a reply of HAProxy 3.4 has 2 KB.
const infoSize = 8 << 10

// Reset begins to read another reply.
func (s *InfoScanner) Reset(r io.Reader) {
	s.lines.reset(r, infoSize)
	s.pairs, s.skipped = 0, 0
}

var infoSeparator = []byte(": ")

// maxPairs bounds a reply: each pair may become a metric. HAProxy 3.4 has 81.
const maxPairs = 1024

// Next advances to the next pair. It skips lines that are not pairs, and pairs
// beyond maxPairs.
func (s *InfoScanner) Next() bool {
	for {
		from, to, ok := s.lines.next()
		if !ok {
			return false
		}
		line := s.lines.buf[from:to]
		key, value, ok := bytes.Cut(line, infoSeparator)
		if ok && len(key) > 0 {
			if s.pairs == maxPairs {
				s.skipped++
				continue
			}
			s.key, s.value = key, bytes.TrimSpace(value)
			s.pairs++
			return true
		}
		// For an empty value HAProxy leaves out the value and the space before it.
		if len(line) > 0 && !bytes.HasSuffix(bytes.TrimSpace(line), infoSeparator[:1]) {
			s.skipped++
		}
	}
}

// Key returns the key, valid until the next call of Next.
func (s *InfoScanner) Key() []byte { return s.key }

// Value returns the value, valid until the next call of Next.
func (s *InfoScanner) Value() []byte { return s.value }

// Err returns the error that ended the reading, if any.
func (s *InfoScanner) Err() error { return s.lines.err }

// Pairs returns the number of pairs read so far.
func (s *InfoScanner) Pairs() int { return s.pairs }

// Skipped returns the number of lines that were skipped.
func (s *InfoScanner) Skipped() int {
	n := s.skipped + s.lines.long
	if s.lines.cut {
		n++
	}
	return n
}

// Complete reports, at the end, whether the reply ended with HAProxy's end mark.
func (s *InfoScanner) Complete() bool { return s.lines.blank && !s.lines.cut }
