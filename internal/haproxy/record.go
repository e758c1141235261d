package haproxy

import "bytes"

// A row that goes over several lines is bounded, because every row with a stray
// quote is looked at in this way.
const (
	maxRecord      = 64 << 10
	maxRecordLines = 16
)

// record splits a row that may have quoted fields (RFC 4180: a quote within is
// doubled, a field in quotes may hold commas and newlines).
type record struct {
	fields [][]byte
	text   []byte // backs the unquoted fields
}

// split reads one row. It is false where quotes are not balanced; the fields up
// to there are right.
func (r *record) split(row []byte) bool {
	r.fields = r.fields[:0]
	r.text = append(r.text[:0], row...) // never longer than the row itself
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
		// What follows a closing quote belongs to the field.
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

// scanQuoted reads a row by splitting all of it.
func (s *StatScanner) scanQuoted(from, to int) result {
	line := s.lines.buf[from:to]
	if !s.record.split(line) && !s.splitLonger(from, to) {
		return unusable
	}
	fields := s.record.fields
	h := &s.header
	if h.proxy >= len(fields) || h.service >= len(fields) {
		return unusable
	}
	s.row.Proxy, s.row.Service = fields[h.proxy], fields[h.service]
	if len(s.row.Proxy) == 0 || len(s.row.Service) == 0 {
		return unusable
	}
	typ := guess(s.row.Service)
	if h.typ >= 0 {
		if h.typ >= len(fields) {
			return unusable
		}
		v, ok := Number(fields[h.typ])
		if !ok || v < 0 || v >= rowTypes {
			return unusable
		}
		typ = RowType(v)
	}
	return s.finish(typ, s.pick(&s.plans[typ], fields))
}

// pick takes the plan's fields out of a split row.
func (s *StatScanner) pick(p *plan, fields [][]byte) outcome {
	s.row.Odd = s.row.Odd[:0]
	at := firstField
	for _, st := range p.steps {
		at += int(st.skip)
		if at >= len(fields) {
			return short
		}
		if st.slot == typeSlot {
			continue
		}
		field := fields[at]
		if len(field) == 0 {
			s.values[st.slot], s.present[st.slot] = 0, 0
			continue
		}
		s.odd(int(st.slot), field)
	}
	return complete
}

// splitLonger tries whether the row goes on in the following lines, as a
// newline in quotes makes it: only if the whole has exactly the header's
// columns, else a stray quote would swallow good rows. The lines are consumed
// only then.
func (s *StatScanner) splitLonger(from, to int) bool {
	n := to - from
	whole := n
	for range maxRecordLines - 1 {
		f, t, ok := s.lines.extend(whole, maxRecord)
		if !ok {
			break
		}
		whole = t - f
		if s.record.split(s.lines.buf[f:t]) {
			if len(s.record.fields) == len(s.header.columns) {
				return true
			}
			break
		}
	}
	s.lines.start -= whole - n
	return false
}
