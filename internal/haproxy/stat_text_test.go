package haproxy

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
)

// textColumns are the columns of text that have a meaning for more than people.
var textColumns = []string{"mode", "agent_status", "status", "check_status"}

// selectTexts selects no numbers and the columns of text that the header has.
func selectTexts(s *StatScanner) (columns []int) {
	for _, name := range textColumns {
		if i := slices.Index(s.Columns(), name); i >= 0 {
			columns = append(columns, i)
		}
	}
	for t := range RowType(rowTypes) {
		s.Select(t, nil)
		s.SelectTexts(t, columns)
	}
	return columns
}

// TestTexts compares with encoding/csv, for the rows of all types.
func TestTexts(t *testing.T) {
	const own = "# pxname,svname,status,type,mode,last_chk,\n" +
		"f,FRONTEND,OPEN,0,http,,\nb,s,\"DOWN \"\"1\"\"/2, soon\",2,tcp,\"a,b\",\nb,BACKEND,,1,,,\nl,sock,OPEN,3,http,,\n"
	replies := statReplies(t)
	replies["own"] = own + "\n"
	for name, reply := range replies {
		var s StatScanner
		if err := s.Reset(strings.NewReader(reply)); err != nil {
			t.Fatal(err)
		}
		columns := selectTexts(&s)
		r := csv.NewReader(strings.NewReader(reply))
		r.FieldsPerRecord, r.LazyQuotes = -1, true
		want, err := r.ReadAll()
		if err != nil {
			t.Fatal(name, err)
		}
		var types [rowTypes]bool
		for _, row := range want[1:] {
			if !s.Next() {
				t.Fatalf("%s: no row, want %q (%v, %d skipped)", name, row, s.Err(), s.Skipped())
			}
			types[s.Row().Type] = true
			for i, c := range columns {
				if got := string(s.Row().Texts[i]); got != row[c] {
					t.Errorf("%s: %s of %s/%s = %q, want %q", name, s.Columns()[c], row[0], row[1], got, row[c])
				}
			}
		}
		if s.Next() {
			t.Errorf("%s: a row too many: %q", name, s.Row().Proxy)
		}
		if name == "own" && types != [rowTypes]bool{true, true, true, true} {
			t.Errorf("rows of the types %v, want all", types)
		}
	}
}

// TestTextsWithNumbers: both selections together, a row that is too short for the
// texts, and none once the header is another one.
func TestTextsWithNumbers(t *testing.T) {
	var s StatScanner
	if err := s.Reset(strings.NewReader("# pxname,svname,type,scur,status\nb,s,2,5,UP\nb,t,2,5\n\n")); err != nil {
		t.Fatal(err)
	}
	s.Select(ServerRow, []int{3})
	s.SelectTexts(ServerRow, []int{4})
	if !s.Next() || s.Row().Values[0] != 5 || string(s.Row().Texts[0]) != "UP" {
		t.Fatalf("got %+v", s.Row())
	}
	if s.Next() || s.Skipped() != 1 {
		t.Errorf("got %d skipped, want the row without a status", s.Skipped())
	}
	if err := s.Reset(strings.NewReader("# pxname,svname,type,scur\nb,s,2,5\n\n")); err != nil {
		t.Fatal(err)
	}
	s.Select(ServerRow, []int{3})
	if !s.Next() || len(s.Row().Texts) != 0 {
		t.Errorf("got %+v, want no texts", s.Row())
	}
}

// BenchmarkStatTexts has what states and modes cost beside the classic columns.
// Compare BenchmarkStatScanner before and after a change for what they cost those
// who don't ask: on a busy machine by the processor time that a run takes.
func BenchmarkStatTexts(b *testing.B) {
	reply := []byte(largeReply(b, "3.4.0", 8<<20))
	var s StatScanner
	r := bytes.NewReader(reply)
	b.SetBytes(int64(len(reply)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(reply)
		if err := s.Reset(r); err != nil {
			b.Fatal(err)
		}
		texts := make([]int, 0, len(textColumns))
		for _, name := range textColumns {
			texts = append(texts, slices.Index(s.Columns(), name))
		}
		for t, columns := range selectClassic(s.Columns()) {
			if columns != nil {
				s.Select(RowType(t), columns)
				s.SelectTexts(RowType(t), texts)
			}
		}
		for s.Next() {
		}
	}
}
