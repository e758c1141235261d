package harness

import "bytes"

// Graphite is a server that records everything in [Received], and confirms as
// carbon does: by ending a connection whose sender has ended it, once every line
// is noted. Kill, Restart and SetPlan are its faults. What follows a
// connection's last newline is no line, as for carbon.
type Graphite struct {
	*receiver
	Received *Received
}

// Graphite starts a server on a free port of loopback.
func (s *Site) Graphite(src *Source) *Graphite {
	s.T.Helper()
	o := &Graphite{Received: NewReceived(src)}
	o.receiver = s.receiver(o.read)
	return o
}

// maxLine bounds a line that a Graphite accepts.
const maxLine = 64 << 10

func (o *Graphite) read(in *intake) {
	var line []byte // the beginning of one
	for {
		p, err := in.next()
		if end := bytes.LastIndexByte(p, '\n') + 1; end > 0 {
			o.Received.Add(append(line, p[:end]...))
			line = append(line[:0], p[end:]...)
		} else {
			line = append(line, p...)
		}
		if len(line) > maxLine {
			o.Received.Add([]byte("a line without end\n"))
			return
		}
		if err != nil {
			return
		}
	}
}
