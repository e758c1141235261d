package haproxy

import "bytes"

// maxRecord bounds a row that goes over several lines, because every row with a
// stray quote may be such a row.
const maxRecord = 64 << 10

// record splits a row that may have quoted fields (RFC 4180: a quote within a quoted
// field is doubled, and such a field may contain commas and newlines).
type record struct {
	fields [][]byte
	text   []byte // backs the unquoted fields
}

// split splits one row. It returns false if the quotes are not balanced; then fields
// has those before the fault.
func (r *record) split(row []byte) bool {
	r.fields = r.fields[:0]
	r.text = append(r.text[:0], row...) // never longer than the row
	out := r.text[:0]
	for {
		begin := len(out)
		if len(row) > 0 && row[0] == '"' {
			row = row[1:]
			for {
				i := bytes.IndexByte(row, '"')
				if i < 0 {
					return false
				}
				out = append(out, row[:i]...)
				row = row[i+1:]
				if len(row) == 0 || row[0] != '"' {
					break
				}
				out = append(out, '"')
				row = row[1:]
			}
		}
		// Text after a closing quote belongs to the field.
		i := bytes.IndexByte(row, ',')
		if i < 0 {
			out = append(out, row...)
			r.fields = append(r.fields, out[begin:])
			return true
		}
		out = append(out, row[:i]...)
		r.fields = append(r.fields, out[begin:len(out):len(out)])
		row = row[i+1:]
	}
}

// scanQuoted finds the names of a row with quotes by splitting all of it.
func (s *StatScanner) scanQuoted(from, to int) result {
	line := s.lines.buf[from:to]
	if !s.record.split(line) && !s.splitLonger(from, to) {
		return unusable
	}
	fields, h := s.record.fields, &s.header
	if h.naming >= len(fields) {
		return unusable
	}
	var typ []byte
	if h.typ >= 0 {
		typ = fields[h.typ]
	}
	if s.hashing {
		s.hashRow(fields[h.proxy], fields[h.service], typ)
		for _, number := range []int{h.iid, h.sid} {
			if number >= 0 && number < len(fields) {
				s.hashRow(fields[number])
			}
		}
	}
	return s.identify(fields[h.proxy], fields[h.service], typ)
}

// readQuoted reads the selected columns of a row with quotes.
func (s *StatScanner) readQuoted(w *choice) bool {
	fields := s.record.fields
	if w.last >= len(fields) {
		return false
	}
	s.row.Odd = s.row.Odd[:0]
	s.row.Plain = true
	for i, c := range w.columns {
		s.readField(i, fields[c])
		s.row.Plain = s.row.Plain && uint64(s.values[i]) < 1e16
	}
	s.row.Plain = s.row.Plain && len(s.row.Odd) == 0
	for i, c := range w.texts {
		s.texts[i] = fields[c]
	}
	return true
}

// splitLonger tries whether the row goes on in the following lines, because a quoted
// field has a newline. It accepts such a row only if its quotes follow RFC 4180
// strictly and its columns are those of the header: otherwise a stray quote would
// swallow good rows, or mix two rows. It consumes the lines only if it accepts them.
func (s *StatScanner) splitLonger(from, to int) bool {
	n := to - from
	whole := n
	open, ok := strictQuotes(s.lines.buf[from:to], false)
	for open && ok {
		if from, to, ok = s.lines.extend(whole, maxRecord); !ok {
			break
		}
		added := s.lines.buf[from+whole+1 : to]
		whole = to - from
		open, ok = strictQuotes(added, true)
	}
	if ok && s.record.split(s.lines.buf[from:to]) && len(s.record.fields) == len(s.header.columns) {
		return true
	}
	s.lines.start -= whole - n
	return false
}

// strictQuotes reports whether a line of a row ends within a quoted field; open is
// whether it begins in one. ok is false if a quote stands within an unquoted field
// or after the end of a quoted one.
func strictQuotes(line []byte, open bool) (stillOpen, ok bool) {
	for {
		i := bytes.IndexByte(line, '"')
		if i < 0 {
			return open, true
		}
		if !open && i > 0 && line[i-1] != ',' {
			return false, false
		}
		rest := line[i+1:]
		switch {
		case open && len(rest) > 0 && rest[0] == '"':
			rest = rest[1:]
		case open && len(rest) > 0 && rest[0] != ',':
			return false, false
		default:
			open = !open
		}
		line = rest
	}
}
