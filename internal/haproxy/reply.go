package haproxy

import (
	"bytes"
	"io"
	"regexp"
	"slices"
)

// command is a command of the stats socket, with the beginning of its reply.
type command struct {
	name   string
	begins []string // every valid reply begins with one of these
}

var (
	showInfo = command{"show info", []string{"Name: "}}
	showStat = command{"show stat", []string{"# pxname", "#pxname"}} // the second one before HAProxy 1.5
)

// showProxies asks for the rows of all frontends (1) and backends (2), and for no others.
// Every version from 1.6 on takes the arguments; -1 stands for all.
const showProxies = "show stat -1 3 -1"

// askStat returns the command for `show stat`, or for its rows of proxies only.
func askStat(proxiesOnly bool) string {
	if proxiesOnly {
		return showProxies
	}
	return showStat.name
}

// reply follows one reply whose bytes arrive in pieces of any size.
type reply struct {
	command
	to    io.Writer
	size  int64
	first []byte  // its first bytes, until they prove to begin a valid reply
	whole bool    // its end has been seen
	mark  endMark // of `show stat`
}

// fits reports whether p, the next bytes, may belong to a valid reply.
func (r *reply) fits(p []byte) bool {
	if r.first == nil && r.size > 0 {
		return true
	}
	begun := append(slices.Clip(r.first), p[:min(len(p), headerSize)]...) // no beginning is longer
	for _, b := range r.begins {
		n := min(len(begun), len(b))
		if string(begun[:n]) != b[:n] {
			continue
		}
		r.first = begun
		if n == len(b) {
			r.first = nil
		}
		return true
	}
	return false
}

// statReply is a reply to `show stat`. It ends with an empty line outside of quotes,
// and is passed on unchanged while it arrives.
type statReply struct{ reply }

func newStatReply(to io.Writer) *statReply { return &statReply{reply{command: showStat, to: to}} }

// take writes the bytes of p that belong to the reply and returns their number,
// which is len(p) until the end mark has come.
func (r *statReply) take(p []byte) (int, error) {
	if end := r.mark.scan(p); end >= 0 {
		p, r.whole = p[:end], true
	}
	r.size += int64(len(p))
	return r.to.Write(p)
}

// maxInfo bounds a reply to `show info`, which is stored until its end is known.
const maxInfo = 1 << 20

// infoReply is a reply to `show info`. It ends with an empty line, but the texts
// `description` and `node` of HAProxy's configuration may contain empty lines, too.
// So it ends where the header of `show stat` follows, or where the connection ends.
type infoReply struct {
	reply
	text []byte // all bytes so far
}

func newInfoReply(to io.Writer) *infoReply {
	return &infoReply{reply: reply{command: showInfo, to: to}}
}

// headerSize is the length of the longest header of `show stat` behind an empty line.
const headerSize = len("\n\n# pxname")

// beforeHeader returns the number of bytes in front of the header of `show stat`, the
// empty line included, or -1.
func beforeHeader(text []byte) int {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte("\n\n#"))
		if i < 0 {
			return -1
		}
		from += i + len(emptyLineMark)
		if bytes.HasPrefix(bytes.TrimPrefix(text[from+1:], []byte(" ")), []byte("pxname")) {
			return from
		}
	}
}

// infoStep is the number of bytes added at once: a reply has a few KB, and much of
// `show stat` may follow in the same piece.
const infoStep = 1 << 10

// take adds p to the reply and returns the number of its bytes that belong to the
// reply: all, until the end has arrived. early has bytes of earlier calls that have
// turned out to begin the next reply.
func (r *infoReply) take(p []byte) (n int, early []byte) {
	if len(r.text) == 0 {
		if at := beforeHeader(p); at >= 0 { // nearly always: then p is not copied
			r.text = p[:at:at]
			r.end(at)
			return at, nil
		}
	}
	for before := len(r.text); n < len(p); {
		from := max(0, len(r.text)-headerSize)
		step := p[n:min(len(p), n+infoStep)]
		r.text = append(r.text, step...)
		n += len(step)
		if at := beforeHeader(r.text[from:]); at >= 0 {
			end := from + at
			early = r.text[end:max(end, before)]
			r.end(end)
			return max(0, end-before), early
		}
	}
	r.size = int64(len(r.text))
	return n, nil
}

// infoLine matches a line of `show info`, which no answer to another command has.
var infoLine = regexp.MustCompile("(?m)^[A-Z][-_ A-Za-z0-9]*: ")

// settle decides, at the end of the connection, where the reply ends, and returns
// what follows it. A reply without an end is not whole.
func (r *infoReply) settle() (rest []byte) {
	first := bytes.Index(r.text, emptyLineMark)
	if first < 0 {
		return nil
	}
	first += len(emptyLineMark)
	if !infoLine.Match(r.text[first:]) {
		return r.end(first)
	}
	if bytes.HasSuffix(r.text, emptyLineMark) {
		return r.end(len(r.text))
	}
	return nil
}

func (r *infoReply) end(n int) (rest []byte) {
	rest = r.text[n:]
	r.text, r.size, r.whole = r.text[:n], int64(n), true
	return rest
}

// store writes the reply, which is whole, and forgets its text.
func (r *infoReply) store() error {
	_, err := r.to.Write(r.text)
	r.text = nil
	return err
}

var emptyLineMark = []byte("\n\n")

// endMark finds the empty line with which HAProxy ends CSV. An empty line within a
// quoted field is data: last_chk has the answer of a checked server, which may
// contain empty lines.
type endMark struct {
	quoted  bool // within a quoted field
	inside  bool // within a field without quotes, where a quote is data
	newline bool // the byte before the next one is a newline
}

// scan returns the number of bytes of p up to the end of the end mark, or -1 if it
// has not come yet.
func (m *endMark) scan(p []byte) int {
	for i := 0; i < len(p); {
		if m.quoted {
			q := bytes.IndexByte(p[i:], '"')
			if q < 0 {
				return -1
			}
			// A quote right after this one would be the second half of a doubled quote, and the
			// field would go on.
			m.quoted = false
			i += q + 1
			continue
		}
		end := len(p)
		if q := bytes.IndexByte(p[i:], '"'); q >= 0 {
			end = i + q
		}
		if end > i {
			if n := emptyLine(m.newline, p[i:end]); n >= 0 {
				return i + n
			}
			last := p[end-1]
			m.newline = last == '\n'
			m.inside = !m.newline && last != ','
		}
		if end < len(p) {
			m.quoted, m.newline = !m.inside, false
			end++
		}
		i = end
	}
	return -1
}

// emptyLine returns the number of bytes of p up to and with the first empty
// line, or -1; newline is whether a newline is in front of p.
func emptyLine(newline bool, p []byte) int {
	if newline && p[0] == '\n' {
		return 1
	}
	if i := bytes.Index(p, emptyLineMark); i >= 0 {
		return i + 2
	}
	return -1
}
