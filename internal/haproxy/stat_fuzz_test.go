package haproxy

import (
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"
)

// FuzzStat reads any reply with any selection: the scanner gives what the
// reference does and, for a reply that is CSV throughout, what encoding/csv
// does, in whatever pieces the reply comes.
func FuzzStat(f *testing.F) {
	all := uint64(1<<64 - 1)
	for path, reply := range statReplies(f) {
		if !strings.Contains(path, "golden") || strings.Contains(path, "admin1") {
			f.Add(shortReply(reply), all, uint8(13), uint8(0))
			f.Add(shortReply(reply), uint64(0x5f0f3f7f8bcd), uint8(0), uint8(40))
		}
	}
	for i, test := range awkwardReplies {
		f.Add(test.reply, all, uint8(i), uint8(3))
		f.Add(test.reply, all<<2, uint8(0), uint8(i))
	}
	f.Add(" pxname,svname\n0", all, uint8('V'), uint8(0)) // a space, and no mark before it
	f.Add("#pxname,svname\nw,FRONTEND\n", all, uint8(0), uint8(0))
	// In CSV the header goes on to the last line, with as many columns.
	f.Add("# pxname,svname,\"a,b\nw,FRONTEND,1,2\n\",d\n", all, uint8(0), uint8(0))
	f.Add("# pxname,svname"+strings.Repeat(",c", maxColumns)+"\nw,FRONTEND"+strings.Repeat(",1", maxColumns)+"\n", all, uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, reply string, mask uint64, size, other uint8) {
		sel := maskedSelection(mask)
		want := refer(reply, sel)
		var s StatScanner
		for _, r := range []*pieces{
			{text: reply},
			{text: reply, sizes: []int{int(size) + 1, int(other)}, withEOF: size%2 == 0},
		} {
			if diff := difference(scanStat(t, &s, r, sel), want); diff != "" {
				t.Fatal(diff)
			}
		}
		least := len(reply)/100 + 1 // an open quote is searched again in each piece
		if got := feedStat(t, &s, reply, []int{int(size) + least, int(other) + least}, sel); !errors.Is(got.Err, errTooLong) {
			if diff := difference(got, want); diff != "" {
				t.Fatalf("fed: %s", diff)
			}
		}
		if rows, ok := csvRows(reply, sel); ok && want.Err == nil {
			want.Rows, want.Skipped = rows, 0
			got := scanStat(t, &s, strings.NewReader(reply), sel)
			got.Skipped = 0 // which encoding/csv has no word for
			if diff := difference(got, want); diff != "" {
				t.Fatalf("encoding/csv: %s", diff)
			}
		}
	})
}

// maskedSelection selects the columns whose bit is set, over and over, in the
// row types whose bit is set at the mask's end.
func maskedSelection(mask uint64) selection {
	return func(columns []string) (s [rowTypes][]int) {
		for t := range s {
			if mask>>(60+t)&1 == 0 {
				continue
			}
			s[t] = []int{}
			for i := range columns {
				if mask>>((i+7*t)%60)&1 != 0 {
					s[t] = append(s[t], i)
				}
			}
		}
		return s
	}
}

// csvRows reads a reply with encoding/csv. It is false unless the reply is whole
// and that finds one row in each line, or as many columns as the header has.
func csvRows(reply string, sel selection) (rows []scanned, ok bool) {
	if strings.Contains(reply, "\r") || !strings.HasSuffix(reply, "\n") {
		return nil, false
	}
	reply = strings.TrimPrefix(strings.TrimLeft(reply, "\n"), "# ")
	r := csv.NewReader(strings.NewReader(reply))
	r.FieldsPerRecord = -1
	records, err := r.ReadAll()
	if err != nil || len(records) == 0 {
		return nil, false
	}
	columns := strings.Split(strings.SplitN(reply, "\n", 2)[0], ",")
	if !slices.Equal(columns, records[0]) {
		return nil, false // quotes in the header, which HAProxy never writes
	}
	index := func(name string) int {
		for i, c := range columns {
			if c == name {
				return i
			}
		}
		return -1
	}
	proxy, service, typ := index("pxname"), index("svname"), index("type")
	if proxy < 0 || service < 0 {
		return nil, false
	}
	selected := sel(columns)
	for _, fields := range records[1:] {
		several := strings.Contains(strings.Join(fields, ""), "\n")
		if several && (len(fields) != len(columns) || len(strings.Join(fields, ",")) > maxRecord/2) {
			return nil, false // not taken for one row
		}
		if row, wanted, usable := referRow(fields, proxy, service, typ, selected); wanted && usable {
			rows = append(rows, row)
		}
	}
	return rows, true
}
