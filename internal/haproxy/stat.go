package haproxy

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
)

// RowType is the kind of thing that a row of `show stat` describes: the value of its
// column `type`. The name does not show it, because a server may be named BACKEND.
type RowType uint8

// The row types.
const (
	FrontendRow RowType = iota
	BackendRow
	ServerRow
	ListenerRow
	rowTypes = 4
)

// IsProxy reports whether the row describes a proxy: a frontend or a backend.
func (t RowType) IsProxy() bool { return t == FrontendRow || t == BackendRow }

// rowType reads the field `type`.
func rowType(field []byte) (RowType, bool) {
	v, ok := Number(field)
	return RowType(v), ok && v >= 0 && v < rowTypes
}

// Row is one row of `show stat`, valid until the next call of [StatScanner.Next].
type Row struct {
	Type RowType
	// Proxy and Service are the columns pxname and svname, unquoted.
	Proxy, Service []byte
	// Values are the whole numbers in the columns selected for the type, in the order of
	// the selection. Present[i] is 1 if there is a number; if it is 0, so is the value.
	Values  []int64
	Present []byte
	// Plain is true if no value is negative, has more than 16 digits, or is in Odd. The
	// sum of a few plain values can't overflow.
	Plain bool
	// Odd lists the selected fields that are neither empty nor whole numbers in an
	// int64.
	Odd []OddValue
	// Texts are the fields in the columns that [StatScanner.SelectTexts] chose for
	// the type, unquoted, in the order of that choice.
	Texts [][]byte
}

// Spare is the number of values that a caller may append to [Row.Values] and
// [Row.Present] of the row in hand.
const Spare = 32

// OddValue is a field that does not fit into [Row.Values].
type OddValue struct {
	Index int // in the selection
	Raw   []byte
}

// ErrNoHeader means that a reply does not begin with the names of its columns.
var ErrNoHeader = errors.New("no header with the columns pxname and svname")

// StatScanner reads a reply to `show stat`: a header with the names of the columns,
// rows in CSV, and an empty line at the end. The zero value is ready for Reset, and
// one scanner serves many replies.
//
// Only selected columns are read. A row that ends before one of them, has no name, or
// has an unknown type is skipped and counted.
//
// Source: HAProxy's management guide, "CSV format".
type StatScanner struct {
	lines   lines
	header  header
	wanted  [rowTypes]choice
	first   int // the columns up to this one are found at once
	row     Row
	values  []int64
	present []byte
	texts   [][]byte
	skipped int
	hashing bool
	hash    uint64
	fields  fields // of a row without quotes
	record  record // of all other rows
	quoted  bool   // the row in hand is in record
}

// choice has the columns selected for rows of one type.
type choice struct {
	made    bool
	columns []int // ascending
	texts   []int
	last    int // the last of both, or -1
	// lastText is the last of the texts, or -1.
	lastText int
}

// header is a parsed header line.
type header struct {
	line    []byte
	columns []string
	proxy   int
	service int
	typ     int // -1 if the reply has no such column
	naming  int // the last of these three
	iid     int // the numbers of proxy and server; -1 as for typ
	sid     int
}

// Reset begins another reply and reads its header. If the header is that of the
// reply before, the selections stay, and [StatScanner.Columns] returns the same
// slice; else nothing is selected.
func (s *StatScanner) Reset(r io.Reader) error {
	s.lines.reset(r, readSize)
	s.begin()
	_, err := s.readHeader()
	return err
}

// begin begins another reply.
func (s *StatScanner) begin() {
	if cap(s.record.text) > 4*readSize { // the memory of one huge row must not stay
		s.record = record{}
	}
	s.skipped = 0
	s.hashing, s.hash = false, 0
}

// readHeader reads the header. It returns false if more bytes have to be fed first.
func (s *StatScanner) readHeader() (bool, error) {
	for {
		from, to, ok := s.lines.next()
		if !ok {
			switch {
			case s.lines.starved:
				return false, nil
			case s.lines.err != nil:
				return false, s.lines.err
			case s.Skipped() > 0:
				return false, fmt.Errorf("%w: its first line does not end", ErrNoHeader)
			}
			return false, fmt.Errorf("%w: it is empty", ErrNoHeader)
		}
		if from == to {
			continue
		}
		line := s.lines.buf[from:to]
		if bytes.Equal(line, s.header.line) {
			return true, nil
		}
		h, err := parseHeader(line)
		if err != nil {
			return false, err
		}
		s.header = h
		s.wanted = [rowTypes]choice{}
		s.first = h.naming
		return true, nil
	}
}

// maxColumns bounds a header: each unknown column may become a metric of every row.
// HAProxy 3.4 has 146 columns.
const maxColumns = 1024

func parseHeader(line []byte) (header, error) {
	if n := bytes.Count(line, []byte(",")) + 1; n > maxColumns {
		return header{}, fmt.Errorf("%w: it has %d columns, more than %d", ErrNoHeader, n, maxColumns)
	}
	h := header{line: bytes.Clone(line)}
	text := strings.TrimSuffix(string(line), "\r")
	names, marked := strings.CutPrefix(text, "#")
	if marked { // HAProxy before 1.5 has no space after the mark
		names = strings.TrimPrefix(names, " ")
	}
	h.columns = strings.Split(names, ",")
	h.proxy, h.service, h.typ, h.iid, h.sid = -1, -1, -1, -1, -1
	for i := len(h.columns) - 1; i >= 0; i-- { // the first of a repeated column counts
		switch h.columns[i] {
		case "pxname":
			h.proxy = i
		case "svname":
			h.service = i
		case "type":
			h.typ = i
		case "iid":
			h.iid = i
		case "sid":
			h.sid = i
		}
	}
	if h.proxy < 0 || h.service < 0 {
		return header{}, fmt.Errorf("%w: it begins with %.60q", ErrNoHeader, text)
	}
	h.naming = max(h.proxy, h.service, h.typ)
	return h, nil
}

// Columns returns the names of the columns; the caller must not change them.
func (s *StatScanner) Columns() []string { return s.header.columns }

// Select selects columns of rows of type t by their numbers, in ascending order and
// each once. Rows of a type without a selection are skipped.
func (s *StatScanner) Select(t RowType, columns []int) {
	s.wanted[t] = choice{made: true, columns: columns, last: -1, lastText: -1}
	if len(columns) > 0 {
		s.wanted[t].last = columns[len(columns)-1]
	}
	s.settle()
	if n := len(columns) + Spare; n > len(s.values) {
		s.values = make([]int64, n)
		s.present = make([]byte, n)
	}
}

// SelectTexts selects columns of rows of type t that are returned as text, in any
// order: states, modes and the like. Call it after [StatScanner.Select]; without a
// call it costs nothing.
func (s *StatScanner) SelectTexts(t RowType, columns []int) {
	w := &s.wanted[t]
	w.texts = columns
	for _, c := range columns {
		w.last, w.lastText = max(w.last, c), max(w.lastText, c)
	}
	s.settle()
	if len(columns) > len(s.texts) {
		s.texts = make([][]byte, len(columns))
	}
}

// settle sets first: the type of a row is known once its naming columns are found, but no
// row needs less than the least that any type wants.
func (s *StatScanner) settle() {
	s.first = maxColumns
	for t := range s.wanted {
		if w := &s.wanted[t]; w.made {
			s.first = min(s.first, w.last)
		}
	}
	s.first = max(s.first, s.header.naming)
}

var (
	nameFrontend = []byte("FRONTEND")
	nameBackend  = []byte("BACKEND")
)

// guess returns the most likely type of a row with that name.
func guess(service []byte) RowType {
	switch {
	case bytes.Equal(service, nameFrontend):
		return FrontendRow
	case bytes.Equal(service, nameBackend):
		return BackendRow
	}
	return ServerRow
}

// Next advances to the next usable row of a selected type.
func (s *StatScanner) Next() bool {
	for s.Step() {
		if s.Read() {
			return true
		}
	}
	return false
}

// Step advances to the next row of a selected type, without its values and texts, which
// [StatScanner.Read] reads. Until then [StatScanner.Text] and [StatScanner.Span] may be
// used.
func (s *StatScanner) Step() bool {
	for {
		from, to, ok := s.lines.next()
		if !ok {
			return false
		}
		if from == to {
			continue
		}
		var got result
		if s.quoted = to-from > maxPlain || s.lines.hasQuote(from, to); s.quoted {
			got = s.scanQuoted(from, to)
			if s.lines.starved { // the row may go on
				s.lines.start = from
				return false
			}
		} else {
			got = s.scanPlain(from, to)
		}
		switch got {
		case usable:
			return true
		case unusable:
			s.skipped++
		}
	}
}

// result is the outcome of reading a row.
type result uint8

const (
	usable result = iota
	unusable
	unwanted
)

// Read reads the selected columns of the current row. It returns false if the row ends
// before one of them.
func (s *StatScanner) Read() bool {
	w := &s.wanted[s.row.Type]
	ok := false
	if s.quoted {
		ok = s.readQuoted(w)
	} else {
		ok = s.readPlain(w)
	}
	if !ok {
		s.skipped++
	}
	return ok
}

// ReadTexts reads the texts of the current row in place of [StatScanner.Read], and no value. It
// returns false if the row ends before one of them.
func (s *StatScanner) ReadTexts() bool {
	w := &s.wanted[s.row.Type]
	texts := choice{texts: w.texts, last: w.lastText}
	ok := false
	if s.quoted {
		ok = s.readQuoted(&texts)
	} else {
		ok = s.readPlain(&texts)
	}
	if !ok {
		s.skipped++
	}
	return ok
}

// readPlain reads the selected columns of a row without quotes.
func (s *StatScanner) readPlain(w *choice) bool {
	f := &s.fields
	f.find(w.last)
	if w.last >= f.n {
		return false
	}
	f.read(s, w.columns)
	for i, c := range w.texts {
		s.texts[i] = f.field(c)
	}
	return true
}

// scanPlain finds the names of a row without quotes in place.
func (s *StatScanner) scanPlain(from, to int) result {
	f, h := &s.fields, &s.header
	last := s.first
	if s.hashing {
		last = max(last, h.iid, h.sid)
	}
	f.begin(s.lines.buf, from, to)
	f.find(last)
	if h.naming >= f.n {
		return unusable
	}
	var typ []byte
	if h.typ >= 0 {
		typ = f.field(h.typ)
	}
	if s.hashing {
		s.hashRow(f.field(h.proxy), f.field(h.service), typ)
		for _, number := range []int{h.iid, h.sid} {
			if number >= 0 && number < f.n {
				s.hashRow(f.field(number))
			}
		}
	}
	return s.identify(f.field(h.proxy), f.field(h.service), typ)
}

// identify sets the name and type of the row.
func (s *StatScanner) identify(proxy, service, typ []byte) result {
	if len(proxy) == 0 || len(service) == 0 {
		return unusable
	}
	s.row.Proxy, s.row.Service = proxy, service
	if s.header.typ < 0 {
		s.row.Type = guess(service)
	} else {
		var ok bool
		if s.row.Type, ok = rowType(typ); !ok {
			return unusable
		}
	}
	w := &s.wanted[s.row.Type]
	if !w.made {
		return unwanted
	}
	s.row.Values = s.values[:len(w.columns)]
	s.row.Present = s.present[:len(w.columns)]
	s.row.Texts = s.texts[:len(w.texts)]
	return usable
}

// HashRows makes the scanner hash the identities of all rows of the reply, also of
// types without a selection. Call it between [StatScanner.Reset] and
// [StatScanner.Next].
func (s *StatScanner) HashRows() { s.hashing = true }

// RowHash returns the hash of the rows read since [StatScanner.HashRows]: their
// types, names, and numbers of proxies and servers, in order. It has a meaning in
// this process only.
func (s *StatScanner) RowHash() uint64 { return s.hash }

var hashSeed = maphash.MakeSeed()

func (s *StatScanner) hashRow(fields ...[]byte) {
	for _, f := range fields {
		s.hash = s.hash*31 + maphash.Bytes(hashSeed, f)
	}
}

// Row returns the current row.
func (s *StatScanner) Row() *Row { return &s.row }

// Text returns the field in any column of the current row, unquoted, or nothing if the
// row ends before it. It reads the row up to that column, so it is for columns that are
// seldom wanted.
func (s *StatScanner) Text(column int) []byte {
	if !s.quoted && column < s.fields.n {
		return s.fields.field(column)
	}
	if s.quoted {
		if column < len(s.record.fields) {
			return s.record.fields[column]
		}
		return nil
	}
	if s.fields.find(column); column < s.fields.n {
		return s.fields.field(column)
	}
	return nil
}

// Span returns the current row from one column to another one, with the commas between
// them. It returns false for a row with quotes, and for one that ends before.
func (s *StatScanner) Span(from, to int) ([]byte, bool) {
	f := &s.fields
	if s.quoted {
		return nil, false
	}
	if f.find(to); to >= f.n {
		return nil, false
	}
	return f.row[uint16(f.bound(from)+1):f.bound(to+1)], true
}

// Err returns the error that ended the reading, if any.
func (s *StatScanner) Err() error { return s.lines.err }

// Skipped returns the number of rows that could not be used.
func (s *StatScanner) Skipped() int {
	n := s.skipped + s.lines.long
	if s.lines.cut {
		n++
	}
	return n
}

// Complete reports, at the end, whether the reply ended with HAProxy's end mark.
func (s *StatScanner) Complete() bool { return s.lines.blank && !s.lines.cut }
