package haproxy

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"haproxystats/internal/catalogue"
)

// scanned is one row as the tests compare it. Fields has a text per selected
// column: "" without a value, "=5" for the number 5, "?x" for an odd value.
type scanned struct {
	Type           RowType
	Proxy, Service string
	Fields         []string
}

// scan is all that a reply gave.
type scan struct {
	Rows     []scanned
	Skipped  int
	Complete bool
	Err      error
}

// selection says which columns of which row types are wanted; a nil slice
// leaves the type out.
type selection func(columns []string) [rowTypes][]int

// scanStat reads a reply with s.
func scanStat(t testing.TB, s *StatScanner, r io.Reader, sel selection) scan {
	t.Helper()
	if err := s.Reset(r); err != nil {
		return scan{Err: err}
	}
	for typ, columns := range sel(s.Columns()) {
		if columns != nil {
			s.Select(RowType(typ), columns)
		}
	}
	var got scan
	for s.Next() {
		got.Rows = append(got.Rows, flatten(t, s.Row()))
	}
	got.Skipped, got.Complete, got.Err = s.Skipped(), s.Complete(), s.Err()
	if s.Next() || s.Skipped() != got.Skipped || s.Complete() != got.Complete {
		t.Error("a scanner at its end does not stay there")
	}
	return got
}

// feedStat reads a reply that is fed to s in pieces of these sizes, in turn.
func feedStat(t testing.TB, s *StatScanner, reply string, sizes []int, sel selection) (got scan) {
	t.Helper()
	var wanted [rowTypes][]int
	header := false
	read := func() error {
		if !header {
			var err error
			if header, err = s.Header(); !header {
				return err
			}
			wanted = sel(s.Columns())
			for typ, columns := range wanted {
				if columns != nil {
					s.Select(RowType(typ), columns)
				}
			}
		}
		for s.Next() {
			row := flatten(t, s.Row())
			for i, c := range wanted[row.Type] {
				// Texts come after values, and may be those behind them.
				if v, ok := Number(s.Text(c)); ok && row.Fields[i] != "="+strconv.FormatInt(v, 10) {
					t.Fatalf("column %d: value %q of text %q", c, row.Fields[i], s.Text(c))
				}
			}
			if s.Text(1<<20) != nil {
				t.Fatal("a text behind the end of a row")
			}
			got.Rows = append(got.Rows, row)
		}
		return nil
	}
	s.Begin()
	rest := []byte(reply)
	for n := 0; len(rest) > 0; n++ {
		piece := rest[:min(len(rest), sizes[n%len(sizes)])]
		rest = rest[len(piece):]
		for len(piece) > 0 {
			piece = s.Feed(piece)
			if err := read(); err != nil {
				return scan{Err: err}
			}
		}
	}
	s.Finish()
	if err := read(); err != nil {
		return scan{Err: err}
	}
	got.Skipped, got.Complete, got.Err = s.Skipped(), s.Complete(), s.Err()
	return got
}

func flatten(t testing.TB, row *Row) scanned {
	t.Helper()
	out := scanned{Type: row.Type, Proxy: string(row.Proxy), Service: string(row.Service)}
	if len(row.Values) != len(row.Present) {
		t.Fatalf("%d values, %d presences", len(row.Values), len(row.Present))
	}
	for i, v := range row.Values {
		text := ""
		switch {
		case row.Present[i] == 1:
			text = "=" + strconv.FormatInt(v, 10)
		case row.Present[i] != 0 || v != 0:
			t.Fatalf("column %d: value %d with presence %d", i, v, row.Present[i])
		}
		out.Fields = append(out.Fields, text)
	}
	for _, odd := range row.Odd {
		if out.Fields[odd.Index] != "" || len(odd.Raw) == 0 {
			t.Fatalf("odd value %q beside %q", odd.Raw, out.Fields[odd.Index])
		}
		out.Fields[odd.Index] = "?" + string(odd.Raw)
	}
	return out
}

// refer reads a reply as plainly as it can be done: all of it in memory, split
// into lines, then byte by byte into fields, found by their columns' names.
func refer(reply string, sel selection) scan {
	lines := strings.Split(reply, "\n")
	tail := lines[len(lines)-1]
	lines = lines[:len(lines)-1]
	var got scan
	got.Complete = tail == "" && len(lines) > 0 && lines[len(lines)-1] == ""
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	if len(lines) == 0 {
		return scan{Err: ErrNoHeader}
	}
	columns := strings.Split(regexp.MustCompile("^# ?").ReplaceAllString(strings.TrimSuffix(lines[0], "\r"), ""), ",")
	byName := make(map[string]int)
	for i, name := range columns {
		if _, double := byName[name]; !double {
			byName[name] = i
		}
	}
	proxy, hasProxy := byName["pxname"]
	service, hasService := byName["svname"]
	if !hasProxy || !hasService || len(columns) > maxColumns {
		return scan{Err: ErrNoHeader}
	}
	typ := -1
	if i, ok := byName["type"]; ok {
		typ = i
	}
	selected := sel(columns)
	for i := 1; i < len(lines); i++ {
		if lines[i] == "" {
			continue
		}
		fields, ok, _ := referFields(lines[i])
		if !ok {
			var more int
			if fields, more, ok = referLonger(lines[i:], len(columns)); ok {
				i += more
			}
		}
		row, wanted, usable := scanned{}, false, false
		if ok {
			row, wanted, usable = referRow(fields, proxy, service, typ, selected)
		}
		if !usable {
			got.Skipped++
		} else if wanted {
			got.Rows = append(got.Rows, row)
		}
	}
	if tail != "" {
		got.Skipped++
	}
	return got
}

// referRow makes a row of fields: whether its type is wanted, and whether the
// row is one.
func referRow(fields []string, proxy, service, typ int, selected [rowTypes][]int) (row scanned, wanted, usable bool) {
	at := func(i int) (string, bool) {
		if i >= 0 && i < len(fields) {
			return fields[i], true
		}
		return "", false
	}
	row.Proxy, _ = at(proxy)
	row.Service, _ = at(service)
	if row.Proxy == "" || row.Service == "" {
		return row, false, false
	}
	switch text, ok := at(typ); {
	case typ >= 0:
		n, number := referNumber(text)
		if !ok || !number || n < 0 || n >= rowTypes {
			return row, false, false
		}
		row.Type = RowType(n)
	case row.Service == "FRONTEND":
		row.Type = FrontendRow
	case row.Service == "BACKEND":
		row.Type = BackendRow
	default:
		row.Type = ServerRow
	}
	for _, column := range selected[row.Type] {
		text, ok := at(column)
		if !ok {
			return row, false, false
		}
		if n, number := referNumber(text); number {
			text = "=" + strconv.FormatInt(n, 10)
		} else if text != "" {
			text = "?" + text
		}
		row.Fields = append(row.Fields, text)
	}
	return row, selected[row.Type] != nil, true
}

// referNumber is false for all but an optional minus and digits.
func referNumber(s string) (int64, bool) {
	digits := strings.TrimPrefix(s, "-")
	if strings.Trim(digits, "0123456789") != "" || len(digits) > maxNumber {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// referFields splits a row. It is not closed if it ends within quotes, and not
// strict if a quote stands where RFC 4180 has none.
func referFields(row string) (fields []string, closed, strict bool) {
	const (
		begin = iota
		plain
		quoted
		closing // behind a quote within quotes
	)
	state := begin
	strict = true
	var field strings.Builder
	for _, c := range []byte(row) {
		switch {
		case state == quoted && c == '"':
			state = closing
		case state == quoted, state == closing && c == '"':
			field.WriteByte(c)
			state = quoted
		case c == ',':
			fields = append(fields, field.String())
			field.Reset()
			state = begin
		case state == begin && c == '"':
			state = quoted
		default:
			if state == closing || c == '"' {
				strict = false
			}
			field.WriteByte(c)
			state = plain
		}
	}
	return append(fields, field.String()), state != quoted, strict
}

// referLonger tries whether the first line is a row with the lines behind it:
// it is if the quotes are where RFC 4180 has them and the columns are all there.
// It returns how many lines it took.
func referLonger(lines []string, columns int) (fields []string, more int, ok bool) {
	row := lines[0]
	for more = 1; more < len(lines); more++ {
		row += "\n" + lines[more]
		if len(row) > maxRecord {
			return nil, 0, false
		}
		if fields, closed, strict := referFields(row); closed || !strict {
			return fields, more, closed && strict && len(fields) == columns
		}
	}
	return nil, 0, false
}

// Selections.

func selectNothing([]string) (s [rowTypes][]int) { return s }

// selectNoColumns wants every row and none of its columns.
func selectNoColumns([]string) (s [rowTypes][]int) {
	for t := range s {
		s[t] = []int{}
	}
	return s
}

func selectAll(columns []string) (s [rowTypes][]int) {
	for t := range s {
		for i := range columns {
			s[t] = append(s[t], i)
		}
	}
	return s
}

// selectAllFields selects all fields but the names, which have no metrics.
func selectAllFields(columns []string) (s [rowTypes][]int) {
	for t, all := range selectAll(columns) {
		s[t] = all[2:]
	}
	return s
}

// selectClassic wants what the classic metric set needs.
func selectClassic(columns []string) (s [rowTypes][]int) {
	for t, scope := range []catalogue.Scopes{catalogue.Frontend, catalogue.Backend, catalogue.Server} {
		s[t] = []int{}
		for i, name := range columns {
			if f, ok := catalogue.LookupStat(name); ok && f.IsClassic(scope) {
				s[t] = append(s[t], i)
			}
		}
	}
	return s
}

// selectServers wants the classic columns of servers only.
func selectServers(columns []string) (s [rowTypes][]int) {
	s[ServerRow] = selectClassic(columns)[ServerRow]
	return s
}

// difference tells where two scans differ first, or nothing.
func difference(got, want scan) string {
	if !errors.Is(got.Err, want.Err) {
		return fmt.Sprintf("error %v, want %v", got.Err, want.Err)
	}
	for i := range max(len(got.Rows), len(want.Rows)) {
		if i >= len(got.Rows) {
			return fmt.Sprintf("row %d is missing: %q", i, want.Rows[i])
		}
		if i >= len(want.Rows) {
			return fmt.Sprintf("row %d is invented: %q", i, got.Rows[i])
		}
		g, w := got.Rows[i], want.Rows[i]
		if g.Type != w.Type || g.Proxy != w.Proxy || g.Service != w.Service || !slices.Equal(g.Fields, w.Fields) {
			return fmt.Sprintf("row %d:\n got %q\nwant %q", i, g, w)
		}
	}
	if got.Skipped != want.Skipped || got.Complete != want.Complete {
		return fmt.Sprintf("skipped %d, complete %t; want %d, %t", got.Skipped, got.Complete, want.Skipped, want.Complete)
	}
	return ""
}

// pieces hands a text out in pieces of the given sizes, over and over, with the
// last piece and io.EOF together if asked to.
type pieces struct {
	text    string
	sizes   []int
	withEOF bool
	turn    int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	size := math.MaxInt
	if len(p.sizes) > 0 {
		size = max(p.sizes[p.turn%len(p.sizes)], 0)
		p.turn++
	}
	n := copy(b, p.text[:min(size, len(p.text))])
	p.text = p.text[n:]
	if p.withEOF && p.text == "" {
		return n, io.EOF
	}
	return n, nil
}
