package haproxy

import (
	"bytes"
	"io"
)

// A command of the stats socket, and what its reply looks like.
type command struct {
	name   string
	begins string // the first bytes of every right reply
	csv    bool   // quoted fields may hold empty lines
}

var (
	showInfo = command{name: "show info", begins: "Name: "}
	showStat = command{name: "show stat", begins: "# pxname", csv: true}
)

// reply follows one reply while its bytes arrive in pieces of any size, and
// hands them on unaltered.
type reply struct {
	command
	to    io.Writer
	size  int64
	mark  endMark
	whole bool // the end mark has been seen
}

func newReply(c command, to io.Writer) *reply {
	return &reply{command: c, to: to, mark: endMark{csv: c.csv}}
}

// fits reports whether p, the next bytes, may belong to a right reply.
func (r *reply) fits(p []byte) bool {
	if r.size >= int64(len(r.begins)) {
		return true
	}
	rest := r.begins[r.size:]
	n := min(len(p), len(rest))
	return string(p[:n]) == rest[:n]
}

// take writes the bytes of p that belong to the reply and returns their
// number, which is len(p) until the end mark is seen.
func (r *reply) take(p []byte) (int, error) {
	if end := r.mark.scan(p); end >= 0 {
		p, r.whole = p[:end], true
	}
	r.size += int64(len(p))
	return r.to.Write(p)
}

// endMark finds the empty line with which HAProxy ends a reply. In CSV an
// empty line inside a quoted field is data: last_chk holds whatever a checked
// server has answered, empty lines too.
type endMark struct {
	csv     bool
	quoted  bool // inside a quoted field
	inside  bool // inside a field without quotes, where a quote is data
	newline bool // the byte before the next one is a newline
}

// scan returns the number of bytes of p up to and with the end mark, or -1
// when it is still to come.
func (m *endMark) scan(p []byte) int {
	for i := 0; i < len(p); {
		if m.quoted {
			q := bytes.IndexByte(p[i:], '"')
			if q < 0 {
				return -1
			}
			// Another quote right here is the second half of a doubled one
			// and opens the field again.
			m.quoted = false
			i += q + 1
			continue
		}
		end := len(p)
		if m.csv {
			if q := bytes.IndexByte(p[i:], '"'); q >= 0 {
				end = i + q
			}
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
// line, or -1; newline says whether a newline is in front of p.
func emptyLine(newline bool, p []byte) int {
	if newline && p[0] == '\n' {
		return 1
	}
	if i := bytes.Index(p, []byte("\n\n")); i >= 0 {
		return i + 2
	}
	return -1
}
