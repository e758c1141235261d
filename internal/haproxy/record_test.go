package haproxy

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func splitRow(row string) ([]string, bool) {
	var r record
	ok := r.split([]byte(row))
	var fields []string
	for _, f := range r.fields {
		fields = append(fields, string(f))
	}
	return fields, ok
}

// TestRecordSplit draws rows of what is awkward, and compares with the reference
// and, where it takes the row, with encoding/csv.
func TestRecordSplit(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		row := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
			`"`, `""`, `","`, ",", "a", "5", "\n", "\xff", `x"`, `,"`, `",`,
		}), 0, 30).Draw(r, "row"), "")
		checkSplit(r, row)
	})
}

func checkSplit(t rapid.TB, row string) {
	t.Helper()
	got, ok := splitRow(row)
	want, closed, strict := referFields(row)
	if ok != closed || ok && !slices.Equal(got, want) {
		t.Errorf("%q: %q, %t; want %q, %t", row, got, ok, want, closed)
	}
	if !ok && !slices.Equal(got, want[:len(want)-1]) {
		t.Errorf("%q: %q before the open quote, want %q", row, got, want[:len(want)-1])
	}
	open, good := false, true
	for line := range strings.SplitSeq(row, "\n") {
		if open, good = strictQuotes([]byte(line), open); !good || !open {
			break
		}
	}
	// A newline outside of quotes ends the row for strictQuotes.
	if lines := strings.Count(row, "\n"); lines == 0 && good != strict {
		t.Errorf("%q: strict is %t, want %t", row, good, strict)
	}
	if fields, ok := csvRecord(row); ok && (!closed || !slices.Equal(got, fields)) {
		t.Errorf("%q: %q, encoding/csv has %q", row, got, fields)
	}
}

// csvRecord reads a row with encoding/csv; it is false if that sees no or more
// than one record in it, or would change it.
func csvRecord(row string) ([]string, bool) {
	if row == "" || strings.Contains(row, "\r") || strings.HasPrefix(row, "\n") || strings.HasSuffix(row, "\n") {
		return nil, false
	}
	r := csv.NewReader(strings.NewReader(row))
	fields, err := r.Read()
	if err != nil {
		return nil, false
	}
	_, err = r.Read()
	return fields, errors.Is(err, io.EOF)
}
