package haproxy

import (
	"encoding/csv"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// statReplies returns every recorded reply to `show stat` by its file's path.
func statReplies(t testing.TB) map[string]string { return repliesNamed(t, "_stat") }

func repliesNamed(t testing.TB, suffix string) map[string]string {
	t.Helper()
	replies := make(map[string]string)
	for path, reply := range recordedReplies(t) {
		if strings.HasSuffix(path, suffix) {
			replies[path] = string(reply)
		}
	}
	return replies
}

// oneReply returns the recorded reply whose path holds part.
func oneReply(t testing.TB, replies map[string]string, part string) string {
	t.Helper()
	for path, reply := range replies {
		if strings.Contains(filepath.ToSlash(path), part) {
			return reply
		}
	}
	t.Fatalf("no recording of %s", part)
	return ""
}

var selections = map[string]selection{
	"nothing":    selectNothing,
	"no columns": selectNoColumns,
	"classic":    selectClassic,
	"servers":    selectServers,
	"all fields": selectAllFields,
	"all":        selectAll,
}

func TestStatRecordings(t *testing.T) {
	for path, reply := range statReplies(t) {
		records := readCSV(t, reply)
		for name, sel := range selections {
			t.Run(filepath.Base(filepath.Dir(filepath.Dir(path)))+"/"+filepath.Base(path)+"/"+name, func(t *testing.T) {
				got := scanStat(t, new(StatScanner), strings.NewReader(reply), sel)
				if diff := difference(got, refer(reply, sel)); diff != "" {
					t.Fatal(diff)
				}
				if got.Skipped != 0 || !got.Complete {
					t.Errorf("skipped %d, complete %t", got.Skipped, got.Complete)
				}
				if name == "all" && len(got.Rows) != len(records)-1 {
					t.Fatalf("%d rows, encoding/csv has %d", len(got.Rows), len(records)-1)
				}
				if name == "all" {
					compareCSV(t, got.Rows, records)
				}
			})
		}
	}
}

// readCSV reads a reply with encoding/csv.
func readCSV(t *testing.T, reply string) [][]string {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(reply, "# "))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func compareCSV(t *testing.T, rows []scanned, records [][]string) {
	t.Helper()
	for i, row := range rows {
		for c, text := range records[i+1] {
			if field := row.Fields[c]; field != "" && field[1:] != text || field == "" && text != "" {
				t.Errorf("row %d, %s: %q, encoding/csv has %q", i, records[0][c], field, text)
			}
		}
	}
}

// TestStatSubsets holds the reader to the reference whatever is selected.
func TestStatSubsets(t *testing.T) {
	replies := statReplies(t)
	paths := make([]string, 0, len(replies))
	for path := range replies {
		paths = append(paths, path)
	}
	rapid.Check(t, func(r *rapid.T) {
		reply := replies[rapid.SampledFrom(paths).Draw(r, "reply")]
		var picks [rowTypes][]int
		sel := func([]string) [rowTypes][]int { return picks }
		last := len(readCSV(t, reply)[0]) - 1
		for typ := range picks {
			if rapid.Bool().Draw(r, "selected") {
				chosen := rapid.SliceOfDistinct(rapid.IntRange(0, last), rapid.ID[int]).Draw(r, "columns")
				set := make(map[int]bool)
				for _, c := range chosen {
					set[c] = true
				}
				picks[typ] = []int{}
				for c := 0; c <= last; c++ {
					if set[c] {
						picks[typ] = append(picks[typ], c)
					}
				}
			}
		}
		if diff := difference(scanStat(t, new(StatScanner), strings.NewReader(reply), sel), refer(reply, sel)); diff != "" {
			r.Fatal(diff)
		}
	})
}

// TestStatPieces: rows do not depend on how the reader hands the reply out.
func TestStatPieces(t *testing.T) {
	for path, reply := range statReplies(t) {
		want := refer(reply, selectAll)
		for name, r := range map[string]*pieces{
			"one byte":           {sizes: []int{1}},
			"odd sizes":          {sizes: []int{3, 0, 17, 1, 1021, 0, 0, 64}},
			"data with EOF":      {withEOF: true},
			"last byte with EOF": {sizes: []int{7}, withEOF: true},
		} {
			r.text = reply
			if diff := difference(scanStat(t, new(StatScanner), r, selectAll), want); diff != "" {
				t.Errorf("%s, %s: %s", path, name, diff)
			}
		}
	}
}

// TestStatCut: whatever byte a reply is cut at, its whole lines are read as they
// are and the cut one gives nothing.
func TestStatCut(t *testing.T) {
	replies := statReplies(t)
	for _, recording := range []string{"1.6.0-nbproc4", "2.4.0", "3.4.0"} {
		reply := shortReply(oneReply(t, replies, recording))
		whole := refer(reply, selectAll).Rows
		var s StatScanner
		for n := range len(reply) {
			cut := reply[:n]
			got := scanStat(t, &s, strings.NewReader(cut), selectAll)
			lines := strings.Count(cut, "\n")
			if lines == 0 {
				if !errors.Is(got.Err, ErrNoHeader) {
					t.Fatalf("cut at %d: error %v", n, got.Err)
				}
				continue
			}
			want := scan{Rows: whole[:min(lines-1, len(whole))]}
			if n > 0 && cut[n-1] != '\n' {
				want.Skipped = 1
			}
			if diff := difference(got, want); diff != "" {
				t.Fatalf("cut at %d: %s", n, diff)
			}
		}
	}
}

// shortReply leaves a row of each type and two with quotes in a reply.
func shortReply(reply string) string {
	lines := strings.SplitAfter(reply, "\n")
	short, quoted := lines[0], 0
	var seen [rowTypes]bool
	for i, row := range refer(reply, selectNoColumns).Rows {
		line := lines[i+1]
		if isQuoted := strings.Contains(line, `"`); isQuoted && quoted < 2 {
			quoted++
		} else if isQuoted || seen[row.Type] {
			continue
		} else {
			seen[row.Type] = true
		}
		short += line
	}
	return short + "\n"
}

func TestStatReadError(t *testing.T) {
	broken := errors.New("broken disk")
	reply := oneReply(t, statReplies(t), "3.4.0")
	whole := refer(reply, selectNoColumns).Rows
	for _, n := range []int{0, 10, 2000, 5000, len(reply) - 1, len(reply)} {
		r := &pieces{text: reply[:n], sizes: []int{100}}
		got := scanStat(t, new(StatScanner), failing{r, broken}, selectNoColumns)
		if !errors.Is(got.Err, broken) {
			t.Errorf("after %d bytes: error %v", n, got.Err)
		}
		if rows := max(strings.Count(reply[:n], "\n")-1, 0); len(got.Rows) != min(rows, len(whole)) {
			t.Errorf("after %d bytes: %d rows, want %d", n, len(got.Rows), rows)
		}
	}
	got := scanStat(t, new(StatScanner), iotest.TimeoutReader(&pieces{text: reply, sizes: []int{5000}}), selectClassic)
	if !errors.Is(got.Err, iotest.ErrTimeout) || got.Skipped != 1 || got.Complete {
		t.Errorf("a reader that fails once: %v, skipped %d, complete %t", got.Err, got.Skipped, got.Complete)
	}
}

// failing gives err where r has its end.
type failing struct {
	r   *pieces
	err error
}

func (f failing) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil {
		err = f.err
	}
	return n, err
}

// TestStatKeepsSelections: a reply with the header of the one before keeps the
// columns' slice and the selections, another one loses both.
func TestStatKeepsSelections(t *testing.T) {
	replies := statReplies(t)
	one, other := oneReply(t, replies, "2.4.0"), oneReply(t, replies, "3.4.0")
	var s StatScanner
	first := scanStat(t, &s, strings.NewReader(one), selectClassic)
	columns := s.Columns()
	second := scanStat(t, &s, strings.NewReader(one), selectNothing)
	if diff := difference(second, first); diff != "" || &columns[0] != &s.Columns()[0] {
		t.Errorf("the same header again: %s", diff)
	}
	if third := scanStat(t, &s, strings.NewReader(other), selectNothing); len(third.Rows) != 0 {
		t.Errorf("another header: %d rows without a selection", len(third.Rows))
	}
	if fourth := scanStat(t, &s, strings.NewReader(one), selectClassic); difference(fourth, first) != "" {
		t.Error(difference(fourth, first))
	}
}

func TestStatHeader(t *testing.T) {
	for _, test := range []struct {
		name, reply string
		columns     string // or what ErrNoHeader says
	}{
		{"empty", "", "it is empty"},
		{"only newlines", "\n\n\n", "it is empty"},
		{"error text", "Permission denied\n\n", `it begins with "Permission denied"`},
		{"no svname", "# pxname,qcur,type,\na,1,2,\n\n", `it begins with "# pxname,qcur,type,"`},
		{"no newline", "# pxname,svname,type,", "its first line does not end"},
		{"endless", "# pxname,svname" + strings.Repeat(",a", maxColumns-1) + "\n", "it has 1025 columns, more than 1024"},
		{"a line too long", strings.Repeat("x", maxLine+1), "its first line does not end"},
		{"before 1.5", "#pxname,svname,qcur\n", "[pxname svname qcur]"},
		{"the most columns", "# pxname,svname" + strings.Repeat(",", maxColumns-2) + "\n", "[pxname svname" + strings.Repeat(" ", maxColumns-2) + "]"},
		{"header only", "# pxname,svname,type,\n", "[pxname svname type ]"},
		{"header and end mark", "# pxname,svname,type,\n\n", "[pxname svname type ]"},
		{"without the mark", "pxname,svname,type\n", "[pxname svname type]"},
		{"behind empty lines", "\n\n# pxname,svname,type\n", "[pxname svname type]"},
		{"with a carriage return", "# pxname,svname,type\r\n", "[pxname svname type]"},
		{"names and nothing else", "svname,pxname\n", "[svname pxname]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s StatScanner
			err := s.Reset(strings.NewReader(test.reply))
			if test.columns[0] != '[' {
				if !errors.Is(err, ErrNoHeader) || !strings.HasSuffix(err.Error(), test.columns) {
					t.Errorf("error %v", err)
				}
				return
			}
			if got := fmt.Sprint(s.Columns()); err != nil || got != test.columns {
				t.Errorf("columns %s, error %v", got, err)
			}
		})
	}
}
