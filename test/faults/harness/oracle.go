package harness

import "bytes"

// Oracle is a Graphite that notes everything in a [Book], and confirms as
// carbon does: by ending a connection whose sender has ended it, once every line
// is noted. Kill, Restart and SetPlan are its faults. What follows a
// connection's last newline is no line, as for carbon.
type Oracle struct {
	*receiver
	Book *Book
}

// Oracle starts a Graphite on a free port of loopback.
func (s *Site) Oracle(src *Source) *Oracle {
	s.T.Helper()
	o := &Oracle{Book: NewBook(src)}
	o.receiver = s.receiver(o.read)
	return o
}

// maxLine bounds a line that an Oracle takes.
const maxLine = 64 << 10

func (o *Oracle) read(in *intake) {
	var line []byte // the beginning of one
	for {
		p, err := in.next()
		if end := bytes.LastIndexByte(p, '\n') + 1; end > 0 {
			o.Book.Add(append(line, p[:end]...))
			line = append(line[:0], p[end:]...)
		} else {
			line = append(line, p...)
		}
		if len(line) > maxLine {
			o.Book.Add([]byte("a line without end\n"))
			return
		}
		if err != nil {
			return
		}
	}
}
