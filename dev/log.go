package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// log prints the lines of several origins, each behind the name of its own.
type log struct {
	mu sync.Mutex
	to io.Writer
}

func newLog(to io.Writer) *log { return &log{to: to} }

// line prints one line.
func (l *log) line(origin, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.to, "%-8s| %s\n", origin, fmt.Sprintf(format, args...))
}

// text prints every line of a text.
func (l *log) text(origin, text string) {
	w := l.writer(origin)
	_, _ = io.WriteString(w, text)
	_, _ = io.WriteString(w, "\n")
}

// writer returns one for what an origin writes in pieces. Empty lines, and a line
// that never ends, are left out.
func (l *log) writer(origin string) io.Writer { return &pieces{log: l, origin: origin} }

type pieces struct {
	log    *log
	origin string
	kept   []byte // the beginning of a line
}

// Write never fails.
func (p *pieces) Write(b []byte) (int, error) {
	p.kept = append(p.kept, b...)
	for {
		line, rest, found := bytes.Cut(p.kept, []byte("\n"))
		if !found {
			return len(b), nil
		}
		if len(line) > 0 {
			p.log.line(p.origin, "%s", line)
		}
		p.kept = append(p.kept[:0], rest...)
	}
}
