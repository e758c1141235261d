package haproxy

import (
	"bytes"
	"errors"
	"io"
	"math"
)

const (
	// readSize is the amount read at once. Replies of several processes are read
	// together, each with its own buffer.
	readSize = 128 << 10
	// maxLine bounds the buffer; a longer line is skipped and counted.
	maxLine = 16 << 20
	// padding follows the data, so that eight bytes can be read at any position.
	padding = 8
)

// lines splits a stream into lines over one reused buffer.
type lines struct {
	r          io.Reader
	buf        []byte // len(buf)-padding is usable
	own        []byte // the buffer that is kept, while buf may be that of who feeds
	start, end int    // buf[start:end] is read and not yet returned
	quote      int    // the next quote in buf[:end], or end; 0 if not known
	eof        bool
	err        error
	long       int  // lines over maxLine, skipped
	cut        bool // the stream ended within a line
	blank      bool // the last line was empty: HAProxy's end mark
	// starved reports whether the bytes that were fed do not suffice. Then nothing is
	// lost: there is no reader, and more is to be fed.
	starved bool
	// searched is how much of the next line was read before it was starved.
	searched int
}

// reset begins another stream, with a buffer of that size or more.
func (l *lines) reset(r io.Reader, size int) {
	buf := l.buf
	if l.own != nil {
		buf = l.own
	}
	// The buffer of one huge line must not stay for ever.
	if len(buf) < size+padding || len(buf) > 4*readSize {
		buf = make([]byte, size+padding)
	}
	*l = lines{r: r, buf: buf}
}

// errTooLong ends a stream that is fed: one line exceeds all that it may take.
var errTooLong = errors.New("a line is too long")

// feed adds bytes to a stream without a reader, at least one, and returns the others. All
// lines but a last one that is incomplete must be read before the next call, and no byte
// of p is used after a call that returns none: whole lines stay where they are, and only
// those at the ends of p are copied.
func (l *lines) feed(p []byte, limit int) []byte {
	l.starved = false
	l.quote = 0
	if l.own == nil {
		l.own = l.buf
	}
	if l.start == l.end {
		l.start, l.end, l.searched = 0, 0, 0
		if n := wholeLines(p); n > 0 {
			l.buf, l.end = p, n
			return p[n:]
		}
		l.buf = l.own
	} else if &l.buf[0] != &l.own[0] { // a row with quotes goes on
		rest := l.buf[l.start:l.end]
		for len(l.own)-padding < len(rest) {
			l.own = make([]byte, 2*(len(l.own)-padding)+padding)
		}
		l.buf, l.start, l.end = l.own, 0, copy(l.own, rest)
	}
	l.close()
	if l.end == len(l.buf)-padding {
		if l.end >= limit {
			l.eof, l.err = true, errTooLong
			return nil
		}
		l.grow()
		l.own = l.buf
	}
	n := len(p)
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		n = i + 1
	}
	n = copy(l.buf[l.end:len(l.buf)-padding], p[:n])
	l.end += n
	return p[n:]
}

// wholeLines returns the length of the whole lines at the beginning of p that have so many
// bytes behind them that eight can be read at any position.
func wholeLines(p []byte) int {
	if len(p) <= padding {
		return 0
	}
	return bytes.LastIndexByte(p[:len(p)-padding], '\n') + 1
}

// close moves what is left to the front.
func (l *lines) close() {
	if l.start > 0 {
		copy(l.buf, l.buf[l.start:l.end])
		l.end -= l.start
		l.start = 0
	}
}

// grow makes the buffer twice as large.
func (l *lines) grow() {
	grown := make([]byte, 2*(len(l.buf)-padding)+padding)
	copy(grown, l.buf[:l.end])
	l.buf = grown
}

// next returns the bounds of the next line in buf, without its newline, which is the
// byte after it. It returns false at the end of the stream or after an error. Bounds
// from earlier calls are invalid then.
func (l *lines) next() (from, to int, ok bool) {
	to, ok = l.find(l.searched, math.MaxInt)
	if !ok {
		if l.starved {
			l.searched = l.end - l.start
			return 0, 0, false
		}
		l.cut = l.cut || l.end > l.start
		l.start, l.searched = l.end, 0
		return 0, 0, false
	}
	from = l.start
	l.start, l.searched = to+1, 0
	l.blank = from == to
	return from, to, true
}

// hasQuote reports whether the line buf[from:to] has a quote. Calls must follow the
// order of lines: most lines have no quote, so one search serves many.
func (l *lines) hasQuote(from, to int) bool {
	if l.quote < from || l.quote == 0 {
		l.quote = l.end
		if i := bytes.IndexByte(l.buf[from:l.end], '"'); i >= 0 {
			l.quote = from + i
		}
	}
	return l.quote < to
}

// extend appends the next line to the line of n bytes that next returned last. It
// returns false, and changes nothing, if there is no next line or the whole would
// exceed limit bytes, which must be less than readSize.
func (l *lines) extend(n, limit int) (from, to int, ok bool) {
	l.start -= n + 1
	to, ok = l.find(n+1, limit)
	if !ok {
		to = l.start + n
	}
	from = l.start
	l.start = to + 1
	return from, to, ok
}

// find returns the index of the first newline in buf[start+searched:]. It reads on
// as needed, which may move the data to the front of buf. It returns false if no
// newline is within limit bytes of start.
func (l *lines) find(searched, limit int) (int, bool) {
	for {
		if i := bytes.IndexByte(l.buf[l.start+searched:l.end], '\n'); i >= 0 {
			return l.start + searched + i, searched+i <= limit
		}
		searched = l.end - l.start
		long := l.long
		if searched > limit || !l.more() {
			return 0, false
		}
		if l.long != long {
			searched = 0
		}
	}
}

// more reads on after buf[start:end], which it may move. It returns false if nothing
// follows.
func (l *lines) more() bool {
	if l.eof {
		return false
	}
	if l.r == nil {
		l.starved = true
		return false
	}
	l.quote = 0
	l.close()
	if l.end == len(l.buf)-padding {
		if len(l.buf) >= maxLine {
			return l.dropLine()
		}
		l.grow()
	}
	return l.fill()
}

// fill reads once after buf[:end]. After an error it does not read again: data may
// be missing in between.
func (l *lines) fill() bool {
	if l.eof {
		return false
	}
	for range 100 { // as in bufio: a reader that always returns nothing is broken
		n, err := l.r.Read(l.buf[l.end : len(l.buf)-padding])
		l.end += n
		if err != nil {
			l.eof = true
			if err != io.EOF {
				l.err = err
			}
			return n > 0
		}
		if n > 0 {
			return true
		}
	}
	l.eof, l.err = true, io.ErrNoProgress
	return false
}

// dropLine skips past the next newline and keeps what follows it.
func (l *lines) dropLine() bool {
	l.long++
	l.blank = false
	l.quote = 0
	for {
		l.start, l.end = 0, 0
		if !l.fill() {
			return false
		}
		if i := bytes.IndexByte(l.buf[:l.end], '\n'); i >= 0 {
			copy(l.buf, l.buf[i+1:l.end])
			l.end -= i + 1
			return l.end > 0 || l.fill()
		}
	}
}
